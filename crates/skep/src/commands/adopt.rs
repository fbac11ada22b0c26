//! `skep adopt`, and the way to the session of tmux that was found.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use skep_api::{
    request::{AdoptAsk, Ask},
    view::{AdoptView, RunView},
};
use skep_core::{
    run::{Adopted, Pane},
    text,
};
use skep_host::{proc, tmux::found, tree};

use super::read;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Output, Tone},
};

pub(super) fn adopt(skep: &Skep, paths: &[PathBuf], all: bool, dry_run: bool) -> Outcome {
    let paths = paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    let named = !paths.is_empty();
    let cwd = absolute(Path::new("."))?;
    let ask = AdoptAsk { paths, all, dry_run, cwd, env: skep.env.clone() };
    let looks = ask.is_a_look();
    let mut views: Vec<AdoptView> = read(skep.ask(Ask::Adopt(Box::new(ask)))?)?;
    views.sort_by_key(rank);
    let refused = named && views.iter().any(|view| view.status == "refused");
    if skep.out.json {
        skep.out.json(&views)?;
    } else {
        table(&skep.out, &views, &Near::of(skep)?)?;
        for view in &views {
            explain(&skep.out, view, named)?;
        }
        ways(&skep.out, &views, looks, named || all);
    }
    Ok(if refused { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn absolute(path: &Path) -> Result<String, CliError> {
    std::path::absolute(path)?.to_str().map(str::to_owned).ok_or_else(|| {
        CliError::error("path-not-text", format!("`{}` is not UTF-8", path.display()))
    })
}

fn table(out: &Output, views: &[AdoptView], near: &Near) -> std::io::Result<()> {
    if views.is_empty() {
        out.note("no worktree here was made by others");
        return Ok(());
    }
    // The folder says as much where there is little room.
    let wide = out.width() > 110;
    let heads = ["STATE", "WORKTREE", "BRANCH", "WORK", "LAYOUT", "TMUX"];
    let kept = |nth: &usize| wide || *nth != 4;
    let heads: Vec<&str> = (0..heads.len()).filter(kept).map(|nth| heads[nth]).collect();
    let rows = views.iter().map(|view| {
        let cells = row(view, near).into_iter().enumerate();
        cells.filter(|(nth, _)| kept(nth)).map(|(_, cell)| cell).collect()
    });
    out.table(&heads, &rows.collect::<Vec<_>>())
}

/// What can be done first, what cannot last.
fn rank(view: &AdoptView) -> u8 {
    match view.status.as_str() {
        "free" => 0,
        "adopted" => 1,
        _ => 2,
    }
}

fn row(view: &AdoptView, near: &Near) -> Vec<(Tone, String)> {
    let (tone, status) = match (view.status.as_str(), &view.name) {
        ("adopted", Some(name)) => (Tone::Good, format!("is {name}")),
        ("refused", _) => (Tone::Wants, "no".to_owned()),
        (status, _) => (Tone::Plain, status.to_owned()),
    };
    let pane = view.tmux.as_ref().map_or_else(
        || "-".to_owned(),
        |pane| format!("{} in {}", short(&pane.program), short(&pane.name)),
    );
    vec![
        (tone, status),
        (Tone::Plain, near.spell(&view.path)),
        (Tone::Strong, view.branch.as_deref().map_or_else(|| "-".to_owned(), short)),
        (Tone::Plain, work(view)),
        (Tone::Plain, view.layout.as_str().to_owned()),
        (Tone::Faint, pane),
    ]
}

/// Where the asker stands, to tell paths from there.
struct Near {
    here: PathBuf,
    home: Option<PathBuf>,
}

impl Near {
    fn of(skep: &Skep) -> Result<Near, CliError> {
        let home = skep.env.get("HOME").filter(|home| home.len() > 1).map(PathBuf::from);
        Ok(Near { here: std::path::absolute(".")?, home })
    }

    /// A path as one would type it here.
    fn spell(&self, path: &str) -> String {
        let below = |dir: &Path, begin: &str| {
            let rest = Path::new(path).strip_prefix(dir).ok()?;
            Some(if rest == Path::new("") {
                ".".to_owned()
            } else {
                format!("{begin}{}", rest.display())
            })
        };
        let beside = self.here.parent().filter(|dir| dir.parent().is_some());
        below(&self.here, "")
            .or_else(|| below(self.home.as_deref()?, "~/"))
            .or_else(|| below(beside?, "../"))
            .unwrap_or_else(|| path.to_owned())
    }
}

/// A foreign name, no longer than leaves room for others.
fn short(name: &str) -> String {
    text::words(&text::one_line(name), 28)
}

/// What stands there, in as few words as possible.
fn work(view: &AdoptView) -> String {
    let ahead = view.ahead.map(|ahead| format!("+{ahead}"));
    let dirty = view.dirty.map(|dirty| if dirty { "dirty" } else { "clean" }.to_owned());
    let said: Vec<String> = ahead.into_iter().chain(dirty).collect();
    if said.is_empty() { "-".to_owned() } else { said.join(" ") }
}

/// Why a worktree is not taken over, and, to whoever named it, the ways on.
fn explain(out: &Output, view: &AdoptView, named: bool) -> std::io::Result<()> {
    let Some(why) = &view.why else { return Ok(()) };
    let slug = out.paint(Tone::Wants, &format!("no[{}]", why.slug));
    out.line(&format!("{slug}: {}", text::visible(&why.message)))?;
    for hint in why.hints.iter().filter(|_| named) {
        out.line(&format!("  {} {}", out.paint(Tone::Wants, "→"), text::visible(hint)))?;
    }
    Ok(())
}

/// What one would type next.
fn ways(out: &Output, views: &[AdoptView], looks: bool, chosen: bool) {
    let free = views.iter().filter(|view| view.status == "free").count();
    if looks && free > 0 {
        let told = if chosen {
            "nothing was done; without --dry-run it is taken over as it stands".to_owned()
        } else {
            format!("take one over: skep adopt PATH    all {free}: skep adopt --all")
        };
        out.note(&told);
    }
    let new = views.iter().find(|view| view.new).and_then(|view| view.name.as_ref());
    if let Some(name) = new {
        out.note(&format!(
            "go on there: skep resume {name} TEXT    look: skep show {name}    let go of it: skep close {name}"
        ));
    }
}

/// What was found of the work that a run took over, in one line.
pub(super) fn in_words(adopted: &Adopted) -> String {
    let pane = adopted.pane.as_ref().map_or_else(
        || "no tmux session was found".to_owned(),
        |pane| format!("{} in tmux session {} {}", pane.program, pane.name, pane.pane),
    );
    format!("{} worktree, {pane}; skep never resets or removes it", adopted.layout.as_str())
}

/// What one would type next about a run that was taken over and has no attempt of its own.
pub(super) fn next(run: &RunView, id: &str) -> Vec<(&'static str, String)> {
    let go = pane_of(run).map(|_| ("go to its session", format!("skep attach {id}")));
    let rest = [
        ("let an agent of skep's go on", format!("skep resume {id} TEXT")),
        ("bring it in", format!("skep land {id}")),
        ("let go of it", format!("skep close {id}")),
    ];
    go.into_iter().chain(rest).collect()
}

/// What a stop says of a run that was taken over and has no attempt of its own.
pub(super) fn nothing_to_stop(run: &RunView) -> String {
    let name = &run.name;
    match pane_of(run) {
        Some(_) => format!(
            "{name} has no agent of skep's; the session that was found goes on: skep attach {name}"
        ),
        None => format!("{name} has no agent of skep's; nothing was stopped"),
    }
}

/// The pane that was found, where no agent of skep's has taken its place.
pub(super) fn pane_of(run: &RunView) -> Option<&Pane> {
    let pane = run.adopted.as_ref()?.pane.as_ref();
    pane.filter(|_| run.state == "ended" && run.attempt == 1)
}

/// Shows a person the session that was found, where it is still the same.
pub(super) fn go_to(skep: &Skep, run: &RunView, pane: &Pane) -> Outcome {
    let socket = Path::new(&pane.socket);
    let failed = |err: &dyn std::error::Error, slug: &str| {
        CliError::error(slug, format!("the tmux at {}: {err}", pane.socket))
    };
    let panes = found::panes(socket, &skep.env).map_err(|err| failed(&err, err.slug()))?;
    let same = panes.iter().any(|seen| {
        seen.session == pane.session && seen.pane.id == pane.pane && seen.pane.pid == pane.pid
    });
    // A server that was started again counts its panes from the beginning, and a pid comes round.
    let lives = tree::identity(pane.pid).is_some_and(|found| found.started == pane.started);
    if !(same && lives) {
        let text = format!(
            "the tmux session {} that was found with {} is not there any more",
            text::one_line(&pane.name),
            run.name
        );
        return Err(CliError::error("session-gone", text)
            .hint(format!("skep resume {}   # starts an agent of skep's there", run.name))
            .hint(format!("skep sh {}   # a shell there", run.name)));
    }
    let tmux = skep.env.get("TMUX").map(OsStr::new);
    let argv = found::go_to(socket, &pane.session, &pane.pane, tmux)
        .map_err(|err| failed(&err, err.slug()))?;
    let program = argv.first().cloned().unwrap_or_else(|| OsString::from("tmux"));
    let mut command = proc::command(&program);
    command.args(argv.iter().skip(1));
    if argv.iter().any(|word| word == "attach-session") {
        // tmux refuses to show one server in another, which is what the person wants here.
        command.env_remove("TMUX");
    }
    let err = command.exec();
    Err(CliError::error("command-not-started", format!("`tmux`: {err}")))
}
