//! 6.*: text that is UTF-8, and text that is not. The byte sequences are those of Markus Kuhn's stress test of decoders,
//! as the suite takes them.

use super::Heard::{Close, Echo, Refused};
use super::Step::{Chop, Send, Watch};
use super::{Case, GOES_ON, Heard, TEXT, TEXT_BEGINS, fragments, frame, ping_text};

/// Greek for "world", of which every letter takes two or three bytes.
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
const LATIN: &[u8] = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();

fn invalid() -> Vec<Heard> {
    vec![Close(Some(1007))]
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = fragmented();
    cases.extend(failing_fast());
    for (group, (what, sequences)) in (5..).zip(sequences()) {
        for (place, bytes) in (1..).zip(sequences) {
            let heard = match std::str::from_utf8(&bytes) {
                // JSON has its own opinion of what stands in a string.
                Ok(text) if text.bytes().any(|byte| byte < b' ') => vec![Refused],
                Ok(_) => vec![Echo(bytes.clone())],
                Err(_) => invalid(),
            };
            let shown = format!("{what}: {}", bytes.escape_ascii()).chars().take(90).collect::<String>();
            let steps = vec![Send(frame(TEXT, &ping_text(&bytes)))];
            cases.push(Case::new(format!("6.{group}.{place}"), shown, steps, heard));
        }
    }
    cases
}

/// 6.1 to 6.3
fn fragmented() -> Vec<Case> {
    let each = |id: &[u8]| {
        let text = ping_text(id);
        vec![Send(fragments(TEXT_BEGINS, &text.chunks(1).collect::<Vec<_>>()).concat())]
    };
    let latin = ping_text(LATIN);
    // Between two letters: the one before takes two bytes.
    let (one, other) = latin.split_at(latin.iter().position(|byte| *byte == b'@').unwrap());
    let surrogate = [KOSME, b"\xed\xa0\x80edited"].concat();
    let middle = ping_text(b"middle");
    vec![
        Case::new("6.1.1", "text of no bytes", vec![Send(frame(TEXT, b""))], vec![Refused]),
        Case::new(
            "6.1.2",
            "three fragments of no bytes",
            vec![Send(fragments(TEXT_BEGINS, &[b"", b"", b""]).concat())],
            vec![Refused],
        ),
        Case::new(
            "6.1.3",
            "three fragments, only the middle one with bytes",
            vec![Send(fragments(TEXT_BEGINS, &[b"", &middle, b""]).concat())],
            vec![Echo(b"middle".to_vec())],
        ),
        Case::new(
            "6.2.1",
            "letters of several bytes",
            vec![Send(frame(TEXT, &latin))],
            vec![Echo(LATIN.to_vec())],
        ),
        Case::new(
            "6.2.2",
            "the same in fragments, cut between letters",
            vec![Send(fragments(TEXT_BEGINS, &[one, other]).concat())],
            vec![Echo(LATIN.to_vec())],
        ),
        Case::new("6.2.3", "the same in fragments of one byte", each(LATIN), vec![Echo(LATIN.to_vec())]),
        Case::new("6.2.4", "Greek in fragments of one byte", each(KOSME), vec![Echo(KOSME.to_vec())]),
        Case::new("6.3.1", "a surrogate", vec![Send(frame(TEXT, &ping_text(&surrogate)))], invalid()),
        Case::new("6.3.2", "the same in fragments of one byte", each(&surrogate), invalid()),
    ]
}

/// 6.4: what cannot become UTF-8 any more may fail before the rest is there.
fn failing_fast() -> Vec<Case> {
    let text = |bad: &[u8]| ping_text(&[KOSME, bad, b"edited"].concat());
    let beyond = text(b"\xf4\x90\x80\x80");
    let at = beyond.iter().position(|byte| *byte == 0xf4).unwrap();
    let mut cases = Vec::new();
    // Cut around all of the bad bytes, or around the second, which is the first that cannot be.
    for (place, (from, to)) in (1..).zip([(at, at + 4), (at + 1, at + 2)]) {
        let what = "beyond the last code point, in the second of three";
        let (one, two, three) = (&beyond[..from], &beyond[from..to], &beyond[to..]);
        let steps = vec![
            Send([frame(TEXT_BEGINS, one), frame(GOES_ON, two)].concat()),
            Watch,
            Send(frame(super::ENDS, three)),
        ];
        cases.push(Case::new(format!("6.4.{place}"), format!("{what} fragments"), steps, invalid()));
        let whole = frame(TEXT, &beyond);
        let (head, rest) = whole.split_at(whole.len() - three.len());
        let steps = vec![Chop(head.to_vec(), 16), Watch, Send(rest.to_vec())];
        cases.push(Case::new(
            format!("6.4.{}", place + 2),
            format!("{what} pieces of a frame"),
            steps,
            invalid(),
        ));
    }
    cases.sort_by(|one, other| one.number.cmp(&other.number));
    cases
}

/// 6.5 to 6.23: what they have in common, and the bytes.
fn sequences() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let of = |list: &[&[u8]]| list.iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>();
    let cut_off: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    let alone = [0xc0..=0xdf, 0xe0..=0xef, 0xf0..=0xf7, 0xf8..=0xfb, 0xfc..=0xfd_u8];
    let alone = alone.map(|range| range.flat_map(|byte| [byte, b' ']).collect::<Vec<u8>>());
    let high: [&[u8]; 4] = [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"];
    let low: [&[u8]; 3] = [b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"];
    let pairs = high.iter().flat_map(|high| [low[0], low[2]].map(|low| [*high, low].concat()));
    let planes = (0..=16).flat_map(|plane| [0xfffe, 0xffff].map(|last| char::from_u32((plane << 16) | last)));
    let encoded = |code: char| code.to_string().into_bytes();
    vec![
        (
            "valid",
            of(&[
                b"hello$world",
                b"hello\xc2\xa2world",
                b"hello\xe2\x82\xacworld",
                b"hello\xf0\xa4\xad\xa2world",
                KOSME,
            ]),
        ),
        ("a beginning", (1..=KOSME.len()).map(|length| KOSME[..length].to_vec()).collect()),
        ("first of its length", of(&[b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"])),
        ("first of five and six bytes", of(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"])),
        ("last of its length", of(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"])),
        (
            "last of four, five and six bytes",
            of(&[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
        ),
        (
            "at a border",
            of(&[
                b"\xed\x9f\xbf",
                b"\xee\x80\x80",
                b"\xef\xbf\xbd",
                b"\xf4\x8f\xbf\xbf",
                b"\xf4\x90\x80\x80",
            ]),
        ),
        (
            "continuation of nothing",
            of(&[
                b"\x80",
                b"\xbf",
                b"\x80\xbf",
                b"\x80\xbf\x80",
                b"\x80\xbf\x80\xbf",
                b"\x80\xbf\x80\xbf\x80",
                b"\x80\xbf\x80\xbf\x80\xbf",
                &(0x80..=0xbf).collect::<Vec<u8>>(),
            ]),
        ),
        ("beginnings alone", alone.to_vec()),
        ("the last byte is missing", of(&cut_off)),
        ("all of these", vec![cut_off.concat()]),
        ("bytes that are never there", of(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"])),
        (
            "a slash, too long",
            of(&[
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ]),
        ),
        (
            "the greatest that is too long",
            of(&[
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ]),
        ),
        (
            "a zero, too long",
            of(&[
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ]),
        ),
        ("one surrogate", [of(&high), of(&low)].concat()),
        ("two surrogates", pairs.collect()),
        ("no character, but valid", planes.flatten().map(encoded).collect()),
        ("specials", ('\u{fff9}'..='\u{ffff}').map(encoded).collect()),
    ]
}
