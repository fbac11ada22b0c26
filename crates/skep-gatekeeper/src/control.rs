//! The control socket of a keeper: who may ask, and one answer to one line. A connection whose asker was let in to look
//! is handed on.
//!
//! Owns: the socket, its mode, and whose wishes are heard at all.
//! Never: hears a process that descends from a gatekeeper which we do not descend from: an agent controls nothing. What
//! its hooks say it says of itself, and is heard from nobody else.

use std::{
    fs, io,
    io::BufReader,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    thread,
    time::Duration,
};

use rustix::{net::sockopt::socket_peercred, process::geteuid};
use skep_api::{
    ctl::{Answer, Control},
    role,
    spec::Size,
    tool::Call,
    wire,
};
use skep_host::{proc::SMALL_STACK, tree};

/// How long a caller may take for its line.
const PATIENCE: Duration = Duration::from_secs(2);

/// One that was let in to look.
#[derive(Debug)]
pub struct Visitor {
    pub stream: UnixStream,
    /// What it said already, behind its line.
    pub before: Vec<u8>,
    /// Its own; none where it only looks.
    pub size: Option<Size>,
}

/// A call of the agent's tools, which may wait for its answer.
#[derive(Debug)]
pub struct Called {
    pub stream: UnixStream,
    pub key: String,
    pub call: Call,
}

/// Serves controls at `socket`, one after the other, each answered by `answer`; hands those who look to `let_in`, and
/// calls of the agent's tools to `call`.
pub fn serve(
    socket: &Path,
    answer: impl Fn(Control) -> Answer + Send + 'static,
    let_in: impl Fn(Visitor) + Send + 'static,
    call: impl Fn(Called) + Send + 'static,
) -> io::Result<()> {
    // Whoever left it is gone: the attempt's lock is ours.
    match fs::remove_file(socket) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
    thread::Builder::new().name("control".to_owned()).stack_size(SMALL_STACK).spawn(move || {
        for caller in listener.incoming().flatten() {
            // A caller that breaks off gets no answer; the next one is served.
            if let Ok(Some((size, before))) = converse(&caller, &answer, &call) {
                let_in(Visitor { stream: caller, before, size });
            }
        }
    })?;
    Ok(())
}

/// Answers one line; returns the size of one that was let in to look, and what it has said behind its line.
fn converse(
    caller: &UnixStream,
    answer: &impl Fn(Control) -> Answer,
    call: &impl Fn(Called),
) -> io::Result<Option<(Option<Size>, Vec<u8>)>> {
    caller.set_read_timeout(Some(PATIENCE))?;
    caller.set_write_timeout(Some(PATIENCE))?;
    // Read even from one who is not heard: a socket closed over unread words takes the answer with it.
    let mut from = BufReader::with_capacity(1024, caller);
    let asked = wire::receive(&mut from);
    let mut looks = None;
    let refused = match &asked {
        Ok(Some(Control::Hook { .. } | Control::Tool { .. })) => refusal_of_hook(caller)?,
        _ => refusal(caller)?,
    };
    let said = match (refused, asked) {
        (Some(refused), _) => refused,
        (None, Ok(Some(Control::Tool { key, call: asked }))) => {
            call(Called { stream: caller.try_clone()?, key, call: asked });
            return Ok(None);
        }
        (None, Ok(Some(control))) => {
            looks = match control {
                Control::Attach { cols, rows } => Some(Some(Size { cols, rows })),
                Control::Look {} => Some(None),
                Control::Stop { .. }
                | Control::Cancel { .. }
                | Control::Send { .. }
                | Control::Settle { .. }
                | Control::Answer { .. }
                | Control::Rules { .. }
                | Control::Hook { .. }
                | Control::Tool { .. }
                | Control::Status {} => None,
            }
            .map(|size| (size, from.buffer().to_vec()));
            answer(control)
        }
        (None, Ok(None)) => return Ok(None),
        (None, Err(err)) if err.kind() == io::ErrorKind::InvalidData => {
            refuse("control-unknown", err.to_string())
        }
        (None, Err(err)) => return Err(err),
    };
    wire::send(&mut &*caller, &said)?;
    Ok(looks.filter(|_| said == Answer::Accepted {}))
}

/// Makes a refusal.
pub fn refuse(slug: &str, text: impl Into<String>) -> Answer {
    Answer::Refused { slug: slug.to_owned(), text: text.into() }
}

/// Returns why this caller is not heard, where it is not.
fn refusal(caller: &UnixStream) -> io::Result<Option<Answer>> {
    let peer = socket_peercred(caller)?;
    if peer.uid != geteuid() && !peer.uid.is_root() {
        return Ok(Some(refuse("control-denied", "only the owner of a run controls it")));
    }
    let mine = tree::ancestors(std::process::id());
    let peer = u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0);
    let stranger = |pid: &u32| !mine.contains(pid) && is_gatekeeper(*pid);
    Ok(tree::ancestors(peer)
        .iter()
        .any(stranger)
        .then(|| refuse("control-denied", "an agent's process controls no run")))
}

/// Returns why this caller is no hook of our agent, where it is none: between it and us stands no other keeper.
fn refusal_of_hook(caller: &UnixStream) -> io::Result<Option<Answer>> {
    let peer = socket_peercred(caller)?;
    let peer = u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0);
    let above = tree::ancestors(peer);
    let keeper = above.iter().find(|pid| {
        **pid == std::process::id()
            || tree::arguments(**pid)
                .is_some_and(|args| args.get(1).is_some_and(|arg| arg == role::KEEPER))
    });
    let ours = peer != std::process::id() && keeper == Some(&std::process::id());
    Ok((!ours).then(|| refuse("control-denied", "only a run's own agent tells what it does")))
}

fn is_gatekeeper(pid: u32) -> bool {
    pid == std::process::id()
        || tree::arguments(pid).is_some_and(|arguments| {
            arguments.get(1).is_some_and(|arg| {
                arg == role::KEEPER || arg == role::WARDEN || arg == "gatekeeper"
            })
        })
}
