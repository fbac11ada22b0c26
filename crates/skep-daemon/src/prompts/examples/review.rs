//! A review, and what comes of it.

use skep_core::{
    review::{Critique, Severity},
    run::Trust,
};

use super::{
    super::{Answered, Resolve, Review, Rework, Verdict},
    PART, Words, checks, secret, style,
};

const BASE: &str = "9d3c1f0a5be24768a1d0c3f4e5b6978812345678";
const HEAD: &str = "4f6a0b7c8d9e1f203142536475869708a9bacbdc";

pub(super) fn review() -> Review {
    let secret = secret();
    let critiques = [page(), manual()];
    Review {
        task: Words::about("Search results in pages", "", Trust::Person, &secret),
        reference: Some("acme/web#42".to_owned()),
        orchestration: Words::approved("The API answers first; the site is written against it."),
        project: "api".to_owned(),
        part: Words::approved(PART),
        agents_md: Words::guidance("Run `just check` before every commit.", &secret),
        validation: checks(),
        base: BASE.to_owned(),
        head: HEAD.to_owned(),
        cycle: 2,
        answers: Words::answers(&[answered()], &secret),
        earlier: Words::critiques(&[(1, critiques.to_vec())], &secret),
        remarks: Words::remarks(&[&size()], 1),
    }
}

pub(super) fn without(given: &mut Review) {
    (given.reference, given.agents_md) = (None, Words::default());
    given.validation.clear();
    (given.answers, given.earlier, given.remarks) =
        (Words::default(), Words::default(), Words::default());
}

pub(super) fn verdict() -> Verdict {
    Verdict { project: "api".to_owned(), head: HEAD.to_owned() }
}

pub(super) fn rework() -> Rework {
    Rework {
        project: "api".to_owned(),
        head: Some(HEAD.to_owned()),
        remarks: Words::remarks(&[&size()], 1),
        critiques: Words::to_settle(&[&page(), &manual()], 2, &secret()),
        validation: checks(),
        commit: style(),
    }
}

pub(super) fn resolve() -> Resolve {
    Resolve {
        project: "api".to_owned(),
        target: "main".to_owned(),
        onto: HEAD.to_owned(),
        files: Words::files(&["src/search/page.rs"], &secret()),
        task: Words::of_person("Search results in pages"),
        theirs: Words::recorded("1f2e3d4 Sort results by age", &secret()),
        validation: checks(),
        commit: style(),
    }
}

pub(super) fn answered() -> Answered {
    Answered {
        id: "q_7k2m9qx4ab".to_owned(),
        project: "api".to_owned(),
        by: "ada".to_owned(),
        question: "Is the first page 0 or 1?".to_owned(),
        answer: "1, as in the old search.".to_owned(),
    }
}

fn page() -> Critique {
    Critique {
        severity: Severity::Major,
        file: Some("src/search/page.rs".to_owned()),
        line: Some(41),
        text: "The last page is left out where it is not full.\nA search with 45 hits has 2 pages."
            .to_owned(),
        suggestion: Some("Round up, and test 45 hits.".to_owned()),
        by: None,
    }
}

fn manual() -> Critique {
    Critique {
        severity: Severity::Nit,
        file: None,
        line: None,
        text: "The manual still speaks of `offset`.".to_owned(),
        suggestion: None,
        by: None,
    }
}

/// A person's.
fn size() -> Critique {
    Critique {
        severity: Severity::Major,
        file: Some("src/search/query.rs".to_owned()),
        line: Some(12),
        text: "A size above 100 should be refused, not cut.".to_owned(),
        suggestion: None,
        by: Some("ada".to_owned()),
    }
}
