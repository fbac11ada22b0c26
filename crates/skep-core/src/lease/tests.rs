//! What a value is, who gets which, and how that is told.

use super::*;
use crate::id::LENGTH;

fn id(name: &str) -> RunId {
    RunId::new([name.as_bytes()[0]; LENGTH])
}

fn ports(name: &str, first: u32, last: u32) -> Need {
    Need {
        name: name.to_owned(),
        env: name.to_uppercase(),
        pool: Pool::Range { first, last },
        count: 1,
        project: None,
        ports: true,
    }
}

fn db(values: &[&str], project: Option<&str>) -> Need {
    Need {
        name: "db".to_owned(),
        env: "DATABASE_URL".to_owned(),
        pool: Pool::Values(values.iter().map(|&value| value.to_owned()).collect()),
        count: 1,
        project: project.map(str::to_owned),
        ports: false,
    }
}

fn values(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|lease| lease.value.as_str()).collect()
}

fn words(lacks: &[Lack]) -> Vec<String> {
    let name = |run: &RunId| {
        ["amber", "beryl", "coral", "drav", "ebony"]
            .into_iter()
            .find(|name| id(name) == *run)
            .unwrap()
            .to_owned()
    };
    lacks.iter().map(|lack| lack.words(name)).collect()
}

#[test]
fn one_value_is_in_one_variable_and_several_are_each_in_one_of_their_own_too() {
    let need = Need { count: 2, ..ports("port", 3000, 3009) };
    let used = Used::default();
    let table = Table::new(&used, Timestamp(0));
    let leases = table.take(&id("amber"), &[need, db(&["a"], None)], &[]).unwrap();
    let vars: Vec<String> =
        environment(&leases).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(vars, ["DATABASE_URL=a", "PORT=3000,3001", "PORT_1=3000", "PORT_2=3001"]);
    assert_eq!(variables("PORT", 2), ["PORT", "PORT_1", "PORT_2"]);
    assert_eq!(variables("PORT", 1), ["PORT"]);
}

#[test]
fn a_port_is_the_machines_whatever_it_is_called_and_a_projects_own_value_is_nobody_elses() {
    let used = Used::default();
    let mut table = Table::new(&used, Timestamp(0));
    let (amber, beryl) = (id("amber"), id("beryl"));
    let held = table
        .take(&amber, &[ports("port", 3000, 3001), db(&["a", "b"], Some("web"))], &[])
        .unwrap();
    table.hold(&amber, &held);
    let of = |need: Need| values(&table.take(&beryl, &[need], &[]).unwrap()).join(" ");
    assert_eq!(of(ports("http", 3000, 3001)), "3001");
    assert_eq!(of(db(&["a", "b"], Some("web"))), "b");
    assert_eq!(of(db(&["a", "b"], Some("api"))), "a", "another project has another `a`");
    assert_eq!(of(db(&["a", "b"], None)), "a", "and the machine's is not a project's");
    let numbers = Need { ports: false, ..ports("port", 3000, 3001) };
    assert_eq!(of(numbers), "3000", "what is no port is only a number");
}

#[test]
fn who_comes_back_gets_what_it_had_and_others_get_that_last() {
    let used = Used::default();
    let mut table = Table::new(&used, Timestamp(0));
    let (amber, beryl) = (id("amber"), id("beryl"));
    let need = [db(&["a", "b", "c"], None)];
    let had = [need[0].lease("b".to_owned())];
    table.had(&amber, &had);
    assert_eq!(values(&table.take(&amber, &need, &had).unwrap()), ["b"]);
    let three = [Need { count: 3, ..need[0].clone() }];
    assert_eq!(values(&table.take(&beryl, &three, &[]).unwrap()), ["a", "c", "b"]);
    let others = [need[0].lease("z".to_owned())];
    assert_eq!(values(&table.take(&beryl, &need, &others).unwrap()), ["a"], "z is none any more");
}

#[test]
fn what_is_missing_is_told_with_who_has_it() {
    let mut used = Used::default();
    let need = ports("port", 3000, 3003);
    used.found(&need.lease("3003".to_owned()), Timestamp(1_000));
    let mut table = Table::new(&used, Timestamp(2_000));
    let runs = ["amber", "beryl", "coral", "drav"].map(id);
    for (run, value) in runs.iter().zip(["3000", "3001", "3002"]) {
        table.hold(run, &[need.lease(value.to_owned())]);
    }
    let (taken, lacks) = table.take(&runs[3], std::slice::from_ref(&need), &[]).unwrap_err();
    assert!(taken.is_empty());
    assert_eq!(
        words(&lacks),
        ["port 3000-3003: 3 are held by amber, beryl, coral; 1 is in use by what skep did not \
          start, looked at again at 1970-01-01T00:00:16.000Z"]
    );
    let gpu = Need {
        name: "gpu".to_owned(),
        env: "GPU".to_owned(),
        pool: Pool::Slots(2),
        count: 2,
        project: None,
        ports: false,
    };
    table.hold(&runs[0], &[gpu.lease("0".to_owned())]);
    table.keep(&runs[1], &[gpu.lease("1".to_owned())]);
    let (taken, lacks) = table.take(&runs[3], &[db(&["a"], None), gpu], &[]).unwrap_err();
    assert_eq!(values(&taken), ["a"], "what it could have of it is told too");
    assert_eq!(words(&lacks), ["gpu (2 slots), 2 at once: 1 is held by amber; beryl asked first"]);
}

#[test]
fn all_of_many_are_counted_and_the_first_are_named() {
    let used = Used::default();
    let need = db(&["a", "b", "c", "d", "e"], None);
    let mut table = Table::new(&used, Timestamp(0));
    let runs = ["amber", "beryl", "coral", "drav", "ebony"].map(id);
    for (run, value) in runs.iter().zip(["a", "b", "c", "d", "e"]) {
        table.hold(run, &[need.lease(value.to_owned())]);
    }
    let lacks = table.take(&runs[0], &[need], &[]).unwrap_err().1;
    assert_eq!(words(&lacks), ["db (5 values): all 5 are held by amber, beryl, coral and 2 more"]);
}

#[test]
fn what_something_else_uses_is_left_out_longer_each_time_until_a_run_could_use_it() {
    let need = ports("port", 3000, 3000);
    let lease = need.lease("3000".to_owned());
    let mut used = Used::default();
    let mut spans = Vec::new();
    let mut at = Timestamp(0);
    for _ in 0..8 {
        used.found(&lease, at);
        let again = used.again(&need).next().unwrap();
        assert!(Table::new(&used, at).take(&id("a"), std::slice::from_ref(&need), &[]).is_err());
        assert!(Table::new(&used, again).take(&id("a"), std::slice::from_ref(&need), &[]).is_ok());
        spans.push(again.since(at).as_secs());
        at = again;
    }
    assert_eq!(spans, [15, 30, 60, 120, 240, 480, 600, 600]);
    used.is_free(&lease);
    used.found(&lease, at);
    assert_eq!(used.again(&need).next().unwrap().since(at).as_secs(), 15);
    assert_eq!(used.again(&ports("port", 3001, 3002)).next(), None, "it is none of these");
}
