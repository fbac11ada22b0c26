//! One trial, for `bench/run`: `combine_bench REPOSITORY TARGET HOW HEAD…`. Says nothing; fails where it is no trial.

use std::{env, error::Error, path::Path};

use skep_host::{
    combine::{self, Ask, Combined, How, Work},
    git::{self, Git},
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [repository, target, how, heads @ ..] = &words[..] else {
        return Err("combine_bench REPOSITORY TARGET HOW HEAD…".into());
    };
    let how = match how.as_str() {
        "merge" => How::Merge,
        "squash" => How::Squash,
        _ => How::Rebase,
    };
    let works = heads.iter().map(|head| Work {
        head: head.clone(),
        name: head.clone(),
        message: "bring it in".to_owned(),
        on: Vec::new(),
    });
    let (works, target) = (works.collect(), target.clone());
    let git = Git::new(env::vars_os());
    let found = git::discover(&git, Path::new(repository))?;
    let ask = Ask { target, onto: None, works, how, at: 1_700_000_000, sign: false };
    let combined = combine::combine(&git, &found, &ask)?;
    if matches!(combined, Combined::Trial(_)) {
        Ok(())
    } else {
        Err(format!("{combined:?}").into())
    }
}
