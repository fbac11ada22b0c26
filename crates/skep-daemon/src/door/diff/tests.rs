use super::*;

#[test]
fn a_path_stays_in_the_worktree() {
    let top = Path::new("/env/w");
    for (given, wanted) in [
        ("a", "a"),
        ("./a//b/", "a/b"),
        ("a/../b", "b"),
        ("/env/w/a", "a"),
        ("/env/w", ""),
        (".", ""),
        ("-x", "-x"),
    ] {
        assert_eq!(below(top, given).map_err(|refusal| refusal.slug), Ok(wanted.into()));
    }
    for given in ["..", "a/../../b", "/env/x", "/", "a\0b"] {
        assert_eq!(below(top, given).map_err(|refusal| refusal.slug), Err("path-outside".into()));
    }
}
