//! Each setting that is about prompts is seen in one.

use super::*;

/// What the prompts say under these settings.
fn told(settings: &str) -> String {
    let dir = TempDir::new().unwrap();
    write(&config::user_file(dir.path()), settings);
    let settings = config::user(dir.path()).unwrap();
    let mut text = String::new();
    for template in Template::ALL {
        let mut prompt = examples::full(template);
        let style = CommitStyle::of(&settings.commit);
        match &mut prompt {
            Prompt::Planning(given) => {
                given.corrections = settings.plan.max_parse_retries;
                given.time = settings.plan.timeout;
            }
            Prompt::Implementation(given) => given.commit = style,
            Prompt::FollowUpPart(given) => given.commit = style,
            Prompt::Commit(given) => given.commit = style,
            Prompt::Rework(given) => given.commit = style,
            Prompt::Resolve(given) => given.commit = style,
            Prompt::Correction(_)
            | Prompt::Revision(_)
            | Prompt::FollowUp(_)
            | Prompt::GoOn(_)
            | Prompt::Repair(_)
            | Prompt::Review(_)
            | Prompt::Verdict(_)
            | Prompt::Foreman(_)
            | Prompt::Question(_)
            | Prompt::Refine(_)
            | Prompt::PlanForm(_)
            | Prompt::CommitStyle(_)
            | Prompt::VerdictForm(_) => continue,
        }
        text.push_str(&rendered(&prompt));
    }
    text
}

/// How often `words` are told by default, and under these settings.
fn times(words: &str, settings: &str) -> (usize, usize) {
    let count = |text: String| text.matches(words).count();
    (count(told("")), count(told(settings)))
}

#[test]
fn the_strategy_of_commits_is_told_wherever_somebody_commits() {
    let settings = |value: &str| format!("[commit]\nstrategy = \"{value}\"\n");
    assert_eq!(times("A commit at each milestone", &settings("semi-regular")), (5, 5));
    assert_eq!(times("One logical change a commit", &settings("granular")), (0, 5));
    assert_eq!(times("One commit with all of it", &settings("single")), (0, 5));
}

#[test]
fn the_format_of_messages_and_its_template_are_told_wherever_somebody_commits() {
    assert_eq!(
        times("The message is yours", "[commit]\nmessage_format = \"ai-generated\"\n"),
        (5, 5)
    );
    assert_eq!(
        times("Conventional Commits", "[commit]\nmessage_format = \"conventional\"\n"),
        (0, 5)
    );
    let custom = "[commit]\nmessage_format = \"custom\"\nmessage_template = \"\"\"\nJIRA-N: what\n\nwhy\"\"\"\n";
    assert_eq!(times("\n    JIRA-N: what\n\n    why\n", custom), (0, 5));
    // Of a template that nobody asked for nothing is told.
    let idle = "[commit]\nmessage_template = \"JIRA-N\"\n";
    assert_eq!(times("JIRA-N", idle), (0, 0));
}

#[test]
fn a_format_of_ones_own_is_refused_where_it_does_not_say_which() {
    let dir = TempDir::new().unwrap();
    write(&config::user_file(dir.path()), "[commit]\nmessage_format = \"custom\"\n");
    let err = config::user(dir.path()).unwrap_err();
    let text = err.to_string().replace(&dir.path().display().to_string(), "~");
    assert_eq!(err.slug(), "config-value");
    insta::assert_snapshot!(text);
    let set = |key: &str, value: &str| {
        let dir = TempDir::new().unwrap();
        config::set(dir.path(), key, value).map(|()| dir)
    };
    assert_eq!(set("commit.message_format", "custom").unwrap_err().slug(), "config-value");
    let dir = set("commit.message_template", "x: y").unwrap();
    config::set(dir.path(), "commit.message_format", "custom").unwrap();
}

#[test]
fn how_often_a_draft_is_given_back_is_told_to_the_planner() {
    assert_eq!(times(", 2 times at most.", "[plan]\nmax_parse_retries = 5\n"), (1, 0));
    assert_eq!(times(", 5 times at most.", "[plan]\nmax_parse_retries = 5\n"), (0, 1));
    assert_eq!(times(", 1 time at most.", "[plan]\nmax_parse_retries = 1\n"), (0, 1));
    assert_eq!(times("it is not given back.", "[plan]\nmax_parse_retries = 0\n"), (0, 1));
}

#[test]
fn how_long_there_is_for_a_plan_is_told_to_the_planner() {
    assert_eq!(times("You have 1h.", "[plan]\ntimeout = \"90m\"\n"), (1, 0));
    assert_eq!(times("You have 1h30m.", "[plan]\ntimeout = \"90m\"\n"), (0, 1));
    assert_eq!(times("You have 45m.", "[plan]\ntimeout = \"45m\"\n"), (0, 1));
    assert_eq!(times("You have 90s.", "[plan]\ntimeout = \"90s\"\n"), (0, 1));
}
