use super::*;

fn retry(attempt: u32) -> Said {
    Said::Retry { attempt, of: Some(10), text: "503".to_owned() }
}

fn words() -> Said {
    Said::Said { text: "here I am".to_owned() }
}

#[test]
fn the_first_retry_is_told_at_once_and_the_next_now_and_then() {
    let t = Instant::now();
    let mut retries = Retries::default();
    assert_eq!(retries.change(t), None);
    retries.hear(&retry(1));
    assert_eq!(retries.change(t), Some(Change::Retrying(retry(1))));
    retries.hear(&retry(2));
    retries.hear(&retry(3));
    assert_eq!(retries.change(t + Duration::from_secs(9)), None);
    assert_eq!(retries.until_change(t + Duration::from_secs(9)), Some(Duration::from_secs(1)));
    assert_eq!(retries.change(t + EVERY), Some(Change::Retrying(retry(3))));
    assert_eq!(retries.until_change(t + EVERY), None, "nothing to wake up for");
}

#[test]
fn another_word_ends_a_retry_and_that_is_told_too() {
    let t = Instant::now();
    let mut retries = Retries::default();
    retries.hear(&retry(1));
    retries.change(t);
    retries.hear(&Said::Session { id: "s".to_owned() });
    assert_eq!(retries.until_change(t), None, "to name a conversation is no answer");
    retries.hear(&words());
    assert_eq!(retries.change(t + EVERY), Some(Change::Over));
}

#[test]
fn an_agent_that_flaps_is_told_of_seldom() {
    let t = Instant::now();
    let mut retries = Retries::default();
    let mut told = 0;
    for ms in 0..60_000_u64 {
        retries.hear(&if ms % 2 == 0 { retry(1) } else { words() });
        told += u32::from(retries.change(t + Duration::from_millis(ms)).is_some());
    }
    assert!(told <= 7, "{told}");
}
