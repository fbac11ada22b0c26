//! The terminal that a guard was started on: lent to the agent's group, taken back at the end.
//!
//! Owns: the terminal's foreground group.
//! Never: touches a terminal whose foreground is not ours to give.

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    process::{Pid, getpgrp, setpgid},
    termios::{isatty, tcgetpgrp, tcsetpgrp},
};

/// A terminal whose foreground group is ours.
#[derive(Debug)]
pub struct Terminal {
    tty: OwnedFd,
    ours: Pid,
}

impl Terminal {
    /// Returns the terminal behind `stdin`, where it is one and its foreground is ours.
    pub fn of(stdin: impl AsFd) -> Option<Terminal> {
        let ours = getpgrp();
        if !isatty(&stdin) || tcgetpgrp(&stdin).ok()? != ours {
            return None;
        }
        Some(Terminal { tty: stdin.as_fd().try_clone_to_owned().ok()?, ours })
    }

    /// Tells whether the foreground is ours at the moment.
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|front| front == self.ours)
    }

    /// Makes `group` the foreground.
    pub fn lend(&self, group: Pid) {
        // A terminal that is gone needs no foreground.
        let _gone = tcsetpgrp(&self.tty, group);
    }

    /// Makes our own group the foreground again.
    ///
    /// Shape: only a member of the foreground group may move the foreground without being stopped for it, so we join
    /// that group for the moment. Call it while the group still has a member: a zombie is enough.
    pub fn take_back(&self) {
        let Ok(front) = tcgetpgrp(&self.tty) else { return };
        // A session's leader may not join another group; then nobody is left to whom the terminal could go.
        if front == self.ours || setpgid(None, Some(front)).is_err() {
            return;
        }
        self.lend(self.ours);
        // Our group's first process may have been us alone: it is made again by this.
        let _same = setpgid(None, Some(self.ours));
    }
}
