//! What a scripted agent says by the tools that skep gives its agents, without the server between.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    thread,
};

use serde_json::{Value, json};

/// The variable that names the control socket of the agent's keeper.
pub const KEEPER: &str = "SKEP_KEEPER";

/// One step of a script that is a call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Asks, and waits so long for the answer. Milliseconds.
    Ask {
        wait_ms: u64,
        text: String,
        options: Vec<String>,
    },
    /// Asks the foreman of its task, and waits as long.
    Consult {
        wait_ms: u64,
        text: String,
        context: Option<String>,
    },
    Report {
        status: String,
        summary: String,
    },
    Claim {
        paths: Vec<String>,
    },
    Note {
        text: String,
    },
    Verdict {
        critiques: Vec<Value>,
    },
}

impl Call {
    fn spell(&self) -> Value {
        match self {
            Call::Ask { wait_ms, text, options } => {
                json!({"tool": "ask", "to": "human", "question": text, "options": options, "wait_ms": wait_ms})
            }
            Call::Consult { wait_ms, text, context } => {
                json!({"tool": "ask", "to": "foreman", "question": text, "context": context, "wait_ms": wait_ms})
            }
            Call::Report { status, summary } => {
                json!({"tool": "report", "status": status, "summary": summary})
            }
            Call::Claim { paths } => json!({"tool": "claim", "paths": paths}),
            Call::Note { text } => json!({"tool": "note", "text": text}),
            Call::Verdict { critiques } => json!({"tool": "verdict", "critiques": critiques}),
        }
    }

    /// Tells the keeper behind `socket`, and waits for its reply: the answer, `pending`, `decide` or `done`.
    pub fn tell(&self, socket: &Path, key: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        let line = json!({"ctl": "tool", "key": key, "call": self.spell()}).to_string();
        stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        if BufReader::new(stream).read_line(&mut answer)? == 0 {
            // A tool that never comes back is waited for, as real agents do; its guards end it.
            loop {
                thread::park();
            }
        }
        let answer: Value = serde_json::from_str(&answer)?;
        let reply = &answer["reply"];
        Ok(match (reply["reply"].as_str(), reply["answer"].as_str()) {
            (Some("answer"), Some(answer)) => answer.to_owned(),
            (Some("answer"), None) if reply["pending"] == true => "pending".to_owned(),
            (Some("answer"), None) => "decide".to_owned(),
            (Some(_), _) => "done".to_owned(),
            (None, _) => return Err(io::Error::other(answer.to_string())),
        })
    }
}

/// Reads `MS QUESTION [| option]…`.
pub fn ask(rest: &str) -> Result<Call, String> {
    let (wait, text) = rest.split_once(char::is_whitespace).ok_or("the question is missing")?;
    let wait_ms = wait.parse().map_err(|_| format!("`{wait}` is not a number that fits"))?;
    let mut parts = text.split('|').map(|part| part.trim().to_owned());
    Ok(Call::Ask { wait_ms, text: parts.next().unwrap_or_default(), options: parts.collect() })
}

/// Reads `MS QUESTION [| CONTEXT]`.
pub fn consult(rest: &str) -> Result<Call, String> {
    let (wait, text) = rest.split_once(char::is_whitespace).ok_or("the question is missing")?;
    let wait_ms = wait.parse().map_err(|_| format!("`{wait}` is not a number that fits"))?;
    let (text, context) =
        text.split_once('|').map_or((text, None), |(text, context)| (text, Some(context.trim())));
    Ok(Call::Consult { wait_ms, text: text.trim().to_owned(), context: context.map(str::to_owned) })
}

/// Reads `none`, or `SEVERITY FILE[:LINE] TEXT [| …]…`, `-` for a file where there is none.
pub fn verdict(rest: &str) -> Result<Call, String> {
    let one = |part: &str| {
        let mut words = part.trim().splitn(3, char::is_whitespace);
        let mut next = |what: &str| words.next().ok_or(format!("{what} is missing"));
        let (severity, place, text) = (next("the severity")?, next("the file")?, next("the text")?);
        let mut critique = json!({"severity": severity, "text": text.trim()});
        let numbered = place.rsplit_once(':').and_then(|(file, line)| {
            let line: u32 = line.parse().ok()?;
            Some((file, line))
        });
        if let Some((file, line)) = numbered {
            (critique["file"], critique["line"]) = (file.into(), line.into());
        } else if place != "-" {
            critique["file"] = place.into();
        }
        Ok(critique)
    };
    if rest.trim() == "none" {
        return Ok(Call::Verdict { critiques: Vec::new() });
    }
    let critiques: Result<Vec<Value>, String> = rest.split('|').map(one).collect();
    Ok(Call::Verdict { critiques: critiques? })
}

/// Reads `STATUS SUMMARY`.
pub fn report(rest: &str) -> Result<Call, String> {
    let (status, summary) = rest.split_once(char::is_whitespace).ok_or("the summary is missing")?;
    Ok(Call::Report { status: status.to_owned(), summary: summary.trim().to_owned() })
}
