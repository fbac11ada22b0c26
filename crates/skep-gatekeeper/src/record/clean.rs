//! A line without its secrets, which still reads as a line.

use std::io;

use serde_json::Value;
use skep_api::journal::Spelled;
use skep_core::secret::Redactor;

/// Words of ours that a reader goes by: a secret that is one of them is no secret.
const OURS: [&str; 12] = [
    "kind", "at", "result", "class", "word", "what", "decision", "started", "ended", "access",
    "reset_at", "signal",
];

/// Spells the line with every text in it cleaned for itself, so that what is left is JSON.
pub(super) fn spell(redactor: &Redactor, line: &Spelled<'_>) -> io::Result<Vec<u8>> {
    let mut value = serde_json::to_value(line)?;
    clean(redactor, &mut value);
    Ok(serde_json::to_vec(&value)?)
}

fn clean(redactor: &Redactor, value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(cleaned) = redactor.text(text) {
                *text = cleaned;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| clean(redactor, value)),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(name, value)| !(value.is_string() && OURS.contains(&name.as_str())))
            .for_each(|(_, value)| clean(redactor, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
