//! The Agent Client Protocol, version 1: JSON-RPC on the agent's pipes, with skep as its client.
//!
//! Owns: the protocol `acp`: the way from `initialize` to a prompt, what updates say, wishes for leave, cancelling.
//! What one agent does otherwise than the others is data: [`Quirks`].
//! Never: takes `end_turn` for success (agents end so after a failed model call and after a refusal), leaves a request
//! unanswered, or believes an update of a history that is being loaded.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use agent_client_protocol_schema::ProtocolVersion;
use agent_client_protocol_schema::v1::{
    ContentBlock, ContentChunk, Implementation, InitializeRequest, InitializeResponse,
    LoadSessionRequest, NewSessionRequest, PermissionOption, PermissionOptionKind, PromptRequest,
    RequestPermissionRequest, ResumeSessionRequest, SessionNotification, SessionUpdate,
    SetSessionModeRequest, ToolCallContent, ToolCallStatus, ToolCallUpdate, ToolKind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skep_core::said::{Carried, ErrorClass, Said, TurnResult, Usage};

use crate::deed;
use crate::history::{Doubt, Kept};
use crate::port::{
    self, Grant, Heard, Session, TEXT_CAP, Turn, class_of_text, clip, count_at, output, text_at,
    tool_input, trouble,
};

mod history;
mod server;
#[cfg(test)]
mod tests;

pub use server::Server;

/// More wishes open at once than any agent has; beyond it the next is refused.
const MOST_OPEN: usize = 64;
/// More tools in flight than any turn has; beyond it the pairs are forgotten rather than kept for ever.
const MOST_TOOLS: usize = 1024;
/// What JSON-RPC calls a method that is not there.
const NO_METHOD: i32 = -32601;
/// What the protocol calls an agent that nobody is logged in to.
const NO_LOGIN: i64 = -32000;

/// Who counts money over a conversation, also where that is gone on with by another process.
const CARRIES_COST: [&str; 1] = ["OpenCode"];

/// How one agent differs from the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The session mode for each way to give leave; none where its default serves.
    pub ask: Option<String>,
    pub auto: Option<String>,
    pub bypass: Option<String>,
    /// How it goes on with a conversation.
    pub resume: Resume,
}

/// How an agent takes a conversation up again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// `session/load`, which repeats the history.
    #[default]
    Load,
    /// `session/resume`, which does not.
    Resume,
    /// Not at all, whatever it announces.
    Never,
}

/// What a conversation needs to know before it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// The folder that the agent works in, absolute.
    pub cwd: PathBuf,
    /// The conversation to go on with.
    pub session: Option<String>,
    /// The mode to set first.
    pub mode: Option<String>,
    pub resume: Resume,
    /// Messages of which nobody knows whether the conversation has them.
    pub doubts: Vec<Doubt>,
    /// The tools that the agent is given.
    pub server: Option<Server>,
}

/// A conversation with an agent that speaks the protocol.
#[derive(Debug)]
pub struct Acp {
    setting: Setting,
    prompt: String,
    /// Requests of ours that are not answered yet.
    calls: BTreeMap<u64, Call>,
    last_call: u64,
    session: Option<String>,
    /// Whether updates are of a turn of ours, and not of a history that is being loaded.
    live: bool,
    turn: Turn,
    words: Words,
    tools: BTreeMap<String, Tool>,
    open: BTreeMap<String, (Value, Vec<PermissionOption>)>,
    usage: Usage,
    /// Whether what it tells of money goes on from attempt to attempt of a conversation.
    carries_cost: bool,
    model: String,
    /// The agent has told that its model's service failed, whatever the turn's end will say.
    failed: bool,
    /// What the history holds that was repeated; none where it was not.
    history: Option<Kept>,
    /// Whether the last piece of it was the user's.
    of_user: bool,
    /// The calls in it that asked somebody.
    asking: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Initialize,
    Begin,
    Mode,
    Prompt,
}

/// Words of one message so far: they come a few at a time.
#[derive(Debug, Default)]
struct Words {
    text: String,
    thought: bool,
    message: Option<String>,
}

#[derive(Debug, Default)]
struct Tool {
    name: String,
    input: String,
    kind: Option<ToolKind>,
    told: bool,
}

impl Acp {
    /// A conversation that is about to begin.
    pub fn new(setting: Setting) -> Acp {
        Acp {
            setting,
            prompt: String::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            session: None,
            live: false,
            turn: Turn::default(),
            words: Words::default(),
            tools: BTreeMap::new(),
            open: BTreeMap::new(),
            usage: Usage::default(),
            carries_cost: false,
            model: String::new(),
            failed: false,
            history: None,
            of_user: false,
            asking: BTreeSet::new(),
        }
    }

    fn call(&mut self, what: Call, method: &str, params: &impl Serialize) -> String {
        self.last_call += 1;
        self.calls.insert(self.last_call, what);
        line_of(
            &json!({"jsonrpc": "2.0", "id": self.last_call, "method": method, "params": params}),
        )
    }

    fn answered(&mut self, id: u64, event: &Value) -> Vec<Heard> {
        let Some(call) = self.calls.remove(&id) else { return Vec::new() };
        if let Some(error) = event.get("error") {
            return self.refused(call, error);
        }
        let result = &event["result"];
        match call {
            Call::Initialize => self.initialized(result),
            Call::Begin => self.begun(result),
            Call::Mode => self.ask(),
            Call::Prompt => self.ended(result),
        }
    }

    /// Begins a conversation, or goes on with the one that is named.
    fn initialized(&mut self, result: &Value) -> Vec<Heard> {
        let can: InitializeResponse = match serde_json::from_value(result.clone()) {
            Ok(can) => can,
            Err(_) => {
                return self
                    .give_up(ErrorClass::Agent, "it answered `initialize` in no form of ACP");
            }
        };
        if can.protocol_version != ProtocolVersion::V1 {
            let text = format!(
                "it speaks version {} of ACP, and skep version 1",
                result["protocolVersion"]
            );
            return self.give_up(ErrorClass::Agent, &text);
        }
        // By the protocol money is counted over the conversation; most agents count it over their process.
        self.carries_cost = CARRIES_COST.contains(&text_at(result, &["agentInfo", "name"]));
        let cwd = self.setting.cwd.clone();
        let Some(session) = self.setting.session.clone() else {
            return vec![Heard::Reply(self.call(
                Call::Begin,
                "session/new",
                &NewSessionRequest::new(cwd).mcp_servers(self.servers()),
            ))];
        };
        let caps = &can.agent_capabilities;
        let reply = match self.setting.resume {
            Resume::Resume if caps.session_capabilities.resume.is_some() => {
                let ask = ResumeSessionRequest::new(session, cwd).mcp_servers(self.servers());
                self.call(Call::Begin, "session/resume", &ask)
            }
            Resume::Load | Resume::Resume if caps.load_session => {
                let ask = LoadSessionRequest::new(session, cwd).mcp_servers(self.servers());
                self.history = Some(Kept::default());
                self.call(Call::Begin, "session/load", &ask)
            }
            Resume::Load | Resume::Resume | Resume::Never => {
                return self.turn.refused("it cannot go on with a conversation");
            }
        };
        vec![Heard::Reply(reply)]
    }

    fn begun(&mut self, result: &Value) -> Vec<Heard> {
        // Only a new conversation is named by the agent.
        let id = match text_at(result, &["sessionId"]) {
            "" => self.setting.session.clone().unwrap_or_default(),
            id => id.to_owned(),
        };
        if id.is_empty() {
            return self.give_up(ErrorClass::Agent, "it named no conversation");
        }
        self.session = Some(id.clone());
        let mut heard = vec![Heard::Said(Said::Session { id: id.clone() })];
        match self.setting.mode.clone() {
            Some(mode) => {
                let ask = SetSessionModeRequest::new(id, mode);
                heard.push(Heard::Reply(self.call(Call::Mode, "session/set_mode", &ask)));
            }
            None => heard.extend(self.ask()),
        }
        heard
    }

    /// Sends the prompt, with what the conversation turned out to lack.
    fn ask(&mut self) -> Vec<Heard> {
        let mut prompt = std::mem::take(&mut self.prompt);
        let mut heard = Vec::new();
        for doubt in std::mem::take(&mut self.setting.doubts) {
            let history = doubt.within(self.history.as_ref());
            if let Some(words) = doubt.again(history) {
                prompt = format!("{prompt}\n\n{words}");
            }
            heard.push(Heard::Recalled { id: doubt.id, history });
        }
        heard.push(Heard::Reply(self.prompted(&prompt)));
        heard
    }

    fn prompted(&mut self, text: &str) -> String {
        self.live = true;
        self.failed = false;
        let session = self.session.clone().unwrap_or_default();
        let ask = PromptRequest::new(session, vec![ContentBlock::from(text)]);
        self.call(Call::Prompt, "session/prompt", &ask)
    }

    fn refused(&mut self, call: Call, error: &Value) -> Vec<Heard> {
        let message = match text_at(error, &["message"]) {
            "" => "it refused without a word",
            message => message,
        };
        let details = text_at(error, &["data", "details"]);
        let text = if details.is_empty() || details == message {
            message.to_owned()
        } else {
            format!("{message}: {details}")
        };
        let class = match error["code"].as_i64() {
            Some(NO_LOGIN) => ErrorClass::Auth,
            _ => class_of_text(&text),
        };
        match call {
            // A mode that is not there leaves the agent as careful as it was.
            Call::Mode => {
                let text = clip(&format!("its mode stays: {text}"));
                let notice = Heard::Said(Said::Error { class: ErrorClass::Notice, text });
                [vec![notice], self.ask()].concat()
            }
            Call::Begin if self.setting.session.is_some() => {
                let text = format!("the conversation could not be taken up: {text}");
                // A closed door says nothing about the conversation behind it.
                if class == ErrorClass::Agent {
                    self.turn.refused(&text)
                } else {
                    self.give_up(class, &text)
                }
            }
            Call::Initialize | Call::Begin | Call::Prompt => self.give_up(class, &text),
        }
    }

    fn give_up(&mut self, class: ErrorClass, text: &str) -> Vec<Heard> {
        let mut heard = self.flush();
        if !self.turn.over() {
            heard.extend(trouble(class, text));
        }
        heard.extend(self.turn.end_with(TurnResult::Failed, text));
        heard
    }

    fn ended(&mut self, result: &Value) -> Vec<Heard> {
        let mut heard = self.flush();
        heard.extend(self.used(result));
        self.live = false;
        let failed = |turn: &mut Turn, class, text: &str| {
            let mut heard = trouble(class, text);
            heard.extend(turn.end_with(TurnResult::Failed, text));
            heard
        };
        heard.extend(match text_at(result, &["stopReason"]) {
            "end_turn" if self.failed => {
                failed(&mut self.turn, ErrorClass::Model, "the model's service failed")
            }
            "end_turn" => self.turn.end(TurnResult::Ended),
            "cancelled" => self.turn.end_with(TurnResult::Cancelled, "the turn was cancelled"),
            "refusal" => failed(&mut self.turn, ErrorClass::Agent, "the agent refused to go on"),
            reason => {
                failed(&mut self.turn, ErrorClass::Agent, &format!("the turn stopped: {reason}"))
            }
        });
        heard
    }

    /// What the answer to a prompt counts is of that turn; the same numbers stand in one of three places, or nowhere. What
    /// is counted model by model has in it what helpers used, whom the turn's own count may leave out.
    fn used(&mut self, result: &Value) -> Vec<Heard> {
        let quota = &result["_meta"]["quota"];
        let models = quota["model_usage"].as_array().map(Vec::as_slice).unwrap_or_default();
        let counts = models.iter().map(|model| tokens(&model["token_count"]));
        let all = counts.fold(Usage::default(), |sum, one| sum.plus(&one));
        let places = [&result["usage"], &quota["token_count"]];
        let turn = places.into_iter().find(|place| place.is_object()).map(tokens);
        let mut heard = Vec::new();
        if let Some(last) = models.iter().rev().map(|model| text_at(model, &["model"])).next() {
            heard.extend(self.answers(last));
        }
        let counted = turn.unwrap_or_default().most(&all);
        if counted != Usage::default() {
            heard.extend(self.counted(&counted));
        } else if self.usage != Usage::default() {
            // What was told of money meanwhile.
            heard.push(self.totals());
        }
        heard
    }

    /// Adds what was used since the last count.
    fn counted(&mut self, counted: &Usage) -> Vec<Heard> {
        self.usage = self.usage.plus(counted);
        vec![self.totals()]
    }

    fn totals(&self) -> Heard {
        let carried = Carried { tokens: false, cost: self.carries_cost };
        Heard::Said(Said::Usage { usage: self.usage, carried })
    }

    fn answers(&mut self, model: &str) -> Vec<Heard> {
        if self.model == model {
            return Vec::new();
        }
        model.clone_into(&mut self.model);
        port::model(model)
    }

    fn update(&mut self, params: &Value) -> Option<Vec<Heard>> {
        let told: SessionNotification = serde_json::from_value(params.clone()).ok()?;
        if let SessionUpdate::UsageUpdate(usage) = &told.update {
            if let Some(cost) = usage.cost.as_ref().filter(|cost| cost.currency == "USD") {
                self.usage.cost_usd = Some(cost.amount);
            }
            let model = text_at(params, &["update", "_meta", "_claude/model"]).to_owned();
            return Some(self.answers(&model));
        }
        if !self.live {
            self.repeats(told.update);
            return Some(Vec::new());
        }
        let heard = if let SessionUpdate::AgentMessageChunk(chunk) = &told.update {
            let mut heard = self.chunk(chunk, false);
            // One agent counts with the last piece of each message instead of at the turn's end.
            let counted = &params["update"]["_meta"]["usage"];
            if counted.is_object() {
                heard.extend(self.counted(&tokens(counted)));
            }
            heard
        } else if let SessionUpdate::AgentThoughtChunk(chunk) = &told.update {
            self.chunk(chunk, true)
        } else if let SessionUpdate::ToolCall(call) = told.update {
            self.tool(&ToolCallUpdate::from(call))
        } else if let SessionUpdate::ToolCallUpdate(update) = &told.update {
            self.tool(update)
        } else {
            let status = &params["update"]["_meta"]["codex"]["threadStatus"];
            self.failed |= text_at(status, &["type"]) == "systemError";
            Vec::new()
        };
        Some(heard)
    }

    fn chunk(&mut self, chunk: &ContentChunk, thought: bool) -> Vec<Heard> {
        let ContentBlock::Text(text) = &chunk.content else { return Vec::new() };
        let message = chunk.message_id.as_ref().map(ToString::to_string);
        let other = self.words.thought != thought || self.words.message != message;
        let mut heard = Vec::new();
        if other || self.words.text.len() + text.text.len() > TEXT_CAP {
            heard = self.flush();
        }
        self.words.thought = thought;
        self.words.message = message;
        self.words.text.push_str(&text.text);
        heard
    }

    /// Hands on the words that have come.
    fn flush(&mut self) -> Vec<Heard> {
        let words = std::mem::take(&mut self.words);
        if words.text.trim().is_empty() {
            return Vec::new();
        }
        let text = clip(&words.text);
        vec![Heard::Said(if words.thought {
            Said::Thought { text }
        } else {
            self.turn.said(&text);
            Said::Said { text }
        })]
    }

    fn tool(&mut self, update: &ToolCallUpdate) -> Vec<Heard> {
        let mut heard = self.flush();
        let id = update.tool_call_id.to_string();
        if self.tools.len() >= MOST_TOOLS && !self.tools.contains_key(&id) {
            self.tools.clear();
        }
        let fields = &update.fields;
        let tool = self.tools.entry(id.clone()).or_default();
        tool.kind = fields.kind.or(tool.kind);
        if let Some(name) = fields.name.as_ref().or(fields.title.as_ref())
            && (tool.name.is_empty() || fields.name.is_some())
        {
            tool.name = clip(name);
        }
        let asked = fields.raw_input.as_ref().filter(|input| !is_empty(input));
        if let Some(input) = asked {
            tool.input = tool_input(input);
        } else if tool.input.is_empty()
            && let Some(title) = &fields.title
        {
            tool.input = clip(title);
        }
        let over = match fields.status {
            Some(ToolCallStatus::Completed) => Some(true),
            Some(ToolCallStatus::Failed) => Some(false),
            _ => None,
        };
        // Some announce a tool before they know all that it is given; it is told when it begins, or when it is over.
        let begins = asked.is_some() && fields.status != Some(ToolCallStatus::Pending);
        if !tool.told && (begins || over.is_some()) {
            tool.told = true;
            let (name, input) = (tool.name.clone(), tool.input.clone());
            heard.push(Heard::Said(Said::Tool { id: id.clone(), name, input }));
        }
        if let Some(ok) = over {
            self.tools.remove(&id);
            let text = content(fields.content.as_deref().unwrap_or_default());
            heard.push(Heard::Said(Said::ToolResult { id, ok, text }));
        }
        heard
    }

    fn asked(&mut self, id: &Value, method: &str, params: &Value) -> Vec<Heard> {
        let wish = serde_json::from_value::<RequestPermissionRequest>(params.clone());
        let (Ok(wish), "session/request_permission", true) =
            (wish, method, self.open.len() < MOST_OPEN)
        else {
            // One that waits for an answer for ever would hang the turn.
            let error = json!({"code": NO_METHOD, "message": "not offered"});
            return vec![Heard::Reply(line_of(
                &json!({"jsonrpc": "2.0", "id": id, "error": error}),
            ))];
        };
        let mut heard = self.tool(&wish.tool_call);
        let fields = &wish.tool_call.fields;
        let known = self.tools.get(&wish.tool_call.tool_call_id.to_string());
        let tool = known.map(|tool| tool.name.clone()).unwrap_or_default();
        let text = match (known.map(|tool| tool.input.as_str()), &fields.title) {
            (Some(input), _) if !input.is_empty() => input.to_owned(),
            (_, title) => title.clone().unwrap_or_default(),
        };
        let key = key_of(id);
        let (told, kind) = known.map(|tool| (tool.input.as_str(), tool.kind)).unwrap_or_default();
        let deed = deed::of_call(&tool, kind, told, &wish.tool_call);
        self.open.insert(key.clone(), (id.clone(), wish.options));
        heard.push(Heard::Said(Said::Permission { id: key, tool, text: clip(&text), deed }));
        heard
    }
}

impl Session for Acp {
    fn opening(&mut self, prompt: &str) -> Vec<u8> {
        prompt.clone_into(&mut self.prompt);
        // Neither files nor terminals are offered: an agent uses its own hands, inside its own fence.
        let ask = InitializeRequest::new(ProtocolVersion::V1)
            .client_info(Implementation::new("skep", env!("CARGO_PKG_VERSION")));
        self.call(Call::Initialize, "initialize", &ask).into_bytes()
    }

    fn closes_stdin(&self) -> bool {
        false
    }

    fn awaits_answer(&self) -> bool {
        self.session.is_none() && !self.turn.over()
    }

    fn ends_after_turn(&self) -> bool {
        true
    }

    fn line(&mut self, line: &str) -> Vec<Heard> {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return output(line);
        };
        let method = text_at(&event, &["method"]);
        match (event.get("id").filter(|id| !id.is_null()), method) {
            (Some(id), "") => match id.as_u64() {
                Some(id) => self.answered(id, &event),
                None => output(line),
            },
            (Some(id), method) => self.asked(&id.clone(), method, &event["params"]),
            (None, "session/update") => {
                self.update(&event["params"]).unwrap_or_else(|| output(line))
            }
            (None, "$/cancel_request") => {
                let id = key_of(&event["params"]["requestId"]);
                let was_open = self.open.remove(&id).is_some();
                was_open.then_some(Heard::Said(Said::Withdrawn { id })).into_iter().collect()
            }
            (None, "") => output(line),
            // What an agent tells beyond the protocol is its own affair.
            (None, _) => Vec::new(),
        }
    }

    fn stderr(&mut self, line: &str) -> Vec<Heard> {
        self.turn.complained(line);
        Vec::new()
    }

    fn exited(&mut self, code: i32) -> Vec<Heard> {
        let mut heard = self.flush();
        heard.extend(self.turn.broken_off(code));
        heard
    }

    fn message(&mut self, text: &str) -> Option<String> {
        // One prompt at a time; who sends into a turn has to wait for its end.
        if self.session.is_none() || !self.turn.over() {
            return None;
        }
        self.turn.begin();
        Some(self.prompted(text))
    }

    fn is_busy(&self) -> bool {
        self.session.is_none() || !self.turn.over()
    }

    fn steers(&self) -> bool {
        true
    }

    fn settle(&mut self, id: &str, grant: Grant) -> Option<String> {
        let (id, options) = self.open.remove(id)?;
        let wanted: &[PermissionOptionKind] = match grant {
            Grant::Once => &[PermissionOptionKind::AllowOnce, PermissionOptionKind::AllowAlways],
            Grant::Refused => {
                &[PermissionOptionKind::RejectOnce, PermissionOptionKind::RejectAlways]
            }
            Grant::Cancelled => &[],
        };
        let chosen = wanted
            .iter()
            .find_map(|kind| options.iter().find(|option| option.kind == *kind))
            .map(|option| &option.option_id);
        let outcome = match chosen {
            Some(option) => json!({"outcome": "selected", "optionId": option}),
            None => json!({"outcome": "cancelled"}),
        };
        Some(line_of(&json!({"jsonrpc": "2.0", "id": id, "result": {"outcome": outcome}})))
    }

    fn cancel(&mut self) -> Vec<String> {
        let Some(session) = self.session.clone().filter(|_| self.live) else { return Vec::new() };
        let open: Vec<String> = self.open.keys().cloned().collect();
        let cancel =
            json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}});
        let mut lines = vec![line_of(&cancel)];
        // An agent that waits for leave never ends its turn otherwise.
        lines.extend(open.iter().filter_map(|id| self.settle(id, Grant::Cancelled)));
        lines
    }
}

/// One agent's count of tokens, under any of the names that they have. What came from a cache stands beside the input or
/// within it; the total tells which.
fn tokens(counted: &Value) -> Usage {
    let one = |keys: &[&str]| {
        keys.iter().map(|key| count_at(counted, &[key])).find(|n| *n > 0).unwrap_or(0)
    };
    let input = one(&["inputTokens", "input_tokens"]);
    let output = one(&["outputTokens", "output_tokens"]);
    let cached_tokens = one(&["cachedReadTokens", "cachedInputTokens"]);
    let cache_write_tokens = one(&["cachedWriteTokens", "cacheWriteInputTokens"]);
    let within = counted["totalTokens"].as_u64() == Some(input.saturating_add(output));
    let beside = cached_tokens.saturating_add(cache_write_tokens);
    Usage {
        input_tokens: if within { input } else { input.saturating_add(beside) },
        output_tokens: output,
        cached_tokens,
        cache_write_tokens,
        cost_usd: None,
    }
}

fn line_of(message: &Value) -> String {
    format!("{message}\n")
}

/// A request's id, as a word.
fn key_of(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn is_empty(input: &Value) -> bool {
    input.is_null() || input.as_object().is_some_and(serde_json::Map::is_empty)
}

fn content(content: &[ToolCallContent]) -> String {
    let texts: Vec<&str> = content.iter().filter_map(text_of).collect();
    clip(&texts.join("\n"))
}

fn text_of(part: &ToolCallContent) -> Option<&str> {
    let ToolCallContent::Content(inner) = part else { return None };
    let ContentBlock::Text(text) = &inner.content else { return None };
    Some(text.text.as_str())
}
