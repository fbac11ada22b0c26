use super::{
    Answer, Control,
    frame::{Frame, Frames, LONGEST},
};
use crate::spec::Size;

#[test]
fn controls_and_answers_are_spelled_as_the_format_page_says() {
    let spelled = |control: &Control| serde_json::to_string(control).unwrap();
    assert_eq!(
        spelled(&Control::Attach { cols: 80, rows: 24 }),
        r#"{"ctl":"attach","cols":80,"rows":24}"#
    );
    assert_eq!(spelled(&Control::Look {}), r#"{"ctl":"look"}"#);
    assert_eq!(
        spelled(&Control::Stop { epoch: 5, force: true }),
        r#"{"ctl":"stop","epoch":5,"force":true}"#
    );
    assert_eq!(
        spelled(&Control::Send {
            epoch: 5,
            id: "m1".to_owned(),
            text: "go".to_owned(),
            steer: false
        }),
        r#"{"ctl":"send","epoch":5,"id":"m1","text":"go"}"#
    );
    assert_eq!(serde_json::to_string(&Answer::Queued {}).unwrap(), r#"{"answer":"queued"}"#);
}

#[test]
fn frames_that_come_byte_by_byte_are_the_frames_that_were_sent() {
    let sent = [
        Frame::Input(b"ls\r".to_vec()),
        Frame::Resize(Size { cols: 300, rows: 7 }),
        Frame::Output(Vec::from([0, 255, b'\n'])),
        Frame::Exit(130),
        Frame::Detach,
    ];
    let mut frames = Frames::default();
    let mut got = Vec::new();
    for byte in sent.iter().flat_map(Frame::spell) {
        frames.push(&[byte]);
        got.extend(frames.take().unwrap());
    }
    assert_eq!(got, sent);
    assert_eq!(Frame::Resize(Size { cols: 300, rows: 7 }).spell(), b"r\0\0\0\x04\x01\x2c\0\x07");
}

#[test]
fn a_long_text_goes_in_several_frames() {
    let text = vec![b'x'; 2 * LONGEST + 1];
    let mut frames = Frames::default();
    frames.push(&Frame::Output(text.clone()).spell());
    let mut got = Vec::new();
    while let Some(Frame::Output(part)) = frames.take().unwrap() {
        assert!(part.len() <= LONGEST);
        got.extend(part);
    }
    assert_eq!(got, text);
}

#[test]
fn what_is_no_frame_is_an_error_and_not_waited_for() {
    for wrong in [&b"i\xff\xff\xff\xff"[..], b"?\0\0\0\0", b"r\0\0\0\x01x", b"GET / HTTP/1.1"] {
        let mut frames = Frames::default();
        frames.push(wrong);
        assert!(frames.take().is_err(), "{wrong:?}");
    }
}
