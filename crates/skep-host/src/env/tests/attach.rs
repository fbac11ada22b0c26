use super::*;

/// What was asked before a worktree was made.
fn asked(
    yard: &Yard,
    ask: &Prepare,
    answer: Result<(), &str>,
) -> (Vec<String>, Result<Prepared, EnvError>) {
    let mut heard = Vec::new();
    let mut may = |creating: Creating<'_>| {
        let trace = yard.trace();
        let branch = creating.branch.unwrap_or("no branch");
        heard.push(format!("{branch} {} {}", creating.base.oid, trace.1));
        answer.map_err(str::to_owned)
    };
    let made = prepare_asking(&yard.git(), ask, &mut may);
    (heard, made)
}

#[test]
fn who_says_no_before_a_worktree_leaves_nothing_of_it_and_is_asked_anew_the_next_time() {
    let yard = Yard::new();
    let before = yard.trace();
    let (heard, made) = asked(&yard, &yard.ask(), Err("not today"));
    let error = made.unwrap_err();
    assert_eq!(
        (error.slug(), error.fault(), error.retry()),
        ("hook-failed", Fault::User, Retry::Never)
    );
    assert!(chained(&error).contains("not today"), "{error:?}");
    assert_eq!(yard.trace(), before);
    assert_eq!(heard.len(), 1);
    let (heard, made) = asked(&yard, &yard.ask(), Ok(()));
    // It was asked before there was a worktree beside the main one.
    assert_eq!(heard, [format!("skep/fix {} {}", yard.repo().head(), before.1)]);
    assert_eq!(made.unwrap().branch.as_deref(), Some("skep/fix"));
    // What stands is used again, and nobody is asked.
    let (heard, made) = asked(&yard, &yard.ask(), Err("not today"));
    assert!(heard.is_empty() && made.unwrap().reused);
}

#[test]
fn a_branch_that_stands_gets_the_worktree_and_is_left_as_it_was_when_that_is_undone() {
    let yard = Yard::new();
    let repo = yard.repo();
    repo.git(&["checkout", "--quiet", "-b", "mine"]);
    let tip = repo.commit_file("beam", "oak\n");
    repo.git(&["checkout", "--quiet", "main"]);
    let ask = Prepare { branches: vec!["mine".to_owned()], attach: true, ..yard.ask() };
    let before = yard.trace();
    let (heard, made) = asked(&yard, &ask, Ok(()));
    let made = made.unwrap();
    assert_eq!(heard, [format!("mine {tip} {}", before.1)]);
    assert_eq!(
        (made.branch.as_deref(), made.base.map(|base| base.oid)),
        (Some("mine"), Some(tip.clone()))
    );
    assert_eq!(yard.tree().read("beam"), "oak\n");
    assert!(!made.created.iter().any(|created| matches!(created, Created::Branch { .. })));
    undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Agent).unwrap();
    assert_eq!(yard.trace(), before);
    assert_eq!(repo.oid("refs/heads/mine"), tip);
    // Without the wish another name is taken.
    let made = yard
        .prepare(&Prepare {
            attach: false,
            branches: vec!["mine".to_owned(), "other".to_owned()],
            ..ask
        })
        .unwrap();
    assert_eq!(made.branch.as_deref(), Some("other"));
}

#[test]
fn a_branch_that_another_worktree_has_checked_out_stays_there() {
    let yard = Yard::new();
    let before = yard.trace();
    let ask = Prepare { branches: vec!["main".to_owned()], attach: true, ..yard.ask() };
    let error = yard.prepare(&ask).unwrap_err();
    assert_eq!(error.slug(), "branch-checked-out");
    assert_eq!(yard.trace(), before);
}

fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!(": {source}"));
        next = source.source();
    }
    text
}
