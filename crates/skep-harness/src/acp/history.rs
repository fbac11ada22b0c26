//! A history that an agent repeats while its conversation is loaded.
//!
//! Owns: what of it is kept, to look for a message of which nobody knows whether the agent has it.
//! Never: takes a piece of it for a word of the turn under way.

use agent_client_protocol_schema::v1::{
    ContentBlock, SessionUpdate, ToolCallStatus, ToolCallUpdate,
};
use serde_json::Value;

use super::Acp;

/// The tools by which an agent asks, under whatever name it has for them.
const ASKS: [&str; 2] = ["ask_human", "ask_foreman"];

impl Acp {
    /// Keeps what a user said in a history that is being loaded, and what its tools returned.
    pub(super) fn repeats(&mut self, update: SessionUpdate) {
        let Some(history) = &mut self.history else { return };
        let of_user = std::mem::replace(&mut self.of_user, false);
        let call = if let SessionUpdate::UserMessageChunk(chunk) = update {
            self.of_user = true;
            let ContentBlock::Text(text) = chunk.content else { return };
            match history.said.last_mut().filter(|_| of_user) {
                Some(last) => last.push_str(&text.text),
                None => history.said.push(text.text),
            }
            return;
        } else if let SessionUpdate::ToolCall(call) = update {
            ToolCallUpdate::from(call)
        } else if let SessionUpdate::ToolCallUpdate(call) = update {
            call
        } else {
            return;
        };
        let fields = &call.fields;
        let id = call.tool_call_id.to_string();
        let asks = |text: &String| ASKS.iter().any(|tool| text.contains(tool));
        if [&fields.name, &fields.title].into_iter().flatten().any(asks) {
            self.asking.insert(id.clone());
        }
        if !matches!(fields.status, Some(ToolCallStatus::Completed | ToolCallStatus::Failed)) {
            return;
        }
        let content = fields.content.as_deref().unwrap_or_default();
        let told = [
            serde_json::to_value(content).unwrap_or_default(),
            fields.raw_output.clone().unwrap_or_default(),
        ];
        let is_empty = |value: &Value| value.is_null() || *value == Value::Array(Vec::new());
        history.mute |= told.iter().all(is_empty) && self.asking.contains(&id);
        history.returned(&Value::from(told.to_vec()));
    }
}
