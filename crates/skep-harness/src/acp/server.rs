//! Owns: how the tools that skep gives an agent are named in the protocol.

use std::path::PathBuf;

use agent_client_protocol_schema::v1::{McpServer, McpServerStdio};

use super::Acp;

/// A server of tools: what starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub program: PathBuf,
    pub args: Vec<String>,
}

impl Acp {
    pub(super) fn servers(&self) -> Vec<McpServer> {
        let server = self.setting.server.iter();
        server
            .map(|server| {
                let told = McpServerStdio::new("skep", server.program.clone());
                McpServer::Stdio(told.args(server.args.clone()))
            })
            .collect()
    }
}
