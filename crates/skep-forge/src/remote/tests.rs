use proptest::prelude::*;

use super::*;

fn hosts() -> Vec<Host> {
    let host = |name: &str, kind, url: Option<&str>| Host {
        name: name.to_owned(),
        kind,
        url: url.map(str::to_owned),
    };
    vec![
        host("git.example.org", Kind::Forgejo, None),
        host("git.example.org:3000", Kind::Forgejo, None),
        host("company", Kind::Gitlab, Some("https://code.example.com/gitlab/")),
        host("plain", Kind::Github, Some("http://127.0.0.1:8080")),
    ]
}

fn alias(name: &str) -> Option<String> {
    match name {
        "work" => Some("github.com".to_owned()),
        "night" => Some("ssh.github.com".to_owned()),
        "evil" => Some("-oProxyCommand=x".to_owned()),
        "inner" => Some("code.example.com".to_owned()),
        _ => None,
    }
}

/// `kind web owner/…/repo`, or the slug of why not.
fn said(remote: &str) -> String {
    match place(remote, &hosts(), &alias) {
        Ok(place) => format!("{} {} {}", place.kind.as_str(), place.web, place.name()),
        Err(error) => error.slug().to_owned(),
    }
}

#[test]
fn every_spelling_of_a_remote_names_its_forge_and_its_repository() {
    let hub = "github https://github.com o/r";
    for remote in [
        "https://github.com/o/r",
        "https://github.com/o/r.git",
        "https://github.com/o/r.git/",
        "https://GitHub.com:443/o/r/",
        "https://user:secret@github.com/o/r.git",
        "http://github.com/o/r",
        "git://github.com/o/r.git",
        "ssh://git@github.com/o/r.git",
        "ssh://git@ssh.github.com:443/o/r.git",
        "git+ssh://git@github.com:22/o/r",
        "git@github.com:o/r.git",
        "git@github.com:/o/r.git",
        "github.com:o/r",
        "git@[github.com:22]:o/r.git",
        "git@work:o/r.git",
        "ssh://night/o/r.git",
        " git@github.com:o/r.git\n",
    ] {
        assert_eq!(said(remote), hub, "{remote}");
    }
    for (remote, is) in [
        ("git@gitlab.com:a/b/c/r.git", "gitlab https://gitlab.com a/b/c/r"),
        ("https://gitlab.com/a/r", "gitlab https://gitlab.com a/r"),
        ("git@altssh.gitlab.com:a/r", "gitlab https://gitlab.com a/r"),
        ("https://codeberg.org/O/R.x.git", "forgejo https://codeberg.org O/R.x"),
        ("git@git.example.org:o/r", "forgejo https://git.example.org o/r"),
        ("ssh://git@git.example.org:2222/o/r", "forgejo https://git.example.org o/r"),
        ("https://git.example.org:3000/o/r", "forgejo https://git.example.org:3000 o/r"),
        (
            "https://code.example.com/gitlab/g/s/r.git",
            "gitlab https://code.example.com/gitlab g/s/r",
        ),
        ("git@code.example.com:g/s/r.git", "gitlab https://code.example.com/gitlab g/s/r"),
        ("inner:g/r.git", "gitlab https://code.example.com/gitlab g/r"),
        ("company:g/r.git", "gitlab https://code.example.com/gitlab g/r"),
        ("http://127.0.0.1:8080/o/r", "github http://127.0.0.1:8080 o/r"),
        ("git@sub.ghe.com:o/r", "github https://sub.ghe.com o/r"),
    ] {
        assert_eq!(said(remote), is, "{remote}");
    }
}

#[test]
fn what_is_no_forges_is_told_from_what_is_no_address() {
    for (remote, slug) in [
        ("/srv/git/r.git", "forge-none"),
        ("../r", "forge-none"),
        ("./a:b", "forge-none"),
        ("file:///srv/r.git", "forge-none"),
        ("https://example.net/o/r", "forge-unknown"),
        ("git@example.net:o/r", "forge-unknown"),
        ("git@evil:o/r", "forge-unknown"),
        // Another port is another server.
        ("https://github.com:8443/o/r", "forge-unknown"),
        ("https://git.example.org:4000/o/r", "forge-unknown"),
        ("https://github.com.evil.example/o/r", "forge-unknown"),
        ("https://github.com@evil.example/o/r", "forge-unknown"),
        ("", "forge-remote"),
        ("ext::sh -c id", "forge-remote"),
        ("ext::https://github.com/o/r", "forge-remote"),
        ("ftp://github.com/o/r", "forge-remote"),
        ("https://github.com/o", "forge-remote"),
        ("https://github.com/o/r/issues", "forge-remote"),
        ("https://github.com/o/r/../../x/y", "forge-remote"),
        ("https://github.com/o/..", "forge-remote"),
        ("https://github.com/o/...git/.git", "forge-remote"),
        ("https://github.com/o/.git", "forge-remote"),
        ("https://github.com/./r", "forge-remote"),
        ("https://github.com/-o/r", "forge-remote"),
        ("https://github.com//o/r//x", "forge-remote"),
        ("https://github.com/o%2fx/r", "forge-remote"),
        ("https://github.com/o/r?x=1", "forge-remote"),
        ("https://github.com/o/r#x", "forge-remote"),
        ("https://github.com\\@evil.example/o/r", "forge-remote"),
        ("https://github.com/o/r\u{202e}", "forge-remote"),
        ("https://github.com/o/r\nHost: x", "forge-remote"),
        ("ssh://-oProxyCommand=x/o/r", "forge-remote"),
        ("-oProxyCommand=x:o/r", "forge-remote"),
        ("https://github.com:0/o/r", "forge-remote"),
        ("https://github.com:99999/o/r", "forge-remote"),
        ("https:///o/r", "forge-remote"),
        ("https://code.example.com/g/r", "forge-remote"),
    ] {
        assert_eq!(said(remote), slug, "{remote:?}");
    }
}

#[test]
fn an_error_never_repeats_a_password_or_an_escape() {
    for remote in [
        "https://me:s3cr3t@example.net/o/r",
        "https://me:s3cr3t@github.com/o",
        "ftp://s3cr3t@github.com/o/r",
        "s3cr3t@github.com:o/r?x",
        "git@s3cr3t@github.com:///",
        "https://s3cr3t@github.com/o/r\u{1b}[31m",
    ] {
        let error = place(remote, &hosts(), &alias).expect_err("it is none").to_string();
        assert!(!error.contains("s3cr3t") && !error.contains('\u{1b}'), "{error}");
    }
}

#[test]
fn a_forges_address_in_the_settings_is_an_address() {
    for (url, slug) in [
        ("https://a.example/git", None),
        ("http://127.0.0.1:3000", None),
        ("https://a.example:443", None),
        ("a.example", Some("forge-address")),
        ("ftp://a.example", Some("forge-address")),
        ("https://me:s3cr3t@a.example", Some("forge-address")),
        ("https://a.example/x?y", Some("forge-address")),
        ("https://a.example/../x", Some("forge-address")),
        ("https://", Some("forge-address")),
    ] {
        let host = Host { name: "a".to_owned(), kind: Kind::Forgejo, url: Some(url.to_owned()) };
        let said = place("a:o/r", &[host], &|_| None);
        assert_eq!(said.as_ref().err().map(RemoteError::slug), slug, "{url}");
        if let Err(error) = said {
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
    }
}

#[test]
fn ssh_says_what_its_aliases_mean() {
    let dir = tempfile::tempdir().unwrap();
    let more = dir.path().join("more");
    let config = dir.path().join("config");
    let write = |path: &Path, text: &str| {
        skep_host::paths::write_atomically(path, text.as_bytes()).unwrap();
    };
    write(&more, "Host hub-*\n  HostName github.com\n");
    write(&config, &format!("Include {}\nHost lab\n  HostName %h.example.org\n", more.display()));
    let name = |host: &str| ssh_name(host, Some(&config));
    if Program::new("ssh").arg("-V").output().is_err() {
        // No ssh on this machine: then a name means what it says.
        return;
    }
    assert_eq!(name("hub-work").as_deref(), Some("github.com"));
    assert_eq!(name("lab").as_deref(), Some("lab.example.org"));
    assert_eq!(name("plain.example.org").as_deref(), Some("plain.example.org"));
    assert_eq!(name("-oProxyCommand=x"), None);
    let alias = |host: &str| ssh_name(host, Some(&config));
    let place = place("git@hub-work:o/r.git", &[], &alias).unwrap();
    assert_eq!((place.kind, place.name().as_str()), (Kind::Github, "o/r"));
}

proptest! {
    /// Whatever a remote is, what comes of it fits into a path, and no password is repeated.
    #[test]
    fn no_remote_leads_out_of_its_place_or_tells_a_password(
        scheme in prop::sample::select(vec!["", "https://", "http://", "ssh://", "git@", "ext::", "file://", "HTTPS://"]),
        user in prop::sample::select(vec!["", "s3cr3t@", "me:s3cr3t@", "me:s3cr3t:x@y@", "-s3cr3t@"]),
        host in prop::sample::select(vec!["github.com", "gitlab.com", "[::1]", "git.example.org:3000", "-x", "..", "ü", "company", ""]),
        sep in prop::sample::select(vec!["/", ":", ":/", "//", ""]),
        path in "[a-c./%:@\\\\ü~ \u{7}-]{0,12}",
    ) {
        let remote = format!("{scheme}{user}{host}{sep}{path}");
        match place(&remote, &hosts(), &alias) {
            Ok(place) => {
                prop_assert!(place.path.len() >= 2);
                for name in &place.path {
                    prop_assert!(fit_name(name), "{remote:?}: {place:?}");
                }
                prop_assert!(!format!("{place:?}").contains("s3cr3t"), "{remote:?}: {place:?}");
                // Spelt anew it is the same place.
                let again = super::place(&format!("{}/{}.git", place.web, place.name()), &hosts(), &alias);
                prop_assert_eq!(again.map(|again| again.path), Ok(place.path));
            }
            Err(error) => {
                let said = error.to_string();
                prop_assert!(!said.contains("s3cr3t") && !said.contains('\u{7}'), "{}", said);
            }
        }
    }
}
