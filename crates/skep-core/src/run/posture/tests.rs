use super::*;

#[test]
fn a_posture_is_spelled_alike_for_people_and_in_files_and_no_other_word_is_one() {
    for posture in Posture::ALL {
        let word = posture.as_str();
        assert_eq!(Posture::find(word), Some(posture));
        assert_eq!(serde_json::to_value(posture).unwrap(), word);
    }
    assert_eq!(Posture::find("Watch"), None);
}

#[test]
fn a_run_on_a_screen_may_be_watched_and_any_other_is_on_its_own() {
    assert_eq!(Posture::on(Surface::Terminal), Posture::Watch);
    assert_eq!(Posture::on(Surface::Headless), Posture::Headless);
    assert_eq!(Posture::default(), Posture::Headless, "of runs that were made before");
}
