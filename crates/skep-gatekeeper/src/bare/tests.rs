use super::*;

fn wanted(text: &str) -> Result<Wanted, String> {
    let args: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
    parse(&args).map_err(|err| err.to_string())
}

#[test]
fn options_stand_before_the_dashes_and_the_rest_is_the_commands() {
    let expected = Wanted {
        tied: true,
        task_file: Some("/t".into()),
        command: ["sh", "--tied", "--"].map(OsString::from).to_vec(),
    };
    assert_eq!(wanted("--tied --task-file /t -- sh --tied --"), Ok(expected));
    assert_eq!(wanted("--task-file=/a=b -- x").unwrap().task_file, Some("/a=b".into()));
}

#[test]
fn without_dashes_or_command_nothing_is_wanted() {
    for text in ["", "--tied", "--", "--task-file", "sh -c true", "--task-files /t -- x"] {
        assert!(wanted(text).is_err(), "{text}");
    }
}

#[test]
fn help_is_for_somebody_else_and_an_option_of_the_command_is_not_ours() {
    let args = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
    assert!(enter(&args("--help")).is_none());
    assert!(enter(&args("--tied -h")).is_none());
    assert!(wanted("-- ls --help").is_ok());
}
