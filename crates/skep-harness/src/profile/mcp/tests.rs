use std::path::Path;

use serde_json::json;

use super::*;
use crate::profile::Permissions;

fn brief() -> Brief {
    Brief {
        cwd: PathBuf::from("/w"),
        prompt_file: PathBuf::from("/p/prompt.md"),
        session: None,
        model: None,
        permissions: Permissions::Auto,
        args: Vec::new(),
        git_roots: vec!["/r/.git".into()],
        skep: "/opt/a \"b\"/skep".into(),
        brief_file: Some("/briefs/b.md".into()),
        tools: Some(Tools {
            args: vec!["mcp".to_owned(), "--run".to_owned(), "run_0000000001".to_owned()],
            file: "/a/mcp.json".into(),
        }),
    }
}

fn started(agent: &str, brief: &Brief) -> crate::profile::Launch {
    Profile::load(agent, None).unwrap().launch(brief).unwrap()
}

#[test]
fn each_agent_that_takes_tools_is_given_the_same_server_on_its_own_way() {
    let words = json!(["/opt/a \"b\"/skep", "mcp", "--run", "run_0000000001"]);
    let claude = started("claude", &brief()).argv;
    let config = claude.iter().find_map(|word| word.strip_prefix("--mcp-config=")).unwrap();
    let config: Value = serde_json::from_str(config).unwrap();
    assert_eq!(config["mcpServers"]["skep"]["command"], words[0]);
    assert_eq!(config["mcpServers"]["skep"]["args"], json!(words.as_array().unwrap()[1..]));

    let codex = started("codex", &brief()).argv;
    let set = |key: &str| {
        let found = codex.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let text = format!("v = {}", found.unwrap_or_else(|| panic!("{key}: {codex:?}")));
        text.parse::<toml::Table>().unwrap()["v"].clone()
    };
    assert_eq!(set("mcp_servers.skep.command").as_str(), words[0].as_str());
    assert_eq!(set("mcp_servers.skep.args").as_array().unwrap().len(), 3);
    assert_eq!(set("mcp_servers.skep.tool_timeout_sec").as_integer(), Some(65));

    for agent in ["gemini-acp", "opencode-acp", "claude-acp", "codex-acp"] {
        let server = started(agent, &brief()).setting.server.unwrap();
        assert_eq!(
            json!([vec![server.program.to_str().unwrap().to_owned()], server.args].concat()),
            words
        );
    }

    let qwen = started("qwen", &brief());
    let (path, text) = qwen.file.unwrap();
    assert_eq!(path, Path::new("/a/mcp.json"));
    assert_eq!(qwen.vars["QWEN_CODE_SYSTEM_DEFAULTS_PATH"], "/a/mcp.json");
    let text: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text["mcpServers"]["skep"]["command"], words[0]);
}

#[test]
fn a_variable_that_the_brief_sets_too_holds_both() {
    let vars = started("opencode", &brief()).vars;
    let content: Value = serde_json::from_str(&vars["OPENCODE_CONFIG_CONTENT"]).unwrap();
    assert_eq!(content["instructions"], json!(["/briefs/b.md"]));
    assert_eq!(content["mcp"]["skep"]["command"][1], "mcp");
    let untold = Brief { brief_file: None, ..brief() };
    let vars = started("opencode", &untold).vars;
    assert!(vars["OPENCODE_CONFIG_CONTENT"].starts_with("{\"mcp\""), "{vars:?}");
}

#[test]
fn without_tools_nothing_is_said_of_them_and_who_takes_none_has_none() {
    let none = Brief { tools: None, ..brief() };
    for agent in ["claude", "codex", "opencode", "qwen", "gemini-acp", "pi", "gemini"] {
        let launch = started(agent, &none);
        let said = format!("{launch:?}");
        assert!(!said.contains("mcp") && launch.setting.server.is_none(), "{agent}: {said}");
        assert_eq!(launch.file, None);
    }
    for agent in ["pi", "gemini", "mini-swe-agent", "plain", "scripted"] {
        assert!(!Profile::load(agent, None).unwrap().takes_tools(), "{agent}");
    }
}

#[test]
fn a_question_waits_for_less_than_its_client_does() {
    for profile in Profile::all(None).unwrap() {
        assert!(profile.tool_wait() < profile.tool_timeout, "{}", profile.name);
    }
}

#[test]
fn a_file_that_nothing_points_to_and_a_key_that_names_no_tools_are_refused() {
    for (text, word) in [
        ("mcp = { file = '{\"a\":{mcp_args}}' }", "go together"),
        ("mcp = { args = [\"--mcp={mcp_file}\"] }", "go together"),
        ("mcp = { args = [\"--mcp\"] }", "names the tools"),
        ("mcp = { server = 1 }", "server"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let base = "protocol = \"plain\"\nprogram = \"x\"\nprompt = \"stdin\"\n";
        let path = dir.path().join("mine.toml");
        std::fs::File::create(path)
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, format!("{base}{text}\n").as_bytes())
            })
            .unwrap();
        let err = Profile::load("mine", Some(dir.path())).unwrap_err();
        assert!(err.to_string().contains(word), "{text}: {err}");
    }
}
