//! `skep help`

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};
use skep_host::paths;

use crate::{
    args,
    exit::{CliError, Outcome},
    output::{Output, Tone},
};

pub(super) fn help(out: &Output, verb: &[String], man: Option<&Path>, verbs: bool) -> Outcome {
    let mut whole = args::command();
    if verbs {
        for line in all(&whole, "") {
            out.line(&line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(dir) = man {
        return manual(out, whole, dir);
    }
    // Names as in `Usage: skep daemon install`.
    whole.build();
    let mut found = &mut whole;
    let mut path = Vec::new();
    for word in verb.iter().filter(|word| *word != "skep") {
        if found.find_subcommand(word).is_none() {
            return Err(args::no_verb(&args::command(), &path.join(" "), word).into());
        }
        found = found.find_subcommand_mut(word).expect("it was just found");
        path.push(found.get_name().to_owned());
    }
    let text = found.render_help();
    let text = if out.colour() { text.ansi().to_string() } else { text.to_string() };
    out.line(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Every verb, one a line, `daemon start` for those below another.
fn all(command: &Command, above: &str) -> Vec<String> {
    command
        .get_subcommands()
        .flat_map(|verb| {
            let name = format!("{above}{}", verb.get_name());
            let below = all(verb, &format!("{name} "));
            // One that takes words of its own is a verb beside those below it.
            let itself = below.is_empty() || verb.get_positionals().next().is_some();
            itself.then_some(name).into_iter().chain(below).collect::<Vec<_>>()
        })
        .collect()
}

/// Writes a manual page for skep and for each verb into `dir`.
fn manual(out: &Output, mut whole: Command, dir: &Path) -> Outcome {
    let unwritable = |path: &Path, why: &dyn std::fmt::Display| {
        CliError::error("manual-unwritable", format!("{}: {why}", path.display()))
            .hint("name a folder that is yours: skep help --man DIR")
    };
    fs::create_dir_all(dir).map_err(|err| unwritable(dir, &err))?;
    whole.build();
    let mut written: Vec<PathBuf> = Vec::new();
    for (name, page) in pages(&whole)? {
        let file = dir.join(name);
        paths::write_atomically(&file, &page)
            .map_err(|err| unwritable(&file, &skep_api::wire::chain(&err)))?;
        written.push(file);
    }
    if out.json {
        out.json(&written)?;
    } else {
        out.line(&format!("{} pages in {}", written.len(), dir.display()))?;
        out.note(&out.paint(
            Tone::Faint,
            "man finds them where a folder above man1 is in its path: man skep",
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The pages of `command` and of all below it: file name and text.
fn pages(command: &Command) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut pages = Vec::new();
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages.extend(self::pages(below)?);
    }
    let man = page_of(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    notes(command).to_writer(&mut page)?;
    pages.push((man.get_filename(), page));
    Ok(pages)
}

fn page_of(command: &Command) -> Man {
    // An empty date would be left out, and all behind it move up; a real one would make each build another.
    let source = concat!("skep ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).date(" ").source(source).manual("skep")
}

/// What stands below a verb's help: notes, then examples.
fn notes(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = text.split_once("Examples:\n").unwrap_or((&text, ""));
    for (name, text) in [("NOTES", notes), ("EXAMPLES", examples)] {
        if text.trim().is_empty() {
            continue;
        }
        roff.control("SH", [name]);
        let is_set = name == "EXAMPLES";
        if is_set {
            roff.control("nf", []);
        }
        for line in text.trim_end().lines() {
            roff.text([roman(line.trim_start())]);
            if !is_set {
                roff.control("br", []);
            }
        }
        if is_set {
            roff.control("fi", []);
        }
    }
    if command.get_name() == "skep" {
        roff.control("SH", ["EXIT STATUS"]);
        roff.control("nf", []);
        for (code, what) in CODES {
            roff.text([roman(format!("{code}  {what}"))]);
        }
        roff.control("fi", []);
    }
    roff
}

/// What the codes say with which skep leaves.
const CODES: [(u8, &str); 6] = [
    (0, "done"),
    (1, "a person must decide, or a check found something; nothing was destroyed"),
    (2, "an error, or wrong usage"),
    (3, "a wait ran out of time"),
    (4, "the awaited run ended other than completed"),
    (130, "interrupted"),
];
