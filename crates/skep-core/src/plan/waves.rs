//! Which parts of a plan go side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;

/// Layers of each group in turn; an empty one is left out.
pub(super) fn waves(plan: &Plan, skip: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
    let mut waves: Vec<Vec<String>> = Vec::new();
    for group in &plan.groups {
        let depths = depths(plan, group);
        let deepest = depths.values().copied().max().unwrap_or(0);
        for depth in 0..=deepest {
            let here = |name: &&String| depths.get(name.as_str()) == Some(&depth) && !skip(name);
            let wave: Vec<String> = group.iter().filter(here).cloned().collect();
            if !wave.is_empty() {
                waves.push(wave);
            }
        }
    }
    waves
}

/// How many in a row each of a group waits for within it. What goes in a circle stands at the end.
fn depths<'a>(plan: &'a Plan, group: &'a [String]) -> BTreeMap<&'a str, usize> {
    let inside: BTreeSet<&str> = group.iter().map(String::as_str).collect();
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    let mut depth = 0;
    while depths.len() < inside.len() {
        let ready = |name: &&str| {
            let needs = plan.needs.get(*name).map_or(&[][..], Vec::as_slice);
            let mut near = needs.iter().map(String::as_str).filter(|need| inside.contains(need));
            !depths.contains_key(name) && near.all(|need| depths.contains_key(need))
        };
        let layer: Vec<&str> = inside.iter().copied().filter(ready).collect();
        let stuck = layer.is_empty();
        let rest = inside.iter().copied().filter(|name| !depths.contains_key(name));
        let next: Vec<&str> = if stuck { rest.collect() } else { layer };
        depths.extend(next.into_iter().map(|name| (name, depth)));
        depth += 1;
    }
    depths
}

/// Projects that wait for each other, where there are some: each of them needs another of them.
pub(super) fn circle(plan: &Plan) -> Option<Vec<String>> {
    let mut left: BTreeSet<&String> = plan.needs.keys().collect();
    loop {
        let needy = |name: &&&String| {
            let needs = plan.needs.get(**name).map_or(&[][..], Vec::as_slice);
            needs.iter().any(|need| left.contains(need))
        };
        let next: BTreeSet<&String> = left.iter().filter(needy).copied().collect();
        if next.len() == left.len() {
            let names: Vec<String> = next.into_iter().cloned().collect();
            return Some(names).filter(|names| !names.is_empty());
        }
        left = next;
    }
}
