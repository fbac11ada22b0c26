use serde_json::json;

use super::*;

#[test]
fn long_texts_are_cut_at_any_depth_and_the_rest_stays() {
    let long = "ü".repeat(TEXT + 7);
    let mut said = json!({"a": [1, {"text": long}], "short": "as it is", "n": null});
    cut(&mut said);
    let text = said["a"][1]["text"].as_str().unwrap();
    assert_eq!(text.chars().count(), TEXT + 1);
    assert!(text.ends_with('…'));
    assert_eq!(said["short"], "as it is");
}
