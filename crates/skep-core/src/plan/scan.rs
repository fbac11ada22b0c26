//! The lines of a document: which are headings, which lie in a fence, which are items of a list.

use super::SECTIONS;

/// One line that stands outside of every fence, or opens the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// The fence of a plan's own block, opened.
    Block,
    /// A line within such a block.
    InBlock,
    /// The fence that closes it.
    BlockEnd,
    Orchestration,
    /// `## SubPlan: NAME`.
    SubPlan(&'a str),
    /// Another heading of the second level.
    Other,
    /// `### NAME`.
    Section(&'a str),
    Item,
    Text,
    Blank,
    /// In a fence, or the fence itself: text that is no heading and no item.
    Fenced,
}

impl Line<'_> {
    /// Whether it stands in a fence, or is one.
    pub(super) fn is_fenced(self) -> bool {
        matches!(self, Line::Fenced | Line::Block | Line::InBlock | Line::BlockEnd)
    }
}

/// Says of each line of `text` what it is, with the line as it stands.
pub(super) fn lines(text: &str) -> Vec<(Line<'_>, &str)> {
    let mut fence: Option<Fence<'_>> = None;
    let tell = |line| {
        let here = Fence::of(line);
        let Some(open) = &fence else {
            let Some(open) = here else { return (plain(line), line) };
            let block = open.is_block();
            fence = Some(open);
            return (if block { Line::Block } else { Line::Fenced }, line);
        };
        let block = open.is_block();
        if here.is_some_and(|here| here.closes(open)) {
            fence = None;
            return (if block { Line::BlockEnd } else { Line::Fenced }, line);
        }
        (if block { Line::InBlock } else { Line::Fenced }, line)
    };
    text.lines().map(tell).collect()
}

/// What a line outside of a fence is.
fn plain(line: &str) -> Line<'_> {
    if line.trim().is_empty() {
        return Line::Blank;
    }
    if let Some(rest) = line.strip_prefix("###").filter(|rest| starts_blank(rest)) {
        let name = rest.trim();
        return Line::Section(name.strip_suffix(':').unwrap_or(name).trim_end());
    }
    if let Some(rest) = line.strip_prefix("##").filter(|rest| starts_blank(rest)) {
        let name = rest.trim();
        if line.trim_end() == "## Orchestration" {
            return Line::Orchestration;
        }
        let after = name.strip_prefix("SubPlan");
        return match after.filter(|after| after.is_empty() || after.starts_with([':', ' ', '\t'])) {
            Some(after) => {
                let name = after.trim_start_matches([':', ' ', '\t']);
                Line::SubPlan(name.trim_end_matches([':', '-', ' ', '\t']))
            }
            None => Line::Other,
        };
    }
    if is_item(line) { Line::Item } else { Line::Text }
}

fn starts_blank(text: &str) -> bool {
    text.starts_with([' ', '\t'])
}

/// Whether a line is an item of a list that says something.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let rest = line.strip_prefix(['-', '*', '+']).or_else(|| numbered(line));
    let Some(rest) = rest.filter(|rest| starts_blank(rest)) else { return false };
    let rest = rest.trim();
    let boxes = ["[ ]", "[x]", "[X]"];
    let said = boxes.iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest);
    !said.trim().is_empty()
}

/// What follows `1.`, `1)`, `a.`, `a)` or `(1)`.
fn numbered(line: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(inner) = line.strip_prefix('(') {
        let count = digits(inner);
        return inner.get(count..).filter(|_| count > 0)?.strip_prefix(')');
    }
    let count = match digits(line) {
        0 => usize::from(line.starts_with(|letter: char| letter.is_ascii_lowercase())),
        count => count,
    };
    line.get(count..).filter(|_| count > 0)?.strip_prefix(['.', ')'])
}

/// An opened or closing fence of code.
struct Fence<'a> {
    mark: char,
    length: usize,
    /// What stands behind it.
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn of(line: &'a str) -> Option<Fence<'a>> {
        let text = line.trim_start_matches(' ');
        if line.len() - text.len() > 3 {
            return None;
        }
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = text.trim_start_matches(mark);
        let length = text.len() - info.len();
        // What has a backtick behind it is code within a line.
        let fence = length >= 3 && !(mark == '`' && info.contains('`'));
        fence.then(|| Fence { mark, length, info: info.trim() })
    }

    fn closes(&self, open: &Fence<'_>) -> bool {
        self.mark == open.mark && self.length >= open.length && self.info.is_empty()
    }

    fn is_block(&self) -> bool {
        self.mark == '`' && matches!(self.info, "skep-plan" | "substrate-plan")
    }
}

/// What a part has under its required headings.
#[derive(Debug, Default)]
pub(super) struct Sections {
    /// Whether each is there, says something, and holds an item of a list.
    found: [Option<(bool, bool)>; SECTIONS.len()],
}

impl Sections {
    pub(super) fn of(content: &str) -> Sections {
        let mut sections = Sections::default();
        let mut under = None;
        for (line, _) in lines(content) {
            match line {
                Line::Section(name) => {
                    under = SECTIONS.iter().position(|section| *section == name);
                    if let Some(at) = under {
                        sections.found[at].get_or_insert((false, false));
                    }
                }
                Line::Blank => {}
                said @ (Line::Item
                | Line::Text
                | Line::Fenced
                | Line::Block
                | Line::InBlock
                | Line::BlockEnd
                | Line::Orchestration
                | Line::SubPlan(_)
                | Line::Other) => {
                    if let Some(seen) = under.and_then(|at| sections.found[at].as_mut()) {
                        seen.0 = true;
                        seen.1 |= said == Line::Item;
                    }
                }
            }
        }
        sections
    }

    /// What is amiss, one line each.
    pub(super) fn amiss(&self) -> Vec<String> {
        let told = |(at, name): (usize, &&str)| match self.found[at] {
            None => Some(format!("missing ### {name}")),
            Some((false, _)) => Some(format!("### {name} is empty")),
            Some((true, false)) if at > 0 => {
                Some(format!("### {name} must include at least 1 list item"))
            }
            Some((true, _)) => None,
        };
        SECTIONS.iter().enumerate().filter_map(told).collect()
    }
}

/// The words under `### Goal`, up to the next heading, in one line.
pub(super) fn goal(content: &str) -> String {
    let mut words = Vec::new();
    let mut inside = false;
    for (line, text) in lines(content) {
        if let Line::Section(name) = line {
            inside = name == SECTIONS[0];
        } else if inside {
            words.extend(text.split_whitespace());
        }
    }
    words.join(" ")
}

/// The items of its last section: what may go wrong.
pub(super) fn risks(content: &str) -> Vec<String> {
    let mut risks: Vec<String> = Vec::new();
    let mut inside = false;
    for (line, text) in lines(content) {
        match line {
            Line::Section(name) => inside = name == SECTIONS[4],
            Line::Item if inside => {
                let item = text.trim().split_once(char::is_whitespace).map_or("", |(_, item)| item);
                let item = item.trim_start();
                let boxed = ["[ ]", "[x]", "[X]"].iter().find_map(|it| item.strip_prefix(it));
                risks.push(boxed.unwrap_or(item).trim().to_owned());
            }
            Line::Text if inside => {
                if let Some(last) = risks.last_mut() {
                    last.push(' ');
                    last.push_str(text.trim());
                }
            }
            Line::Text
            | Line::Item
            | Line::Fenced
            | Line::Block
            | Line::InBlock
            | Line::BlockEnd
            | Line::Orchestration
            | Line::SubPlan(_)
            | Line::Other
            | Line::Blank => {}
        }
    }
    risks
}
