use std::os::unix::fs::symlink;

use super::*;

impl Yard {
    fn words(&self, projects: &[&Project]) -> Result<String, DiscoverError> {
        workspace_agents_md(&self.home(), projects)
    }
}

#[test]
fn the_words_stand_in_the_nearest_folder_that_holds_all_repositories() {
    let yard = Yard::new();
    for path in ["work/web", "work/back/api", "work/back/jobs"] {
        yard.place.repo(path);
    }
    let [web, api, jobs] =
        ["work/web", "work/back/api", "work/back/jobs"].map(|at| yard.project(at));
    assert_eq!(yard.words(&[&web, &api]).unwrap(), "");
    for (at, text) in
        [("work/AGENTS.md", "all"), ("work/back/AGENTS.md", "back"), ("work/web/AGENTS.md", "web")]
    {
        yard.place.write(at, text);
    }
    assert_eq!(yard.words(&[&web]).unwrap(), "all");
    assert_eq!(yard.words(&[&api, &jobs]).unwrap(), "back");
    assert_eq!(yard.words(&[&api]).unwrap(), "back");
    assert_eq!(yard.words(&[&jobs, &web, &api]).unwrap(), "all");
    // What skep cloned by itself lies beside nothing of a person's.
    let own = yard.home().cache("lib").to_str().unwrap().to_owned();
    let own = Project { path: own, ..web.clone() };
    assert_eq!(yard.words(&[&own, &api]).unwrap(), "back");
    assert_eq!(yard.words(&[&own]).unwrap(), "");
    let far = Project { path: "/srv/far".to_owned(), ..web.clone() };
    assert_eq!(yard.words(&[&far, &web]).unwrap(), "");
    assert_eq!(yard.words(&[]).unwrap(), "");
}

#[test]
fn words_that_cannot_or_must_not_be_read_are_an_error_that_says_why() {
    let yard = Yard::new();
    yard.place.repo("work/web");
    let web = yard.project("work/web");
    let file = yard.place.root().join("work/AGENTS.md");
    let refused = |why: &str| {
        let err = yard.words(&[&web]).unwrap_err();
        assert_eq!(err.slug(), "guidance-unreadable");
        assert!(err.to_string().contains(why), "{err}");
        fs::remove_file(&file).or_else(|_| fs::remove_dir(&file)).unwrap();
    };
    yard.place.write("secret", "of mine");
    symlink("../secret", &file).unwrap();
    refused("out of its folder");
    symlink("nothing", &file).unwrap();
    refused("leads to nothing");
    fs::create_dir(&file).unwrap();
    refused("is no file");
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap();
    refused("is no file");
    skep_host::paths::write_atomically(&file, b"\xff\xfe").unwrap();
    refused("UTF-8");
    yard.place.write("work/words.md", "inside");
    symlink("words.md", &file).unwrap();
    assert_eq!(yard.words(&[&web]).unwrap(), "inside");
}

#[test]
fn words_beyond_what_a_prompt_holds_are_cut_and_say_so() {
    let yard = Yard::new();
    yard.place.repo("work/web");
    let web = yard.project("work/web");
    yard.place.write("work/AGENTS.md", &"é".repeat(32 * 1024));
    assert_eq!(yard.words(&[&web]).unwrap().len(), 64 * 1024);
    yard.place.write("work/AGENTS.md", &format!("x{}", "é".repeat(40 * 1024)));
    let words = yard.words(&[&web]).unwrap();
    assert!(words.len() < 66 * 1024 && words.contains("the rest is left out"));
    assert!(words.starts_with("xéé"));
}
