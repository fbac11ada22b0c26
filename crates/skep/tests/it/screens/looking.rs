//! The screens of the verbs that look.

use serde_json::json;

use super::{Stage, holds};

#[test]
fn an_empty_skep_says_how_to_begin() {
    let stage = Stage::new().answers("ls", json!([]));
    holds(&stage, "status-empty", &[]);
}
