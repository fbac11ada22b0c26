//! The demo, told with each of the real agents.

use skep_host::proc::Program;
use skep_testkit::lab::Lab;

use super::PATIENCE;

#[test]
fn the_demo_is_told_with_a_real_agent() {
    for agent in ["codex", "pi", "opencode"] {
        let Some(lab) = Lab::open(agent, "commit") else { continue };
        let said = Program::new(env!("CARGO_BIN_EXE_skep"))
            .args(["demo", "--agent", agent])
            .envs(lab.env())
            .timeout(PATIENCE * 2)
            .output()
            .expect("the demo starts");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(said.code(), 0, "{agent}: {text}\n{}", said.complaint());
        for words in ["The same hash over", "landed on main", "and nothing runs any more"] {
            assert!(text.contains(words), "{agent}: {words}: {text}");
        }
    }
}
