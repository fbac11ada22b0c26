//! Machines that are not as they should be: full disks, folders that nobody may write to, programs that are missing.
//!
//! What stands stays, what was accepted is there afterwards, and each refusal names the way out.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use serde_json::Value;
use skep_host::proc::{self, Program};

use crate::home::{DEADLINE, Home, Said, eventually, pid_of, text_of};

/// A disk of its own for one folder, seen only by what is called through it.
struct Disk<'a> {
    home: &'a Home,
    holder: Child,
    at: PathBuf,
}

impl<'a> Disk<'a> {
    /// Puts a disk of so many bytes in the place of a folder; none, by name, where that is not permitted.
    fn of(home: &'a Home, folder: &str, bytes: u64) -> Option<Disk<'a>> {
        let at = home.at(folder);
        fs::create_dir_all(&at).unwrap();
        let script =
            "mount -t tmpfs -o \"mode=700,size=$1\" tmpfs \"$0\" && echo ready && exec sleep 600";
        let mut holder = proc::command("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .arg(&at)
            .arg(bytes.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let ready = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line);
        let disk = Disk { home, holder, at };
        if ready.is_err() || line.trim() != "ready" {
            return skipped("a disk of one's own (no mount namespace may be made)");
        }
        Some(disk)
    }

    /// Calls a program where the disk is seen.
    #[track_caller]
    fn call(&self, dir: &Path, program: &str, args: &[&str]) -> Said {
        let vars = self.home.command(&[]);
        let vars = vars.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let output = Program::new("nsenter")
            .args(["--target", &self.holder.id().to_string(), "--mount", "--", "sh", "-c"])
            .args(["cd \"$0\" && exec \"$@\"", dir.to_str().unwrap(), program])
            .args(args)
            .envs(vars)
            .timeout(DEADLINE)
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn skep(&self, args: &[&str]) -> Said {
        self.call(&self.home.at("web"), env!("CARGO_BIN_EXE_skep"), args)
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        self.skep(&[&["--json"], args].concat()).json(0)
    }

    /// The folder as who sees the disk sees it.
    fn seen(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.at.strip_prefix("/").unwrap())
    }

    /// Writes until nothing more can be written.
    fn fill(&self) {
        let mut file =
            File::options().create(true).append(true).open(self.seen().join("full")).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            let bytes = vec![b'x'; size];
            loop {
                match file.write_all(&bytes) {
                    Ok(()) => {}
                    Err(err) if err.kind() == io::ErrorKind::StorageFull => break,
                    Err(err) => panic!("{err}"),
                }
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.seen().join("full")).unwrap();
    }

    fn remount(&self, how: &str) {
        let (how, at) = (format!("remount,{how}"), self.at.to_str().unwrap());
        // Whoever still writes there comes to an end.
        eventually("the disk is remounted", || {
            self.call(Path::new("/"), "mount", &["-o", &how, at]).code == 0
        });
    }

    /// Ends what runs and the daemon, where they can be asked.
    fn end(&self) {
        self.skep(&["stop", "--all", "--now"]).ok();
        self.skep(&["daemon", "stop"]).ok();
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // It may be gone already; the disk goes with the last that sees it.
        let _gone = self.holder.kill();
        let _collected = self.holder.wait();
    }
}

/// Says what is left out, so that the suite can name it.
#[expect(clippy::print_stdout, reason = "the test runner collects these lines")]
fn skipped<T>(what: &str) -> Option<T> {
    println!("skipped: {what}");
    None
}

/// The contents of everything below, by its path.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        match entry.file_type().unwrap() {
            _ if entry.file_name() == ".git" => {}
            kind if kind.is_dir() => found.extend(content(&entry.path())),
            _ => drop(found.insert(entry.file_name().into(), fs::read(entry.path()).unwrap())),
        }
    }
    found
}

#[track_caller]
fn clear(error: &Value) {
    assert!(!error["hints"].as_array().unwrap().is_empty(), "no way out: {error}");
}

#[test]
fn on_a_full_disk_what_was_accepted_stays_and_runs_are_seen_stopped_and_closed() {
    let home = Home::new();
    home.repo();
    let Some(disk) = Disk::of(&home, "h", 48 << 20) else { return };
    let hang = home.script("hang", &["write a b", "say hi", "hang"]);
    let run = disk.json(&["run", "hang", "--prompt-file", &hang]);
    let (id, tree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
    let tree = disk.seen().join(tree.strip_prefix(home.root()).unwrap());
    eventually("it wrote its file", || tree.join("a").exists());
    let before = content(&tree);
    disk.fill();
    let mut accepted = Vec::new();
    let refused = loop {
        let said = disk.skep(&["--json", "task", "add", "more"]);
        if said.code != 0 {
            break said.refused(2, "disk-full");
        }
        accepted.push(text_of(&said.json(0), "id"));
        assert!(accepted.len() < 9, "a full disk takes everything");
    };
    clear(&refused);
    clear(&disk.skep(&["--json", "run", "more"]).refused(2, "disk-full"));
    assert_eq!(disk.json(&["show", &id])["state"], "running");
    assert_eq!(disk.json(&["ls"]).as_array().unwrap().len(), 1);
    let stopped = disk.json(&["stop", &id]);
    assert_eq!(stopped[0]["outcome"], "stopped");
    let closed = disk.json(&["close", "--force", &id]);
    assert_eq!(closed["cleaned"], true, "{closed}");
    disk.skep(&["daemon", "stop"]).ok();
    disk.free();
    let tasks = disk.json(&["task", "ls"]);
    let tasks: Vec<String> =
        tasks.as_array().unwrap().iter().map(|task| text_of(task, "id")).collect();
    assert!(accepted.iter().all(|task| tasks.contains(task)), "{accepted:?} of {tasks:?}");
    eventually("the close is taken back", || disk.skep(&["undo"]).code == 0);
    assert_eq!(content(&tree), before);
    disk.skep(&["doctor"]).ok();
    disk.end();
}

#[test]
fn with_its_repositorys_disk_full_a_run_waits_a_landing_changes_nothing_and_a_forced_close_loses_nothing()
 {
    let home = Home::new();
    let Some(disk) = Disk::of(&home, "web", 8 << 20) else { return };
    let seen = disk.seen();
    let git = |args: &[&str]| {
        let args = [&["-c", "user.name=T", "-c", "user.email=t@x"], args].concat();
        disk.call(&disk.at, "git", &args).ok()
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    File::create(seen.join("README")).and_then(|mut file| file.write_all(b"hello\n")).unwrap();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message=first"]);
    let good = home.script("good", &["write a b", "commit c", "say done"]);
    let dirty = home.script("dirty", &["write d e", "say done"]);
    let good = text_of(&disk.json(&["run", "good", "--prompt-file", &good]), "id");
    let run = disk.json(&["run", "dirty", "--prompt-file", &dirty]);
    let (dirty, tree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
    let before = content(&tree);
    let head = git(&["rev-parse", "HEAD"]);
    disk.fill();
    let late = disk.json(&["run", "late"]);
    assert_eq!(late["state"], "queued", "it is tried again: {late}");
    eventually("it says what went wrong", || {
        let late = disk.json(&["show", &text_of(&late, "id")]);
        late["last"]["text"].as_str().is_some_and(|text| text.contains("git"))
    });
    clear(&disk.skep(&["--json", "land", &good]).error(2));
    let closed = disk.json(&["close", "--force", &dirty]);
    assert_eq!(closed["cleaned"], true);
    let error = disk.skep(&["--json", "undo"]);
    assert_ne!(error.code, 0, "its snapshot has nowhere to be");
    disk.free();
    assert_eq!(git(&["rev-parse", "HEAD"]), head);
    disk.skep(&["stop", &text_of(&late, "id")]).ok();
    eventually("its files are taken from the trash, and stand again", || {
        disk.skep(&["clean"]).code == 0 && disk.skep(&["undo"]).code == 0
    });
    assert_eq!(content(&tree), before);
    disk.skep(&["land", &good]).ok();
    assert!(seen.join("a").exists());
    disk.skep(&["doctor"]).ok();
    disk.end();
}

#[test]
fn a_home_that_nobody_can_write_is_named_with_the_ways_out_and_left_as_it_is() {
    let home = Home::new();
    home.repo();
    let Some(disk) = Disk::of(&home, "h", 32 << 20) else { return };
    for prepared in [false, true] {
        if prepared {
            disk.skep(&["run", "first"]).ok();
            disk.skep(&["daemon", "stop"]).ok();
        }
        disk.remount("ro");
        for args in
            [&["ls"][..], &["status"], &["run", "x"], &["daemon", "start"], &["task", "add", "t"]]
        {
            let error = disk.skep(&[&["--json"], args].concat()).refused(2, "home-unusable");
            clear(&error);
            assert!(text_of(&error, "message").contains("Read-only file system"), "{error}");
        }
        let said = disk.skep(&["doctor"]);
        assert_eq!(said.code, 1);
        assert!(
            said.stdout.contains("cannot be written: Read-only file system"),
            "{}",
            said.stdout
        );
        disk.remount("rw");
    }
    assert_eq!(disk.json(&["ls"]).as_array().unwrap().len(), 1);
    disk.end();
}

#[test]
fn a_home_too_small_for_a_ledger_is_told_as_a_full_disk() {
    let home = Home::new();
    home.repo();
    let Some(disk) = Disk::of(&home, "h", 64 << 10) else { return };
    for args in [&["ls"][..], &["run", "x"]] {
        clear(&disk.skep(&[&["--json"], args].concat()).refused(2, "disk-full"));
    }
}

#[test]
fn settings_that_cannot_be_written_stay_as_they_were() {
    let home = Home::new();
    home.repo();
    let settings = fs::read(home.at("c/config.toml")).unwrap();
    let Some(disk) = Disk::of(&home, "c", 32 << 10) else { return };
    let file = disk.seen().join("config.toml");
    File::create(&file).and_then(|mut file| file.write_all(&settings)).unwrap();
    disk.fill();
    let set = ["--json", "config", "set", "limits.runs", "3"];
    clear(&disk.skep(&set).refused(2, "config-unwritable"));
    disk.free();
    disk.remount("ro");
    clear(&disk.skep(&set).refused(2, "config-unwritable"));
    assert_eq!(fs::read(&file).unwrap(), settings);
    assert_eq!(fs::read_dir(disk.seen()).unwrap().count(), 1, "and nothing is left beside them");
    disk.skep(&["run", "x"]).ok();
    disk.end();
}

/// A PATH with everything that is installed, but for one program.
fn without(home: &Home, program: &str) -> String {
    let bin = home.at("bin");
    fs::create_dir_all(&bin).unwrap();
    for dir in ["/usr/local/bin", "/usr/bin", "/bin"] {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            if entry.file_name() != program {
                // The first on the PATH counts.
                let _there = symlink(entry.path(), bin.join(entry.file_name()));
            }
        }
    }
    bin.to_str().unwrap().to_owned()
}

#[test]
fn without_git_what_needs_it_is_refused_by_name_and_the_rest_answers() {
    let home = Home::new();
    home.repo();
    let path = without(&home, "git");
    let web = home.at("web");
    let bare = |args: &[&str]| home.skep_with(&web, &[("PATH", &path)], args);
    for args in [&["run", "x"][..], &["project", "add", "."]] {
        clear(&bare(&[&["--json"], args].concat()).refused(2, "git-missing"));
    }
    for args in [&["ls"][..], &["status"], &["project", "ls"], &["events"]] {
        bare(args).ok();
    }
    assert_eq!(bare(&["doctor"]).code, 1);
    // The asker's PATH counts for a run, whatever the daemon's is.
    let run = home.json(&["run", "with git"]);
    assert_eq!(home.wait(&text_of(&run, "id"), "ended")["outcome"], "completed");
}

#[test]
fn without_tmux_a_run_has_its_terminal_all_the_same() {
    let home = Home::new();
    home.repo();
    let path = without(&home, "tmux");
    home.write(
        "c/agents/screen.toml",
        "protocol = \"pty\"\nprogram = \"sh\"\nheadless = []\ntui = [\"-c\", \"echo hello; exec sleep 600\"]\nprompt = \"none\"\n",
    );
    let run = home
        .skep_with(
            &home.at("web"),
            &[("PATH", &path)],
            &["--json", "run", "-t", "--agent", "screen", "x"],
        )
        .json(0);
    assert_eq!(run["state"], "running");
    assert_eq!(run["session"]["tmux"], Value::Null);
    let log = home.attempt(&text_of(&run, "id"), 1).join("tty.log");
    eventually("its screen is there", || fs::read(&log).is_ok_and(|log| log.starts_with(b"hello")));
}

#[test]
fn without_a_home_of_the_person_skeps_own_places_are_enough_and_without_them_it_says_so() {
    let home = Home::new();
    home.repo();
    let call = |drop: &[&str], args: &[&str]| {
        let mut command = home.command(args);
        for name in drop {
            command.env_remove(name);
        }
        let mut said = Said { code: 0, stdout: String::new(), stderr: String::new() };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdout.take().unwrap().read_to_string(&mut said.stdout).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut said.stderr).unwrap();
        said.code = child.wait().unwrap().code().unwrap();
        said
    };
    let run = call(&["HOME"], &["--json", "run", "x"]).json(0);
    assert_eq!(home.wait(&text_of(&run, "id"), "ended")["outcome"], "completed");
    for missing in [&["HOME", "SKEP_HOME"][..], &["HOME", "SKEP_CONFIG"]] {
        clear(&call(missing, &["--json", "ls"]).refused(2, "home-unset"));
    }
    call(&["HOME", "SKEP_HOME", "SKEP_CONFIG", "PATH"], &["--version"]).ok();
}

#[test]
fn of_a_flood_of_words_every_line_is_kept_in_order_and_the_daemon_answers_meanwhile() {
    const LINES: usize = 20_000;
    let home = Home::new();
    home.repo();
    let agent = format!(
        "read x; seq -f '{{\"kind\":\"said\",\"text\":\"word %.0f\"}}' 1 {LINES}; while [ ! -e go ]; do sleep 0.01; done; \
         echo '{{\"kind\":\"turn_ended\",\"result\":\"success\",\"text\":\"done\"}}'"
    );
    let agent = home.write("flood.sh", &agent);
    home.write(
        "c/agents/flood.toml",
        &format!("protocol = \"scripted\"\nprogram = \"sh\"\nheadless = [\"{agent}\"]\nprompt = \"stdin\"\n"),
    );
    let run = home.json(&["run", "-d", "--agent", "flood", "flood"]);
    let id = text_of(&run, "id");
    let before = home.events().len();
    let journal = home.attempt(&id, 1).join("journal.jsonl");
    let lines = || fs::read_to_string(&journal).unwrap_or_default().lines().count();
    eventually("it speaks", || lines() > 0);
    home.skep(&["ls"]).ok();
    eventually("all of it is written", || lines() > LINES);
    let keeper = pid_of(&home.listed(&id), "gatekeeper");
    let private = private_kib(keeper);
    assert!(private < 8 << 10, "its keeper holds {private} KiB");
    let said: Vec<Value> = fs::read_to_string(&journal)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["kind"] == "said")
        .collect();
    let wanted = (1..=LINES).map(|number| format!("word {number}"));
    assert!(said.iter().map(|line| text_of(line, "text")).eq(wanted), "{} lines", said.len());
    assert!(home.events().len() < before + 100, "what is only said is no event");
}

/// What a process has written for itself alone: a page of its program is that only while nobody else runs the same.
fn private_kib(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let of =
        |line: &str| line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    rollup.lines().filter(|line| line.starts_with("Private_Dirty:")).filter_map(of).sum::<u64>()
}
