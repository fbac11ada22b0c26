//! A person's own tmux: what is asked of it, how strange its answer may be, and that it stays as it is.

use super::*;

const MARK: &str = "|m|";

fn answer(panes: &[[&str; 9]]) -> Vec<u8> {
    let line = |pane: &[&str; 9]| pane.map(|value| format!("{value}{MARK}")).concat() + "\n";
    panes.iter().map(line).collect::<String>().into_bytes()
}

#[test]
fn names_and_paths_of_a_stranger_are_read_as_they_are() {
    let hostile = "$0 %1 ;#(reboot)\n$9\t'\"\u{1b}[2J";
    let panes = [
        ["$0", hostile, hostile, "%1", "42", "0", "sh", "/a b\n/c", "/"],
        ["$12", "", "w", "%30", "43", "0", "", "", ""],
    ];
    let found = read(&answer(&panes), MARK.as_bytes()).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].session_name.as_str(), found[0].window_name.as_str()), (hostile, hostile));
    assert_eq!((found[0].path.as_path(), found[0].pane.pid), (Path::new("/a b\n/c"), 42));
    assert_eq!((found[1].session.as_str(), found[1].pane.id.as_str()), ("$12", "%30"));
}

#[test]
fn a_pane_whose_process_has_ended_is_none() {
    let panes = [["$0", "s", "w", "%1", "42", "1", "sh", "/", "/"]];
    assert_eq!(read(&answer(&panes), MARK.as_bytes()).unwrap(), []);
    assert_eq!(read(b"", MARK.as_bytes()).unwrap(), []);
}

#[test]
fn an_answer_of_another_form_is_an_error_and_never_an_empty_list() {
    let whole = answer(&[["$0", "s", "w", "%1", "42", "0", "sh", "/", "/"]]);
    for cut in [1, 5, whole.len() / 2, whole.len() - 3] {
        assert!(read(&whole[..cut], MARK.as_bytes()).is_err(), "{cut}");
    }
    for [session, pane, pid] in [["0", "%1", "42"], ["$0", "1", "42"], ["$0", "%1", "x"]] {
        let odd = answer(&[[session, "s", "w", pane, pid, "0", "sh", "/", "/"]]);
        assert!(read(&odd, MARK.as_bytes()).is_err(), "{session} {pane} {pid}");
    }
}

#[test]
fn the_server_is_the_one_that_a_person_sits_in_else_their_default_one() {
    let socket = |vars: &[(&str, &str)]| {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        users_socket(&vars.collect())
    };
    let uid = rustix::process::getuid().as_raw();
    let default = |folder: &str| PathBuf::from(format!("{folder}/tmux-{uid}/default"));
    assert_eq!(socket(&[("TMUX", "/x/a,b,12,3")]), Path::new("/x/a,b"));
    assert_eq!(socket(&[("TMUX_TMPDIR", "/y")]), default("/y"));
    assert_eq!(socket(&[("TMUX", ""), ("TMUX_TMPDIR", "")]), default("/tmp"));
    assert_eq!(socket(&[("TMUX", "relative,1,2"), ("TMUX_TMPDIR", "z")]), default("/tmp"));
}

#[test]
fn only_ids_become_targets_and_a_client_of_the_same_server_is_switched() {
    let socket = Path::new("/x/sock");
    let words = |tmux: Option<&str>| {
        let argv = go_to(socket, "$3", "%5", tmux.map(OsStr::new)).unwrap();
        argv.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(words(None), "tmux -S /x/sock attach-session -t $3:.%5");
    assert_eq!(words(Some("/y/sock,1,0")), "tmux -S /x/sock attach-session -t $3:.%5");
    assert_eq!(words(Some("/x/sock,1,0")), "tmux -S /x/sock switch-client -t %5");
    for (session, pane) in [("3", "%5"), ("$3", "5"), ("$3;kill-server", "%5"), ("$3", "%5\n")] {
        assert!(go_to(socket, session, pane, None).is_err(), "{session} {pane}");
    }
}

#[test]
fn what_is_no_socket_has_no_panes() {
    let place = tempfile::tempdir().unwrap();
    let none: [(&str, &str); 0] = [];
    assert_eq!(panes(&place.path().join("nothing"), none).unwrap(), []);
    assert_eq!(panes(place.path(), none).unwrap(), []);
    let left = place.path().join("left");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    assert_eq!(panes(&left, none).unwrap(), [], "its server is gone");
}
