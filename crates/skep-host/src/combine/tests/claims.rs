use super::*;

fn taken(claiming: Claiming) -> Claim {
    match claiming {
        Claiming::Claimed(claim) => claim,
        Claiming::Held(by) => panic!("held by {by:?}"),
    }
}

fn ask(yard: &Yard, owner: &str, now: i64) -> Claiming {
    claim(&yard.git(), &yard.found(), "main", owner, 60, now).unwrap()
}

#[test]
fn a_target_is_held_by_one_lander_until_it_is_given_back() {
    let yard = Yard::new();
    let one = yard.claim("one", 100);
    assert_eq!((one.number, one.until), (1, 160));
    assert_eq!(ask(&yard, "two", 159), Claiming::Held(one.clone()));
    release(&yard.git(), &yard.found(), &one).unwrap();
    let two = yard.claim("two", 101);
    assert_eq!(two.number, 2);
    release(&yard.git(), &yard.found(), &one).unwrap();
    assert_eq!(ask(&yard, "one", 102), Claiming::Held(two));
}

#[test]
fn a_dead_landers_claim_is_free_after_its_lease_and_its_number_has_passed() {
    let yard = Yard::new();
    let dead = yard.claim("dead", 100);
    assert!(matches!(ask(&yard, "next", 159), Claiming::Held(_)));
    let next = yard.claim("next", 160);
    assert_eq!((next.number, next.owner.as_str()), (2, "next"));
    assert_eq!(renew(&yard.git(), &yard.found(), &dead, 161).unwrap(), Claiming::Held(next));
}

#[test]
fn a_claim_is_renewed_under_its_number_by_any_process_of_its_owner() {
    let yard = Yard::new();
    let one = yard.claim("one", 100);
    let again = taken(renew(&yard.git(), &yard.found(), &one, 150).unwrap());
    assert_eq!((again.number, again.until), (1, 210));
    assert_eq!(yard.claim("one", 200), Claim { until: 260, ..again.clone() });
    let late = taken(renew(&yard.git(), &yard.found(), &one, 1_000).unwrap());
    assert_eq!((late.number, late.until), (1, 1_060), "nobody took it");
    release(&yard.git(), &yard.found(), &late).unwrap();
    assert!(matches!(renew(&yard.git(), &yard.found(), &late, 1_001).unwrap(), Claiming::Held(_)));
}

#[test]
fn a_clock_that_was_set_back_holds_no_target_for_years() {
    let yard = Yard::new();
    yard.claim("one", 4_000_000_000);
    assert_eq!(yard.claim("two", 100).number, 2);
}

#[test]
fn targets_whose_names_hold_each_other_have_a_claim_each() {
    let yard = Yard::new();
    let take = |target: &str| claim(&yard.git(), &yard.found(), target, "one", 60, 1).unwrap();
    for target in ["a", "a/b", "a%2Fb", "a/b/c.d"] {
        let claim = taken(take(target));
        assert_eq!((claim.number, claim.target.as_str()), (1, target));
    }
}

#[test]
fn what_stands_there_and_is_no_claim_is_not_written_over() {
    let yard = Yard::new();
    yard.repo().git(&["update-ref", "refs/skep/lander/main", "main"]);
    let error = claim(&yard.git(), &yard.found(), "main", "one", 60, 1);
    assert!(error.is_err(), "{error:?}");
    assert_eq!(yard.repo().oid("refs/skep/lander/main"), yard.repo().head());
}

#[test]
fn of_many_who_ask_at_once_one_holds_the_target() {
    let yard = Yard::new();
    let (git, found) = (yard.git(), yard.found());
    let all: Vec<Claiming> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..12)
            .map(|n| {
                let (git, found) = (&git, &found);
                scope.spawn(move || claim(git, found, "main", &format!("{n}"), 60, 100).unwrap())
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let holds = all.iter().filter(|one| matches!(one, Claiming::Claimed(_))).count();
    assert_eq!(holds, 1, "{all:?}");
}
