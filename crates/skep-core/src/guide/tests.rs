use proptest::prelude::*;

use super::*;

#[test]
fn the_brief_says_where_to_work_how_to_finish_and_what_will_judge_it() {
    let gates = [("test".to_owned(), "scripts/test".to_owned())];
    let said = brief(Ground::Worktree, &gates, Some(("docs/agents.md", "\nUse tabs.\n")), true);
    assert_eq!(said, include_str!("brief.md"));
    assert!(said.len() < 2_000, "it is paid for at every start: {} bytes", said.len());
    let commit = brief(Ground::Commit, &gates, None, true);
    assert!(commit.contains("on no branch") && !commit.contains("Commit "), "{commit}");
    let folder = brief(Ground::Folder, &[], None, false);
    assert!(!folder.contains("ommit") && !folder.contains("git"), "{folder}");
}

#[test]
fn whoever_looks_or_answers_is_told_to_leave_no_work_behind() {
    let gates = [("test".to_owned(), "scripts/test".to_owned())];
    let said = |ground: Ground| {
        let gates = if ground.has_git() { &gates[..] } else { &[] };
        brief(ground, gates, Some(("docs/agents.md", "Use tabs.")), true)
    };
    let (commit, desk) = (said(Ground::Commit), said(Ground::Desk));
    for said in [&commit, &desk] {
        assert!(!said.contains("Your work") && !said.contains("Commit everything"), "{said}");
        assert!(!said.contains("short summary") && !said.contains("claim_paths"), "{said}");
        assert!(
            said.contains("the form that your task asks for") && said.contains("Use tabs."),
            "{said}"
        );
    }
    assert!(
        commit.contains("verdict for what you found") && commit.contains("stashes"),
        "{commit}"
    );
    assert!(!desk.contains("ask_") && !desk.contains("git"), "{desk}");
}

#[test]
fn a_long_file_is_cut_and_the_agent_told_so() {
    let said = brief(Ground::Worktree, &[], Some(("a.md", &"é".repeat(MOST))), false);
    assert!(said.len() < MOST + 2_500, "{}", said.len());
    assert!(said.ends_with("(There is more of it in the file.)\n"));
}

proptest! {
    #[test]
    fn the_projects_words_stay_inside_of_their_fence(words in "(`{0,5}[a-z\n\u{1b}\u{202e}#-]{0,3}){0,9}", name in any::<String>()) {
        let gates = [(name.clone(), words.clone())];
        let said = brief(Ground::Worktree, &gates, Some((name.as_str(), words.as_str())), false);
        let odd = said.contains(['\u{1b}', '\u{202e}']);
        prop_assert!(!odd, "{}", said);
        let headings = said.lines().filter(|line| *line == "## How to finish").count();
        let (_, told) = said.rsplit_once("those hold.\n\n").expect("the project speaks last");
        let fence: String = told.chars().take_while(|c| *c == '`').collect();
        let ends = told.lines().skip(1).filter(|line| line.starts_with(&fence)).count();
        prop_assert_eq!((ends, told.trim_end().ends_with(&fence)), (1, true), "{}", told);
        prop_assert!(headings >= 1);
        prop_assert_eq!(brief(Ground::Worktree, &gates, Some((name.as_str(), words.as_str())), false), said);
    }
}

#[test]
fn an_agent_is_told_in_which_variables_it_finds_what_is_its_own() {
    assert_eq!(of_its_own(&[]), "");
    let said = of_its_own(&[("PORT", "port"), ("DATABASE_URL", "db\nand more")]);
    assert!(said.contains("- PORT: port\n- DATABASE_URL: db and more\n"), "{said}");
    assert!(said.contains("no other worker has it"), "{said}");
}
