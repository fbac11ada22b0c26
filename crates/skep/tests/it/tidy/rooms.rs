//! The map of ARCHITECTURE.md against the code: rooms, arrows, floors.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    crates::{Crate, crates},
    nothing_wrong,
    paths::named,
    reached::product_files,
    root,
    source::{Source, block, crate_dirs, entries, read, rust_files},
};

/// One line of the `rooms` block.
struct Drawn {
    name: String,
    order: Vec<String>,
    arrows: BTreeSet<String>,
}

fn drawn(map: &str) -> Vec<Drawn> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines = block(map, "rooms").into_iter().map(|line| {
        let (name, rest) = line.split_once(':').expect("`crate: rooms <- crates`");
        let (order, arrows) = rest.split_once("<-").unwrap_or((rest, ""));
        Drawn {
            name: name.trim().to_owned(),
            order: words(order),
            arrows: words(arrows).into_iter().collect(),
        }
    });
    lines.collect()
}

/// The `floors` block: crate -> floor. `None` is the floor of crates that only tests may use.
fn floors(map: &str) -> BTreeMap<String, Option<u32>> {
    let mut floors = BTreeMap::new();
    for line in block(map, "floors") {
        let mut words = line.split_whitespace();
        let floor = words.next().expect("a line begins with its floor");
        let floor = (floor != "dev").then(|| floor.parse().expect("a floor is a number, or `dev`"));
        floors.extend(words.map(|name| (name.to_owned(), floor)));
    }
    floors
}

/// Everything in which the tree at `root` differs from its map.
pub(crate) fn faults(root: &Path) -> Vec<String> {
    let map = read(&root.join("ARCHITECTURE.md"));
    let drawn = drawn(&map);
    let crates = crates(root);
    let mut faults = missing(&drawn, &crates);
    for line in &drawn {
        let dir = root.join("crates").join(&line.name);
        faults.extend(room_faults(&dir, line));
        if let Some(arrows) = crates.get(&line.name) {
            faults.extend(arrow_faults(line, arrows, &crates));
        }
    }
    faults.extend(floor_faults(&floors(&map), &crates));
    faults
}

fn missing(drawn: &[Drawn], crates: &BTreeMap<String, Crate>) -> Vec<String> {
    let on_map: BTreeSet<&String> = drawn.iter().map(|line| &line.name).collect();
    let on_disk: BTreeSet<&String> = crates.keys().collect();
    let unknown =
        on_disk.difference(&on_map).map(|name| format!("crate `{name}` is not on the map"));
    let gone = on_map
        .difference(&on_disk)
        .map(|name| format!("crate `{name}` is on the map but not on disk"));
    unknown.chain(gone).collect()
}

fn arrow_faults(line: &Drawn, arrows: &Crate, crates: &BTreeMap<String, Crate>) -> Vec<String> {
    let ours: BTreeSet<String> =
        arrows.normal.iter().filter(|name| crates.contains_key(*name)).cloned().collect();
    let name = &line.name;
    let undrawn = ours
        .difference(&line.arrows)
        .map(|to| format!("{name} must not depend on {to}: no such arrow"));
    let unused = line
        .arrows
        .difference(&ours)
        .map(|to| format!("{name} has an arrow to {to} that the code has not"));
    undrawn.chain(unused).collect()
}

fn floor_faults(
    floors: &BTreeMap<String, Option<u32>>,
    crates: &BTreeMap<String, Crate>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, arrows) in crates {
        let Some(floor) = floors.get(name) else {
            faults.push(format!("crate `{name}` stands on no floor"));
            continue;
        };
        for to in &arrows.normal {
            match (floor, floors.get(to)) {
                (_, None) => {}
                (_, Some(None)) => {
                    faults.push(format!("{name} depends on {to}, which only tests may use"));
                }
                (Some(above), Some(Some(below))) if below >= above => {
                    faults.push(format!("{name} depends on {to}, which is not on a floor below"));
                }
                (Some(_) | None, Some(Some(_))) => {}
            }
        }
        for to in &arrows.dev {
            if let (Some(above), Some(Some(below))) = (floor, floors.get(to))
                && below >= above
            {
                faults.push(format!(
                    "the tests of {name} depend on {to}, which is not on a floor below"
                ));
            }
        }
    }
    faults
}

fn room_faults(dir: &Path, line: &Drawn) -> Vec<String> {
    let name = &line.name;
    let on_disk = rooms_on_disk(&dir.join("src"));
    let on_map: BTreeSet<String> = line.order.iter().cloned().collect();
    let unknown =
        on_disk.difference(&on_map).map(|room| format!("{name}: room `{room}` is not on the map"));
    let gone = on_map
        .difference(&on_disk)
        .map(|room| format!("{name}: room `{room}` is on the map but not on disk"));
    let mut faults: Vec<String> = unknown.chain(gone).collect();
    if on_map.len() != line.order.len() {
        faults.push(format!("{name}: a room stands twice on the map"));
    }
    for file in product_files(&dir.join("src")) {
        let module = module_of(file.strip_prefix(dir.join("src")).expect("below src"));
        let Some(room) = room_of(&module, &file) else { continue };
        if on_map.contains(&room) {
            faults.extend(import_faults(&Source::read(&file), &module, &room, line));
        }
    }
    faults
}

fn import_faults(source: &Source, module: &[String], room: &str, line: &Drawn) -> Vec<String> {
    let name = &line.name;
    let place = |of: &str| line.order.iter().position(|other| other == of);
    let mut faults = Vec::new();
    for named in named(&source.tokens, module) {
        let at = format!(
            "{name}: {}:{}",
            source.path.file_name().expect("a file").display(),
            named.line
        );
        match named.segments.first().map(String::as_str) {
            Some(used) if used == room || (room == "main" && used != "*") => {}
            None | Some("*") => faults.push(format!("{at}: `{room}` imports the crate's root")),
            Some(used) => match place(used) {
                Some(of) if Some(of) < place(room) => {}
                Some(_) => faults
                    .push(format!("{at}: `{room}` imports `{used}`, which stands to its right")),
                None => faults.push(format!(
                    "{at}: `{room}` takes `{used}` from the crate's root, not from a room"
                )),
            },
        }
    }
    faults
}

/// The rooms in a source folder: its files and folders of code; `main` is one, `lib` only names the others.
fn rooms_on_disk(src: &Path) -> BTreeSet<String> {
    let holds_code = |path: &Path| !path.is_dir() || !rust_files(path).is_empty();
    let is_code = |path: &Path| path.is_dir() || path.extension().is_some_and(|ext| ext == "rs");
    let found = entries(src).into_iter().filter(|path| is_code(path) && holds_code(path));
    found.map(|path| stem(&path)).filter(|room| room != "lib").collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("an entry has a name").to_string_lossy().into_owned()
}

/// The module that the file at `relative` (below `src`) is: `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn module_of(relative: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        relative.components().map(|part| stem(Path::new(part.as_os_str()))).collect();
    let root = module.len() == 1 && ["lib", "main"].contains(&module[0].as_str());
    if root || module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// The room a module belongs to; none for `lib.rs`, which is the list of the rooms.
fn room_of(module: &[String], file: &Path) -> Option<String> {
    match module.first() {
        Some(room) => Some(room.clone()),
        None => (stem(file) == "main").then(|| "main".to_owned()),
    }
}

#[test]
fn rooms_and_crates_are_those_of_the_map_and_import_only_as_it_draws() {
    nothing_wrong(&faults(&root()));
}

#[test]
fn every_crate_of_the_map_has_a_paragraph_with_its_invariant() {
    let map = read(&root().join("ARCHITECTURE.md"));
    let sections: Vec<&str> = map.split("\n### ").collect();
    let silent: Vec<String> = drawn(&map)
        .into_iter()
        .map(|line| line.name)
        .filter(|name| {
            let own = sections.iter().find(|section| section.lines().next() == Some(name.as_str()));
            own.is_none_or(|section| !section.contains("**Invariant:**"))
        })
        .map(|name| format!("no section `### {name}` with an **Invariant:**"))
        .collect();
    nothing_wrong(&silent);
}

#[test]
fn a_crate_that_gives_others_its_rooms_declares_each_as_a_file() {
    let mut faults = Vec::new();
    for dir in crate_dirs(&root()) {
        let lib = dir.join("src/lib.rs");
        if lib.is_file() {
            let source = Source::read(&lib);
            faults.extend(super::reached::inline_rooms(&source));
        }
    }
    nothing_wrong(&faults);
}
