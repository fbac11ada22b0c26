//! A plan as a document.

use std::fmt::Write as _;

use super::Plan;

pub(super) fn compose(plan: &Plan) -> String {
    let mut text = String::from("```skep-plan\nexecution_groups:");
    if plan.groups.is_empty() {
        text.push_str(" []");
    }
    text.push('\n');
    // A `String` takes whatever is written into it.
    for group in &plan.groups {
        let _written = writeln!(text, "  - [{}]", list(group));
    }
    if !plan.needs.is_empty() {
        text.push_str("needs:\n");
        for (project, needs) in &plan.needs {
            let _written = writeln!(text, "  {}: [{}]", scalar(project), list(needs));
        }
    }
    let _written = write!(text, "```\n\n## Orchestration\n{}\n", plan.orchestration);
    let mut parts: Vec<_> = plan.sub_plans.iter().collect();
    parts.sort_by_key(|part| (part.order, part.project.to_lowercase()));
    for part in parts {
        let _written = write!(text, "\n## SubPlan: {}\n{}\n", part.project, part.content);
    }
    text
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| scalar(name)).collect::<Vec<_>>().join(", ")
}

/// A name that YAML reads back as it is.
fn scalar(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if begins && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "''"))
}
