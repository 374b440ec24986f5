use super::*;
use crate::wit::exports::lore::script::chat::Channel;

fn line(text: &str) -> Line {
    Line {
        id: 7,
        sender: 11,
        sender_level: 5,
        channel: Channel::Zone,
        text: text.to_owned(),
        flags: 0,
        hits: Vec::new(),
        strikes: 0,
        since_last_ticks: 100,
        repeats: 0,
        seed: 1,
    }
}

fn with_hit(text: &str, word: &str, severity: u32) -> Line {
    let start = text.find(word).unwrap() as u32;
    Line { hits: vec![Hit { start, len: word.len() as u32, severity }], ..line(text) }
}

/// What becomes of a line, as text, and the strikes after it.
fn ruled(line: &Line) -> (String, u32) {
    let Judgement { id, ruling, strikes } = judge(line, 50);
    assert_eq!(id, line.id);
    let text = match ruling {
        Ruling::Pass => "passes".to_owned(),
        Ruling::Replace(text) => text,
        Ruling::Block(reason) => format!("{reason:?}"),
    };
    (text, strikes)
}

#[test]
fn plain_words_pass_and_rude_ones_are_masked_whatever_their_script() {
    assert_eq!(ruled(&line("hello there")), ("passes".into(), 0));
    assert_eq!(ruled(&with_hit("oh damn it", "damn", 1)), ("oh **** it".into(), 0));
    assert_eq!(ruled(&with_hit("du süß", "süß", 2)), ("du ***".into(), 1));
}

#[test]
fn the_worst_words_are_refused_and_count_twice() {
    assert_eq!(ruled(&with_hit("a blight on you", "blight", 3)), ("Reason::Profanity".into(), 2));
}

#[test]
fn shouting_is_lowered_and_names_are_not() {
    assert_eq!(ruled(&line("COME TO THE GATE NOW")).0, "come to the gate now");
    assert_eq!(ruled(&line("OLD GREYJAW")).0, "passes");
    assert_eq!(ruled(&line("LFG for Greyjaw at the den")).0, "passes");
}

#[test]
fn the_fourth_time_in_a_row_is_spam_unless_it_was_long_ago() {
    let said = |repeats, since_last_ticks| ruled(&Line { repeats, since_last_ticks, ..line("again") }).0;
    assert_eq!(said(2, 100), "passes");
    assert_eq!(said(3, 100), "Reason::Spam");
    assert_eq!(said(3, 600), "passes");
}

#[test]
fn newcomers_send_no_links() {
    let text = "see HTTPS://example.org";
    assert_eq!(ruled(&Line { sender_level: 2, ..line(text) }), ("Reason::Link".into(), 1));
    assert_eq!(ruled(&line(text)).0, "passes");
}

#[test]
fn who_goes_on_is_muted_until_a_minute_of_silence_forgives_a_strike() {
    let muted = Line { strikes: MUTED_AT, ..line("sorry") };
    assert_eq!(ruled(&muted), ("Reason::Muted".into(), MUTED_AT));
    let later = Line { since_last_ticks: 1_200, ..muted.clone() };
    assert_eq!(ruled(&later), ("passes".into(), MUTED_AT - 1));
    let first = Line { since_last_ticks: u32::MAX, ..muted };
    assert_eq!(ruled(&first), ("passes".into(), 0));
}
