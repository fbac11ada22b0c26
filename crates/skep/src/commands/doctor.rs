//! `skep doctor`

use std::process::ExitCode;

use skep_daemon::doctor::{self, Health};

use crate::{connect::Skep, exit::Outcome, output::Tone};

pub(super) fn doctor(skep: &Skep) -> Outcome {
    let findings = doctor::examine(&skep.home, &skep.config, &skep.env);
    let ill = findings.iter().any(|finding| finding.health == Health::Ill);
    if skep.out.json {
        skep.out.json(&findings)?;
    } else {
        for finding in &findings {
            let (tone, mark) = match finding.health {
                Health::Well => (Tone::Good, "✓"),
                Health::Note => (Tone::Faint, "·"),
                Health::Ill => (Tone::Bad, "✗"),
            };
            let text = skep_core::text::one_line(&finding.text);
            skep.out.line(&format!(
                "{} {:<16} {text}",
                skep.out.paint(tone, mark),
                finding.check
            ))?;
            if !finding.way.is_empty() {
                skep.out.line(&format!("  {:<16} → {}", "", finding.way))?;
            }
        }
    }
    Ok(if ill { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
