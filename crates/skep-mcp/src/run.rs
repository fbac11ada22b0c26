//! One server for one agent, until its client goes: each call becomes a line to the run's keeper, or a question to the daemon.
//!
//! Owns: the runtime, how a call's key comes about, and that no call outlasts its client.
//! Never: remembers a call, or speaks for a run: who it speaks for is seen by the process it descends from.

use std::{
    io::{self, BufReader},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::{QuitReason, RequestContext},
};
use serde_json::{Value, json};
use skep_api::{
    ctl::{Answer, Control},
    request::Ask,
    tool::{Call, Kind, Reply},
    view::RunView,
    wire,
};
use skep_core::text;
use tokio::{runtime, sync::oneshot, task};

use crate::tools::{self, Asked, Extras, verdict};

mod others;
#[cfg(test)]
mod tests;

/// How long it may take where nobody is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a keeper may take longer than the wait that it was asked for: a part of it, and at least this.
const LATE: Duration = Duration::from_millis(500);
/// How many runs a list holds at most.
const MOST_RUNS: usize = 200;
/// What is said of a question whose answer is still to come.
const LATER: &str = "It was asked. The answer comes later, once, as your next message: do not ask again. Go on with what does not \
depend on it, or end your turn.";

/// Whose tools these are, and where the answers are.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The run's id.
    pub run: String,
    /// What it is there for: which tools there are follows from it.
    pub kind: Kind,
    /// What it has beside the tools of its kind.
    pub extras: Extras,
    /// The control socket of its keeper.
    pub keeper: PathBuf,
    /// The daemon's socket.
    pub daemon: PathBuf,
    /// How long a question waits for its answer, before the client loses its patience.
    pub wait: Duration,
    /// A name for this process that no other has: with the client's own number of a call it is the call's key.
    pub session: String,
}

/// Serves standard input until it ends.
///
/// Errors: no runtime, or a client that does not speak the protocol.
pub fn serve(setting: Setting) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let server = Server { setting };
        let running = match server.serve(rmcp::transport::stdio()).await {
            Ok(running) => running,
            // Whoever looked in and left wanted nothing.
            Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(err) => return Err(io::Error::new(io::ErrorKind::InvalidData, err.to_string())),
        };
        match running.waiting().await {
            Ok(QuitReason::JoinError(err)) | Err(err) => Err(io::Error::other(err.to_string())),
            Ok(_) => Ok(()),
        }
    });
    // A keeper that is still asked hears by the end of this process that nobody waits.
    runtime.shutdown_background();
    served
}

struct Server {
    setting: Setting,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("skep", env!("CARGO_PKG_VERSION")))
            .with_instructions(tools::instructions(self.setting.kind))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::offered(self.setting.kind, self.setting.extras)))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::offered(self.setting.kind, self.setting.extras)
            .into_iter()
            .find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let key = format!("{}/{}", self.setting.session, context.id);
        let wait_ms = u64::try_from(self.setting.wait.as_millis()).unwrap_or(u64::MAX);
        let arguments = request.arguments.unwrap_or_default();
        let asked = tools::read(self.setting.kind, &request.name, arguments, wait_ms);
        let said = match asked {
            Ok(Asked::Keeper(Call::Claim { paths })) => self.claim(key, paths, &context).await,
            Ok(Asked::Keeper(call)) => self.keeper(key, call, &context).await,
            Ok(Asked::Runs) => self.runs(key).await,
            Ok(Asked::Spawn(ask)) => self.spawn(key, *ask).await,
            Ok(Asked::Dispatch(ask)) => self.dispatch(key, *ask).await,
            Ok(Asked::Issue(deed)) => self.issue(key, deed).await,
            Err(text) => Err(format!("nothing was done: {text}")),
        };
        let result = match said {
            Ok(value) => CallToolResult::structured(value),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        };
        Ok(result.into())
    }
}

impl Server {
    /// Tells the keeper, and waits for its word or for the client to lose interest.
    async fn keeper(
        &self,
        key: String,
        call: Call,
        context: &RequestContext<RoleServer>,
    ) -> Result<Value, String> {
        let stream = UnixStream::connect(&self.setting.keeper).map_err(|err| no_keeper(&err))?;
        let hang_up = stream.try_clone().map_err(|err| no_keeper(&err))?;
        let wait = self.setting.wait;
        let patience = wait + LATE.max(wait / 12);
        let asking = task::spawn_blocking(move || converse(&stream, key, call, patience));
        let answer = tokio::select! {
            answer = asking => answer.map_err(|err| err.to_string())?,
            () = context.ct.cancelled() => {
                // The keeper sees that nobody hears the answer here, and gives it as a message. Closed already is as good.
                let _closed = hang_up.shutdown(Shutdown::Both);
                return Err("the call was taken back; an answer that comes will be your next message".to_owned());
            }
        };
        match answer.map_err(|err| no_keeper(&err))? {
            Some(Answer::Tool { reply }) => Ok(shown(reply)),
            Some(Answer::Refused { slug, text }) => Err(format!("error[{slug}]: {text}")),
            Some(Answer::Accepted {} | Answer::Queued {} | Answer::Status { .. }) | None => {
                Err(no_keeper(&io::ErrorKind::UnexpectedEof.into()))
            }
        }
    }

    /// The runs, as the daemon lists them for this one.
    async fn runs(&self, key: String) -> Result<Value, String> {
        let (socket, run) = (self.setting.daemon.clone(), self.setting.run.clone());
        let (done, heard) = oneshot::channel();
        task::spawn_blocking(move || {
            // Whoever asked may be gone.
            let _gone = done.send(list(&socket, &key, &run));
        });
        heard.await.unwrap_or_else(|err| Err(err.to_string()))
    }
}

/// Says one line to the keeper and hears one.
fn converse(
    stream: &UnixStream,
    key: String,
    call: Call,
    patience: Duration,
) -> io::Result<Option<Answer>> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(patience))?;
    wire::send(&mut &*stream, &Control::Tool { key, call })?;
    wire::receive(&mut BufReader::new(stream))
}

fn no_keeper(err: &io::Error) -> String {
    format!(
        "error[keeper-unreachable]: the keeper of this run does not answer ({err}); nobody knows whether it heard this"
    )
}

/// What an agent is told of a reply.
fn shown(reply: Reply) -> Value {
    match reply {
        Reply::Answer { question, answer, by, confidence, pending } => {
            let mut shown = json!({"question": question, "pending": pending});
            let parts = [("answer", answer), ("by", by), ("confidence", confidence)];
            for (name, value) in parts {
                if let Some(value) = value {
                    shown[name] = Value::from(value);
                }
            }
            if pending {
                shown["note"] = Value::from(LATER);
            } else if shown.get("answer").is_none() {
                shown["note"] = Value::from(
                    "There is no answer: decide yourself, and say in your report how you did.",
                );
            }
            shown
        }
        Reply::Done {} => json!({"done": true}),
        Reply::Judged { critiques } => verdict::shown(&critiques),
    }
}

fn list(socket: &std::path::Path, key: &str, run: &str) -> Result<Value, String> {
    let answer = others::ask(socket, key, Ask::Ls { all: false, project: None }, PATIENCE)?;
    let runs: Vec<RunView> = serde_json::from_value(answer).map_err(|err| err.to_string())?;
    let left_out = runs.len().saturating_sub(MOST_RUNS);
    let runs: Vec<Value> = runs.iter().take(MOST_RUNS).map(|view| row(view, run)).collect();
    Ok(json!({"runs": runs, "left_out": left_out}))
}

/// A run as another run needs to know it; titles are others' words.
fn row(view: &RunView, run: &str) -> Value {
    json!({
        "id": view.id,
        "name": view.name,
        "title": text::one_line(&view.title),
        "project": view.project,
        "agent": view.agent,
        "state": view.state,
        "waiting_for": view.waiting_for,
        "outcome": view.outcome,
        "branch": view.branch,
        "you": view.id == run,
    })
}
