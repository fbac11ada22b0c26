//! `skep daemon install` and `uninstall`, with a stand-in for systemctl that writes down what it is asked.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use skep_host::proc::Program;

use crate::home::{Home, Said};

/// A home, and a `systemctl` that says yes to all but what `refuses` names.
struct Machine {
    home: Home,
}

impl Machine {
    fn new(refuses: &str) -> Machine {
        let home = Home::new();
        let log = home.at("asked");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> {}\ncase \"$2\" in {refuses}) echo \"no bus\" >&2; exit 1;; esac\n",
            log.display()
        );
        let program = home.write("bin/systemctl", &script);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        Machine { home }
    }

    #[track_caller]
    fn skep(&self, args: &[&str]) -> Said {
        let path = format!("{}:/usr/bin:/bin", self.home.at("bin").display());
        self.home.skep_with(&self.home.at(""), &[("PATH", &path)], args)
    }

    fn unit(&self) -> PathBuf {
        self.home.at("home/.config/systemd/user/skep.service")
    }

    /// What systemctl was asked since the last look.
    fn asked(&self) -> Vec<String> {
        let log = self.home.at("asked");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _none_yet = fs::remove_file(&log);
        text.lines().map(str::to_owned).collect()
    }
}

const NOTHING: &str = "nothing";

#[test]
fn a_unit_is_written_enabled_and_started_and_a_second_time_changes_nothing() {
    let machine = Machine::new("is-active");
    let first = machine.skep(&["daemon", "install", "--json"]).json(0);
    assert_eq!((&first["changed"], &first["systemd"]), (&true.into(), &true.into()), "{first}");
    let unit = fs::read_to_string(machine.unit()).unwrap();
    for line in [
        format!("ExecStart=\"{}\" daemon run", env!("CARGO_BIN_EXE_skep")),
        format!("Environment=\"SKEP_HOME={}\"", machine.home.root().display()),
        format!("Environment=\"SKEP_CONFIG={}\"", machine.home.at("c").display()),
        "KillMode=process".to_owned(),
        "Restart=on-failure".to_owned(),
        "WantedBy=default.target".to_owned(),
    ] {
        assert!(unit.lines().any(|found| found == line), "`{line}` is missing:\n{unit}");
    }
    assert_eq!(unit.matches("Environment=").count(), 2, "nothing else of the caller:\n{unit}");
    assert_eq!(machine.asked(), ["--user daemon-reload", "--user enable --now skep.service"]);

    let written = fs::metadata(machine.unit()).unwrap().modified().unwrap();
    let second = machine.skep(&["daemon", "install", "--json"]).json(0);
    assert_eq!(second["changed"], false, "{second}");
    assert_eq!(fs::metadata(machine.unit()).unwrap().modified().unwrap(), written);
}

#[test]
fn a_unit_that_runs_is_left_alone_and_one_that_does_not_is_started() {
    let machine = Machine::new(NOTHING);
    machine.skep(&["daemon", "install"]).ok();
    machine.asked();
    machine.skep(&["daemon", "install"]).ok();
    assert_eq!(machine.asked(), ["--user is-active --quiet skep.service"]);
}

#[test]
fn a_daemon_that_came_up_on_demand_makes_room_for_the_unit_and_runs_go_on() {
    let machine = Machine::new(NOTHING);
    let _web = machine.home.repo();
    let run = machine.home.run("stay", &["hang"], &[]);
    let keeper = crate::home::pid_of(&run, "gatekeeper");
    machine.skep(&["daemon", "install"]).ok();
    machine.home.skep(&["daemon", "status"]).with(2);
    assert!(crate::home::lives(keeper), "the agent's guards live on");
}

#[test]
fn where_no_user_manager_runs_the_unit_is_written_and_what_to_type_is_said() {
    let machine = Machine::new("*");
    let said = machine.skep(&["daemon", "install"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(machine.unit().is_file());
    assert!(said.stderr.contains("systemctl --user enable --now skep.service"), "{said:?}");
    assert!(said.stderr.contains("no bus"), "{said:?}");
    let gone = machine.skep(&["daemon", "uninstall"]);
    assert_eq!(gone.code, 0, "{gone:?}");
    assert!(!machine.unit().exists());
    assert!(gone.stderr.contains("systemctl --user daemon-reload"), "{gone:?}");
}

#[test]
fn what_skep_did_not_write_is_neither_written_over_nor_removed() {
    let machine = Machine::new(NOTHING);
    machine
        .home
        .write("home/.config/systemd/user/skep.service", "[Service]\nExecStart=/bin/true\n");
    machine.skep(&["--json", "daemon", "install"]).refused(2, "unit-foreign");
    machine.skep(&["--json", "daemon", "uninstall"]).refused(2, "unit-foreign");
    assert!(fs::read_to_string(machine.unit()).unwrap().contains("/bin/true"));
    assert_eq!(machine.asked(), [""; 0]);
}

#[test]
fn the_unit_of_another_home_is_not_taken_over() {
    let machine = Machine::new(NOTHING);
    machine.skep(&["daemon", "install"]).ok();
    let other = machine.home.at("other");
    let args = ["--json", "--home", other.to_str().unwrap(), "daemon", "install"];
    let error = machine.skep(&args).refused(2, "unit-other-home");
    assert!(error["hints"][0].as_str().unwrap().starts_with("skep daemon uninstall"), "{error}");
    assert!(
        fs::read_to_string(machine.unit()).unwrap().contains(machine.home.root().to_str().unwrap())
    );
}

#[test]
fn a_dry_run_writes_nothing_and_asks_nobody() {
    let machine = Machine::new(NOTHING);
    let said = machine.skep(&["daemon", "install", "--dry-run"]).ok();
    assert!(said.contains("KillMode=process"), "{said}");
    assert!(!machine.unit().exists());
    machine.skep(&["daemon", "install"]).ok();
    machine.asked();
    machine.skep(&["daemon", "uninstall", "--dry-run"]).ok();
    assert!(machine.unit().exists());
    assert_eq!(machine.asked(), [""; 0]);
}

#[test]
fn uninstall_ends_the_unit_and_removes_it_and_a_second_time_has_nothing_to_do() {
    let machine = Machine::new(NOTHING);
    machine.skep(&["daemon", "install"]).ok();
    machine.asked();
    machine.skep(&["daemon", "uninstall"]).ok();
    assert!(!machine.unit().exists());
    assert_eq!(machine.asked(), ["--user disable --now skep.service", "--user daemon-reload"]);
    let again = machine.skep(&["daemon", "uninstall"]).ok();
    assert!(again.contains("nothing to do"), "{again}");
    assert_eq!(machine.asked(), [""; 0]);
}

#[test]
fn systemd_itself_finds_nothing_wrong_with_the_unit_of_a_home_with_hostile_letters() {
    let analyze = Path::new("/usr/bin/systemd-analyze");
    let machine = Machine::new(NOTHING);
    let root = machine.home.at("a 50% \"home\" of $HOME \\ ü");
    let args = ["--home", root.to_str().unwrap(), "daemon", "install"];
    machine.skep(&args).ok();
    let unit = fs::read_to_string(machine.unit()).unwrap();
    assert!(unit.contains("a 50%% \\\"home\\\" of $HOME \\\\ ü\""), "{unit}");
    if !analyze.exists() {
        skipped();
        return;
    }
    let runtime = machine.home.at("runtime");
    fs::create_dir(&runtime).unwrap();
    let output = Program::new(analyze)
        .args(["--user", "--man=no", "verify"])
        .arg(machine.unit())
        .env("HOME", machine.home.at("home"))
        .env("XDG_RUNTIME_DIR", &runtime)
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    assert_eq!((output.code(), output.complaint()), (0, String::new()), "{unit}");
}

#[expect(clippy::print_stderr, reason = "what is not tested here is said")]
fn skipped() {
    eprintln!("skipped: systemd-analyze is not installed");
}
