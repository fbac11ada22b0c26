//! `skep config`

use std::process::ExitCode;

use serde_json::json;
use skep_daemon::config;

use crate::{
    args::Config,
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

pub(super) fn config(skep: &Skep, verb: Config) -> Outcome {
    let refuse = |err: config::ConfigError| {
        CliError::error(err.slug(), skep_api::wire::chain(&err)).hint("skep config show")
    };
    match verb {
        Config::Path => skep.out.line(&config::user_file(&skep.config).to_string_lossy())?,
        Config::Schema => skep.out.json(&config::schema())?,
        Config::Set { key, value } => {
            config::set(&skep.config, &key, &value).map_err(refuse)?;
            skep.out
                .note(&format!("{key} = {value} in {}", config::user_file(&skep.config).display()));
        }
        Config::Show => {
            let shown = config::show(&skep.config, None, &[]).map_err(refuse)?;
            if skep.out.json {
                let rows: Vec<_> = shown
                    .iter()
                    .map(|row| json!({"key": row.key, "value": row.value, "origin": row.origin.to_string()}))
                    .collect();
                skep.out.json(&rows)?;
            } else {
                let rows: Vec<Vec<(Tone, String)>> = shown
                    .into_iter()
                    .map(|row| {
                        vec![
                            (Tone::Strong, row.key),
                            (Tone::Plain, row.value),
                            (Tone::Faint, row.origin.to_string()),
                        ]
                    })
                    .collect();
                skep.out.table(&["KEY", "VALUE", "FROM"], &rows)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
