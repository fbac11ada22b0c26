//! Which URLs are taken, and that no secret in one is shown.

use super::*;

#[test]
fn urls_of_the_allowed_kinds_are_read_and_name_their_repository() {
    let cases = [
        ("https://example.invalid/a/web.git", "web", "https://example.invalid/a/web.git"),
        ("https://example.invalid/a/web/", "web", "https://example.invalid/a/web/"),
        ("HTTPS://Example.invalid:8443/web", "web", "https://example.invalid:8443/web"),
        ("https://me:s3cret@example.invalid/web", "web", "https://example.invalid/web"),
        ("https://t0ken@example.invalid/@s/web", "web", "https://example.invalid/@s/web"),
        (
            "ssh://git@example.invalid:2222/~/web.git",
            "web",
            "ssh://git@example.invalid:2222/~/web.git",
        ),
        ("ssh://git:s3cret@example.invalid/web", "web", "ssh://git@example.invalid/web"),
        ("git://[::1]/web", "web", "git://[::1]/web"),
        ("file:///srv/my web.git", "my web", "file:///srv/my web.git"),
        ("git@example.invalid:a/web.git", "web", "git@example.invalid:a/web.git"),
        ("git@example.invalid:web", "web", "git@example.invalid:web"),
    ];
    for (text, name, shown) in cases {
        assert!(is_url(text), "{text}");
        let url = Url::parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
        assert_eq!((url.name(), url.shown()), (name, shown), "{text}");
        assert!(!format!("{url:?}").contains("s3cret"), "{url:?}");
    }
}

#[test]
fn hostile_urls_are_refused_before_git_hears_of_them() {
    let hostile = [
        "",
        "ext::sh -c touch% /tmp/owned",
        "fd::17",
        "--upload-pack=touch /tmp/owned",
        "-oProxyCommand=sh",
        "ssh://-oProxyCommand=sh/web",
        "ssh://-l@example.invalid/web",
        "-x@example.invalid:web",
        "git@-oProxyCommand=sh:web",
        "git@example.invalid:-web",
        "git@example.invalid:",
        "git@example.invalid::web",
        "git@ext::sh -c id",
        "https://example.invalid",
        "https:///web",
        "https://example.invalid/web?token=s3cret",
        "https://a:b/s3cret@example.invalid/web",
        "https://example.invalid/web\nurl",
        "https://exa mple.invalid/web",
        "file://host/web",
        "http://example.invalid/web",
        "ftp://me:s3cret@example.invalid/web",
        "javascript://example.invalid/web",
        "web",
        "../web",
        "me:s3cret@example.invalid:web",
    ];
    for text in hostile {
        let err = Url::parse(text).err().unwrap_or_else(|| panic!("taken: {text}"));
        assert_eq!(err.slug(), "url-unsupported");
        assert!(!err.to_string().contains("s3cret"), "{err}");
    }
    for path in ["/srv/web", "web", "./a:b", "../web", "a/b@c:d", "c:web"] {
        assert!(!is_url(path), "{path}");
    }
    for url in ["ext::sh -c id", "me@host:web", "x://y"] {
        assert!(is_url(url), "{url}");
    }
}

#[test]
fn the_same_place_is_the_same_url_whoever_asks_and_however_it_ends() {
    let url = |text: &str| Url::parse(text).unwrap();
    let plain = url("https://example.invalid/a/web");
    for same in ["https://example.invalid/a/web.git", "https://x:y@EXAMPLE.invalid/a/web/"] {
        assert_eq!(url(same), plain);
    }
    for other in [
        "https://example.invalid/b/web",
        "https://example.invalid:444/a/web",
        "ssh://example.invalid/a/web",
        "https://example.invalid/a/Web",
    ] {
        assert_ne!(url(other), plain, "{other}");
    }
}

#[test]
fn no_password_is_in_what_is_told_whatever_git_says() {
    let url = Url::parse("https://me-too:s3cr%21t@127.0.0.1:1/web.git").unwrap();
    let said = "unable to access 'https://me-too:s3cr%21t@127.0.0.1:1/web.git/': s3cr!t";
    let said = url.redact(said);
    assert!(!said.contains("s3cr") && !said.contains("me-too"), "{said}");
    let yard = Yard::new();
    let err = clone(&yard.git(), &url, &yard.dir(), &yard.locks()).unwrap_err();
    assert_eq!(err.slug(), "clone-failed", "{err:?}");
    for text in [err.to_string(), format!("{err:?}")] {
        assert!(!text.contains("s3cr") && !text.contains("me-too"), "{text}");
    }
    assert_eq!(yard.names(), [""; 0]);
}

#[test]
fn settings_that_lead_a_url_to_a_program_do_not_start_it() {
    let yard = Yard::new();
    let owned = yard.place.root().join("owned");
    let settings = fs::read_to_string(yard.place.root().join("home/.gitconfig")).unwrap();
    yard.place.write(
        "home/.gitconfig",
        &format!(
            "{settings}[protocol \"ext\"]\nallow = always\n[url \"ext::touch {}\"]\ninsteadOf = https://lead/\n",
            owned.display()
        ),
    );
    let url = Url::parse("https://lead/astray").unwrap();
    let err = clone(&yard.git(), &url, &yard.dir(), &yard.locks()).unwrap_err();
    assert_eq!(err.slug(), "clone-failed", "{err:?}");
    let seen: Vec<_> = fs::read_dir(yard.place.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("owned"))
        .collect();
    assert_eq!(seen, [""; 0], "{err}");
}

#[test]
fn another_password_for_the_same_place_replaces_the_one_before() {
    let yard = Yard::new();
    let clone_dir = yard.cloned();
    clone_dir.git(&["config", "remote.origin.url", "https://me:old@example.invalid/web"]);
    let url = Url::parse("https://me:new@example.invalid/web.git").unwrap();
    assert_eq!(clone(&yard.git(), &url, &yard.dir(), &yard.locks()).unwrap(), Cloned::There);
    assert_eq!(
        clone_dir.git(&["config", "remote.origin.url"]),
        "https://me:new@example.invalid/web.git"
    );
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(yard.dir()).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "others may read it");
}
