//! What is known of the messages that an agent has not answered for.

use skep_api::view::WhyView;
use skep_core::{
    run::{Message, Receipt, Run},
    text,
    time::Timestamp,
};

use super::{aged, fact};

/// How much of a message is shown. Characters.
const SHOWN: usize = 60;

/// The messages that wait or are in doubt, each with what becomes of it.
pub(super) fn messages(run: &Run, now: Timestamp) -> Vec<WhyView> {
    let open = run.messages.iter().filter_map(|message| Some((message, rule(run, message)?)));
    open.map(|(message, rule)| {
        let why =
            if message.why.is_empty() { String::new() } else { format!(" ({})", message.why) };
        let words = text::words(&text::one_line(&message.text), SHOWN);
        let value = format!("{}: {words}{why}", message.receipt.as_str());
        aged(fact("message", &value, "the keeper's reports", rule), message.told, now)
    })
    .collect()
}

/// What becomes of it; none where all is known.
fn rule(run: &Run, message: &Message) -> Option<&'static str> {
    match message.receipt {
        Receipt::Unknown => Some(
            "its attempt ended before the agent said it has it; a resume sends it again where its history lacks it",
        ),
        Receipt::Queued if run.is_ended() => Some("it goes with the next resume"),
        Receipt::Queued if !run.speech.hears.messages => Some(
            "its agent takes one prompt at a time: it goes when the process has ended its turn",
        ),
        Receipt::Queued => Some("it goes when the run has its agent and a slot"),
        Receipt::Handed | Receipt::Held | Receipt::Sending => {
            Some("it goes when the turn is over, or on a screen when nobody's text stands there")
        }
        Receipt::Delivered => Some("it was written; the agent has not said that it has it"),
        Receipt::Refused => {
            Some("neither it nor the run goes on from there; say it to the next attempt")
        }
        Receipt::Accepted | Receipt::TurnStarted => None,
    }
}
