//! `skep dispatch`: an agent at an issue of a small Forgejo, in a clone of its repository on a bare remote.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use skep_host::{proc, tree};
use skep_testkit::{
    Repo,
    forges::{Face, Forge, Issue, OWNER, REPO, Right, TOKEN},
};

use crate::home::{Home, eventually, text_of};

const SKEP: &str = env!("CARGO_BIN_EXE_skep");
/// What a scripted agent does at an issue.
const WORK: &str = "The login page says 500.\n\n```skep-script\nwrite login.txt fixed\ncommit Fix the login\nsay done\n```\n";

/// A home whose repository `web` has its `origin` on a small Forgejo, with these lines in `[dispatch]`.
pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) forge: Forge,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage::with("")
    }

    pub(crate) fn with(more: &str) -> Stage {
        let forge = Forge::new(Face::Forgejo);
        forge.world().people.insert("ada".to_owned(), Right::Write);
        let home = Home::new().var("FORGE_TOKEN", TOKEN);
        let stage = Stage { home, forge };
        stage.settle("c", more);
        stage.home.place().bare("origin.git");
        stage.clone_of(&stage.home.repo());
        stage.home.repo().git(&["push", "--quiet", "origin", "main"]);
        stage.home.json(&["project", "add", "."]);
        stage
    }

    /// Writes the settings of a home.
    fn settle(&self, folder: &str, more: &str) {
        let file = self.home.at(format!("{folder}/config.toml"));
        let text = fs::read_to_string(self.home.at("c/config.toml")).unwrap();
        let text = text.split("[dispatch]").next().unwrap().to_owned();
        let origin = self.forge.origin();
        let host = origin.strip_prefix("http://").unwrap();
        let text = format!(
            "{text}[dispatch]\nowners = [\"{OWNER}\"]\nforgejo = \"{origin}\"\ndefault = \"headless\"\nagent = \"scripted\"\n{more}\n\
             [forge.\"{host}\"]\nkind = \"forgejo\"\nurl = \"{origin}\"\ntoken = \"env:FORGE_TOKEN\"\n"
        );
        self.home.write(file, &text);
    }

    /// Makes the repository one whose `origin` is at the forge, and whose objects lie in a bare repository here.
    fn clone_of(&self, repo: &Repo<'_>) {
        let url = format!("{}/{OWNER}/{REPO}.git", self.forge.origin());
        let bare = self.home.at("origin.git");
        repo.git(&["remote", "add", "origin", &url]);
        repo.git(&["config", &format!("url.{}.insteadOf", bare.to_str().unwrap()), &url]);
    }

    pub(crate) fn issue(&self, number: u64, title: &str, body: &str) {
        self.forge.world().issues.push(Issue::new(number, "ada", title, body));
    }

    /// What is claimed at the remote.
    pub(crate) fn claims(&self) -> Vec<String> {
        let origin = self.home.place().at("origin.git");
        let refs = origin.git(&["for-each-ref", "--format=%(refname)", "refs/skep/issues"]);
        refs.lines().map(str::to_owned).collect()
    }

    pub(crate) fn asked(&self) -> usize {
        self.forge.loopback().asked().len()
    }
}

pub(crate) fn at(number: u64) -> String {
    format!("{OWNER}/{REPO}#{number}")
}

fn prompt(home: &Home, id: &str) -> String {
    fs::read_to_string(home.attempt(id, 1).join("prompt.md")).unwrap()
}

#[test]
fn an_agent_is_put_at_an_issue_and_its_work_its_words_and_its_claim_are_where_they_belong() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix the `login` $(page)", WORK);
    let run = home.json(&["dispatch", "headless", &at(12)]);
    let id = text_of(&run, "id");
    assert_eq!((&run["by"], &run["trust"]), (&"dispatch".into(), &"outside".into()), "{run}");
    assert_eq!(run["title"], "team/tool#12: Fix the `login` $(page)");
    let done = home.wait(&id, "ended");
    assert_eq!(done["outcome"], "completed", "{done}");
    assert_eq!(done["branch"], "sub-12-fix-the-login-page");
    assert_eq!(stage.claims(), ["refs/skep/issues/12"], "held as long as its env stands");
    let told = prompt(home, &id);
    let (ours, theirs) = told.split_once("<<<data ").unwrap();
    assert!(ours.contains("Nobody looks on") && ours.contains("team/tool#12"), "{told}");
    assert!(!ours.contains("login page says") && theirs.contains("login page says 500"), "{told}");
    assert!(ours.contains("You do not push, land or close"), "{told}");
    let events = home.events();
    let created =
        events.iter().find(|it| it["event"]["event"] == "created" && it["subject"] == id.as_str());
    let brief = &created.unwrap()["event"]["brief"];
    assert_eq!(brief["issue"]["reference"], at(12).as_str());
    assert_eq!(
        (&brief["issue"]["mode"], &brief["issue"]["platform"]),
        (&"headless".into(), &"forgejo".into())
    );
    home.skep(&["close", &id, "--keep-branch"]).ok();
    eventually("the issue is free again", || stage.claims().is_empty());
}

#[test]
fn a_bare_reference_is_answered_with_the_modes() {
    let stage = Stage::new();
    let error = stage.home.skep(&["--json", "dispatch", &at(1)]).refused(2, "usage");
    let hints = error["hints"].to_string();
    for mode in ["headless", "interactive", "consult", "cascade"] {
        assert!(hints.contains(&format!("skep dispatch {mode} team/tool#1")), "{hints}");
    }
    assert_eq!(stage.asked(), 0);
}

#[test]
fn a_dry_run_makes_nothing_and_shows_what_the_agent_would_read() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", "Please.\u{1b}[31m");
    let before = home.events().len();
    let view = home.json(&["dispatch", "headless", &at(12), "--dry-run"]);
    assert_eq!((&view["ref"], &view["project"]), (&at(12).into(), &"web".into()), "{view}");
    assert_eq!((&view["posture"], &view["branch"]), (&"headless".into(), &"sub-12-fix-it".into()));
    assert!(text_of(&view, "words").contains("Please."), "{view}");
    let page = home.skep(&["dispatch", "headless", &at(12), "--dry-run"]).ok();
    assert!(page.contains("Fix it") && !page.contains('\u{1b}'), "{page}");
    assert!(stage.claims().is_empty());
    assert_eq!(home.events().len(), before, "no fact was written");
    assert!(
        !home.root().join("runs").exists()
            || fs::read_dir(home.root().join("runs")).unwrap().next().is_none()
    );
    assert_eq!(home.repo().branches(), ["main"]);
}

#[test]
fn a_foreign_owner_is_refused_without_a_question_to_anybody_and_what_is_unset_says_what_to_write() {
    let stage = Stage::new();
    let error = stage
        .home
        .skep(&["--json", "dispatch", "headless", "mallory/tool#1"])
        .refused(2, "issue-owner");
    assert!(error["hints"].to_string().contains("dispatch.owners"), "{error}");
    assert_eq!(stage.asked(), 0);
    let bare = Home::new();
    bare.repo();
    let error =
        bare.skep(&["--json", "dispatch", "headless", "team/tool#1"]).refused(2, "dispatch-unset");
    assert!(error["hints"].to_string().contains("skep config set dispatch.owners"), "{error}");
}

#[test]
fn a_second_run_at_an_issue_is_refused_whoever_asks_and_other_issues_have_worktrees_of_their_own() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", "```skep-script\nhang\n```\n");
    stage.issue(13, "Fix that", WORK);
    let first = home.json(&["dispatch", "headless", &at(12)]);
    let error = home.skep(&["dispatch", "headless", "TEAM/tool#12"]);
    // Owners are spelled as the settings spell them; the issue itself tells no capitals apart.
    assert_eq!(error.code, 2, "{error:?}");
    let error = home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(1, "issue-taken");
    assert!(error["message"].to_string().contains(&text_of(&first, "id")), "{error}");
    let second = home.json(&["dispatch", "headless", &at(13)]);
    assert_ne!(first["worktree"], second["worktree"]);
    assert_ne!(first["branch"], second["branch"]);
    home.skep(&["stop", "--all", "--now"]).ok();
}

#[test]
fn an_issue_that_another_home_is_at_is_refused_with_who_and_since_and_freed_by_a_persons_word() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", WORK);
    let claim = "An agent of skep is at this issue\n\nhome: elsewhere\nrun: run_zzzzzzzzzz\nwho: Grace\nsince: 2026-01-01T00:00:00.000Z\n";
    let origin = home.place().at("origin.git");
    let tree = origin.git(&["hash-object", "-t", "tree", "/dev/null"]);
    let oid = origin.git(&["commit-tree", &tree, "-m", claim]);
    origin.git(&["update-ref", "refs/skep/issues/12", &oid]);
    let error =
        home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(1, "issue-taken-elsewhere");
    let said = error["message"].to_string();
    assert!(
        said.contains("Grace") && said.contains("2026-01-01") && said.contains("elsewhere"),
        "{said}"
    );
    assert!(
        error["hints"].to_string().contains("skep dispatch reap --free team/tool#12"),
        "{error}"
    );
    assert!(home.json(&["ls", "--all"]).as_array().unwrap().is_empty());
    let freed = home.json(&["dispatch", "reap", "--free", &at(12)]);
    assert_eq!(freed["freed"]["run"], "run_zzzzzzzzzz", "{freed}");
    assert!(stage.claims().is_empty());
    let run = home.json(&["dispatch", "headless", &at(12)]);
    assert_eq!(home.wait(&text_of(&run, "id"), "ended")["outcome"], "completed");
}

#[test]
fn a_remote_that_gives_no_answer_lets_nobody_begin() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", WORK);
    fs::rename(home.at("origin.git"), home.at("away.git")).unwrap();
    home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(2, "claim-unanswered");
    assert!(home.json(&["ls", "--all"]).as_array().unwrap().is_empty());
}

#[test]
fn a_run_that_dies_in_its_health_window_fails_the_call_and_what_it_left_with_is_told_for_ever() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", "```skep-script\nexit 7\n```\n");
    let said = home.skep(&["dispatch", "headless", &at(12)]);
    assert_ne!(said.code, 0, "{said:?}");
    let run = &home.json(&["ls", "--all"])[0];
    assert_eq!((&run["state"], &run["exit"]["code"]), (&"ended".into(), &7.into()), "{run}");
    assert_eq!(home.json(&["dispatch", "ls"]), serde_json::json!([]), "nothing is said to run");
}

#[test]
fn commits_of_a_dispatch_before_this_one_stay_where_they_are() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", WORK);
    let first = home.json(&["dispatch", "headless", &at(12)]);
    let first = home.wait(&text_of(&first, "id"), "ended");
    let (branch, id) = (text_of(&first, "branch"), text_of(&first, "id"));
    let head = home.repo().oid(&format!("refs/heads/{branch}"));
    fs::remove_dir_all(text_of(&first, "worktree")).unwrap();
    // Its folder is gone, its env is not given back yet.
    home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(1, "issue-taken");
    home.skep(&["close", &id, "--keep-branch"]).ok();
    let second = home.json(&["dispatch", "headless", &at(12)]);
    let second = home.wait(&text_of(&second, "id"), "ended");
    assert_eq!(second["outcome"], "completed", "{second}");
    assert_ne!(second["branch"], first["branch"]);
    assert_eq!(home.repo().oid(&format!("refs/heads/{branch}")), head);
}

#[test]
fn an_issue_without_a_project_here_says_what_to_clone_and_one_of_two_asks_which() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", WORK);
    let other = home.place().repo("other");
    stage.clone_of(&other);
    home.json(&["project", "add", home.at("other").to_str().unwrap()]);
    let error =
        home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(2, "issue-project-many");
    assert!(error["hints"].to_string().contains("--project other"), "{error}");
    let view = home.json(&["dispatch", "headless", &at(12), "--project", "other", "--dry-run"]);
    assert_eq!(view["project"], "other");
    home.skep(&["project", "rm", "other"]).ok();
    home.skep(&["project", "rm", "web"]).ok();
    let error =
        home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(2, "issue-project-none");
    assert!(error["hints"].to_string().contains("skep project add"), "{error}");
}

/// Anybody may have an owner of that name at a forge where it is free.
#[test]
fn an_issue_at_one_forge_is_not_of_a_repository_of_that_name_at_another_of_its_kind() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", WORK);
    let text = fs::read_to_string(home.at("c/config.toml")).unwrap();
    let more = "[forge.\"git.corp.example\"]\nkind = \"forgejo\"\n";
    home.write("c/config.toml", &format!("{text}{more}"));
    let url = format!("https://git.corp.example/{OWNER}/{REPO}.git");
    home.repo().git(&["remote", "set-url", "origin", &url]);
    for mode in ["headless", "consult"] {
        let said = home.skep(&["--json", "dispatch", mode, &at(12), "--dry-run"]);
        said.refused(2, "issue-project-none");
    }
    assert!(stage.claims().is_empty());
    // By ssh the same forge has no port: it is asked whether the issue is free there.
    let origin = stage.forge.origin();
    let host = origin.strip_prefix("http://").unwrap().split(':').next().unwrap();
    let more = format!("[forge.\"{host}\"]\nkind = \"forgejo\"\n");
    home.write("c/config.toml", &format!("{text}{more}"));
    let url = format!("git@{host}:{OWNER}/{REPO}.git");
    home.repo().git(&["remote", "set-url", "origin", &url]);
    let said = home.skep(&["--json", "dispatch", "headless", &at(12), "--dry-run"]);
    said.refused(2, "claim-unanswered");
}

#[test]
fn an_issue_without_a_label_lets_consult_at_most_and_the_strictest_label_counts() {
    let stage = Stage::with("");
    let home = &stage.home;
    let file = home.at("c/config.toml");
    let text = fs::read_to_string(&file).unwrap();
    home.write("c/config.toml", &text.replace("default = \"headless\"\n", ""));
    stage.issue(12, "Fix it", WORK);
    home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(2, "issue-mode");
    stage.forge.world().labels.extend(["agent:headless".to_owned(), "agent:consult".to_owned()]);
    stage.forge.world().issue(12).unwrap().labels.push("agent:headless".to_owned());
    let view = home.json(&["dispatch", "headless", &at(12), "--dry-run"]);
    assert_eq!(view["highest"], "headless");
    stage.forge.world().issue(12).unwrap().labels.push("agent:consult".to_owned());
    home.skep(&["--json", "dispatch", "headless", &at(12)]).refused(2, "issue-mode");
}

#[test]
fn a_claim_that_cannot_stand_is_refused_before_any_process_exists() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", WORK);
    home.skep(&["--json", "dispatch", "headless", &at(12), "--claims", "../../etc"])
        .refused(2, "claims-outside");
    assert!(home.json(&["ls", "--all"]).as_array().unwrap().is_empty());
    assert!(stage.claims().is_empty());
    let run: Value = home.json(&["dispatch", "headless", &at(12), "--claims", "login.txt"]);
    home.wait(&text_of(&run, "id"), "ended");
}

impl Stage {
    /// Another home, on the same forge and the same bare remote, with a clone of its own.
    fn another(&self) -> Home {
        let other = Home::new().var("FORGE_TOKEN", TOKEN);
        let text = fs::read_to_string(self.home.at("c/config.toml")).unwrap();
        other.write("c/config.toml", &text);
        let (bare, web) = (self.home.at("origin.git"), other.at("web"));
        let clone = ["clone", "--quiet", bare.to_str().unwrap(), web.to_str().unwrap()];
        self.home.repo().git(&clone);
        let repo = other.place().at("web");
        repo.git(&["remote", "remove", "origin"]);
        self.clone_of(&repo);
        repo.git(&["fetch", "--quiet", "origin"]);
        other.json(&["project", "add", "."]);
        other
    }
}

/// The issue of each run of a home, and how often an env was made for one at it.
fn prepared(home: &Home) -> Vec<String> {
    let events = home.events();
    let issue_of = |run: &Value| {
        let created =
            events.iter().find(|it| it["event"]["event"] == "created" && it["subject"] == *run);
        created.map(|it| text_of(&it["event"]["brief"]["issue"], "reference"))
    };
    let made = events.iter().filter(|it| it["event"]["event"] == "prepared");
    made.filter_map(|it| issue_of(&it["subject"])).collect()
}

/// Whole daemons: a few issues, with `SKEP_SLOW=1` some dozens, with `SKEP_EVERY=1` two hundred. That a claim is one at every point where its deed may be
/// killed, `skep_host::claim` tells by itself.
#[test]
fn two_homes_on_one_remote_never_both_begin_at_an_issue_and_lose_none_however_often_their_daemons_die()
 {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let count: u64 = match (is_set("SKEP_EVERY"), is_set("SKEP_SLOW")) {
        (true, _) => 200,
        (false, true) => 30,
        (false, false) => 5,
    };
    let stage = Stage::new();
    for number in 1..=count {
        stage.issue(number, "Fix it", "```skep-script\nsay done\n```\n");
    }
    let other = stage.another();
    for home in [&stage.home, &other] {
        // Each keeps its env, and none waits for a name.
        home.skep(&["config", "set", "limits.workers", "400"]).ok();
    }
    let numbers: Vec<u64> = (1..=count).collect();
    let backwards: Vec<u64> = numbers.iter().rev().copied().collect();
    let work = |home: &Home, numbers: &[u64], every: usize| {
        for (nth, number) in numbers.iter().enumerate() {
            // Refused, broken off or begun: what came of it is looked at afterwards.
            let _any = home.skep(&["dispatch", "headless", &at(*number), "-d"]);
            if nth % every == every - 1 {
                home.kill_daemon();
            }
        }
    };
    std::thread::scope(|scope| {
        let one = scope.spawn(|| work(&stage.home, &numbers, 2));
        let two = scope.spawn(|| work(&other, &backwards, 3));
        one.join().unwrap();
        two.join().unwrap();
    });
    let rests = |home: &Home| {
        let runs = home.json(&["ls", "--all"]);
        runs.as_array().unwrap().iter().all(|run| run["state"] == "ended")
    };
    eventually("all runs are over", || rests(&stage.home) && rests(&other));
    let mut all = prepared(&stage.home);
    all.extend(prepared(&other));
    all.sort();
    let mut each = all.clone();
    each.dedup();
    assert_eq!(all, each, "two runs at one issue");
    // Whoever lost, the issue is somebody's, or free for the next who asks.
    for number in numbers {
        if !all.contains(&at(number)) {
            eventually(&format!("issue {number} is free again"), || {
                stage.home.skep(&["dispatch", "headless", &at(number)]).code == 0
            });
        }
    }
    assert_eq!(stage.claims().len(), usize::try_from(count).unwrap());
}

#[test]
fn a_fresh_dispatch_is_not_reaped_nor_one_without_a_commit_and_what_is_merged_is() {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(1, "Look at it", "```skep-script\nhang\n```\n");
    stage.issue(2, "Say it", "```skep-script\nsay done\n```\n");
    stage.issue(3, "Fix it", WORK);
    let living = home.json(&["dispatch", "headless", &at(1)]);
    let empty = home.json(&["dispatch", "headless", &at(2), "-d"]);
    let merged = home.json(&["dispatch", "headless", &at(3)]);
    home.wait(&text_of(&empty, "id"), "ended");
    home.wait(&text_of(&merged, "id"), "ended");
    let web = home.place().at("web");
    // Squashed by hand, as a forge would: no commit of it is in the target.
    web.git(&["merge", "--quiet", "--squash", &text_of(&merged, "branch")]);
    web.git(&["commit", "--quiet", "-m", "Fix the login"]);
    web.git(&["push", "--quiet", "origin", "main"]);
    let views = home.json(&["dispatch", "reap"]);
    let of = |run: &Value| {
        let all = views.as_array().unwrap();
        all.iter().find(|view| view["id"] == run["id"]).unwrap_or_else(|| panic!("{views}")).clone()
    };
    assert_eq!(of(&living)["cleaned"], false, "{views}");
    assert!(text_of(&of(&empty), "status").contains("no commit of its own"), "{views}");
    assert_eq!(of(&merged)["cleaned"], true, "{views}");
    assert!(
        home.listed(&text_of(&living, "id"))["worktree"]
            .as_str()
            .is_some_and(|it| fs::metadata(it).is_ok())
    );
    home.skep(&["stop", "--all", "--now"]).ok();
}

/// An agent that is a script of this name and text, with a screen or without.
fn script(home: &Home, name: &str, text: &str) {
    let path = home.write(format!("seen/{name}"), text);
    home.write(
        format!("c/agents/{name}.toml"),
        &format!(
            "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{path}\"]\nprompt = \"none\"\nwrites = [\"{}\"]\n",
            home.at("seen").display()
        ),
    );
}

#[test]
fn a_headless_dispatch_answers_at_once_and_its_agent_outlives_the_caller_reads_nothing_and_is_logged()
 {
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", "Please.");
    let (seen, go) = (home.at("seen").display().to_string(), home.at("go").display().to_string());
    let text = format!(
        "wc -c > {seen}/read; echo to out; echo to err >&2; : > {seen}/alive\n\
         while [ ! -e {go} ]; do sleep 0.02; done\n\
         echo after\n"
    );
    script(home, "patient", &text);
    let shell = home.at("shell").display().to_string();
    // A shell that stays at its terminal when it has its answer.
    let typed = format!(
        "{SKEP} --json dispatch headless '{}' --agent patient > answer; echo $$ > {shell}.new; mv {shell}.new {shell}; read line",
        at(12)
    );
    let begun = Instant::now();
    let like = home.command(&[]);
    let vars = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
    // It holds the other end of the terminal, as a window does.
    let mut window = proc::command("script")
        .args(["--quiet", "--command", &typed, "/dev/null"])
        .env_clear()
        .envs(vars)
        .current_dir(like.get_current_dir().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it was answered", || home.at("shell").exists());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let answer = fs::read_to_string(home.at("web/answer")).unwrap();
    let run: Value =
        serde_json::from_str(answer.trim()).unwrap_or_else(|err| panic!("{err}: {answer}"));
    let id = text_of(&run, "id");
    eventually("it is at work", || home.at("seen/alive").exists());
    let shell: u32 = fs::read_to_string(shell).unwrap().trim().parse().unwrap();
    let before = tree::identity(shell).expect("the shell is at its terminal");
    window.kill().unwrap();
    window.wait().unwrap();
    eventually("the terminal took its shell along", || {
        tree::identity(shell).is_none_or(|now| now != before)
    });
    assert_eq!(home.listed(&id)["state"], "running");
    home.write("go", "");
    let done = home.wait(&id, "ended");
    assert_eq!(done["exit"]["code"], 0, "{done}");
    assert_eq!(fs::read_to_string(home.at("seen/read")).unwrap().trim(), "0");
    let logs = home.skep(&["logs", &id]).ok();
    for line in ["to out", "to err", "after"] {
        assert!(logs.contains(line), "{line}: {logs}");
    }
}

#[test]
fn an_interactive_dispatch_that_cannot_begin_leaves_no_entry_and_the_next_one_opens_its_own_issue()
{
    let stage = Stage::new();
    let home = &stage.home;
    stage.issue(12, "Fix it", "Please.");
    stage.issue(13, "Fix that", "Please.");
    let screen = "protocol = \"pty\"\nheadless = []\ntui = [\"-c\", \"echo hello; exec sleep 600\"]\nprompt = \"none\"\n";
    home.write("c/agents/broken.toml", &format!("{screen}program = \"/nowhere/agent\"\n"));
    home.write("c/agents/screen.toml", &format!("{screen}program = \"sh\"\n"));
    let said = home.skep(&["dispatch", "interactive", &at(12), "--agent", "broken"]);
    assert_ne!(said.code, 0, "{said:?}");
    eventually("its claim is gone", || stage.claims().is_empty());
    assert_eq!(home.json(&["dispatch", "ls"]), serde_json::json!([]), "nobody is said to be at it");
    // No terminal to show it in: it works all the same, and says how to get there.
    let said = home.skep(&["dispatch", "interactive", &at(13), "--agent", "screen"]);
    let told = format!("{}{}", said.stdout, said.stderr);
    assert!(said.code == 0 && told.contains("skep attach"), "{said:?}");
    let at_work = home.json(&["dispatch", "ls"]);
    assert_eq!((at_work.as_array().unwrap().len(), &at_work[0]["ref"]), (1, &at(13).into()));
    assert_eq!(stage.claims(), ["refs/skep/issues/13"]);
    home.skep(&["stop", "--all", "--now"]).ok();
}
