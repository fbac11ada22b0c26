//! Owns: a marked block of ours in a file that others write too.
//! Never: takes a byte that stands outside of its marks.

/// How a block begins; the rest of the line may change between versions.
const BEGIN: &str = "<!-- BEGIN SKEP";
const FIRST: &str = "<!-- BEGIN SKEP (lent by skep while it works here; do not edit) -->\n";
const END: &str = "<!-- END SKEP -->";

/// Returns `existing` with `text` as its one block: in place of the one it has, else behind everything.
///
/// Shape: a block that was begun and never ended reaches to the end of the file.
pub(super) fn with(existing: &[u8], text: &str) -> Vec<u8> {
    // A mark inside of the text would end the block, or begin another.
    let text =
        text.replace("<!-- BEGIN SKEP", "<! -- BEGIN SKEP").replace(END, "<! -- END SKEP -->");
    let block = format!("{FIRST}{}\n{END}\n", text.trim_end());
    let Some((start, end)) =
        span(existing, 0).map(|(start, end)| (start, end.unwrap_or(existing.len())))
    else {
        let gap: &[u8] = if existing.is_empty() { b"" } else { GAP };
        return [existing, gap, block.as_bytes()].concat();
    };
    let mut rest = existing[end..].to_vec();
    while let Some((start, end)) = span(&rest, 0) {
        rest.drain(start..end.unwrap_or(rest.len()));
    }
    [&existing[..start], block.as_bytes(), &rest].concat()
}

/// Returns `existing` without any block, and without the gap before it; none where it has no whole one.
///
/// A block whose end is missing stays: what follows its beginning may be somebody's own.
pub(super) fn without(existing: &[u8]) -> Option<Vec<u8>> {
    let mut rest = existing.to_vec();
    let mut from = 0;
    let mut found = false;
    while let Some((start, end)) = span(&rest, from) {
        let Some(end) = end else { break };
        found = true;
        let start = if rest[..start].ends_with(GAP) { start - GAP.len() } else { start };
        rest.drain(start..end);
        from = start;
    }
    found.then_some(rest)
}

/// What is put between a file's own text and the block.
const GAP: &[u8] = b"\n\n";

/// Where the first block from `from` on begins, and where it ends with the line of its end.
fn span(bytes: &[u8], from: usize) -> Option<(usize, Option<usize>)> {
    let start = from + find(&bytes[from..], BEGIN.as_bytes())?;
    let end = find(&bytes[start..], END.as_bytes()).map(|at| {
        let end = start + at + END.len();
        end + usize::from(bytes.get(end) == Some(&b'\n'))
    });
    Some((start, end))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
pub(super) fn count(bytes: &[u8]) -> usize {
    bytes.windows(BEGIN.len()).filter(|window| *window == BEGIN.as_bytes()).count()
}
