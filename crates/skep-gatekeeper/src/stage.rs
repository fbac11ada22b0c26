//! The second exec stage: what lies between a warden and its agent.
//!
//! Owns: what only the process itself can do before it becomes the agent: its parent-death signal, its signals back
//! to their defaults, its standard input, its fence, and where it is to have a terminal of its own, the session that the
//! terminal is the controlling one of.
//! Never: goes on when its warden is gone, starts the agent before the warden has said so, or without a fence that was
//! asked for.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::CommandExt,
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use rustix::process::{Signal, getppid, ioctl_tiocsctty, set_parent_process_death_signal, setsid};
use skep_api::wire::chain;
use skep_host::{cgroup, fence::Fence, proc};

use crate::link::Link;

/// The place of an agent that leads a session on the terminal which is its standard input.
pub const ON_TERMINAL: &str = "terminal";

/// Becomes the agent: `PARENT CGROUP PLACE FENCE CMD…`, where an empty group is none, a place [`ON_TERMINAL`] or empty, and
/// a fence the file that says what may be written, or empty.
pub fn enter(args: &[OsString]) -> ExitCode {
    let [parent, cgroup, place, fence, command @ ..] = args else { return ExitCode::FAILURE };
    let Ok(link) = Link::from_stdin() else { return ExitCode::FAILURE };
    let fence = (!fence.is_empty()).then(|| Path::new(fence));
    let place = Place { cgroup, on_terminal: place == ON_TERMINAL, fence };
    if let Err(why) = become_agent(&link, parent, &place, command) {
        // A warden that is gone needs no reason.
        let _gone = link.say(why.to_string().as_bytes());
    }
    ExitCode::FAILURE
}

/// Where the agent is to be.
struct Place<'a> {
    cgroup: &'a OsString,
    on_terminal: bool,
    fence: Option<&'a Path>,
}

fn become_agent(
    link: &Link,
    parent: &OsString,
    place: &Place<'_>,
    command: &[OsString],
) -> io::Result<()> {
    let (program, args) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let warden = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    if parent.to_str().and_then(|parent| parent.parse().ok()) != Some(warden) {
        return Err(io::Error::other("its warden is gone"));
    }
    reset_signals()?;
    if !place.cgroup.is_empty() {
        // A last resort and no condition: without it the guards still hold the tree.
        let _outside = cgroup::join(Path::new(place.cgroup));
    }
    // The word to go: the warden has given us the terminal by now, where there is one.
    let stdin = link.receive()?.pop().ok_or(io::ErrorKind::UnexpectedEof)?;
    if place.on_terminal {
        setsid()?;
        ioctl_tiocsctty(&stdin)?;
        rustix::stdio::dup2_stdout(&stdin)?;
        rustix::stdio::dup2_stderr(&stdin)?;
    }
    rustix::stdio::dup2_stdin(&stdin)?;
    drop(stdin);
    if let Some(path) = place.fence {
        put_up(path)?;
    }
    Err(proc::command(program).args(args).exec())
}

/// Puts up the fence that stands in the file.
fn put_up(path: &Path) -> io::Result<()> {
    let fence: Fence = serde_json::from_slice(&fs::read(path)?)?;
    fence.put_up().map_err(|err| io::Error::other(chain(&err)))
}

/// Lets every signal do what it does by default in the agent: one that is caught now is reset by exec, while one that
/// our parent had ignored would stay ignored.
fn reset_signals() -> io::Result<()> {
    use Signal as S;
    let kinds = [
        S::HUP,
        S::INT,
        S::QUIT,
        S::USR1,
        S::USR2,
        S::PIPE,
        S::ALARM,
        S::TERM,
        S::CHILD,
        S::CONT,
        S::TSTP,
        S::TTIN,
        S::TTOU,
        S::URG,
        S::XCPU,
        S::XFSZ,
        S::VTALARM,
        S::PROF,
        S::WINCH,
        S::IO,
    ];
    for kind in kinds {
        signal_hook::flag::register(kind.as_raw(), Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}
