//! What a run's processes can write to, and what they cannot, tried by real ones under the real guards.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use skep_host::fence;

use crate::home::{Home, text_of};

#[expect(clippy::print_stderr, reason = "what is not tested here is said")]
pub(crate) fn skipped(name: &str) {
    eprintln!("skipped: {name} is not there");
}

/// A home in which the agent `sh` is a shell that takes its task as its script.
pub(crate) fn home() -> Home {
    let home = Home::new();
    home.write(
        "c/agents/sh.toml",
        // What stands between the marks of words from outside is what it does.
        "protocol = \"plain\"\nprogram = \"sh\"\nprompt = \"stdin\"\nheadless = [\"-c\", '''text=$(cat)
case $text in *\"<<<data \"*)
text=$(printf %s \"$text\" | sed -e \"1,/^<<<data /d\" -e \"/^data .*>>>$/d\");;
esac
eval \"$text\"''']\n",
    );
    home
}

/// Runs a script by that agent to its end.
pub(crate) fn run(home: &Home, title: &str, script: &str, more: &[&str]) -> Value {
    let file = home.write(format!("{}.sh", title.replace(' ', "-")), script);
    let mut args = vec!["run", title, "--agent", "sh", "--prompt-file", &file];
    args.extend(more);
    let run = home.skep(&[&["--json"], args.as_slice()].concat());
    let run: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    home.wait(&text_of(&run, "id"), "ended")
}

/// A script that tries each deed by itself and writes down which of them were done.
fn trying(deeds: &[(&str, String)]) -> String {
    let mut script = "exec >/dev/null 2>&1\nlist=$(dirname $PWD)/output/tried\n".to_owned();
    for (name, deed) in deeds {
        script += &format!(
            "if ( {deed} ) >/dev/null 2>&1; then echo '{name} yes'; else echo '{name} no'; fi >> $list\n"
        );
    }
    script + "git add -A && git commit -qm tried\n"
}

/// What of it was done.
fn tried(run: &Value) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("{}/output/tried", text_of(run, "env"))).unwrap();
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines.map(|(name, done)| (name.to_owned(), done.to_owned())).collect()
}

fn with<'a>(tried: &'a BTreeMap<String, String>, done: &str) -> Vec<&'a str> {
    tried.iter().filter(|(_, is)| *is == done).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn whatever_a_run_tries_it_writes_in_its_own_place_only() {
    if !fence::is_possible() {
        return skipped("Landlock");
    }
    let home = home();
    let repo = home.repo();
    let at = |path: &str| home.at(path).display().to_string();
    let top = repo.path().display().to_string();
    let user = skep_home_of(&home);
    fs::write(home.at("outside"), "as it was").unwrap();
    fs::write(format!("{user}/.bashrc"), "as it was").unwrap();
    let other = run(&home, "other", "exit 0", &[]);
    let (other_env, other_tree) = (text_of(&other, "env"), text_of(&other, "worktree"));
    let outside = at("outside");
    let forbidden = [
        ("a dotfile", format!("echo x >> {user}/.bashrc")),
        ("a new dotfile", format!("echo x > {user}/.profile-of-mine")),
        (
            "the temporary folder of all",
            "echo x > /tmp/skep-fence-test-$$ && rm /tmp/skep-fence-test-$$".to_owned(),
        ),
        ("the worktree of the other", format!("echo x > {other_tree}/x")),
        ("the env of the other", format!("mkdir {other_env}/x")),
        ("the output of the other", format!("echo x > {other_env}/output/x")),
        (
            "its own lock",
            "echo x >> $(dirname $PWD)/.lock || echo x > $(dirname $PWD)/owner.json".to_owned(),
        ),
        ("the ledger", format!("echo x >> {}/ledger.db || echo x > {}/x", at("h"), at("h"))),
        ("the settings", format!("echo x >> {}", at("c/config.toml"))),
        ("a profile", format!("echo x > {}", at("c/agents/x.toml"))),
        ("a hook", format!("mkdir -p {top}/.git/hooks && echo x > {top}/.git/hooks/pre-commit")),
        ("the settings of git", "git config core.fsmonitor /bin/evil".to_owned()),
        (
            "the attributes of git",
            format!("mkdir -p {top}/.git/info && echo x > {top}/.git/info/attributes"),
        ),
        ("the checkout", format!("echo x > {top}/x")),
        ("the system", "echo x > /etc/skep-fence-test".to_owned()),
        (
            "the kernel",
            "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern".to_owned(),
        ),
        ("a link", format!("ln -s {outside} l1 && echo x > l1")),
        ("a link to a folder", format!("ln -s {user} l2 && echo x > l2/x")),
        ("a hard link", format!("ln {outside} l3 && echo x > l3")),
        ("taking in", format!("mv {outside} l4")),
        ("moving out", format!("echo x > l5 && mv l5 {user}/l5")),
        ("exchange of folders", format!("mkdir l6 && mv -T l6 {user}/l6")),
        ("removal", format!("rm {outside}")),
        ("truncation", format!("truncate -s 0 {outside}")),
        ("a session of its own", format!("setsid -w sh -c 'echo x > {outside}'")),
        (
            "a detached grandchild",
            format!(
                "(setsid sh -c 'echo x > {user}/late; echo done > late.txt' &) ; while [ ! -e late.txt ]; do sleep 0.05; done; [ -e {user}/late ]"
            ),
        ),
        (
            "a link in a git folder",
            "ln -s /etc/passwd $(git rev-parse --git-common-dir)/objects/l7".to_owned(),
        ),
        (
            "a link in its own git folder",
            "ln -s /etc/passwd $(git rev-parse --git-dir)/l8".to_owned(),
        ),
        (
            "a link that is moved to one",
            "ln -s /etc/passwd l9 && mv l9 $(git rev-parse --git-common-dir)/refs/l9".to_owned(),
        ),
        (
            "a hook by way of the objects",
            format!(
                "echo x > {top}/.git/objects/h && mv {top}/.git/objects/h {top}/.git/hooks/post-commit"
            ),
        ),
        ("a signal to its guard", "kill -0 $(cut -d' ' -f4 /proc/$$/stat) ".to_owned()),
        ("a signal to the daemon", format!("kill -0 {}", home.daemon())),
        ("a look into its guard", "readlink /proc/$(cut -d' ' -f4 /proc/$$/stat)/exe".to_owned()),
    ];
    let allowed = [
        ("its worktree", "echo x > x && mkdir -p a/b && mv x a/b && ln -s a l && ln a/b/x hard".to_owned()),
        ("its temporary folder", "[ $TMPDIR = $TMP ] && f=$(mktemp) && echo x > $f && echo $f | grep -q ^$(dirname $PWD)/tmp/".to_owned()),
        ("its output", "echo x > $(dirname $PWD)/output/x".to_owned()),
        ("a cache", "echo x > $HOME/.cache/x && mkdir -p $HOME/.npm/x $HOME/.cargo/registry/x".to_owned()),
        ("null", "echo x > /dev/null".to_owned()),
        ("a commit", "echo 1 > c && git add c && git commit -qm c 2>err && [ ! -s err ]".to_owned()),
        ("a branch", "git branch b1 && git branch -D b1".to_owned()),
        ("a packed branch", "git branch -D packed".to_owned()),
        ("a tag", "git tag v1 && git tag -d v1".to_owned()),
        ("a stash", "echo 2 > c && git stash && git stash pop && git checkout c".to_owned()),
        ("notes", "git notes add -m n && git notes remove".to_owned()),
        ("a rebase", "git commit -q --allow-empty -m e && git rebase --force-rebase HEAD~1".to_owned()),
        ("a cherry-pick", "git checkout -q -b side && echo s > s && git add s && git commit -qm s && git checkout -q - && git cherry-pick side && [ ! -e $(git rev-parse --git-dir)/CHERRY_PICK_HEAD ]".to_owned()),
        ("a merge", "git checkout -q -b more && echo m > m && git add m && git commit -qm m && git checkout -q - && git merge -q --no-ff -m mm more".to_owned()),
        ("a bisect", "git bisect start && git bisect reset".to_owned()),
        ("upkeep", "git gc --auto && git repack -adq".to_owned()),
        ("a signal to its own", "sleep 9 & kill $!".to_owned()),
        ("reading what is outside", format!("grep -q 'as it was' {outside}")),
    ];
    repo.git(&["branch", "packed"]);
    repo.git(&["pack-refs", "--all"]);
    let all: Vec<(&str, String)> = forbidden.iter().chain(&allowed).cloned().collect();
    let ended = run(&home, "try all", &trying(&all), &[]);
    assert_eq!(ended["outcome"], "completed", "{ended}");
    let tried = tried(&ended);
    assert_eq!(tried.len(), all.len(), "{tried:?}");
    let names = |list: &[(&'static str, String)]| {
        let mut names: Vec<&str> = list.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(with(&tried, "yes"), names(&allowed));
    assert_eq!(with(&tried, "no"), names(&forbidden));
    assert_eq!(fs::read_to_string(home.at("outside")).unwrap(), "as it was");
    assert_eq!(fs::read_to_string(format!("{user}/.bashrc")).unwrap(), "as it was");
    assert!(!Path::new(&top).join(".git/hooks/post-commit").exists());
    // What was moved for it is git's own, and whole.
    assert!(repo.git(&["for-each-ref"]).contains("refs/heads/main"));
    repo.git(&["fsck", "--strict"]);
    repo.git(&["pack-refs", "--all"]);
}

/// The HOME of whoever types in this home.
fn skep_home_of(home: &Home) -> String {
    home.at("home").display().to_string()
}

#[test]
fn a_run_of_text_from_outside_reads_what_its_work_needs_and_no_login() {
    if !fence::is_possible() {
        return skipped("Landlock");
    }
    let home = home();
    let repo = home.repo();
    let user = home.at("home").display().to_string();
    let secrets = [
        ".ssh/id_ed25519",
        ".gnupg/private-keys-v1.d/x",
        ".aws/credentials",
        ".azure/x",
        ".config/gcloud/x",
        ".kube/config",
        ".docker/config.json",
        ".netrc",
        ".git-credentials",
        ".config/git/credentials",
        ".config/gh/hosts.yml",
        ".config/glab-cli/config.yml",
        ".npmrc",
        ".pypirc",
        ".cargo/credentials.toml",
        ".mozilla/x",
        ".codex/auth.json",
        ".claude/.credentials.json",
        "notes.txt",
    ];
    for secret in secrets {
        home.write(format!("home/{secret}"), "secret");
    }
    home.write("home/.cargo/config.toml", "");
    home.write("home/.cargo/bin/tool", "");
    home.write("home/.config/git/ignore", "");
    let other = run(&home, "other", "exit 0", &[]);
    let at = |path: &str| home.at(path).display().to_string();
    let ledger = at("h/ledger.db");
    let mut forbidden: Vec<(&str, String)> =
        secrets.iter().map(|name| (*name, format!("cat {user}/{name}"))).collect();
    forbidden.extend([
        ("the home", format!("ls {user}")),
        ("passwords", "cat /etc/shadow".to_owned()),
        ("shared memory", "ls /dev/shm".to_owned()),
        ("shared memory, written", "echo x > /dev/shm/of-a-run".to_owned()),
        ("the ledger", format!("cat {ledger}")),
        ("the settings", format!("cat {}", at("c/config.toml"))),
        ("the other run", format!("ls {}", text_of(&other, "env"))),
        (
            "the environment of the other",
            format!("cat {}/runs/{}/env.json", at("h"), text_of(&other, "id")),
        ),
        ("the checkout", format!("ls {}", repo.path().display())),
        ("a secret by a link", format!("ln -s {user}/.netrc l && cat l")),
        ("a secret by a hard link", format!("ln {user}/.netrc hl && cat hl")),
        ("a secret that is moved here", format!("mv {user}/.netrc moved && cat moved")),
        ("a copied program", format!("{user}/.ssh/id_ed25519")),
    ]);
    let allowed = [
        ("its files", "cat $(git ls-files | head -1)".to_owned()),
        ("history", "git log -1 && git show HEAD".to_owned()),
        (
            "settings of tools",
            format!(
                "cat {user}/.cargo/config.toml {user}/.cargo/bin/tool {user}/.config/git/ignore"
            ),
        ),
        ("the system", "cat /etc/passwd && ls /usr/bin".to_owned()),
        ("its temporary folder", "f=$(mktemp) && echo x > $f && cat $f".to_owned()),
        ("a commit", "echo 1 > c && git add c && git commit -qm c".to_owned()),
    ];
    let all: Vec<(&str, String)> = forbidden.iter().chain(&allowed).cloned().collect();
    let ended = run(&home, "try to read", &trying(&all), &["--outside"]);
    assert_eq!(ended["outcome"], "completed", "{ended}");
    let tried = tried(&ended);
    let sorted = |list: &[(&'static str, String)]| {
        let mut names: Vec<String> = list.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(with(&tried, "yes"), sorted(&allowed));
    assert_eq!(with(&tried, "no"), sorted(&forbidden));
    let shown = home.skep(&["show", &text_of(&ended, "id")]).ok();
    assert!(shown.contains("reads: the same"), "{shown}");
}

#[test]
fn with_the_fence_off_a_run_writes_where_its_user_can_and_that_is_shown() {
    let home = home();
    home.repo();
    home.write(
        "c/config.toml",
        "agent = \"scripted\"\n[fence]\nmode = \"off\"\n[limits]\ndisk_free = \"0\"\n",
    );
    let outside = home.at("outside");
    let ended = run(&home, "go out", &format!("echo x > {}", outside.display()), &[]);
    assert!(outside.exists());
    assert_eq!(ended["fence"], "off", "{ended}");
    let shown = home.skep(&["show", &text_of(&ended, "id")]).ok();
    assert!(shown.contains("off: it can write wherever you can"), "{shown}");
}

#[test]
fn what_a_setting_opens_can_be_written_and_skeps_own_home_cannot_be_opened() {
    if !fence::is_possible() {
        return skipped("Landlock");
    }
    let home = home();
    home.repo();
    let (open, closed) = (home.at("open"), home.at("closed"));
    fs::create_dir(&open).unwrap();
    fs::create_dir(&closed).unwrap();
    let settings = |write: &Path| {
        let write = write.display();
        let text = format!(
            "agent = \"scripted\"\n[fence]\nwrite = [\"{write}\"]\n[limits]\ndisk_free = \"0\"\n[retry]\ntries = 0\n"
        );
        home.write("c/config.toml", &text)
    };
    settings(&open);
    let script = format!("echo x > {}/x; echo x > {}/x; exit 0", open.display(), closed.display());
    let ended = run(&home, "one open", &script, &[]);
    assert_eq!(ended["fence"], "on", "{ended}");
    assert!(open.join("x").exists() && !closed.join("x").exists());
    settings(&home.at(""));
    home.kill_daemon();
    let ended = run(&home, "all open", &script, &[]);
    assert_eq!(ended["outcome"], "failed", "{ended}");
    assert!(
        ended["last"]["text"].as_str().unwrap_or_default().contains("holds skep's own files"),
        "{ended}"
    );
}

#[test]
fn a_worktree_that_was_led_elsewhere_is_not_gone_on_with() {
    let home = home();
    home.repo();
    let place = home.at("elsewhere/worktrees/x");
    fs::create_dir_all(&place).unwrap();
    let lead = format!("echo 'gitdir: {}' > .git", place.display());
    let ended = run(&home, "lead away", &lead, &[]);
    fs::write(place.join("gitdir"), format!("{}/.git", text_of(&ended, "worktree"))).unwrap();
    let id = text_of(&ended, "id");
    home.skep(&["resume", &id]);
    let again = home.wait(&id, "ended");
    assert!(
        again["last"]["text"].as_str().unwrap_or_default().contains("does not lead to a worktree"),
        "{again}"
    );
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| {
        fs::metadata(dir.join(program)).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
    })
}

/// Runs a script of building behind the fence, with the PATH of this test.
fn builds(tool: &str, script: &str) {
    if !fence::is_possible() || !is_there(tool) {
        return skipped(tool);
    }
    let path = std::env::var("PATH").unwrap();
    let rustup = std::env::var("RUSTUP_HOME")
        .unwrap_or_else(|_| format!("{}/.rustup", std::env::var("HOME").unwrap()));
    let home = home().var("PATH", &path);
    home.repo();
    let script = format!(
        "set -e\nexport RUSTUP_HOME={rustup}\nexec >out.txt 2>&1\n{script}\necho built >> built.txt\n"
    );
    let ended = run(&home, "build", &script, &[]);
    let tree = text_of(&ended, "worktree");
    let said = fs::read_to_string(format!("{tree}/out.txt")).unwrap_or_default();
    assert!(Path::new(&tree).join("built.txt").exists(), "{said}\n{ended}");
}

#[test]
fn cargo_builds_and_tests_a_crate_behind_the_fence() {
    builds(
        "cargo",
        "unset CARGO_TARGET_DIR\nprintf '[package]\\nname=\"a\"\\nversion=\"0.1.0\"\\nedition=\"2021\"\\n' > Cargo.toml\nmkdir src\nprintf '#[test]\\nfn t() { std::fs::write(std::env::temp_dir().join(\"t\"), \"x\").unwrap(); }' > src/lib.rs\ncargo test --offline\n",
    );
}

#[test]
fn npm_installs_a_package_behind_the_fence() {
    builds(
        "npm",
        "mkdir p\necho '{\"name\":\"p\",\"version\":\"1.0.0\",\"scripts\":{\"install\":\"echo x > made\"}}' > p/package.json\necho '{\"name\":\"a\",\"version\":\"1.0.0\",\"dependencies\":{\"p\":\"file:./p\"}}' > package.json\nnpm install --offline --install-links\n",
    );
}

#[test]
fn pip_installs_a_package_into_a_venv_behind_the_fence() {
    builds(
        "python3",
        "python3 -m venv --system-site-packages v || { echo 'no venv'; exit 0; }\nmkdir p\nprintf 'print(1)\\n' > p/m.py\nprintf 'from setuptools import setup\\nsetup(name=\"m\", version=\"1\", py_modules=[\"m\"])\\n' > p/setup.py\nv/bin/python -c 'import setuptools, wheel' || exec sh -c 'echo no setuptools; v/bin/pip --version; echo built >> built.txt'\nv/bin/pip install --no-index --no-build-isolation ./p\n",
    );
}
