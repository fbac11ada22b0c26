//! What agents are told while a plan is made: `plan prompt`, with a person's own and without; the check that a planner is pointed to.

use std::{fs, path::Path};

use serde_json::Value;
use skep_daemon::prompts::{Draft, Template};

use crate::{
    fence,
    home::{Home, text_of},
};

#[test]
fn the_prompts_are_listed_and_shown_without_a_daemon_and_ones_own_are_told_from_the_built_in() {
    let home = Home::new().var("SKEP_NO_DAEMON", "1");
    let list = home.skep(&["plan", "prompt"]).ok();
    assert_eq!(list.matches("built in").count(), Template::ALL.len(), "{list}");
    let built_in = home.skep(&["plan", "prompt", "repair"]).ok();
    assert!(built_in.contains("{{ branch | code }}"), "{built_in}");
    let example = home.skep(&["plan", "prompt", "repair", "--example"]).ok();
    assert!(example.contains("`skep/search-results-in-pages`"), "{example}");
    assert!(!example.contains("{{"), "{example}");

    home.write("c/prompts/repair.md", &built_in.replacen("You are", "Today you are", 1));
    home.write("c/prompts/web/go-on.md", "You are back at the site.\n");
    let of = |args: &[&str]| home.json(&[&["plan", "prompt"], args].concat());
    let from = |list: &Value| -> Vec<String> {
        let rows = list.as_array().expect("a list").iter();
        let own = rows.filter(|row| row["from"] != "built-in");
        own.map(|row| format!("{} {}", row["name"], row["from"])).collect()
    };
    assert_eq!(from(&of(&[])), [r#""go-on" "project""#, r#""repair" "yours""#]);
    let list = home.skep(&["plan", "prompt"]).ok();
    assert!(list.contains("yours for web") && list.contains("yours  "), "{list}");
    assert_eq!(list.lines().count(), 1 + Template::ALL.len() + 1, "{list}");
    assert_eq!(from(&of(&["--project", "web"])), [r#""go-on" "project""#, r#""repair" "yours""#]);
    let shown = of(&["go-on", "--project", "web", "--example"]);
    assert_eq!(shown["text"], "You are back at the site.\n");
    assert_eq!(shown["path"], home.at("c/prompts/web/go-on.md").to_string_lossy().as_ref());
    let repair = of(&["repair"]);
    assert_eq!(repair["names"], serde_json::json!(["project", "branch", "output"]));
    let own = home.skep(&["plan", "prompt", "repair"]).ok();
    assert_eq!(own, built_in.replacen("You are", "Today you are", 1));
}

#[test]
fn a_prompt_of_ones_own_that_does_not_fit_is_an_error_and_never_the_built_in_one() {
    let home = Home::new();
    home.write("c/prompts/repair.md", "You mend {{ brunch }}.\n");
    for args in
        [&["plan", "prompt"][..], &["plan", "prompt", "repair"], &["plan", "prompt", "go-on"]]
    {
        let error = home.skep(&[&["--json"], args].concat()).refused(2, "prompt-unfit");
        let refused = text_of(&error, "message");
        assert!(
            refused.contains("prompts/repair.md:1: there is no `brunch` (did you mean `branch`?)"),
            "{refused}"
        );
        assert!(refused.contains("`repair` is given project, branch, output"), "{refused}");
    }
}

#[test]
fn a_planner_behind_its_fence_checks_its_draft_by_the_command_that_it_is_told() {
    if !skep_host::fence::is_possible() {
        return fence::skipped("Landlock");
    }
    let home = fence::home();
    home.repo();
    let skep = Path::new(env!("CARGO_BIN_EXE_skep"));
    let projects = ["web".to_owned()];
    let draft = Draft::new(Path::new("../output/plan.md"), Some(skep), &projects);
    let check = draft.check.unwrap();
    let script = format!(
        "printf 'no plan yet\\n' > ../output/plan.md\n{check} --json > ../output/said 2>&1\necho $? > ../output/code\n"
    );
    for (title, more) in [("plan it", &[][..]), ("plan it from outside", &["--outside"])] {
        let run = fence::run(&home, title, &script, more);
        assert_eq!(run["fence"], "on", "{run}");
        let left =
            |name: &str| fs::read_to_string(format!("{}/output/{name}", text_of(&run, "env")));
        let said = left("said").unwrap();
        assert_eq!(left("code").unwrap(), "1\n", "{said}");
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|err| panic!("{err}: {said}"));
        assert_eq!(said["errors"][0]["kind"], "MissingBlock", "{said}");
    }
}

#[test]
fn an_agent_with_a_sandbox_of_its_own_is_told_of_its_output_folder() {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "c/agents/sh.toml",
        "protocol = \"plain\"\nprogram = \"sh\"\nprompt = \"stdin\"\nheadless = [\"-c\", \"cat > said; printf %s \\\"$1\\\" > ../output/roots\", \"sh\", \"{git_roots}\"]\n",
    );
    let run = fence::run(&home, "look", "what may I write?", &[]);
    let env = text_of(&run, "env");
    let told = fs::read_to_string(format!("{env}/output/roots")).unwrap();
    let told: Vec<String> = serde_json::from_str(&told).unwrap();
    let git = repo.path().join(".git");
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(Path::new(&told[0]), git.canonicalize().unwrap());
    assert!(Path::new(&told[1]).starts_with(git.join("worktrees")), "{told:?}");
    assert_eq!(Path::new(&told[2]), Path::new(&env).join("output"));
}
