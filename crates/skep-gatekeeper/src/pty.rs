//! A pair of terminal ends: one for the keeper, one for the agent.
//!
//! Owns: how a new terminal is made, its size, and what is left unread in it.
//! Never: becomes anybody's controlling terminal; the agent's stage sees to that.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::{ioctl_fionread, retry_on_intr},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize},
};
use skep_api::spec::Size;

/// Makes a terminal of this size: the keeper's end, and the agent's.
pub fn open_pair(size: Size) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = open(name.as_c_str(), flags, Mode::empty())?;
    let mut modes = tcgetattr(&theirs)?;
    // So that erasing takes a whole character, not its last byte.
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    resize(&ours, size)?;
    Ok((ours, theirs))
}

/// Gives the terminal a size; whoever works on it is told by the kernel.
pub fn resize(terminal: impl AsFd, size: Size) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(terminal, size)?)
}

/// Whether all that was typed has been read at the agent's end.
pub fn is_read(theirs: impl AsFd) -> bool {
    // One that cannot be asked is gone, and nobody is to be waited for.
    retry_on_intr(|| ioctl_fionread(&theirs)).map_or(true, |left| left == 0)
}
