//! A message for an agent: wished, and waited for as long as its sender wants to know.

use std::time::{Duration, Instant};

use serde_json::Value;
use skep_api::{request::Ask, view::SendView, wire::Refusal};
use skep_core::{
    fleet::Input,
    id::RunId,
    run::{self, Message, Receipt, Run, message::LONGEST},
};

use super::{Door, Trouble, value};

/// How long it may take to learn whether an agent takes a message at once.
const AT_ONCE: Duration = Duration::from_secs(2);

impl Door {
    /// Gives an agent a message, and says how far it came.
    pub(super) fn send(&self, key: &str, ask: &Ask) -> Result<Option<Value>, Trouble> {
        let Ask::Send { run, text, steer, key: own, wait, timeout_ms } = ask else {
            return Ok(None);
        };
        let fleet = self.wishes.board.read().fleet;
        let found = fleet.find_run(run)?;
        let id = found.id().clone();
        if found.brief.adopted.is_some() && found.attempt == 1 {
            return Err(Self::not_ours(found).into());
        }
        let wanted = wait.as_deref().map(wanted).transpose()?;
        require_fit(&id, text, own.as_deref())?;
        let message = own.clone().unwrap_or_else(|| key.to_owned());
        let (text, steer) = (text.clone(), *steer);
        let input = run::Input::Send { id: message.clone(), text, steer };
        self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
        let deadline = match (&wanted, timeout_ms) {
            (_, Some(ms)) => Some(Instant::now() + Duration::from_millis(*ms)),
            (None, None) => Some(Instant::now() + AT_ONCE),
            (Some(_), None) => None,
        };
        let mut posted = self.wishes.board.read();
        loop {
            let run = posted.fleet.runs.get(&id);
            let Some((run, sent)) = run.and_then(|run| Some((run, run.message_of(&message)?)))
            else {
                return Err(gone(&id, &message).into());
            };
            let late = deadline.is_some_and(|at| at <= Instant::now());
            if late || posted.closing || is_known(run, sent, wanted) {
                return answer(&id, sent);
            }
            posted = self.wishes.board.wait_beyond(posted.seq, deadline);
        }
    }
}

/// Whether the sender learns no more by waiting.
fn is_known(run: &Run, sent: &Message, wanted: Option<Receipt>) -> bool {
    let receipt = sent.receipt;
    // What waits for the next attempt waits for a person.
    let rests = receipt.is_final() || run.is_ended();
    match wanted {
        Some(wanted) => rests || rank(receipt) >= rank(wanted),
        None => rests || !matches!(receipt, Receipt::Handed | Receipt::Sending),
    }
}

/// How far a receipt is on the way.
fn rank(receipt: Receipt) -> u8 {
    match receipt {
        Receipt::Unknown | Receipt::Refused => 0,
        Receipt::Queued | Receipt::Handed | Receipt::Held | Receipt::Sending => 1,
        Receipt::Delivered => 2,
        Receipt::Accepted => 3,
        Receipt::TurnStarted => 4,
    }
}

fn wanted(word: &str) -> Result<Receipt, Refusal> {
    match word {
        "queued" => Ok(Receipt::Queued),
        "delivered" => Ok(Receipt::Delivered),
        "accepted" => Ok(Receipt::Accepted),
        "turn-started" => Ok(Receipt::TurnStarted),
        other => Err(Refusal::error(
            "receipt-unknown",
            format!("`{other}` is no receipt: queued, delivered, accepted, turn-started"),
        )
        .hint("skep send ID TEXT --wait accepted")),
    }
}

fn require_fit(run: &RunId, text: &str, key: Option<&str>) -> Result<(), Refusal> {
    let why = if text.trim().is_empty() {
        "a message needs words".to_owned()
    } else if text.len() > LONGEST {
        format!("{} bytes are more than the {LONGEST} that a message may have", text.len())
    } else if key.is_some_and(|key| key.trim().is_empty() || key.chars().count() > 200) {
        "a key has between 1 and 200 characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::error("message-unfit", why).hint(format!("skep send {run} \"use the old API\"")))
}

/// What was refused is told as such, and everything else with its receipt.
fn answer(id: &RunId, sent: &Message) -> Result<Option<Value>, Trouble> {
    let why = Some(sent.why.clone()).filter(|why| !why.is_empty());
    if sent.receipt == Receipt::Refused {
        let why = why.unwrap_or_default();
        let (slug, text) = match why.split_once(": ") {
            Some((slug @ ("send-unsupported" | "steer-unsupported"), text)) => (slug, text),
            _ => ("send-unsupported", why.as_str()),
        };
        let mut refusal = Refusal::error(slug, text).hint(format!("skep resume {id} TEXT"));
        refusal.exit = 1;
        return Err(refusal.into());
    }
    value(&SendView {
        run: id.to_string(),
        message: sent.id.clone(),
        receipt: sent.receipt.as_str().to_owned(),
        text: why,
    })
}

/// So many came after it that it is not remembered.
fn gone(id: &RunId, message: &str) -> Refusal {
    Refusal::error("message-forgotten", format!("{id} does not remember the message `{message}`"))
        .hint(format!("skep logs {id}"))
}
