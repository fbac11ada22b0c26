//! `skep stop`, and what a run may not do to others.

use std::{fs, path::Path};

use rustix::process::Signal;

use crate::home::{Home, eventually, inside, kill, lives, pid_of, text_of};

#[test]
fn a_stop_leaves_no_process_however_detached_and_keeps_what_was_used_and_written() {
    let home = Home::new();
    home.repo();
    let steps = [
        "usage 11 22",
        "write a a",
        "fork",
        "fork holding stdout",
        "ignore-term",
        "write ready x",
        "hang",
    ];
    let run = home.run("stubborn", &steps, &[]);
    let (id, worktree) = (text_of(&run, "id"), text_of(&run, "worktree"));
    eventually("it forked and is deaf", || Path::new(&worktree).join("ready").exists());
    assert!(inside(Path::new(&worktree)) >= 3, "the agent and two that it left");
    let begun = std::time::Instant::now();
    home.skep(&["stop", &id]).ok();
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    assert_eq!(inside(Path::new(&worktree)), 0, "something of it lives");
    assert!(!lives(pid_of(&run, "pid")) && !lives(pid_of(&run, "gatekeeper")));
    let ended = home.listed(&id);
    assert_eq!(
        (&ended["state"], &ended["outcome"]),
        (&"ended".into(), &"stopped".into()),
        "{ended}"
    );
    assert_eq!(ended["reason"], "stopped-by-person");
    assert_eq!(
        (&ended["usage"]["input_tokens"], &ended["usage"]["output_tokens"]),
        (&11.into(), &22.into())
    );
    assert_eq!(fs::read_to_string(Path::new(&worktree).join("a")).unwrap(), "a\n");
    assert_eq!(ended["env_state"], "held");
    // Again is harmless.
    home.skep(&["stop", &id]).ok();
    assert_eq!(home.kinds(&id).iter().filter(|kind| *kind == "ended").count(), 1);
}

#[test]
fn kill_is_a_stop_by_force_and_all_means_all() {
    let home = Home::new();
    home.repo();
    let one = home.run("one", &["ignore-term", "hang"], &[]);
    let two = home.run("two", &["hang"], &[]);
    home.skep(&["kill", &text_of(&one, "id")]).ok();
    assert_eq!(home.listed(&text_of(&one, "id"))["exit"]["signal"], 9);
    assert!(lives(pid_of(&two, "pid")), "the other was not meant");
    home.skep(&["stop", "--all"]).ok();
    assert_eq!(home.listed(&text_of(&two, "id"))["outcome"], "stopped");
    home.no_agents();
}

#[test]
fn a_run_that_waits_for_a_slot_or_an_answer_can_be_stopped() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let asks = home.run("asks", &["ask why? | yes | no"], &["-d"]);
    let asks = home.wait(&text_of(&asks, "id"), "waiting");
    assert_eq!((&asks["waiting_for"], &asks["questions"]), (&"answer".into(), &1.into()));
    let held = home.run("held", &["hang"], &[]);
    assert_eq!(held["state"], "running", "a waiting run gives its slot back");
    let queued = home.run("queued", &["hang"], &[]);
    assert_eq!((&queued["state"], &queued["env"]), (&"queued".into(), &serde_json::Value::Null));
    for run in [&queued, &asks, &held] {
        home.skep(&["stop", &text_of(run, "id")]).ok();
        assert_eq!(home.listed(&text_of(run, "id"))["outcome"], "stopped");
    }
    home.no_agents();
}

#[test]
fn a_stop_in_the_middle_of_a_set_up_ends_it_and_takes_everything_back() {
    let home = Home::new();
    let repo = home.repo();
    let begun = home.at("begun");
    let script = format!("setsid sleep 3600 & touch {}; sleep 3600", begun.display());
    repo.write(".skep/project.toml", &format!("[setup]\nrun = \"{script}\"\n"));
    repo.commit("set-up");
    let before = repo.git(&["for-each-ref"]);
    let run = home.run("slow", &["hang"], &["--yes", "-d"]);
    let id = text_of(&run, "id");
    eventually("the set-up runs", || begun.exists());
    assert_eq!(home.listed(&id)["state"], "preparing");
    home.skep(&["stop", &id]).ok();
    assert_eq!(home.listed(&id)["outcome"], "stopped");
    home.no_agents();
    eventually("the branch is taken back", || repo.git(&["for-each-ref"]) == before);
    eventually("the env is taken back", || {
        fs::read_dir(home.root().join("env")).unwrap().count() == 0
    });
    assert!(!home.kinds(&id).contains(&"began".to_owned()));
}

#[test]
fn the_processes_of_a_run_may_look_but_not_stop_close_land_or_begin_one() {
    let home = Home::new();
    home.repo();
    let other = home.run("other", &["hang"], &[]);
    let (id, out) = (text_of(&other, "id"), home.at("seen/out"));
    let skep = env!("CARGO_BIN_EXE_skep");
    // Detached, forked twice, scrubbed: who speaks is decided by descent.
    let scrubbed = format!(
        "env -i HOME=/nowhere SKEP_HOME={} SKEP_CONFIG={} PATH=/usr/bin:/bin",
        home.root().display(),
        home.at("c").display()
    );
    let calls = [
        format!("stop {id}"),
        "stop --all --now".to_owned(),
        format!("close {id} --keep-branch"),
        format!("land {id}"),
        "run more".to_owned(),
        "task add more".to_owned(),
        "project rm web".to_owned(),
        "init --yes".to_owned(),
        "daemon stop".to_owned(),
    ];
    let mut script = String::new();
    for (nth, call) in calls.iter().enumerate() {
        for (way, prefix) in ["", "setsid -f -w "].iter().enumerate() {
            script += &format!(
                "{prefix}{scrubbed} {skep} --json {call} > /dev/null 2> {}.{nth}.{way}\n",
                out.display()
            );
        }
    }
    script += &format!(
        "{scrubbed} {skep} --json ls > {}.ls\ntouch {}.done\nsleep 3600\n",
        out.display(),
        out.display()
    );
    fs::create_dir(home.at("seen")).unwrap();
    home.write("tmp/script", &script);
    home.write(
        "c/agents/rogue.toml",
        &format!(
            "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{}\"]\nprompt = \"none\"\nwrites = [\"{}\"]\n",
            home.at("tmp/script").display(),
            home.at("seen").display()
        ),
    );
    let rogue = home.json(&["run", "rogue", "--agent", "rogue"]);
    eventually("it tried everything", || home.at("seen/out.done").exists());
    for (nth, call) in calls.iter().enumerate() {
        for way in 0..2 {
            let file = home.at(format!("seen/out.{nth}.{way}"));
            eventually("its answer is whole", || {
                fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))
            });
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains("not-for-runs"), "{call} ({way}): {text}");
        }
    }
    let seen = fs::read_to_string(home.at("seen/out.ls")).unwrap();
    assert!(seen.contains(&id), "a run may look: {seen}");
    assert_eq!(home.listed(&id)["state"], "running");
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 2);
    home.skep(&["stop", &text_of(&rogue, "id"), &id]).ok();
}

#[test]
fn a_process_of_a_run_cannot_start_a_daemon() {
    let home = Home::new();
    home.repo();
    let (go, out) = (home.at("go"), home.at("seen/out"));
    let skep = env!("CARGO_BIN_EXE_skep");
    let scrubbed = format!(
        "env -i SKEP_HOME={} SKEP_CONFIG={}",
        home.root().display(),
        home.at("c").display()
    );
    let script = format!(
        "while ! test -e {}; do sleep 0.02; done\n{scrubbed} {skep} --json ls 2> {1}.1\n\
         setsid -f -w {scrubbed} {skep} --json daemon start 2> {1}.2\ntouch {1}.done\nsleep 3600\n",
        go.display(),
        out.display()
    );
    fs::create_dir(home.at("seen")).unwrap();
    home.write("tmp/script", &script);
    home.write(
        "c/agents/rogue.toml",
        &format!(
            "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{}\"]\nprompt = \"none\"\nwrites = [\"{}\"]\n",
            home.at("tmp/script").display(),
            home.at("seen").display()
        ),
    );
    let run = home.json(&["run", "rogue", "--agent", "rogue"]);
    home.kill_daemon();
    fs::write(&go, "").unwrap();
    eventually("it tried", || home.at("seen/out.done").exists());
    for nth in ["seen/out.1", "seen/out.2"] {
        let text = fs::read_to_string(home.at(nth)).unwrap();
        assert!(text.contains("daemon-absent"), "{nth}: {text}");
    }
    home.skep(&["--json", "daemon", "status"]).refused(2, "daemon-absent");
    assert_eq!(home.listed(&text_of(&run, "id"))["state"], "running");
}

#[test]
fn an_agent_that_is_killed_has_failed_and_what_it_left_behind_is_ended() {
    let home = Home::new();
    home.repo();
    let run = home.run("victim", &["write a a", "fork", "write ready x", "hang"], &[]);
    let worktree = text_of(&run, "worktree");
    eventually("it forked", || Path::new(&worktree).join("ready").exists());
    kill(pid_of(&run, "pid"), Signal::KILL);
    let ended = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(
        (&ended["outcome"], &ended["reason"]),
        (&"failed".into(), &"agent-crash".into()),
        "{ended}"
    );
    assert_eq!((&ended["exit"]["code"], &ended["exit"]["signal"]), (&137.into(), &9.into()));
    let exit = fs::read(home.attempt(&text_of(&run, "id"), 1).join("exit.json")).unwrap();
    let exit: serde_json::Value = serde_json::from_slice(&exit).unwrap();
    assert_eq!((&exit["code"], &exit["signal"]), (&137.into(), &9.into()), "{exit}");
    assert!(text_of(&exit, "started") <= text_of(&exit, "ended"), "{exit}");
    assert_eq!(inside(Path::new(&worktree)), 0);
    assert_eq!(fs::read_to_string(Path::new(&worktree).join("a")).unwrap(), "a\n");
}

#[test]
fn a_grandchild_that_holds_standard_output_does_not_hold_up_the_end() {
    let home = Home::new();
    home.repo();
    let ended =
        home.ended("done", &["write a a", "commit a", "fork holding stdout", "say done"], &["-d"]);
    assert_eq!(ended["outcome"], "completed", "{ended}");
    assert_eq!(inside(Path::new(&text_of(&ended, "worktree"))), 0);
}

#[test]
fn a_prompt_of_a_mebibyte_reaches_an_agent_that_floods_first_and_shows_in_no_arguments() {
    let home = Home::new();
    home.repo();
    let marker = "honeycomb-of-the-prompt";
    let prompt = format!("{marker}\n{}", "0123456789abcde\n".repeat(64 * 1024));
    let file = home.write("prompt", &prompt);
    home.write(
        "c/agents/loud.toml",
        "protocol = \"plain\"\nprogram = \"/bin/sh\"\nprompt = \"stdin\"\n\
         headless = [\"-c\", \"head -c 3000000 /dev/zero | tr '\\\\0' 'x' | fold; cat > got; while :; do sleep 1; done\"]\n",
    );
    let run = home.json(&["run", "loud", "--agent", "loud", "--prompt-file", &file]);
    let got = Path::new(&text_of(&run, "worktree")).join("got");
    eventually("all of it came", || fs::read(&got).is_ok_and(|bytes| bytes.len() == prompt.len()));
    assert!(fs::read(&got).unwrap() == prompt.as_bytes());
    let shown = home.alive().into_iter().filter(|(_, line)| line.contains(marker)).count();
    assert_eq!(shown, 0);
}
