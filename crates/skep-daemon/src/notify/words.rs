//! The words of a message, for people: plain, nothing of it acts on anything.

use serde_json::{Value, json};
use skep_core::{notice::Notice, text};

/// One notice, or several as a digest: a first line, and the rest.
pub(super) fn message(notices: &[&Notice]) -> (String, String) {
    match notices {
        [one] => (one.title.clone(), body(one)),
        many => {
            let title = format!("{} things from skep", many.len());
            let lines: Vec<String> = many.iter().map(|it| item(it)).collect();
            (title, lines.join("\n\n"))
        }
    }
}

fn body(notice: &Notice) -> String {
    let mut parts = Vec::new();
    if !notice.text.trim().is_empty() {
        parts.push(notice.text.trim().to_owned());
    }
    if !notice.options.is_empty() {
        let options = notice.options.iter().zip(1..);
        parts.push(options.map(|(it, nth)| format!("{nth}  {it}")).collect::<Vec<_>>().join("\n"));
    }
    if !notice.ways.is_empty() {
        parts.push(notice.ways.join("\n"));
    }
    parts.join("\n\n")
}

fn item(notice: &Notice) -> String {
    let words = text::words(&text::one_line(&notice.text), 200);
    let mut lines = vec![format!("- {}", notice.title)];
    lines.extend((!words.is_empty()).then(|| format!("  {words}")));
    lines.extend(notice.ways.first().map(|way| format!("  {way}")));
    lines.join("\n")
}

/// A notice as programs get it.
pub(super) fn json(notice: &Notice) -> Value {
    json!({
        "id": notice.id,
        "kind": notice.kind,
        "subject": notice.subject,
        "project": notice.project,
        "title": notice.title,
        "text": notice.text,
        "options": notice.options,
        "ways": notice.ways,
        "priority": notice.priority,
        "at": notice.at,
    })
}
