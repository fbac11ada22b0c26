//! What every recorded conversation amounts to, by the real judge.

use std::fs;

use super::*;
use crate::port::outcomes::{compare, judged};

/// A commit in the tree | an untouched tree. Its turn over, each is let go and leaves with code 0.
#[test]
fn every_conversation_ends_as_what_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/acp");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".jsonl").to_owned())
        .collect();
    // Its client set a mode first, so that its numbers are not ours.
    names.retain(|name| name != "codex-two");
    names.sort();
    let rows: Vec<(String, String)> = names
        .iter()
        .map(|name| {
            let (agent, scene) = name.split_once('-').unwrap();
            let mut replay = Replay::whole(agent, scene);
            let last: Vec<Said> = replay
                .session
                .exited(0)
                .into_iter()
                .filter_map(|heard| if let Heard::Said(said) = heard { Some(said) } else { None })
                .collect();
            replay.said.extend(last);
            (format!("{agent} {scene}"), judged(&replay.said, 0, None))
        })
        .collect();
    compare(
        &rows,
        "
claude ask           completed | no-change
claude auth401       no-result
claude basic         completed | no-change
claude cancel        completed | no-change
claude cancelperm    completed | no-change
claude fail429       completed | no-change
claude fail500       no-result
claude hangcancel    completed | no-change
claude load          no-result
claude reject        completed | no-change
codex ask            completed | no-change
codex auth401        auth
codex basic          completed | no-change
codex cancel         completed | no-change
codex cancelperm     completed | no-change
codex escalate       completed | no-change
codex fail429        completed | no-change
codex fail500        model-error
codex hangcancel     completed | no-change
codex load           no-result
codex reject         completed | no-change
gemini ask           completed | no-change
gemini auth401       auth
gemini basic         completed | no-change
gemini cancel        completed | no-change
gemini cancelperm    completed | no-change
gemini fail429       completed | no-change
gemini fail500       no-result
gemini hangcancel    completed | no-change
gemini load          no-result
gemini reject        completed | no-change
opencode ask         completed | no-change
opencode auth401     auth
opencode basic       completed | no-change
opencode cancel      completed | no-change
opencode cancelperm  completed | no-change
opencode fail429     completed | no-change
opencode fail500     model-error
opencode hangcancel  completed | no-change
opencode load        no-result
opencode reject      completed | no-change
qwen ask             completed | no-change
qwen auth401         auth
qwen basic           completed | no-change
qwen cancel          completed | no-change
qwen cancelperm      completed | no-change
qwen fail429         completed | no-change
qwen fail500         agent-error
qwen hangcancel      completed | no-change
qwen load            no-result
qwen reject          completed | no-change
vibe ask             completed | no-change
vibe auth401         auth
vibe basic           completed | no-change
vibe cancel          completed | no-change
vibe cancelperm      completed | no-change
vibe fail429         completed | no-change
vibe fail500         no-result
vibe hangcancel      completed | no-change
vibe load            no-result
vibe reject          completed | no-change",
    );
}
