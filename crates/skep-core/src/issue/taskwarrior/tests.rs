use super::*;

fn task(tags: &[&str]) -> Task {
    Task {
        uuid: "4e1a92c7-5b0d-4c1f-9a37-0f6f3f0a8d21".to_owned(),
        status: "pending".to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Task::default()
    }
}

fn rules(reviewers: &[&str], requires: &[&str]) -> Rules {
    let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    Rules {
        approvals: vec!["lgtm".to_owned()],
        reviewers: owned(reviewers),
        requires: owned(requires),
    }
}

fn run(reviews: bool, agent: &str, own: bool) -> Who {
    Who::Run(Speaker { run: "run_7k2m9qx4ab".to_owned(), reviews, agent: agent.to_owned(), own })
}

#[test]
fn a_tasks_name_is_its_uuid_or_eight_digits_and_numbers_are_refused_with_the_forms() {
    let uuid = "4e1a92c7-5b0d-4c1f-9a37-0f6f3f0a8d21";
    assert_eq!(name(&format!("tw:{uuid}")), Ok(Name::Uuid(uuid.to_owned())));
    assert_eq!(name("4e1a92c7"), Ok(Name::Short("4e1a92c7".to_owned())));
    assert_eq!(name("tw:12345678"), Ok(Name::Short("12345678".to_owned())), "digits are hex too");
    assert!(name("4e1a92c7").unwrap().fits(&name(uuid).unwrap()));
    for (text, why) in [
        ("", "empty"),
        ("tw:", "empty"),
        ("12", "tomorrow"),
        ("tw:#12", "tomorrow"),
        ("#12345678", "tomorrow"),
        ("4E1A92C7", "small"),
        ("tw:4e1a92c", "neither"),
        ("4e1a92c7-5b0d-4c1f-9a37-0f6f3f0a8d2", "neither"),
        ("../4e1a92", "neither"),
        ("-e1a92c7", "neither"),
    ] {
        let error = name(text).unwrap_err();
        assert!(error.text.contains(why), "{text}: {error:?}");
        assert_eq!(error.hints.len(), 2, "the accepted forms are shown");
    }
}

#[test]
fn a_project_is_itself_or_the_nearest_above_and_never_what_only_looks_alike() {
    let known = |name: &str| ["web", "web.login"].into_iter().find(|known| *known == name);
    assert_eq!(project("web", known), Some("web"));
    assert_eq!(project("web.api.v2", known), Some("web"));
    assert_eq!(project("web.login.form", known), Some("web.login"));
    assert_eq!(project("webs", known), None);
    assert_eq!(project("we", known), None);
    assert_eq!(project("", known), None);
}

#[test]
fn an_approval_counts_only_from_a_reviewer_and_never_from_the_author() {
    let (before, after) = (task(&[]), task(&["design_lgtm"]));
    let slug = |who: &Who, of: &[&str]| {
        modified(&before, &after, who, &rules(of, &[])).map_err(|it| it.slug)
    };
    assert_eq!(slug(&Who::Person, &["person"]), Ok(()));
    assert_eq!(slug(&Who::Person, &["review"]), Err("task-no-reviewer"));
    assert_eq!(slug(&Who::Person, &[]), Err("task-no-reviewer"));
    assert_eq!(slug(&run(true, "codex", false), &["review"]), Ok(()));
    assert_eq!(slug(&run(false, "codex", false), &["review"]), Err("task-no-reviewer"));
    assert_eq!(slug(&run(false, "codex", false), &["codex"]), Ok(()));
    assert_eq!(slug(&run(false, "codex", true), &["codex"]), Err("task-no-reviewer"));
    assert_eq!(slug(&run(false, "person", false), &["person"]), Err("task-no-reviewer"));
    assert_eq!(slug(&Who::SomeRun, &["person", "review"]), Err("task-no-reviewer"));
    assert_eq!(
        added(&after, &run(false, "codex", false), &rules(&["person"], &[])).unwrap_err().slug,
        "task-no-reviewer",
        "nor is one born approved"
    );
    assert!(is_approval("lgtm", &rules(&[], &[])) && !is_approval("notlgtm", &rules(&[], &[])));
}

#[test]
fn a_run_changes_no_other_tag_no_project_and_no_field_that_guards() {
    let who = run(true, "codex", false);
    let rules = rules(&["review"], &[]);
    let slug =
        |before: &Task, after: &Task| modified(before, after, &who, &rules).map_err(|it| it.slug);
    let no = Err("task-not-for-runs");
    assert_eq!(slug(&task(&[]), &task(&["lgtm"])), Ok(()));
    assert_eq!(slug(&task(&[]), &task(&["next"])), no);
    assert_eq!(slug(&task(&["lgtm"]), &task(&[])), no, "taken away");
    let moved = |project: &str| Task { project: Some(project.to_owned()), ..task(&[]) };
    assert_eq!(slug(&moved("web"), &moved("api")), no);
    assert_eq!(slug(&task(&[]), &moved("api")), Ok(()));
    let change = |number: &str| Task { pr_id: Some(number.to_owned()), ..task(&[]) };
    assert_eq!(slug(&task(&[]), &change("7")), Ok(()));
    assert_eq!(slug(&change("7"), &change("8")), no);
    assert_eq!(slug(&change("7"), &task(&[])), no);
    let over = Task { skep_override: Some("because".to_owned()), ..task(&[]) };
    assert_eq!(slug(&task(&[]), &over), no);
    assert_eq!(added(&over, &who, &rules).map_err(|it| it.slug), no);
    let by = |run: &str| Task { spawner: Some(run.to_owned()), ..task(&[]) };
    let adds = |task: &Task| added(task, &who, &rules).map_err(|it| it.slug);
    assert_eq!((adds(&by("run_7k2m9qx4ab")), adds(&by("run_other"))), (Ok(()), no));
    assert_eq!(slug(&task(&[]), &by("run_7k2m9qx4ab")), no, "nor takes a person's for its own");
    assert_eq!(slug(&by("run_7k2m9qx4ab"), &task(&[])), no, "nor its own for a person's");
    assert_eq!(modified(&change("7"), &over, &Who::Person, &rules), Ok(()), "a person may");
}

#[test]
fn a_run_changes_the_words_of_its_own_tasks_and_of_nobody_elses() {
    let rules = rules(&["person"], &[]);
    let of = |spawner: Option<&str>| Task { spawner: spawner.map(str::to_owned), ..task(&[]) };
    let said = |it: &Task| Task { description: "say nothing".to_owned(), ..it.clone() };
    let noted = |it: &Task| Task { annotations: vec!["and publish it".to_owned()], ..it.clone() };
    let own = run(false, "codex", true);
    for (who, spawner, may) in [
        (&Who::Person, None, true),
        (&Who::Person, Some("run_other"), true),
        (&own, None, false),
        (&own, Some("run_other"), false),
        (&own, Some("run_7k2m9qx4ab"), true),
        (&Who::SomeRun, None, false),
        (&Who::SomeRun, Some("run"), false),
    ] {
        let before = of(spawner);
        let noted = noted(&before);
        for (before, after) in [(&before, &said(&before)), (&before, &noted), (&noted, &before)] {
            let judged = modified(before, after, who, &rules);
            assert_eq!(judged.is_ok(), may, "{who:?} {spawner:?}: {judged:?}");
            if let Err(refused) = judged {
                assert!(refused.slug == "task-not-for-runs", "{refused:?}");
                assert!(refused.hints[0].contains("last message"), "{refused:?}");
            }
        }
    }
}

#[test]
fn words_of_runs_are_told_by_a_spawner_of_any_name_and_by_the_mark_of_skep() {
    let noted = |note: &str| Task { annotations: vec![note.to_owned()], ..task(&[]) };
    let by = |who: &str| Task { spawner: Some(who.to_owned()), ..task(&[]) };
    assert!(by("run_7k2m9qx4ab").has_words_of_runs() && by("run").has_words_of_runs());
    assert!(noted(&format!("done {}", mark("run_7k2m9qx4ab/1"))).has_words_of_runs());
    assert!(noted(&format!("{} and more behind it", mark("a\nb"))).has_words_of_runs());
    assert!(!noted("skep is slow").has_words_of_runs() && !task(&[]).has_words_of_runs());
}

#[test]
fn completion_wants_what_the_project_asks_for_and_the_change_and_only_a_person_overrides() {
    let asks = rules(&["person"], &["lgtm"]);
    let free = rules(&["person"], &[]);
    let done = |task: Task| Task { status: "completed".to_owned(), ..task };
    assert_eq!(completed(&done(task(&[])), &Who::Person, &free), Ok(Needs::Nothing));
    let error = completed(&done(task(&[])), &Who::Person, &asks).unwrap_err();
    assert!(error.slug == "task-unapproved" && error.text.contains("+lgtm"), "{error:?}");
    let change = |number: &str| Task { pr_id: Some(number.to_owned()), ..done(task(&["lgtm"])) };
    assert_eq!(completed(&change("7"), &Who::Person, &asks), Ok(Needs::Merged(7)));
    assert_eq!(completed(&change("7:lgtm"), &Who::Person, &asks), Ok(Needs::Merged(7)));
    assert_eq!(completed(&change(""), &Who::Person, &asks), Ok(Needs::Nothing));
    for odd in ["x", "7:draft", "0", "-7", "7 8"] {
        assert_eq!(completed(&change(odd), &Who::Person, &asks).unwrap_err().slug, "task-unmerged");
    }
    let over = Task { skep_override: Some("it shipped".to_owned()), ..change("7") };
    assert_eq!(
        completed(&over, &Who::Person, &asks),
        Ok(Needs::Overridden("it shipped".to_owned()))
    );
    let who = run(false, "codex", true);
    assert_eq!(completed(&over, &who, &asks), Ok(Needs::Merged(7)), "a run does not");
}

#[test]
fn what_taskwarrior_wrote_is_legible_whatever_bytes_are_in_its_strings() {
    let written = b"[\n{\"a\":\"x\x1b[31m\x01\ty \xed\xa0\x80\xff \xc3\xbc\"}\n]\n";
    let text = legible(written);
    assert_eq!(text, "[ {\"a\":\"x [31m  y \u{fffd}\u{fffd}\u{fffd}\u{fffd} ü\"} ] ");
    assert_eq!(
        legible(b"{\"a\":\"\\u001b\\n\"}"),
        "{\"a\":\"\\u001b\\n\"}",
        "what is spelt out stays"
    );
}
