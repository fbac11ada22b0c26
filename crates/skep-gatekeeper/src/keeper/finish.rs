//! How an attempt ends: nothing of it lives, its last lines are kept, and its end is told.

use std::{
    fs,
    io::{self, Write},
    process::ExitStatus,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use skep_api::{
    ctl::{Answer, Control},
    journal::Entry,
    spec::Spec,
};
use skep_core::{
    facts::{Exit, GitFacts},
    said::Said,
};
use skep_harness::Heard;
use skep_host::{cgroup, git, handout};

use super::{Event, Keeper, KeeperError, TRY_AGAIN};
use crate::{
    ending::{Death, Ended, Tree},
    record::{self, now},
    tty::Tty,
    warden::chain,
};

/// How long the agent's pipes are read on after its tree is gone.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// How long git may take to say what is in the worktree.
const GIT: Duration = Duration::from_secs(10);
/// How often at the end.
const LAST_TRIES: u32 = 60;

impl Keeper {
    /// The warden is gone: ends what it may have left, then says how it all ended.
    pub(super) fn finish(mut self, status: io::Result<ExitStatus>) -> Result<(), KeeperError> {
        let ended = self.end_tree();
        if let Some(cgroup) = &self.cgroup {
            cgroup::remove(cgroup);
        }
        if let Some(tty) = &self.tty {
            tty.let_go();
        }
        self.hear_last_words();
        let mut exit = match record::read_exit(&self.dir) {
            Some(exit) => exit,
            None => self.write_exit_for_warden(status, ended),
        };
        self.say_last_line();
        for heard in self.session.exited(exit.code) {
            self.keep(heard);
        }
        self.report_usage();
        give_back(&self.spec);
        exit.git = git_facts(&self.spec);
        let code = exit.code;
        let entry = Entry::Exit { exit };
        self.journal.close(now(), &entry);
        self.reports.add(now(), entry);
        if let Some(tty) = &mut self.tty {
            tty.close(code);
        }
        for _ in 0..LAST_TRIES {
            if self.reports.flush() {
                break;
            }
            thread::sleep(TRY_AGAIN);
        }
        // Nobody is to knock at a door behind which nobody lives; one that stays is found closed.
        let _left = fs::remove_file(&self.spec.socket);
        Ok(())
    }

    /// Ends what is left below us; after a warden that ended by itself that is nothing.
    fn end_tree(&mut self) -> Ended {
        let mut tree =
            Tree::new(Some(self.agent), &self.spec.spare, None).in_cgroup(self.cgroup.clone());
        let grace = Duration::from_millis(self.spec.limits.grace_ms);
        let mut force = false;
        tree.end(Instant::now() + grace, |pause| {
            match self.events.recv_timeout(pause) {
                Ok(Event::Signal) => force |= std::mem::replace(&mut self.stopping, true),
                Ok(Event::Asked(Control::Stop { force: by_force, .. }, answer)) => {
                    force |= by_force;
                    // A caller that no longer waits needs no answer.
                    let _gone = answer.send(Answer::Accepted {});
                }
                Ok(event) => self.take(event),
                Err(_) => {}
            }
            force
        })
    }

    /// Reads on what the agent wrote last. A helper that was let go may hold the pipes open; nobody waits for it.
    fn hear_last_words(&mut self) {
        let until = Instant::now() + LAST_OUTPUT;
        while self.open_pipes > 0 {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(event) => self.take(event),
                Err(_) => break,
            }
        }
    }

    /// What stands last on a screen is all that its agent has said, as far as anybody can tell.
    fn say_last_line(&mut self) {
        let Some(tty) = &self.tty else { return };
        if let Some((bytes, why)) = tty.dropped() {
            self.journal(&Entry::Dropped { lines: 0, bytes, why: why.to_owned() });
        }
        let Some(line) = self.tty.as_ref().and_then(Tty::last_line) else { return };
        for heard in self.session.line(&line) {
            self.keep(match heard {
                Heard::Output(text) => Heard::Said(Said::Said { text }),
                other @ (Heard::Said(_)
                | Heard::Reply(_)
                | Heard::Took(_)
                | Heard::Recalled { .. }) => other,
            });
        }
    }

    /// The warden was killed before it could write how the agent ended.
    fn write_exit_for_warden(&self, status: io::Result<ExitStatus>, ended: Ended) -> Exit {
        let killed = 128 + Signal::KILL.as_raw();
        let code = status.ok().and_then(|status| status.code()).unwrap_or(killed);
        let death = ended.death.unwrap_or(Death { code, signal: (code > 128).then(|| code - 128) });
        let exit = Exit {
            code: death.code,
            signal: death.signal,
            started: self.started,
            ended: now(),
            forced: true,
            let_go: false,
            error: None,
            spared: ended.spared,
            git: None,
        };
        for _ in 0..LAST_TRIES {
            if record::write_exit(&self.dir, &exit).is_ok() {
                break;
            }
            thread::sleep(TRY_AGAIN);
        }
        exit
    }
}

/// Takes back what the worktree was lent for the attempt; the keeper holds the env's lock.
pub(super) fn give_back(spec: &Spec) {
    let Some(root) = &spec.lent else { return };
    let git = git::Git::new(&spec.env).timeout(GIT);
    if let Err(err) = handout::take_back(&git, root) {
        // It is asked for again before the next attempt and at the close.
        let _unread = writeln!(
            io::stderr(),
            "skep: keeper: {} keeps what it was lent: error[{}]: {}",
            root.display(),
            err.slug(),
            chain(&err)
        );
    }
}

/// Asks git what the attempt left in its worktree; none where it cannot be had in time.
fn git_facts(spec: &Spec) -> Option<GitFacts> {
    let (worktree, base) = (spec.worktree.clone()?, spec.base_oid.clone()?);
    let git = git::Git::new(&spec.env).timeout(GIT);
    let (tell, told) = mpsc::channel();
    let asking = thread::Builder::new().spawn(move || {
        // Nobody waits any more when it comes too late.
        let _late = tell.send(git::facts(&git, &worktree, &base, None));
    });
    asking.ok()?;
    let facts = told.recv_timeout(GIT).ok()?.ok()?;
    Some(GitFacts {
        head: facts.head,
        branch: facts.branch,
        dirty: facts.dirty,
        ahead: facts.ahead,
        behind: facts.behind,
        unpushed: facts.unpushed,
        files: facts.files,
        insertions: facts.insertions,
        deletions: facts.deletions,
        at: now(),
    })
}
