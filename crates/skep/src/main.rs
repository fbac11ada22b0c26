//! skep: the one binary. Guards, deeds and the scripted agent enter before the command line is read.

mod args;
mod commands;
mod connect;
mod exit;
mod output;

use std::{
    env,
    ffi::OsString,
    io::{BufReader, Read},
    process::ExitCode,
};

use skep_api::{role, wire::Refusal};
use skep_harness::scripted::agent::{Setting, agent as play};

use crate::{connect::Skep, exit::CliError, output::Output};

fn main() -> ExitCode {
    let argv: Vec<OsString> = env::args_os().collect();
    if let Some(code) = skep_gatekeeper::enter(&argv) {
        return code;
    }
    match argv.get(1).and_then(|first| first.to_str()) {
        Some(role::EFFECT) => effect(),
        Some(role::AGENT) => agent(&argv),
        _ => command_line(&argv),
    }
}

/// Carries out one deed: JSON in, JSON out.
fn effect() -> ExitCode {
    let mut input = Vec::new();
    let deed = std::io::stdin().read_to_end(&mut input).map_err(|err| err.to_string());
    let deed = deed.and_then(|_| serde_json::from_slice(&input).map_err(|err| err.to_string()));
    let vars = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let out = Output::new(true, true, true);
    match deed {
        Ok(deed) => {
            let done = skep_daemon::hands::carry_out(deed, &vars.collect());
            out.json(&done).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Err(text) => {
            out.error(&Refusal::error("effect-unreadable", text));
            ExitCode::FAILURE
        }
    }
}

/// The scripted agent, as its profile starts it: `__agent scripted …`.
fn agent(argv: &[OsString]) -> ExitCode {
    let here = std::path::absolute(".").unwrap_or_default();
    let code =
        match Setting::parse(argv.get(3..).unwrap_or_default(), &here, env::vars_os().collect()) {
            Ok(setting) => play(&setting, BufReader::new(std::io::stdin()), &mut std::io::stdout()),
            Err(text) => {
                Output::new(false, true, true).error(&Refusal::error("usage", text));
                2
            }
        };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn command_line(argv: &[OsString]) -> ExitCode {
    let json = argv.iter().any(|arg| arg == "--json");
    let no_colour = env::vars_os().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
    let killed = argv.iter().skip(1).any(|arg| arg == "kill")
        && argv
            .iter()
            .skip(1)
            .find(|arg| !arg.to_string_lossy().starts_with('-'))
            .is_some_and(|verb| verb == "kill");
    let cli = match args::parse(argv) {
        Ok(cli) => cli,
        Err(err) => return usage(&err, argv, json, no_colour),
    };
    let out = Output::new(cli.global.json, cli.global.quiet, no_colour);
    let done = match commands::tell(&cli, &out) {
        Some(told) => told,
        None => Skep::find(&cli.global, out).and_then(|skep| commands::perform(cli, &skep, killed)),
    };
    done.unwrap_or_else(|err: CliError| {
        out.error(&err.refusal);
        ExitCode::from(err.refusal.exit)
    })
}

/// Help and version are results; anything else is wrong usage.
fn usage(err: &clap::Error, argv: &[OsString], json: bool, no_colour: bool) -> ExitCode {
    if !err.use_stderr() {
        // Without a terminal to say it to, the exit code has to do.
        let _unread = err.print();
        return ExitCode::SUCCESS;
    }
    let refusal = args::refusal(err, args::command(), argv);
    Output::new(json, false, no_colour).error(&refusal);
    ExitCode::from(refusal.exit)
}
