//! `skep explain`

use std::process::ExitCode;

use crate::{
    exit::{CliError, Outcome},
    output::{Output, Tone},
};

/// The one list of errors; the same page that people read in the repository.
const ERRORS: &str = include_str!("../../../../docs/errors.md");

pub(super) fn explain(out: &Output, slug: Option<&str>) -> Outcome {
    let Some(slug) = slug else {
        for (slug, _) in sections() {
            out.line(slug)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    match sections().find(|(name, _)| *name == slug) {
        Some((name, body)) => {
            if out.json {
                out.json(&serde_json::json!({"slug": name, "text": body}))?;
            } else {
                out.line(&out.paint(Tone::Strong, name))?;
                out.prose(0, Tone::Plain, body)?;
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
