use std::{fs, path::Path};

use skep_core::{
    fenced::Secret,
    plan::{self, Finding, Kind},
    run::Trust,
};
use tempfile::TempDir;

use super::*;
use crate::config;

mod hostile;
mod lists;
mod own;
mod settings;

const KINDS: [Kind; 10] = [
    Kind::MissingBlock,
    Kind::InvalidYaml,
    Kind::EmptyExecutionGroups,
    Kind::MissingOrchestration,
    Kind::IncompleteSubPlans,
    Kind::UnknownRepos,
    Kind::MissingSubPlans,
    Kind::UndeclaredSubPlans,
    Kind::DuplicateSubPlans,
    Kind::InvalidNeeds,
];

fn secret() -> Secret {
    Secret::of("run_7k2m9qx4ab", "c0ffee0123")
}

fn rendered(prompt: &Prompt) -> String {
    render(prompt, &Overrides::default()).unwrap()
}

/// Writes a file, and the folder that it stands in.
fn write(file: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    skep_host::paths::write_atomically(file, bytes.as_ref()).unwrap();
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The text of the first fence of code in `text` that is opened by exactly `open`.
fn fence<'a>(text: &'a str, open: &str) -> &'a str {
    let marks: String = open.chars().take_while(|c| *c == '`').collect();
    let from = text.find(&format!("\n{open}\n")).expect(text) + open.len() + 2;
    let length = text[from..].find(&format!("\n{marks}\n")).expect(text) + 1;
    &text[from..from + length]
}

#[test]
fn every_prompt_that_comes_with_skep_is_spelled_as_it_was_looked_at() {
    for template in Template::ALL {
        insta::assert_snapshot!(template.word(), rendered(&examples::full(template)));
        let sparse = format!("{}-sparse", template.word());
        insta::assert_snapshot!(sparse, rendered(&examples::sparse(template)));
    }
}

#[test]
fn every_kind_of_finding_has_a_correction_of_its_own() {
    for kind in KINDS {
        let text = rendered(&Prompt::Correction(examples::correction(kind)));
        for other in KINDS {
            let told = text.contains(&format!("\n**{}.** ", other.word()));
            assert_eq!(told, kind == other, "{kind:?} {other:?}\n{text}");
        }
        insta::assert_snapshot!(format!("correction-of-{}", kind.word()), text);
    }
}

#[test]
fn of_many_findings_each_is_told_with_its_line_and_each_way_out_once() {
    let mut given = examples::correction(Kind::IncompleteSubPlans);
    let another = Finding { line: Some(77), ..given.findings[0].clone() };
    given.findings.push(another);
    given.findings.extend(examples::correction(Kind::MissingBlock).findings);
    let text = rendered(&Prompt::Correction(given));
    assert!(text.contains("- line 12, IncompleteSubPlans: api: "), "{text}");
    assert!(text.contains("- line 77, IncompleteSubPlans: api: "), "{text}");
    assert!(text.contains("\n- MissingBlock: "), "{text}");
    assert_eq!(text.matches("**IncompleteSubPlans.**").count(), 1);
    assert_eq!(text.matches("**MissingBlock.**").count(), 1);
}

#[test]
fn the_plan_that_is_shown_to_a_planner_is_one_for_its_own_projects() {
    let all = ["billing", "web-2", "docs.site", "null", "Infra"];
    for count in 1..=all.len() {
        for from in 0..=all.len() - count {
            let projects = names(&all[from..from + count]);
            let form = PlanForm { projects: projects.clone() };
            let text = rendered(&Prompt::PlanForm(form));
            let example = fence(&text, "````markdown");
            let checked = plan::check(example, Some(&projects));
            assert_eq!(checked.findings, [], "{example}");
            assert_eq!(checked.plan.sub_plans.len(), count.min(3), "{example}");
            assert_eq!(checked.plan.groups[0], [projects[0].clone()]);
        }
    }
}

#[test]
fn the_markers_of_lists_that_a_planner_is_told_of_are_those_that_count() {
    let text = rendered(&examples::full(Template::PlanForm));
    let line = text.split("\n- **Lists**").nth(1).unwrap().split("\n- **").next().unwrap();
    let (count, not) = line.split_once("`- [ ] words` may be there.").unwrap();
    let marks = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let is_item = |mark: &str| {
        let item = format!("{mark} words");
        let section = |name: &str| format!("### {name}\n{item}\n");
        let sections: String = plan::SECTIONS.map(section).concat();
        let text = format!(
            "```skep-plan\nexecution_groups: [[a]]\n```\n## Orchestration\nx\n## SubPlan: a\n{sections}"
        );
        plan::check(&text, None).findings.is_empty()
    };
    let (count, not) = (marks(count), marks(not));
    assert_eq!((count.len(), not.len()), (8, 5), "{count:?} {not:?}");
    assert!(count.iter().all(|mark| is_item(mark)), "{count:?}");
    assert!(is_item("- [ ]"));
    assert!(!not.iter().any(|mark| is_item(mark)), "{not:?}");
}

#[test]
fn what_corrections_show_makes_a_plan_when_it_is_put_together() {
    let of = |kind| rendered(&Prompt::Correction(examples::correction(kind)));
    for kind in [Kind::MissingBlock, Kind::EmptyExecutionGroups] {
        for whole in [Kind::MissingSubPlans, Kind::IncompleteSubPlans] {
            let plan = format!(
                "```skep-plan\n{}```\n{}\n{}\n",
                fence(&of(kind), "```skep-plan"),
                fence(&of(Kind::MissingOrchestration), "```markdown"),
                fence(&of(whole), "```markdown").replace("SubPlan: web", "SubPlan: api"),
            );
            let checked = plan::check(&plan, Some(&names(&["api"])));
            assert_eq!(checked.findings, [], "{plan}");
        }
    }
    let yaml = of(Kind::InvalidYaml);
    let block = format!("```skep-plan\n{}```\n", fence(&yaml, "```skep-plan"));
    assert_eq!(plan::check(&block, None).plan.groups.len(), 2);
}

#[test]
fn whoever_forgot_parts_is_shown_one_for_a_project_that_lacks_it() {
    let projects = names(&["api", "web", "docs", "infra"]);
    let draft = "```skep-plan\nexecution_groups: [[API, Web], [docs, inrfa]]\n```\n## Orchestration\nx\n## SubPlan: api\n### Goal\nx\n";
    let findings = plan::check(draft, Some(&projects)).findings;
    let draft = examples::correction(Kind::MissingBlock).draft;
    let text = rendered(&Prompt::Correction(Correction { findings, projects, draft, left: 1 }));
    assert!(text.contains("- line 2, UnknownRepos: `inrfa` is no project here\n"), "{text}");
    assert!(text.contains("- line 6, IncompleteSubPlans: api: missing ### Scope\n"), "{text}");
    assert!(text.contains("- MissingSubPlans: no `## SubPlan: inrfa` section\n"), "{text}");
    assert!(text.contains(" Missing are those for `web`, `docs`.\n`web` would have this one:\n\n```markdown\n## SubPlan: web\n"), "{text}");
}

/// Every place of a value that a reader could be told, and the value as another one.
fn changed(at: &str, value: &Json, changes: &mut Vec<(String, Json)>) {
    let pointer = |step: &str| format!("{at}/{step}");
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                changed(&pointer(name), value, changes);
            }
        }
        Json::Array(items) => {
            for (nth, value) in items.iter().enumerate() {
                changed(&pointer(&nth.to_string()), value, changes);
            }
        }
        Json::Number(number) => {
            changes.push((at.to_owned(), Json::from(number.as_u64().unwrap() + 5)));
        }
        Json::String(_) => changes.push((at.to_owned(), Json::from("zebra"))),
        // The first of a list has all that the others may lack.
        Json::Null => assert!(at.contains("/1/") || at.contains("/2/"), "{at}"),
        Json::Bool(value) => changes.push((at.to_owned(), Json::from(!value))),
    }
}

#[test]
fn everything_that_a_prompt_is_given_is_told_by_its_template() {
    let own = Overrides::default();
    let mut seen = 0;
    for template in Template::ALL {
        let given = super::given(&examples::full(template), &own).unwrap();
        let before = fill::fill(template, &own, &given).unwrap();
        let mut changes = Vec::new();
        changed("", &given, &mut changes);
        for (at, value) in changes {
            let mut other = given.clone();
            *other.pointer_mut(&at).unwrap() = value;
            let after = fill::fill(template, &own, &other).unwrap();
            assert_ne!(after, before, "{} does not tell {at}", template.word());
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn no_built_in_template_asks_for_what_it_is_not_given() {
    for template in Template::ALL {
        // Of a person's own every name is looked at.
        let dir = TempDir::new().unwrap();
        let file = config::prompts_folder(dir.path()).join(format!("{}.md", template.word()));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        write(&file, template.built_in());
        let own = Overrides::read(dir.path(), None).unwrap();
        assert_eq!(*own.origin(template), Origin::Person(file));
        assert_eq!(
            example(template, &own).unwrap(),
            example(template, &Overrides::default()).unwrap()
        );
    }
}

#[test]
fn whoever_is_told_something_hears_first_who_they_are() {
    for template in Template::ALL {
        let piece =
            matches!(template, Template::PlanForm | Template::CommitStyle | Template::VerdictForm);
        let told = !piece;
        let text = example(template, &Overrides::default()).unwrap();
        assert_eq!(text.starts_with("You are "), told, "{text}");
    }
    for template in
        [Template::Planning, Template::Correction, Template::Revision, Template::FollowUp]
    {
        let text = example(template, &Overrides::default()).unwrap();
        assert!(text.starts_with("You are the planner of this task"), "{text}");
        assert!(text.lines().next().unwrap().contains("write a plan, not the change"), "{text}");
    }
}

#[test]
fn a_draft_is_checked_by_a_command_that_a_shell_takes_as_it_was_meant() {
    let skep = Path::new("/opt/my tools/skep");
    let draft = Draft::new(Path::new("/env/a b/plan.md"), Some(skep), &names(&["api", "web"]));
    let check = draft.check.unwrap();
    assert_eq!(
        check,
        "'/opt/my tools/skep' plan check '/env/a b/plan.md' --project api --project web"
    );
    assert_eq!(Draft::new(Path::new("/x"), None, &[]).check, None);
}

#[test]
fn what_is_empty_is_as_absent_as_what_is_not_there() {
    let mut given = examples::sparse(Template::Planning);
    let absent = rendered(&given);
    if let Prompt::Planning(given) = &mut given {
        given.reference = Some(String::new());
        given.projects[0].language = Some(String::new());
        given.projects[0].agents_md = Some(String::new());
        given.draft.check = Some(String::new());
    }
    assert_eq!(rendered(&given), absent);
    assert!(!absent.contains("none"), "{absent}");
}
