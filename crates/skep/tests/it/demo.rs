//! `skep demo`, as a stranger runs it: an empty home, a minimal PATH, nothing left behind.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    process::Stdio,
};

use rustix::process::Signal;

use crate::home::{Home, Said, kill, lives, text_of};

/// What must be as it was, however the demo ended.
#[track_caller]
fn nothing_is_left_in(home: &Home) {
    assert_eq!(home.alive(), []);
    assert_eq!(fs::read_dir(home.at("tmp")).unwrap().count(), 0, "its folder is gone");
    assert!(!home.root().join("ledger.db").exists(), "it has a home of its own");
}

/// The text between two parts of what was told.
#[track_caller]
fn part<'a>(said: &'a Said, from: &str, to: &str) -> &'a str {
    let (_, rest) = said.stdout.split_once(from).unwrap_or_else(|| panic!("no {from}: {said:?}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to} after {from}: {said:?}")).0
}

/// The processes that were killed, by what they were.
fn killed(said: &Said) -> Vec<(String, u32)> {
    let lines = said.stdout.lines().filter_map(|line| line.strip_prefix("$ kill -9 "));
    let parts = lines.filter_map(|line| line.split_once("    # "));
    parts.map(|(pid, what)| (what.to_owned(), pid.parse().unwrap())).collect()
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing() {
    let home = Home::new();
    let said = home.skep(&["demo"]);
    assert_eq!(said.code, 0, "{said:?}");
    let mut acts =
        said.stdout.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    for (nth, words) in [
        "A repository",
        "Three agents at work",
        "kill -9: the daemon",
        "kill -9: a gatekeeper",
        "kill -9: the tmux server",
        "come to their end",
        "Closed by force",
        "One lands, and one does not",
        "three repositories",
        "It is planned",
        "two waves",
        "On the remotes",
    ]
    .into_iter()
    .enumerate()
    {
        let act = acts.find(|line| line.starts_with(&format!("{}. ", nth + 1)));
        assert!(act.is_some_and(|act| act.contains(words)), "{words}: {said:?}");
    }
    let killed = killed(&said);
    let whom: Vec<&str> = killed.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        whom,
        ["the daemon", "the keeper of acacia", "the tmux server of this home, not yours"]
    );
    assert!(killed.iter().all(|(_, pid)| !lives(*pid)));
    // Right after each kill comes the list, and it says which processes live.
    for (from, to) in [("3. kill", "4. kill"), ("4. kill", "5. kill"), ("5. kill", "6. All")] {
        let act = part(&said, from, to);
        let list = act.split_once("$ skep ls\nNAME").unwrap_or_else(|| panic!("{act}")).1;
        assert!(list.contains("It is true: these processes live: "), "{act}");
    }
    assert!(part(&said, "4. kill", "5. kill").contains("attempt 2, pid "), "{said:?}");
    let hash = |when: &str| part(&said, &format!("\n{when} "), "\n").trim().to_owned();
    assert!(hash("before").starts_with("sha256 ") && hash("before").ends_with("(4 files)"));
    assert_eq!(hash("before"), hash("after"));
    let lands = part(&said, "8. One lands", "9. A task");
    let words = [
        "did not pass",
        "no full stop at the end: colours.txt",
        "gate full-stop passed",
        "landed on main",
    ];
    for (words, next) in words.iter().zip(&words[1..]) {
        assert!(lands.find(words) < lands.find(next) && lands.contains(words), "{words}: {lands}");
    }
    assert!(lands.contains("greeting.txt") && !lands.contains("colours.txt |"), "{lands}");
    let planned = part(&said, "10. It is planned", "11. Approved");
    assert!(planned.contains("Its first draft was no plan") && planned.contains("MissingBlock"));
    assert!(
        planned.contains("waits for you") && planned.contains("skep approve task_"),
        "{planned}"
    );
    assert!(!planned.contains("skep-script"), "no script on the screen: {planned}");
    let carried = part(&said, "11. Approved", "12. On");
    assert!(carried.contains("wave 1 is done: api (") && carried.contains("wave 2 is done: "));
    for words in [
        "The foreman answered: Ten, as the orchestration says.",
        "found: major page.txt:1: how many rows a page has stands nowhere.",
        "The second review found nothing.",
        "here the demo plays you:",
        "$ skep answer q_",
    ] {
        assert!(
            carried.split_whitespace().collect::<Vec<_>>().join(" ").contains(words),
            "{words}: {carried}"
        );
    }
    let landed = part(&said, "12. On the remotes", "It took ");
    assert!(landed.contains("exactly the commit that skep says was handed over"), "{landed}");
    assert_eq!(landed.matches("$ git -C ").count(), 3, "{landed}");
    assert!(landed.contains("$ skep show task_") && landed.contains("completed"), "{landed}");
    // The time it took, whatever it was; then what to type at home.
    let took = part(&said, "It took ", " s.");
    assert!(took.parse::<f64>().is_ok(), "{took}");
    let end = said.stdout.split_once("The same in a repository of yours").unwrap().1;
    for command in ["skep run ", "skep ls", "skep undo", "skep land amber", "skep plan "] {
        assert!(end.contains(&format!("\n   {command}")), "{end}");
    }
    nothing_is_left_in(&home);
}

#[test]
fn without_tmux_the_demo_says_so_and_tells_the_rest() {
    let home = Home::new();
    fs::create_dir(home.at("bin")).unwrap();
    for program in ["git", "sh", "sleep", "env"] {
        let found = ["/usr/bin", "/bin"].map(|folder| std::path::Path::new(folder).join(program));
        let found = found.iter().find(|path| path.exists()).expect("a system has it");
        symlink(found, home.at("bin").join(program)).unwrap();
    }
    let bin = home.at("bin");
    let said = home.skep_with(&home.at("tmp"), &[("PATH", bin.to_str().unwrap())], &["demo"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(part(&said, "5. kill", "6. All").contains("tmux is not on your PATH"), "{said:?}");
    assert!(said.stdout.contains("Nothing was lost, and nothing runs any more"), "{said:?}");
    nothing_is_left_in(&home);
}

#[test]
fn to_a_program_the_demo_is_one_value_and_what_is_kept_can_be_looked_at() {
    let home = Home::new();
    let told = home.json(&["demo", "--keep"]);
    assert_eq!((&told["ok"], &told["left"]), (&true.into(), &0.into()), "{told}");
    let kept = text_of(&told, "kept");
    let runs = home.json(&["--home", &format!("{kept}/home"), "ls"]);
    // The three, a planner, a foreman, and one for each part of its plan; who reviewed was given back.
    assert_eq!(runs.as_array().unwrap().len(), 8, "{runs}");
    home.skep(&["--home", &format!("{kept}/home"), "daemon", "stop"]).ok();
    fs::remove_dir_all(kept).unwrap();
    nothing_is_left_in(&home);
}

#[test]
fn a_demo_that_nobody_reads_to_its_end_ends_all_the_same() {
    let home = Home::new();
    let mut demo = home.command(&["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("3. ")));
    drop(lines);
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    nothing_is_left_in(&home);
}

#[test]
fn a_demo_that_is_interrupted_ends_what_it_had_begun() {
    let home = Home::new();
    let mut demo = home.command(&["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    // All of it is up, and the daemon is just being killed.
    assert!(lines.any(|line| line.unwrap().starts_with("$ kill -9 ")));
    kill(demo.id(), Signal::INT);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(demo.wait().unwrap().code(), Some(130), "{rest:?}");
    nothing_is_left_in(&home);
}

#[test]
fn the_demo_with_an_agent_of_ones_own_needs_its_profile_and_its_work() {
    let home = Home::new();
    home.skep(&["--json", "demo", "--agent", "nobody"]).refused(2, "agent-unknown");
    nothing_is_left_in(&home);

    let agent = |script: &str| {
        format!(
            "protocol = \"plain\"\nprogram = \"sh\"\nheadless = [\"-c\", \"{script}\"]\nprompt = \"stdin\"\n"
        )
    };
    let works = "cat > order.txt; git add -A; git commit -qm work";
    home.write("c/agents/mine.toml", &agent(works));
    let said = home.skep(&["demo", "--agent", "mine"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("The first two are mine, by your login."), "{said:?}");
    assert!(said.stdout.contains("skep run \"fix the flaky test\" --name amber --agent mine"));
    nothing_is_left_in(&home);

    home.write("c/agents/mine.toml", &agent("echo no login >&2; exit 3"));
    let said = home.skep(&["demo", "--agent", "mine"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.stderr.contains("did not complete") && said.stderr.contains("no login"),
        "{said:?}"
    );
    nothing_is_left_in(&home);
}
