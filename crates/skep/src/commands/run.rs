//! `skep run`

use std::process::ExitCode;

use serde_json::Value;
use skep_api::{
    request::{Ask, RunAsk},
    view::RunView,
};
use skep_core::run::Surface;

use super::{code_of, logs, ls, read, read_text, show};
use crate::{
    args,
    connect::Skep,
    exit::{CliError, Outcome},
};

pub(super) fn run(skep: &Skep, args: args::Run) -> Outcome {
    let prompt = args
        .prompt_file
        .as_deref()
        .map(|path| read_text(path, "run --prompt-file -"))
        .transpose()?;
    let mut titles = args.titles;
    if prompt.is_none() && is_a_sentence(&titles) {
        return Err(one_title(&titles));
    }
    if titles.is_empty() {
        let first =
            prompt.as_deref().and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
        titles
            .extend(first.map(|line| {
                skep_core::text::words(line.trim().trim_start_matches('#').trim(), 80)
            }));
    }
    let cwd = std::path::absolute(".")?;
    let Some(cwd) = cwd.to_str() else {
        return Err(CliError::error("path-not-text", "this folder's name is not UTF-8")
            .hint("skep run --project P …"));
    };
    let ask = RunAsk {
        force: args.force,
        outside: args.outside,
        titles,
        project: args.project,
        cwd: cwd.to_owned(),
        agent: args.agent,
        model: args.model,
        account: args.account,
        args: args.args,
        pass: args.pass,
        surface: if args.terminal { Some("terminal".to_owned()) } else { args.surface },
        posture: args.posture,
        permissions: args.permissions,
        base: args.base,
        branch: args.branch,
        env_type: match (args.in_place, args.directory) {
            (true, _) => Some("in_place".to_owned()),
            (_, true) => Some("directory".to_owned()),
            (false, false) => None,
        },
        within: args.within,
        name: args.name,
        prompt,
        count: args.count,
        budget: args.budget,
        yes: args.yes,
        dry_run: args.dry_run,
        detach: args.detach || args.follow,
        claims: args.claims.unwrap_or_default(),
        overlap: args.overlap,
        env: skep.env.clone(),
    };
    let answer = skep.ask(Ask::Run(Box::new(ask)))?;
    if args.dry_run {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    told(skep, &answer, args.follow)
}

/// Shows the runs that came of a wish, or what they say until they end.
pub(super) fn told(skep: &Skep, answer: &Value, follow: bool) -> Outcome {
    if follow {
        let runs: Vec<RunView> = read(answer.clone())?;
        for run in &runs {
            skep.out.note(&format!(
                "{} ({}) on it: {}",
                run.name,
                run.id,
                skep_core::text::one_line(&run.title)
            ));
            logs::print(skep, &run.id, &logs::Ask { follow: true, ..logs::Ask::default() })?;
        }
        let ids = runs.into_iter().map(|run| run.id).collect();
        let ended = skep.ask(Ask::Wait {
            runs: ids,
            until: "ended".to_owned(),
            any: false,
            timeout_ms: None,
        })?;
        let runs: Vec<RunView> = read(ended.clone())?;
        if skep.out.json {
            skep.out.json(&ended)?;
        } else {
            ls::table(&skep.out, &runs)?;
        }
        return Ok(code_of(&runs));
    }
    let runs: Vec<RunView> = read(answer.clone())?;
    if skep.out.json {
        // One title, one value: what scripts expect of one run.
        match runs.as_slice() {
            [_] => skep.out.json(&answer[0])?,
            _ => skep.out.json(answer)?,
        }
    } else {
        ls::table(&skep.out, &runs)?;
        for run in runs
            .iter()
            .filter(|run| run.outcome.as_deref().is_some_and(|outcome| outcome != "completed"))
        {
            show::tail(skep, run)?;
        }
        for run in runs.iter().filter(|run| run.state == "queued") {
            if let Some(held) = &run.held {
                let held = skep_core::text::one_line(held);
                skep.out.note(&format!("{} is queued: {held}", run.name));
            }
        }
        if let Some(run) = runs.iter().find(|run| run.state != "ended") {
            let look = match run.surface {
                Surface::Headless => format!("watch it: skep logs {} -f", run.name),
                Surface::Terminal => format!("look at its screen: skep attach {}", run.name),
            };
            skep.out.note(&format!("{look}    wait for it: skep wait {}", run.name));
        }
    }
    Ok(code_of(&runs))
}

/// Whether these titles look like one whose quotes were forgotten: nobody wants a worker for `the`.
fn is_a_sentence(titles: &[String]) -> bool {
    let is_word =
        |title: &String| !title.contains(char::is_whitespace) && !title.starts_with("task_");
    titles.len() > 2 && titles.iter().all(is_word)
}

fn one_title(titles: &[String]) -> CliError {
    let sentence = titles.join(" ");
    let text = format!("these would be {} runs, one for each word", titles.len());
    let shown = skep_core::text::one_line(&sentence).replace(['"', '$', '`', '\\', '!'], "");
    CliError::error("usage", text)
        .hint(format!("one run, its title in quotes: skep run \"{}\"", skep_core::text::words(&shown, 60)))
        .hint("several: a title of more than one word each, or one prompt for all with --prompt-file F")
}
