//! The block of a document: which projects, in which order, and who waits for whom.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

use super::{Finding, Kind};

/// How deep a block may nest; what it says needs three.
const DEEPEST: usize = 16;

/// What the block says.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Each name with its line.
    pub groups: Vec<Vec<(String, usize)>>,
    pub needs: BTreeMap<String, Vec<(String, usize)>>,
}

/// Reads the text of a block that begins on line `first` of its document.
pub(super) fn read(text: &str, first: usize) -> Result<Block, Vec<Finding>> {
    let node = tree(text, first).map_err(|finding| vec![finding])?;
    let Some(Node { of: Of::Map(entries), .. }) = node else {
        return Err(vec![groups_missing(first)]);
    };
    let mut block = Block::default();
    let mut findings = Vec::new();
    let mut declared = false;
    for (key, value) in entries {
        match key.text() {
            Some("execution_groups") => {
                declared = true;
                match groups(value) {
                    Ok(groups) => block.groups = groups,
                    Err(finding) => findings.push(finding),
                }
            }
            Some("needs") => match needs(value) {
                Ok(needs) => block.needs = needs,
                Err(finding) => findings.push(finding),
            },
            // What else stands there is somebody else's.
            _ => {}
        }
    }
    if findings.is_empty() && (!declared || block.groups.is_empty()) {
        findings.push(groups_missing(first));
    }
    if findings.is_empty() { Ok(block) } else { Err(findings) }
}

fn groups_missing(line: usize) -> Finding {
    Finding {
        kind: Kind::EmptyExecutionGroups,
        detail: "execution_groups is empty or missing".to_owned(),
        line: Some(line),
    }
}

fn invalid(detail: impl Into<String>, line: usize) -> Finding {
    Finding { kind: Kind::InvalidYaml, detail: detail.into(), line: Some(line) }
}

/// A list of lists of names; empty groups count for nothing.
fn groups(node: Node) -> Result<Vec<Vec<(String, usize)>>, Finding> {
    let line = node.line;
    let list = match node.of {
        Of::List(list) => list,
        Of::Text(text) if text.is_empty() || text == "~" || text == "null" => Vec::new(),
        Of::Text(_) | Of::Map(_) => {
            return Err(invalid("execution_groups is a list of lists of projects", line));
        }
    };
    let groups: Result<Vec<_>, _> =
        list.into_iter().map(|group| names(group, "each of execution_groups")).collect();
    Ok(groups?.into_iter().filter(|group| !group.is_empty()).collect())
}

fn needs(node: Node) -> Result<BTreeMap<String, Vec<(String, usize)>>, Finding> {
    let line = node.line;
    let entries = match node.of {
        Of::Map(entries) => entries,
        Of::Text(text) if text.is_empty() || text == "~" || text == "null" => Vec::new(),
        Of::Text(_) | Of::List(_) => {
            return Err(invalid("needs names a list of projects for a project", line));
        }
    };
    let mut needs: BTreeMap<String, Vec<(String, usize)>> = BTreeMap::new();
    for (key, value) in entries {
        let Some(project) = key.text() else {
            return Err(invalid("needs names a list of projects for a project", key.line));
        };
        let project = project.to_owned();
        needs.entry(project).or_default().extend(names(value, "each of needs")?);
    }
    Ok(needs)
}

fn names(node: Node, what: &str) -> Result<Vec<(String, usize)>, Finding> {
    let line = node.line;
    let refuse = |line| invalid(format!("{what} is a list of projects"), line);
    let Of::List(list) = node.of else { return Err(refuse(line)) };
    list.into_iter()
        .map(|node| match node.of {
            Of::Text(text) if !text.trim().is_empty() => Ok((text.trim().to_owned(), node.line)),
            Of::Text(_) | Of::List(_) | Of::Map(_) => Err(refuse(node.line)),
        })
        .collect()
}

struct Node {
    line: usize,
    of: Of,
}

enum Of {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    fn text(&self) -> Option<&str> {
        match &self.of {
            Of::Text(text) => Some(text),
            Of::List(_) | Of::Map(_) => None,
        }
    }
}

/// Something that was opened and not closed yet.
enum Open {
    List(usize, Vec<Node>),
    /// The key, where only it was read.
    Map(usize, Vec<(Node, Node)>, Option<Node>),
}

/// The first document of `text`; an alias is refused, so that what is small stays small.
fn tree(text: &str, first: usize) -> Result<Option<Node>, Finding> {
    let mut stack: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|err| invalid(err.info().to_owned(), first + err.marker().line() - 1))?;
        let line = first + span.start.line() - 1;
        let node = match event {
            Event::SequenceStart(..) | Event::MappingStart(..) if stack.len() >= DEEPEST => {
                return Err(invalid("it nests too deep", line));
            }
            Event::SequenceStart(..) => {
                stack.push(Open::List(line, Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map(line, Vec::new(), None));
                continue;
            }
            Event::Scalar(text, ..) => Node { line, of: Of::Text(text.into_owned()) },
            Event::Alias(_) => return Err(invalid("an alias is not taken here", line)),
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(line, list)) => Node { line, of: Of::List(list) },
                Some(Open::Map(line, entries, _)) => Node { line, of: Of::Map(entries) },
                None => continue,
            },
            Event::DocumentEnd | Event::StreamEnd => return Ok(None),
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
        };
        match stack.last_mut() {
            None => return Ok(Some(node)),
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                None => {
                    if let Some(name) = node.text()
                        && entries.iter().any(|(key, _)| key.text() == Some(name))
                    {
                        return Err(invalid(format!("`{name}` is there twice"), node.line));
                    }
                    *key = Some(node);
                }
                Some(key) => entries.push((key, node)),
            },
        }
    }
    Ok(None)
}
