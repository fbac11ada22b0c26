//! Which forge a remote is of by the settings, and what is said of a run.

use super::*;

fn host(kind: Option<ForgeKind>, url: Option<&str>) -> ForgeHost {
    ForgeHost { kind, url: url.map(str::to_owned), token: None }
}

fn place(addresses: &[&str], hosts: &[(&str, ForgeHost)]) -> Result<String, String> {
    let addresses: Vec<String> = addresses.iter().map(|&it| it.to_owned()).collect();
    let hosts = hosts.iter().map(|(name, host)| ((*name).to_owned(), host.clone())).collect();
    place_of(&addresses, &hosts).map(|place| place.to_string()).map_err(|none| none.slug)
}

#[test]
fn a_remote_is_of_the_forge_that_git_reaches_else_of_the_one_that_is_written_down() {
    let github = "https://github.com/o/r.git";
    assert_eq!(place(&[github], &[]), Ok("github.com/o/r".to_owned()));
    assert_eq!(place(&["/srv/mirror", github], &[]), Ok("github.com/o/r".to_owned()));
    assert_eq!(place(&["/srv/mirror"], &[]), Err("forge-none".to_owned()));
    assert_eq!(place(&[], &[]), Err("forge-none".to_owned()));
    let own = "git@git.example.com:o/r.git";
    assert_eq!(place(&[own], &[]), Err("forge-unknown".to_owned()));
    let known = [("git.example.com", host(Some(ForgeKind::Gitea), None))];
    assert_eq!(place(&[own], &known), Ok("git.example.com/o/r".to_owned()));
}

#[test]
fn a_host_that_everybody_knows_needs_no_kind_for_its_token() {
    let known = [("github.com", host(None, Some("http://127.0.0.1:9")))];
    let found = place(&["https://github.com/o/r"], &known);
    assert_eq!(found, Ok("github.com/o/r".to_owned()));
}
