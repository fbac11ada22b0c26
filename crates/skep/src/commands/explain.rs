//! `skep explain`

use std::process::ExitCode;

use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

/// The one list of errors; the same page that people read in the repository.
const ERRORS: &str = include_str!("../../../../docs/errors.md");

pub(super) fn explain(skep: &Skep, slug: Option<&str>) -> Outcome {
    let Some(slug) = slug else {
        for (slug, _) in sections() {
            skep.out.line(slug)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    match sections().find(|(name, _)| *name == slug) {
        Some((name, body)) => {
            if skep.out.json {
                skep.out.json(&serde_json::json!({"slug": name, "text": body}))?;
            } else {
                skep.out.line(&skep.out.paint(Tone::Strong, name))?;
                skep.out.line(body)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        None => {
            let near = sections().map(|(name, _)| name).max_by(|a, b| {
                strsim::jaro_winkler(a, slug).total_cmp(&strsim::jaro_winkler(b, slug))
            });
            let err = CliError::error("slug-unknown", format!("no error is called `{slug}`"));
            Err(near.map_or(err, |near| {
                CliError::error("slug-unknown", format!("no error is called `{slug}`"))
                    .hint(format!("skep explain {near}"))
            }))
        }
    }
}

fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    ERRORS.split("\n## ").skip(1).map(|section| {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        (head.trim(), body.trim())
    })
}
