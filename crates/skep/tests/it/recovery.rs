//! The matrix of `docs/design/recovery.md`: each part killed in each state, on each surface; and what holds in every cell.
//!
//! Owns: the table, which must be the document's, and the driver. A cell that can be is killed for real; what is held in its
//! state is held by a file or a lock, never by a sleep.

mod cells;
mod delivery;
mod effects;
mod upgrade;

use std::{collections::BTreeMap, fs, path::Path};

/// The states in the order of the table.
const STATES: [&str; 8] =
    ["preparing", "starting", "running", "waiting", "stopping", "closing", "restoring", "landing"];

const PARTS: [&str; 8] =
    ["CLI", "daemon", "keeper", "warden", "both guards", "agent", "viewer", "tmux server"];

/// How a run ends when one part is killed in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    GoesOn,
    Again,
    Failed,
    Stopped,
    Closed,
    Restored,
    Landed,
    /// It cannot be; the letter says why.
    Never(char),
}

impl End {
    fn word(self) -> String {
        match self {
            End::GoesOn => "goes on".to_owned(),
            End::Again => "again".to_owned(),
            End::Failed => "failed".to_owned(),
            End::Stopped => "stopped".to_owned(),
            End::Closed => "closed".to_owned(),
            End::Restored => "restored".to_owned(),
            End::Landed => "landed".to_owned(),
            End::Never(why) => format!("— {why}"),
        }
    }
}

/// The two kinds of screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Surface {
    Headless,
    Terminal,
}

type Table = BTreeMap<(Surface, &'static str, &'static str), End>;

/// What is expected, cell by cell.
fn table() -> Table {
    use End::{Again, Closed, Failed, GoesOn, Landed, Never, Restored, Stopped};
    let person = [GoesOn, GoesOn, GoesOn, GoesOn, Stopped, Closed, Restored, Landed];
    let guard = [Never('a'), Again, Again, Again, Stopped, Never('b'), Never('b'), Never('b')];
    let agent = [Never('a'), Failed, Failed, Failed, Stopped, Never('b'), Never('b'), Never('b')];
    let window =
        [Never('e'), Never('e'), GoesOn, Never('d'), Stopped, Never('e'), Never('e'), Never('e')];
    let mut table = Table::new();
    for surface in [Surface::Headless, Surface::Terminal] {
        for part in PARTS {
            let row = match (part, surface) {
                ("CLI" | "daemon", _) => person,
                ("keeper" | "warden" | "both guards", _) => guard,
                ("agent", _) => agent,
                (_, Surface::Headless) => [Never('c'); 8],
                (_, Surface::Terminal) => window,
            };
            for (state, end) in STATES.into_iter().zip(row) {
                let end = match (surface, state) {
                    (Surface::Terminal, "waiting") => Never('d'),
                    _ => end,
                };
                table.insert((surface, part, state), end);
            }
        }
    }
    table
}

/// The parts that can be killed in a state, each with the end that is expected.
fn cells(surface: Surface, state: &str) -> Vec<(&'static str, End)> {
    let found: Vec<(&str, End)> = table()
        .into_iter()
        .filter(|((on, _, at), end)| {
            *on == surface && *at == state && !matches!(end, End::Never(_))
        })
        .map(|((_, part, _), end)| (part, end))
        .collect();
    assert!(!found.is_empty(), "{surface:?} {state}");
    found
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/design/recovery.md");
    fs::read_to_string(path).unwrap()
}

/// The tables of a text, as text.
fn read(text: &str) -> BTreeMap<(Surface, String, String), String> {
    let mut found = BTreeMap::new();
    for (surface, title) in
        [(Surface::Headless, "\n## Headless\n"), (Surface::Terminal, "\n## Terminal\n")]
    {
        let part = text.split(title).nth(1).expect("a table of this surface");
        let rows: Vec<Vec<&str>> = part
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        for row in &rows[2..] {
            for (state, cell) in rows[0].iter().zip(row).skip(1) {
                let key = (surface, row[0].to_owned(), (*state).to_owned());
                assert!(found.insert(key, (*cell).to_owned()).is_none(), "twice: {row:?}");
            }
        }
    }
    found
}

fn expected() -> BTreeMap<(Surface, String, String), String> {
    let cell = |((surface, part, state), end): ((Surface, &str, &str), End)| {
        ((surface, part.to_owned(), state.to_owned()), end.word())
    };
    table().into_iter().map(cell).collect()
}

#[test]
fn the_document_and_the_driver_have_the_same_table() {
    assert_eq!(read(&document()), expected());
}

#[test]
fn a_cell_that_says_something_else_is_seen() {
    let changed = document().replacen("| stopped |", "| goes on |", 1);
    assert_ne!(read(&changed), expected());
}

#[test]
fn each_reason_why_a_cell_cannot_be_is_told() {
    let text = document();
    for end in table().into_values() {
        if let End::Never(why) = end {
            assert!(text.contains(&format!("\n- {why}: ")), "{why}");
        }
    }
}
