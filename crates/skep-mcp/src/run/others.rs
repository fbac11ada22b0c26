//! What a run asks the daemon about others: who holds what it claims, and another run to work for it.

use std::{io::ErrorKind, path::Path, time::Duration};

use rmcp::{RoleServer, service::RequestContext};
use serde_json::{Value, json};
use skep_api::{
    client::{Client, ClientError},
    request::{Ask, DispatchAsk, IssueDeed, SpawnAsk},
    tool::Call,
    view::{MetView, OwnIssueView, RunView, SpawnView},
    wire,
};
use skep_core::text;
use tokio::{sync::oneshot, task};

use super::{PATIENCE, Server};

/// How many conflicts an answer names.
const NAMED: usize = 50;

impl Server {
    /// Has a claim written down, and says who holds the same.
    pub(super) async fn claim(
        &self,
        key: String,
        paths: Vec<String>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Value, String> {
        let call = Call::Claim { paths: paths.clone() };
        let mut said = self.keeper(key.clone(), call, context).await?;
        match self.daemon(key, Ask::Claimed { paths }, PATIENCE).await.and_then(read) {
            Ok(met) => conflicts(&met, &mut said),
            Err(why) => {
                said["conflicts"] = Value::Null;
                said["note"] = Value::from(format!(
                    "It was claimed. Whether others hold the same, nobody knows now: {why}"
                ));
            }
        }
        Ok(said)
    }

    /// Has another run work for this one.
    pub(super) async fn spawn(&self, key: String, ask: SpawnAsk) -> Result<Value, String> {
        let patience = self.setting.wait.max(PATIENCE);
        let said = self.daemon(key, Ask::Spawn(Box::new(ask)), patience).await?;
        let view: SpawnView = serde_json::from_value(said).map_err(|err| err.to_string())?;
        let mut said = json!({
            "id": view.run,
            "name": view.name,
            "state": view.state,
            "left": view.left,
            "left_in_all": view.left_in_all,
        });
        if view.depth == 0 {
            said["note"] = Value::from("It can have nobody work for it.");
        }
        Ok(said)
    }

    /// Has another run work at an issue.
    pub(super) async fn dispatch(&self, key: String, ask: DispatchAsk) -> Result<Value, String> {
        let patience = self.setting.wait.max(PATIENCE);
        let said = self.daemon(key, Ask::Dispatch(Box::new(ask)), patience).await?;
        let views: Vec<RunView> = serde_json::from_value(said).map_err(|err| err.to_string())?;
        let view = views.first().ok_or_else(|| "no run came of it".to_owned())?;
        Ok(json!({
            "id": view.id,
            "name": view.name,
            "state": view.state,
            "project": view.project,
            "branch": view.branch,
        }))
    }

    /// Reads the run's own issue, or writes there.
    pub(super) async fn issue(&self, key: String, deed: IssueDeed) -> Result<Value, String> {
        let patience = self.setting.wait.max(PATIENCE);
        let said = self.daemon(key, Ask::Issue { deed }, patience).await?;
        let view: OwnIssueView = serde_json::from_value(said).map_err(|err| err.to_string())?;
        let mut said = json!({"ref": view.reference, "url": view.url});
        match view.words {
            Some(words) => said["text"] = Value::from(words),
            None => said["done"] = Value::from(true),
        }
        Ok(said)
    }

    /// Asks the daemon, beside all else that is asked here.
    async fn daemon(&self, key: String, asked: Ask, patience: Duration) -> Result<Value, String> {
        let socket = self.setting.daemon.clone();
        let (done, heard) = oneshot::channel();
        task::spawn_blocking(move || {
            // Whoever asked may be gone.
            let _gone = done.send(ask(&socket, &key, asked, patience));
        });
        heard.await.unwrap_or_else(|err| Err(err.to_string()))
    }
}

/// Asks the daemon one thing.
pub(super) fn ask(socket: &Path, key: &str, ask: Ask, patience: Duration) -> Result<Value, String> {
    let mut client = match Client::connect(socket) {
        Ok(client) => client,
        Err(ClientError::Absent(_)) => {
            return Err("error[daemon-absent]: skep's daemon is away, so nobody knows now; go on without it".to_owned());
        }
        Err(err) => return Err(wire::chain(&err)),
    };
    client.socket().set_read_timeout(Some(patience)).map_err(|err| err.to_string())?;
    client.ask(key, ask, |_| ()).map_err(|err| match err {
        ClientError::Refused(refusal) => {
            format!("error[{}]: {}", refusal.slug, text::visible(&refusal.message))
        }
        ClientError::Broken(err)
            if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
        {
            format!(
                "skep's daemon has not answered within {} s, and may be at it still: nobody knows yet whether it is done. \
                 Look (list_runs) before you ask again.",
                patience.as_secs()
            )
        }
        broken @ (ClientError::Absent(_) | ClientError::Broken(_)) => wire::chain(&broken),
    })
}

fn read(answer: Value) -> Result<Vec<MetView>, String> {
    serde_json::from_value(answer).map_err(|err| err.to_string())
}

/// Says who holds the same; names and paths are others' words.
fn conflicts(met: &[MetView], said: &mut Value) {
    let row = |it: &MetView| {
        json!({
            "run": it.run,
            "name": it.name,
            "state": it.state,
            "claim": text::one_line(&it.claim),
            "path": text::one_line(&it.path),
            "reason": it.reason,
        })
    };
    said["conflicts"] = met.iter().take(NAMED).map(row).collect();
    if met.len() > NAMED {
        said["left_out"] = Value::from(met.len() - NAMED);
    }
    if !met.is_empty() {
        said["note"] = Value::from(
            "Others hold some of it: keep to what is free, or ask before you change the rest.",
        );
    }
}
