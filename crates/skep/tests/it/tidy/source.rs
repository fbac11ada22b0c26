//! A Rust file as text and as tokens: comments and strings cannot be mistaken for code.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// One Rust file.
pub(crate) struct Source {
    /// Where it is, as a reader of a fault would look for it.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) tokens: Vec<TokenTree>,
}

impl Source {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Source {
        let text = read(path);
        let tokens: TokenStream =
            text.parse().unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        Source { path: path.to_owned(), text, tokens: tokens.into_iter().collect() }
    }

    /// Names the place of `token` in this file.
    pub(crate) fn at(&self, token: &TokenTree) -> String {
        format!("{}:{}", self.path.display(), token.span().start().line)
    }

    /// Makes the source of a planted text.
    pub(crate) fn planted(path: &str, text: &str) -> Source {
        let tokens: TokenStream = text.parse().expect("Rust tokens");
        Source { path: path.into(), text: text.to_owned(), tokens: tokens.into_iter().collect() }
    }
}

/// Every Rust file below `dir`, by path.
pub(crate) fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = entries(dir)
        .into_iter()
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .collect();
    files.sort();
    files
}

/// What stands directly in `dir`, by name; nothing where there is no such folder.
pub(crate) fn entries(dir: &Path) -> Vec<PathBuf> {
    if !dir.is_dir() {
        return Vec::new();
    }
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap_or_else(|err| panic!("{}: {err}", dir.display()))
        .map(|entry| entry.unwrap_or_else(|err| panic!("{}: {err}", dir.display())).path())
        .collect();
    paths.sort();
    paths
}

/// The folders of the crates of the tree at `root`.
pub(crate) fn crate_dirs(root: &Path) -> Vec<PathBuf> {
    entries(&root.join("crates"))
        .into_iter()
        .filter(|dir| dir.join("Cargo.toml").is_file())
        .collect()
}

/// Every Rust file of every crate of the tree at `root`, tests included.
pub(crate) fn all(root: &Path) -> Vec<Source> {
    let files = crate_dirs(root).into_iter().flat_map(|dir| rust_files(&dir));
    files.map(|path| Source::read(&path)).collect()
}

/// The text of the file at `path`.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// The lines of the fenced block `name` of `document`.
pub(crate) fn block<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!("```{name}");
    let after = document.lines().skip_while(|line| line.trim_end() != opening).skip(1);
    let lines: Vec<&str> = after.take_while(|line| !line.starts_with("```")).collect();
    assert!(!lines.is_empty(), "no `{name}` block, or an empty one");
    lines.into_iter().filter(|line| !line.trim().is_empty()).collect()
}

/// The word of `token`, where it is one.
pub(crate) fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(spelled(ident)),
        Some(TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_)) | None => None,
    }
}

fn spelled(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

/// Tells whether `token` is the sign `sign`.
pub(crate) fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// The group with these delimiters that `token` is, where it is one.
pub(crate) fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        Some(
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_),
        )
        | None => None,
    }
}

/// The tokens inside `group`.
pub(crate) fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

/// The text of `token`, where it is a plain or raw string.
pub(crate) fn string(token: Option<&TokenTree>) -> Option<String> {
    let Some(TokenTree::Literal(literal)) = token else { return None };
    let text = literal.to_string();
    let body = text.strip_prefix('r').unwrap_or(&text).trim_matches('#');
    Some(body.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Calls `see` for every list of tokens, the outermost and that of each group below it.
pub(crate) fn each_list(tokens: &[TokenTree], see: &mut dyn FnMut(&[TokenTree])) {
    see(tokens);
    for token in tokens {
        if let TokenTree::Group(group) = token {
            each_list(&inside(group), see);
        }
    }
}

/// The lists of tokens as [`each_list`] gives them, without attributes and without what only tests compile.
pub(crate) fn each_production_list(tokens: &[TokenTree], see: &mut dyn FnMut(&[TokenTree])) {
    let kept = without_test_modules(tokens);
    see(&kept);
    for (at, token) in kept.iter().enumerate() {
        let attribute = at >= 1 && is_sign(kept.get(at - 1), '#');
        if let (TokenTree::Group(group), false) = (token, attribute) {
            each_production_list(&inside(group), see);
        }
    }
}

/// `tokens` without the items that only tests compile.
pub(crate) fn without_test_modules(tokens: &[TokenTree]) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(tokens, at) {
            let end = item_end(tokens, at + 2);
            at = end;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn is_test_attribute(tokens: &[TokenTree], at: usize) -> bool {
    if !is_sign(tokens.get(at), '#') {
        return false;
    }
    let Some(attribute) = group(tokens.get(at + 1), Delimiter::Bracket) else { return false };
    let text = attribute.stream().to_string().replace(' ', "");
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Where the item that begins at `from` has ended: behind its `;` or its braces.
fn item_end(tokens: &[TokenTree], from: usize) -> usize {
    let end = (from..tokens.len()).find(|at| {
        is_sign(tokens.get(*at), ';') || group(tokens.get(*at), Delimiter::Brace).is_some()
    });
    end.map_or(tokens.len(), |at| at + 1)
}
