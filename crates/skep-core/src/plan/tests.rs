use proptest::prelude::*;

use super::*;

const EXAMPLE: &str = include_str!("../../tests/plans/refunds.md");

fn projects(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn three() -> Vec<String> {
    projects(&["payments-api", "web-checkout", "ops-dashboards"])
}

/// One whole part, for a document of a test.
fn part(name: &str) -> String {
    format!(
        "## SubPlan: {name}\n### Goal\nIt works.\n\n### Scope\n- `src/`\n\n### Changes\n1. Do it.\n\n\
         ### Validation\n- `make test`\n\n### Risks\n- None known.\n"
    )
}

fn document(block: &str, parts: &[String]) -> String {
    let parts = parts.join("\n");
    format!("```skep-plan\n{block}\n```\n\n## Orchestration\nAll at once.\n\n{parts}")
}

fn kinds(checked: &Checked) -> Vec<Kind> {
    checked.findings.iter().map(|finding| finding.kind).collect()
}

#[track_caller]
fn sound(text: &str, projects: &[String]) -> Plan {
    let checked = check(text, Some(projects));
    assert_eq!(checked.findings, []);
    checked.plan
}

#[test]
fn the_example_parses_and_composes_to_the_same() {
    let plan = sound(EXAMPLE, &three());
    let orders: Vec<usize> = plan.sub_plans.iter().map(|part| part.order).collect();
    assert_eq!(orders, [0, 1, 1]);
    assert_eq!(
        plan.waves(|_| false),
        [vec!["payments-api"], vec!["web-checkout", "ops-dashboards"]]
    );
    assert!(plan.orchestration.starts_with("The API exposes"), "{}", plan.orchestration);
    assert_eq!(
        plan.sub_plans[0].goal(),
        "Partial refunds are accepted, validated and persisted idempotently."
    );
    let again = sound(&plan.compose(), &three());
    assert_eq!(again.waves(|_| false), plan.waves(|_| false));
    assert_eq!(again.compose(), plan.compose());
}

#[test]
fn only_the_missing_block_is_reported_where_the_rest_is_whole() {
    let text = document("execution_groups: [[api]]", &[part("api")]);
    let text = text.split_once("\n```\n").unwrap().1;
    assert_eq!(kinds(&check(text, Some(&projects(&["api"])))), [Kind::MissingBlock]);
}

#[test]
fn which_spellings_of_the_fence_open_a_block() {
    let with = |fence: &str| {
        let text = document("execution_groups: [[api]]", &[part("api")]);
        kinds(&check(&text.replacen("```skep-plan", fence, 1), None))
    };
    for fence in ["```skep-plan", "``` skep-plan", "```skep-plan  ", "```substrate-plan"] {
        assert_eq!(with(fence), [], "{fence}");
    }
    for fence in
        ["```yaml skep-plan", "```yaml", "~~~skep-plan", "```skep-plans", "    ```skep-plan"]
    {
        assert!(with(fence).contains(&Kind::MissingBlock), "{fence}");
    }
}

#[test]
fn a_block_that_is_only_shown_in_an_example_is_none() {
    let shown = "````\n```skep-plan\nexecution_groups: [[web]]\n```\n````\n";
    let text = format!("{shown}{}", document("execution_groups: [[api]]", &[part("api")]));
    assert_eq!(sound(&text, &projects(&["api", "web"])).groups, [["api"]]);
}

#[test]
fn broken_yaml_is_reported_with_its_message_and_line() {
    let checked = check(&document("execution_groups: [a", &[part("a")]), None);
    let finding = &checked.findings[0];
    assert_eq!(kinds(&checked), [Kind::InvalidYaml]);
    assert!(!finding.detail.is_empty());
    assert!(finding.line.is_some_and(|line| (2..=3).contains(&line)), "{finding:?}");
    for block in [
        "execution_groups: api",
        "execution_groups: [api]",
        "execution_groups: [[[api]]]",
        "execution_groups: [[api]]\nexecution_groups: [[web]]",
        "execution_groups: &a [[api]]\nneeds: *a",
        "execution_groups: [[api]]\nneeds: [api]",
    ] {
        let found = kinds(&check(&document(block, &[part("api")]), None));
        assert!(found.contains(&Kind::InvalidYaml), "{block}: {found:?}");
    }
}

#[test]
fn no_groups_or_only_empty_ones_are_an_error() {
    for block in ["groups: [[api]]", "execution_groups: [[]]", "execution_groups:", "", "- api"] {
        let found = kinds(&check(&document(block, &[part("api")]), None));
        assert_eq!(found, [Kind::EmptyExecutionGroups], "{block}");
    }
}

#[test]
fn the_orchestration_heading_has_one_form_and_any_place() {
    let text = document("execution_groups: [[api]]", &[part("api")]);
    for heading in
        ["## Orchestration: notes", "## orchestration", "# Orchestration", "### Orchestration"]
    {
        let found = kinds(&check(&text.replace("## Orchestration", heading), None));
        assert_eq!(found, [Kind::MissingOrchestration], "{heading}");
    }
    let empty = text.replace("All at once.", "");
    assert_eq!(kinds(&check(&empty, None)), [Kind::MissingOrchestration]);
    let moved = text.replace("## Orchestration\nAll at once.\n", "");
    let plan = sound(&format!("{moved}\n## Orchestration\nLast.\n"), &projects(&["api"]));
    assert_eq!(plan.orchestration, "Last.");
    assert!(!plan.sub_plans[0].content.contains("Orchestration"), "{plan:?}");
}

#[test]
fn all_that_is_incomplete_is_listed_in_one_pass() {
    let part =
        part("api").replace("### Risks\n- None known.\n", "").replace("1. Do it.", "We do it.");
    let text = document("execution_groups: [[api]]", &[part]).replace("## Orchestration\n", "");
    let checked = check(&text, None);
    let details: Vec<&str> =
        checked.findings.iter().map(|finding| finding.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "api: ### Changes must include at least 1 list item",
            "api: missing ### Risks",
            "missing ## Orchestration section, or nothing in it"
        ]
    );
}

#[test]
fn which_list_markers_count() {
    let with = |item: &str| {
        let part = part("api").replace("1. Do it.", item);
        kinds(&check(&document("execution_groups: [[api]]", &[part]), None)).is_empty()
    };
    for item in [
        "- x", "* x", "+ x", "1. x", "12) x", "a) x", "b. x", "(1) x", "- [x] x", "- [ ] x",
        "  - x", "-\tx",
    ] {
        assert!(with(item), "{item}");
    }
    for item in ["-x", "1 x", "Step 1: x", "- ", "- [ ]", "(a) x", "A) x", "1.x", "```\n- x\n```"] {
        assert!(!with(item), "{item}");
    }
}

#[test]
fn names_match_regardless_of_case_and_are_kept_as_the_project_has_them() {
    let text = document("execution_groups: [[Api]]", &[part("API")]);
    let plan = sound(&text, &projects(&["api"]));
    assert_eq!(plan.groups, [["api"]]);
    assert_eq!(plan.sub_plans[0].project, "api");
}

#[test]
fn unknown_missing_and_undeclared_parts_are_each_told_once() {
    let text = document(
        "execution_groups:\n  - [api, ghost]\n  - [web]",
        &[part("api"), part("ghost"), part("docs"), part("docs-too")],
    );
    let checked = check(&text, Some(&projects(&["api", "web", "docs"])));
    let found: Vec<(Kind, Option<usize>)> =
        checked.findings.iter().map(|finding| (finding.kind, finding.line)).collect();
    assert_eq!(
        found,
        [
            (Kind::UnknownRepos, Some(3)),
            (Kind::UndeclaredSubPlans, Some(42)),
            (Kind::UndeclaredSubPlans, Some(58)),
            (Kind::MissingSubPlans, None)
        ],
        "{:#?}",
        checked.findings
    );
}

#[test]
fn a_part_named_twice_is_a_finding() {
    let twice = document("execution_groups: [[api]]", &[part("api"), part("Api")]);
    assert_eq!(kinds(&check(&twice, None)), [Kind::DuplicateSubPlans]);
    let groups = document("execution_groups: [[api], [api]]", &[part("api")]);
    assert_eq!(kinds(&check(&groups, None)), [Kind::DuplicateSubPlans]);
}

#[test]
fn a_heading_within_a_fence_is_text() {
    let part =
        part("api").replace("1. Do it.", "1. Write:\n\n```\n## SubPlan: ghost\n### Risks\n```");
    let plan = sound(&document("execution_groups: [[api]]", &[part]), &projects(&["api"]));
    assert_eq!(plan.sub_plans.len(), 1);
    assert!(plan.sub_plans[0].content.contains("ghost"));
}

#[test]
fn a_name_stands_on_its_headings_own_line() {
    let part = part("api").replace("## SubPlan: api", "## SubPlan:\napi");
    let found = kinds(&check(&document("execution_groups: [[api]]", &[part]), None));
    assert_eq!(found, [Kind::UndeclaredSubPlans, Kind::MissingSubPlans]);
    let last = document("execution_groups: [[api]]", &["## SubPlan: api".to_owned()]);
    assert_eq!(kinds(&check(&last, None)), [Kind::IncompleteSubPlans; 5]);
}

#[test]
fn a_need_within_a_group_makes_two_waves_of_it() {
    let block = "execution_groups: [[web, api, docs], [site]]\nneeds: {web: [api], site: [web]}";
    let names = ["web", "api", "docs", "site"];
    let plan = sound(&document(block, &names.map(part)), &projects(&names));
    assert_eq!(plan.waves(|_| false), [vec!["api", "docs"], vec!["web"], vec!["site"]]);
    assert_eq!(plan.waves(|name| name == "web" || name == "api"), [vec!["docs"], vec!["site"]]);
    assert_eq!(plan.waves(|_| true), Vec::<Vec<String>>::new());
}

#[test]
fn a_need_that_cannot_be_met_is_a_finding() {
    for needs in [
        "{api: [web]}",
        "{api: [ghost]}",
        "{ghost: [api]}",
        "{web: [docs], docs: [web]}",
        "{api: [api]}",
    ] {
        let block = format!("execution_groups: [[api], [web, docs]]\nneeds: {needs}");
        let found = kinds(&check(&document(&block, &["api", "web", "docs"].map(part)), None));
        assert_eq!(found, [Kind::InvalidNeeds], "{needs}");
    }
}

#[test]
fn a_document_without_end_and_a_block_without_bottom_are_refused() {
    assert_eq!(kinds(&check(&"x".repeat(LONGEST + 1), None)), [Kind::MissingBlock]);
    let deep = format!("execution_groups: {}", "[".repeat(10_000));
    assert_eq!(kinds(&check(&document(&deep, &[]), None)), [Kind::InvalidYaml]);
}

fn name() -> impl Strategy<Value = String> {
    // What stands in a heading is trimmed of blanks, colons and dashes.
    "[A-Za-z0-9._é'#&*!][A-Za-z0-9._ é'#,-]{0,8}[A-Za-z0-9._é']"
}

proptest! {
    #[test]
    fn whatever_is_read_something_is_said(text in "(```skep-plan\n|```\n|## SubPlan: a\n|## Orchestration\n|### Goal\n|- [a-z]\n|execution_groups:|[ \\[\\]{}&*:,a-z\n]|\\PC){0,60}") {
        let checked = check(&text, None);
        let _sound = checked.plan.waves(|_| false);
        // A document without a finding is one that composes to itself.
        if checked.findings.is_empty() {
            let again = check(&checked.plan.compose(), None);
            prop_assert_eq!(again.findings, vec![]);
        }
    }

    #[test]
    fn what_is_composed_is_read_back_to_the_same(
        groups in prop::collection::vec(prop::collection::btree_set(name(), 1..4), 1..4),
        notes in "[a-z`#*. \n]{1,40}x",
    ) {
        let mut seen = std::collections::BTreeSet::new();
        let fresh = |group: &std::collections::BTreeSet<String>| -> Vec<String> {
            group.iter().filter(|name| seen.insert(name.to_lowercase())).cloned().collect()
        };
        let groups: Vec<Vec<String>> = groups.iter().map(fresh).filter(|group| !group.is_empty()).collect();
        let content = part("x").split_once('\n').map(|(_, rest)| rest.trim_end().to_owned()).unwrap();
        let sub_plans = groups.iter().enumerate().flat_map(|(order, group)| {
            let content = &content;
            let mut group = group.clone();
            group.sort_by_key(|name| name.to_lowercase());
            group.into_iter().map(move |project| SubPlan { project, order, needs: Vec::new(), content: content.clone() })
        }).collect();
        let orchestration = scan::lines(&notes).iter().map(|(_, line)| format!("> {line}")).collect::<Vec<_>>().join("\n");
        let plan = Plan { groups, orchestration, sub_plans, ..Plan::default() };
        let checked = check(&plan.compose(), None);
        prop_assert_eq!(checked.findings, vec![]);
        prop_assert_eq!(checked.plan, plan);
    }
}
