//! `skep diff`

use std::{
    io::Write,
    process::{ExitCode, Stdio},
};

use rustix::process::Signal;
use skep_api::{
    request::Ask,
    view::{DiffFile, DiffView},
};
use skep_core::text;
use skep_host::proc;

use super::read;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::{
        Output, Tone,
        grid::{fit, fit_end},
    },
};

/// How a diff is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) stat: bool,
    pub(super) raw: bool,
    pub(super) no_pager: bool,
}

pub(super) fn diff(skep: &Skep, id: &str, path: Option<String>, how: &How) -> Outcome {
    let within = path.clone();
    let answer = skep.ask(Ask::Diff { run: id.to_owned(), path })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let view: DiffView = read(answer)?;
    if how.raw {
        // A letter that stands for others was put there on the way, or nobody can tell.
        let torn = view.text.contains('\u{fffd}');
        if view.cut || torn {
            let why = if torn {
                "the patch is not all UTF-8"
            } else {
                "the patch is longer than skep passes on"
            };
            return Err(CliError::error("diff-cut", why)
                .hint(format!("skep diff {id} PATH --raw   one file or folder of it"))
                .hint(format!(
                    "git -C \"$(skep path {id})\" diff {}",
                    view.base.unwrap_or_default()
                )));
        }
        skep.out.raw(view.text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    if view.files.is_empty() {
        let within = within.map_or(String::new(), |path| format!(" in {}", text::one_line(&path)));
        skep.out.note(&format!("nothing is changed{within} since {}", since(&view)));
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = vec![head(&skep.out, &view)];
    if how.stat {
        lines.extend(stat(&skep.out, &view.files));
    } else {
        lines.extend(patch(&skep.out, &view.text));
    }
    if view.cut {
        lines.push(skep.out.paint(Tone::Wants, "… there is more: name a file or folder"));
    }
    show(skep, &lines, how.no_pager)?;
    Ok(ExitCode::SUCCESS)
}

fn since(view: &DiffView) -> String {
    view.base.as_deref().map_or("its beginning".to_owned(), |oid| oid.chars().take(10).collect())
}

/// `3 files, +12 −3 since 0011223344, from the worktree`
fn head(out: &Output, view: &DiffView) -> String {
    let sum = |of: fn(&DiffFile) -> Option<u64>| view.files.iter().filter_map(of).sum::<u64>();
    let files = match view.files.len() {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    };
    let from = if view.worktree { "the worktree" } else { "what is left: its commits" };
    let more = if view.cut { "at least " } else { "" };
    let head = format!(
        "{files}, {more}+{} −{} since {}, from {from}",
        sum(|file| file.insertions),
        sum(|file| file.deletions),
        since(view)
    );
    let head = out.columns().map_or(head.clone(), |width| fit(&head, width));
    out.paint(Tone::Strong, &head)
}

/// Files, what became of each, and its lines.
fn stat(out: &Output, files: &[DiffFile]) -> Vec<String> {
    let numbers = |file: &DiffFile| match (file.insertions, file.deletions) {
        (Some(more), Some(less)) => (format!("+{more}"), format!("−{less}")),
        _ => ("binary".to_owned(), String::new()),
    };
    let name = |file: &DiffFile| {
        let path = text::one_line(&file.path);
        file.from.as_ref().map_or(path.clone(), |from| format!("{} → {path}", text::one_line(from)))
    };
    let wide = |of: &dyn Fn(&DiffFile) -> usize| files.iter().map(of).max().unwrap_or(0);
    let status = wide(&|file| file.status.chars().count());
    let more = wide(&|file| numbers(file).0.chars().count());
    let less = wide(&|file| numbers(file).1.chars().count());
    let line = |file: &DiffFile| {
        let (plus, minus) = numbers(file);
        let tone = match file.status.as_str() {
            "added" | "untracked" => Tone::Good,
            "deleted" | "conflicted" => Tone::Bad,
            _ => Tone::Plain,
        };
        let known = file.insertions.is_some();
        let left = out.columns().map(|width| width.saturating_sub(status + more + less + 8));
        let name = left.map_or(name(file), |left| fit_end(&name(file), left.max(8)));
        let line = format!(
            "  {}{}  {}{}  {}{}  {name}",
            out.paint(tone, &text::one_line(&file.status)),
            " ".repeat(status - file.status.chars().count()),
            " ".repeat(more - plus.chars().count()),
            out.paint(if known { Tone::Good } else { Tone::Faint }, &plus),
            " ".repeat(less - minus.chars().count()),
            out.paint(Tone::Bad, &minus),
        );
        line.trim_end().to_owned()
    };
    files.iter().map(line).collect()
}

/// The patch in colour, a line between files, nothing raw in it.
fn patch(out: &Output, patch: &str) -> Vec<String> {
    let mut lines = Vec::new();
    // What is left of the hunk, old and new: in it a line is what its first letter says, whatever it looks like.
    let (mut old, mut new) = (0_u64, 0_u64);
    // Not `lines`: a carriage return at the end is part of the file, and seen.
    for line in patch.strip_suffix('\n').unwrap_or(patch).split('\n') {
        let shown = text::visible(line);
        let within = matches!(line.as_bytes().first(), None | Some(b' ' | b'+' | b'-' | b'\\'));
        if within && (old > 0 || new > 0) {
            let tone = match line.as_bytes().first() {
                Some(b'+') => Tone::Good,
                Some(b'-') => Tone::Bad,
                Some(b'\\') => Tone::Faint,
                _ => Tone::Plain,
            };
            match line.as_bytes().first() {
                Some(b'+') => new = new.saturating_sub(1),
                Some(b'-') => old = old.saturating_sub(1),
                Some(b'\\') => {}
                _ => (old, new) = (old.saturating_sub(1), new.saturating_sub(1)),
            }
            lines.push(out.paint(tone, &shown));
        } else if let Some(sizes) = hunk(line) {
            (old, new) = sizes;
            lines.push(out.paint(Tone::Wants, &shown));
        } else if line.starts_with("diff --git ") {
            lines.push(String::new());
            lines.push(out.paint(Tone::Strong, &shown));
        } else {
            lines.push(out.paint(Tone::Faint, &shown));
        }
    }
    lines
}

/// How many lines of the old and the new file follow a line `@@ -1,2 +3,4 @@`.
fn hunk(line: &str) -> Option<(u64, u64)> {
    let mut words = line.strip_prefix("@@ ")?.split(' ');
    let mut size = |sign: char| {
        let range = words.next()?.strip_prefix(sign)?;
        range.split_once(',').map_or(Some(1), |(_, size)| size.parse().ok())
    };
    Some((size('-')?, size('+')?))
}

/// Prints lines: through a pager where they are more than the terminal has rows.
fn show(skep: &Skep, lines: &[String], no_pager: bool) -> Result<(), CliError> {
    let fits = skep.out.rows().is_none_or(|rows| lines.len() < rows);
    if no_pager || fits || !through_pager(skep, lines)? {
        skep.out.lines(lines)?;
    }
    Ok(())
}

/// Gives lines to the pager of the person; false where there is none that runs.
fn through_pager(skep: &Skep, lines: &[String]) -> Result<bool, CliError> {
    let said = ["SKEP_PAGER", "PAGER"].iter().find_map(|name| skep.env.get(*name));
    let said = said.map_or("less -FRX", |value| value.trim());
    let words = shlex::split(said).unwrap_or_default();
    let Some((program, args)) = words.split_first() else { return Ok(false) };
    if program == "cat" {
        return Ok(false);
    }
    // Ctrl-C is the pager's while it is there: it would be left with a terminal that the shell has back.
    let _ours = proc::Signals::take(&[Signal::INT, Signal::QUIT])?;
    let mut pager = proc::command(program);
    pager.args(args).stdin(Stdio::piped());
    if !skep.env.contains_key("LESS") {
        pager.env("LESS", "FRX");
    }
    let Ok(mut child) = pager.spawn() else {
        skep.out.note(&format!("no pager: `{}` cannot be started", text::one_line(said)));
        return Ok(false);
    };
    if let Some(mut to) = child.stdin.take() {
        // Whoever leaves the pager has seen enough.
        let _left = to.write_all(lines.join("\n").as_bytes()).and_then(|()| to.write_all(b"\n"));
    }
    child.wait()?;
    Ok(true)
}
