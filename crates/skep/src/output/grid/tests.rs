use proptest::prelude::*;

use super::*;

const COLUMNS: [Column; 4] = [
    Column::whole("NAME", 0),
    Column::whole("STATE", 1),
    Column::whole("ID", 2),
    Column::cut("TITLE", 0, 10),
];

fn lines(width: usize, rows: &[[&str; 4]]) -> Vec<String> {
    let out = Output::new(false, false, true);
    let rows: Vec<Vec<(Tone, String)>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| (Tone::Plain, (*cell).to_owned())).collect())
        .collect();
    let layout = Layout::of(width, &COLUMNS, &rows);
    rows.iter().map(|row| layout.line(&out, row)).collect()
}

#[test]
fn columns_give_way_in_their_order_and_the_rest_is_cut() {
    let rows = [["amber", "running", "run_1", "a title of some length"]];
    assert_eq!(lines(60, &rows), ["amber  running  run_1  a title of some length"]);
    assert_eq!(lines(40, &rows), ["amber  running  run_1  a title of some …"]);
    assert_eq!(lines(30, &rows), ["amber  running  a title of so…"]);
    assert_eq!(lines(20, &rows), ["amber  a title of s…"]);
    assert_eq!(lines(12, &rows), ["amber  a ti…"]);
}

#[test]
fn a_letter_that_takes_two_columns_counts_as_two() {
    assert_eq!(fit("日本語", 5), "日本…");
    assert_eq!(fit("日本語", 4), "日…");
    assert_eq!(fit_end("src/日本語.rs", 8), "…本語.rs");
    let rows = [["日本", "a", "b", "t"], ["amber", "a", "b", "t"]];
    assert_eq!(lines(40, &rows), ["日本   a      b   t", "amber  a      b   t"]);
}

#[test]
fn words_are_wrapped_and_what_is_set_in_stays_set_in() {
    assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    assert_eq!(wrapped("  - item that is long", 12), ["  - item", "  that is", "  long"]);
    assert_eq!(wrapped("a\n\nabcdefgh i", 4), ["a", "", "abcd", "efgh", "i"]);
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal(
        width in 8_usize..200,
        cells in proptest::collection::vec("\\PC{0,40}", 4),
        text in "\\PC{0,300}",
    ) {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        for line in lines(width.max(16), &[[cells[0], cells[1], cells[2], cells[3]]]) {
            prop_assert!(line.width() <= width.max(16), "{}: {line}", line.width());
        }
        for line in wrapped(&text, width) {
            prop_assert!(line.width() <= width, "{}: {line}", line.width());
        }
    }
}
