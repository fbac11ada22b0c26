//! `skep doctor`

use std::process::ExitCode;

use skep_daemon::doctor::{self, Finding, Health};

use crate::{connect::Skep, exit::Outcome, output::Tone};

pub(super) fn doctor(skep: &Skep, fix: bool) -> Outcome {
    let mut findings = doctor::examine(&skep.home, &skep.config, &skep.env);
    if fix {
        doctor::mend(&skep.home, &skep.env, &mut findings);
    }
    if skep.out.json {
        skep.out.json(&findings)?;
    } else {
        for finding in &findings {
            print(skep, finding)?;
        }
        if !fix && findings.iter().any(|finding| finding.fix.is_some()) {
            skep.out.note("skep doctor --fix does what stands behind `fix`");
        }
    }
    let ill = findings.iter().any(Finding::is_ill);
    Ok(if ill { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Where what was found begins. Columns.
const INDENT: usize = 19;

fn print(skep: &Skep, finding: &Finding) -> std::io::Result<()> {
    let (tone, mark) = match finding.health {
        Health::Well => (Tone::Good, "✓"),
        Health::Note => (Tone::Faint, "·"),
        Health::Ill => (Tone::Bad, "✗"),
    };
    let text = skep_core::text::one_line(&finding.text);
    let head = format!("{} {:<16} ", skep.out.paint(tone, mark), finding.check);
    skep.out.hanging(&head, INDENT, &text)?;
    let more = |word: &str, text: &str| {
        let text = skep_core::text::one_line(text);
        if text.is_empty() {
            Ok(())
        } else if word == "→" {
            // It may be a command, which is typed as it stands.
            skep.out.line(&format!("{:INDENT$}{word} {text}", ""))
        } else {
            skep.out.hanging(&" ".repeat(INDENT), INDENT, &format!("{word} {text}"))
        }
    };
    more("why:", &finding.why)?;
    if finding.mended.is_none() {
        more("→", &finding.way)?;
        more("fix:", finding.fix.as_deref().unwrap_or_default())?;
    }
    if let Some(mended) = &finding.mended {
        more(if mended.done { "mended:" } else { "not mended:" }, &mended.text)?;
        more("back:", &mended.back)?;
    }
    Ok(())
}
