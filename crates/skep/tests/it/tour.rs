//! The tour, as it is written.

use crate::{
    pages::{a_strangers_home, blocks, commands, each_runs},
    tidy::{root, source::read},
};

#[test]
fn the_tour_runs_as_it_is_written() {
    let home = a_strangers_home();
    // Nobody reads along: what takes seconds for a person's sake need not.
    home.write("c/config.toml", "[time]\nhealth = \"300ms\"\n");
    let page = read(&root().join("docs/tour.md"));
    let blocks = blocks(&page);
    let typed: Vec<String> = blocks
        .iter()
        .filter(|(mark, _)| mark == "sh")
        .flat_map(|(_, lines)| commands(lines))
        .map(|line| line.replace("/tmp/", &format!("{}/", home.at("tmp").display())))
        .collect();
    assert!(typed.len() > 25, "the tour is a tour");
    let mut said = each_runs(&home, "tmp", &typed).into_iter();
    // What a block is said to show was shown by the block before it.
    let mut shown = String::new();
    let mut checked = 0;
    for (mark, lines) in &blocks {
        match mark.as_str() {
            "sh" => shown = said.by_ref().take(commands(lines).len()).collect(),
            "text" => {
                for line in lines {
                    assert!(shown.contains(line.as_str()), "`{line}` is not in:\n{shown}");
                    checked += 1;
                }
            }
            other => panic!("the tour has a block of `{other}`"),
        }
    }
    assert!(checked > 4, "something is looked at");
}
