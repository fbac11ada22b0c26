//! The tool by which a reviewer says what it found.
//!
//! Owns: its words and schema, how its arguments are read, and how it is told what counts.
//! Never: decides what follows from a verdict.

use rmcp::model::{JsonObject, Tool};
use serde::Deserialize;
use serde_json::{Value, json};
use skep_api::tool::{self, Call, Critique, Severity};
use skep_core::review;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    critiques: Vec<Found>,
}

/// One critique, as an agent spells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    description: String,
    #[serde(default)]
    suggestion: Option<String>,
}

/// The tool as it is offered.
pub(super) fn offered() -> Tool {
    let text = |words: &str, longest: usize| json!({"type": "string", "description": words, "maxLength": longest});
    let severities = Severity::ALL.map(Severity::as_str);
    let critique = json!({
        "type": "object",
        "properties": {
            "severity": {
                "type": "string",
                "enum": severities,
                "description": "critical: it breaks or loses something; major: it must be mended first; minor: it should be; nit: a matter of taste.",
            },
            "file": text("Relative to the root of the repository; none where it is about no file alone.", review::NAME),
            "line": {"type": "integer", "minimum": 1},
            "description": text("What is wrong and how you know, so that its author can act on it.", review::LONGEST),
            "suggestion": text("What to do instead.", review::LONGEST),
        },
        "required": ["severity", "description"],
        "additionalProperties": false,
    });
    super::tool(
        "verdict",
        "Give your verdict on the work that you review: each thing that is wrong with it as one critique. An empty list says that \
         nothing is, and the work passes. Call it once, when you have looked at all of it; if you call it again, the last one counts.",
        &json!({
            "critiques": {
                "type": "array",
                "maxItems": review::MOST,
                "items": critique,
                "description": "What is wrong, the worst first.",
            },
        }),
        &["critiques"],
    )
}

/// Reads a verdict; a severity that nobody knows is major.
///
/// Errors: arguments of another form, a description that is empty, more than is taken.
pub(super) fn read(arguments: JsonObject) -> Result<Call, String> {
    let verdict: Verdict = super::arguments_of("verdict", arguments)?;
    if verdict.critiques.len() > review::MOST {
        return Err(format!(
            "`critiques` has {} entries, and {} are the most: leave out what matters least",
            verdict.critiques.len(),
            review::MOST
        ));
    }
    let critiques: Result<Vec<Critique>, String> =
        (0_usize..).zip(verdict.critiques).map(|(nth, found)| found.critique(nth)).collect();
    let critiques = critiques?;
    let bytes = |it: &Critique| {
        let parts = [Some(&it.text), it.file.as_ref(), it.suggestion.as_ref()];
        parts.into_iter().flatten().map(String::len).sum::<usize>()
    };
    let all: usize = critiques.iter().map(bytes).sum();
    if all > tool::VERDICT {
        return Err(format!(
            "all critiques are {all} bytes long, and {} are the most: say it shorter",
            tool::VERDICT
        ));
    }
    Ok(Call::Verdict { critiques })
}

impl Found {
    fn critique(self, nth: usize) -> Result<Critique, String> {
        let short = |what: &str, text: &str, most: usize| {
            let long = text.chars().count();
            let over = format!(
                "`critiques[{nth}].{what}` is {long} characters long, and {most} are the most: say it shorter"
            );
            if long > most { Err(over) } else { Ok(()) }
        };
        if self.description.trim().is_empty() {
            return Err(format!("`critiques[{nth}].description` is empty"));
        }
        short("description", &self.description, review::LONGEST)?;
        short("file", self.file.as_deref().unwrap_or_default(), review::NAME)?;
        short("suggestion", self.suggestion.as_deref().unwrap_or_default(), review::LONGEST)?;
        Ok(Critique {
            severity: Severity::read(self.severity.as_deref().unwrap_or_default()),
            file: self.file,
            line: self.line,
            text: self.description,
            suggestion: self.suggestion,
            by: None,
        })
    }
}

/// What counts of a verdict, in the words in which it was given.
pub(crate) fn shown(critiques: &[Critique]) -> Value {
    let each = critiques.iter().map(|critique| {
        let mut shown = json!({
            "severity": critique.severity.as_str(),
            "description": critique.text,
        });
        if let Some(file) = &critique.file {
            shown["file"] = Value::from(file.as_str());
        }
        if let Some(line) = critique.line {
            shown["line"] = Value::from(line);
        }
        if let Some(suggestion) = &critique.suggestion {
            shown["suggestion"] = Value::from(suggestion.as_str());
        }
        shown
    });
    json!({"given": true, "critiques": each.collect::<Vec<Value>>()})
}
