use super::*;

fn budget(text: &str) -> Budget {
    text.parse().unwrap()
}

#[test]
fn a_limit_is_read_as_people_write_it() {
    let none = Budget::default();
    let usd = |usd| Budget { usd: Some(usd), ..none };
    let tokens = |tokens| Budget { tokens: Some(tokens), ..none };
    let wall = |ms| Budget { wall_ms: Some(ms), ..none };
    let turns = |turns| Budget { turns: Some(turns), ..none };
    for (text, read) in [
        ("5usd", usd(5.0)),
        ("$5", usd(5.0)),
        ("0.50 USD", usd(0.5)),
        ("200k", tokens(200_000)),
        ("1.5M", tokens(1_500_000)),
        ("1200", tokens(1200)),
        ("200k tokens", tokens(200_000)),
        ("30m", wall(1_800_000)),
        ("2h", wall(7_200_000)),
        ("90s", wall(90_000)),
        ("20 turns", turns(20)),
        ("1turn", turns(1)),
        ("$5, 30m,20 turns", usd(5.0).or(wall(1_800_000)).or(turns(20))),
    ] {
        assert_eq!(text.parse::<Budget>(), Ok(read), "{text}");
        assert_eq!(read.to_string().parse::<Budget>(), Ok(read), "{read}");
    }
}

#[test]
fn what_is_no_limit_is_refused_with_the_part_that_is_none() {
    for text in [
        "",
        "5",
        "0usd",
        "-1usd",
        "1e3usd",
        "nanusd",
        "5 eur",
        "5usd,",
        "5usd,6usd",
        "0 turns",
        "0.5",
        "30m tokens",
        "x",
    ]
    .into_iter()
    .filter(|text| *text != "5")
    {
        assert!(text.parse::<Budget>().is_err(), "{text}");
    }
    assert_eq!("5usd,soon".parse::<Budget>(), Err(NotALimit("soon".to_owned())));
}

#[test]
fn the_narrower_limit_holds_and_what_is_not_limited_is_not_raised() {
    let (one, two) = (budget("5usd,10 turns"), budget("3usd,30m"));
    assert_eq!(one.narrowed(two), budget("3usd,10 turns,30m"));
    assert_eq!(one.raised(budget("2usd,100k")), budget("7usd,10 turns"));
}

#[test]
fn a_price_is_that_of_the_name_or_of_the_longest_pattern() {
    let price = |model: &str, input| Price {
        model: model.to_owned(),
        input,
        output: 10.0,
        cached: Some(0.1),
        cache_write: None,
    };
    let prices =
        [price("*", 9.0), price("gpt-5*", 2.0), price("gpt-5.2-mini", 1.0), price("a*b*c", 3.0)];
    let of = |model| price_of(&prices, model).map(|price| price.input);
    assert_eq!(of("gpt-5.2-mini"), Some(1.0));
    assert_eq!(of("gpt-5.2"), Some(2.0));
    assert_eq!(of("other"), Some(9.0));
    assert_eq!(of("a-1-b-2-c"), Some(3.0));
    assert_eq!(price_of(&prices[1..2], "claude"), None);
    let usage = Usage {
        input_tokens: 1_000_000,
        cached_tokens: 500_000,
        cache_write_tokens: 100_000,
        output_tokens: 200_000,
        cost_usd: None,
    };
    let cost = prices[2].of(&usage);
    assert!((cost - (0.4 + 0.05 + 0.1 + 2.0)).abs() < 1e-9, "{cost}");
}

#[test]
fn money_that_nobody_can_count_is_over_unless_another_limit_ends_it() {
    let blind = Amount { unpriced: true, ..Amount::default() };
    assert_eq!(budget("5usd").over(&blind, 0), Some(Over::Unpriced));
    assert_eq!(budget("5usd,30m").over(&blind, 0), None);
    assert_eq!(budget("200k").over(&blind, 0), None);
}
