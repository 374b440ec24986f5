//! All cases but those about UTF-8.

use super::Heard::{Close, Echo, Pong, Refused};
use super::Step::{Chop, Hear, Send};
use super::{
    BINARY, BINARY_BEGINS, CLOSE, Case, ENDS, GOES_ON, Heard, LIMIT, PING, PONG, Step, TEXT, TEXT_BEGINS,
    close, fragments, frame, ping_text, sized_binary, sized_text,
};

/// What the library's protocol errors end with.
fn broken() -> Vec<Heard> {
    vec![Close(Some(1002))]
}

fn echo(id: &[u8]) -> Heard {
    Echo(id.to_vec())
}

/// A text message in one frame that comes back as an echo of this.
fn text(id: &[u8]) -> Vec<u8> {
    frame(TEXT, &ping_text(id))
}

/// The three ways to send several frames: all at once, one by one, byte by byte.
fn ways(frames: &[Vec<u8>]) -> [(&'static str, Vec<Step>); 3] {
    [
        ("at once", vec![Send(frames.concat())]),
        ("frame by frame", frames.iter().cloned().map(Send).collect()),
        ("byte by byte", vec![Chop(frames.concat(), 1)]),
    ]
}

/// 1.*
pub(super) fn framing() -> Vec<Case> {
    let lengths = [0, 125, 126, 127, 128, LIMIT - 1, LIMIT, LIMIT];
    let mut cases = Vec::new();
    for (place, &length) in (1..).zip(&lengths) {
        let in_pieces = if place == 8 { ", 997 bytes at a time" } else { "" };
        let send = |bytes| if place == 8 { Chop(bytes, 997) } else { Send(bytes) };
        let what = |kind: &str| format!("a {kind} message of {length} bytes{in_pieces}");
        let heard = |sent: &[u8]| if length == 0 { Refused } else { echo(sent) };
        let payload = if length == 0 { Vec::new() } else { sized_text(b"*", length) };
        let steps = vec![send(frame(TEXT, &payload))];
        cases.push(Case::new(format!("1.1.{place}"), what("text"), steps, vec![heard(b"*")]));
        let payload = if length == 0 { Vec::new() } else { sized_binary(7, length) };
        let steps = vec![send(frame(BINARY, &payload))];
        cases.push(Case::new(format!("1.2.{place}"), what("binary"), steps, vec![heard(b"7")]).binary());
    }
    // First all of the text, then all of the binary.
    cases.sort_by(|one, other| one.number.cmp(&other.number));
    cases
}

/// 2.*
pub(super) fn pings() -> Vec<Case> {
    let pong = |payload: &[u8]| Pong(payload.to_vec());
    let ten: Vec<Vec<u8>> = (0..10).map(|number| format!("payload {number}").into_bytes()).collect();
    let ten_pings: Vec<u8> = ten.iter().flat_map(|payload| frame(PING, payload)).collect();
    let ten_pongs: Vec<Heard> = ten.into_iter().map(Pong).collect();
    let binary = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    let unasked = frame(PONG, b"unasked");
    vec![
        Case::new("2.1", "a ping without a payload", vec![Send(frame(PING, b""))], vec![pong(b"")]),
        Case::new("2.2", "a ping with text", vec![Send(frame(PING, b"Hello!"))], vec![pong(b"Hello!")]),
        Case::new(
            "2.3",
            "a ping with bytes that are no text",
            vec![Send(frame(PING, &binary))],
            vec![pong(&binary)],
        ),
        Case::new(
            "2.4",
            "a ping of 125 bytes",
            vec![Send(frame(PING, &[0xfe; 125]))],
            vec![pong(&[0xfe; 125])],
        ),
        Case::new("2.5", "a ping of 126 bytes", vec![Send(frame(PING, &[0xfe; 126]))], broken()),
        Case::new(
            "2.6",
            "a ping, byte by byte",
            vec![Chop(frame(PING, &[0xfe; 125]), 1)],
            vec![pong(&[0xfe; 125])],
        ),
        Case::new("2.7", "a pong nobody asked for", vec![Send(frame(PONG, b""))], vec![]),
        Case::new("2.8", "the same with a payload", vec![Send(unasked.clone())], vec![]),
        Case::new(
            "2.9",
            "the same, and a ping behind it",
            vec![Send([unasked, frame(PING, b"ping")].concat())],
            vec![pong(b"ping")],
        ),
        Case::new("2.10", "ten pings at once", vec![Send(ten_pings.clone())], ten_pongs.clone()),
        Case::new("2.11", "ten pings, byte by byte", vec![Chop(ten_pings, 1)], ten_pongs),
    ]
}

/// 3.* and 4.*: bits and opcodes that mean nothing.
pub(super) fn reserved() -> Vec<Case> {
    let mut cases = vec![Case::new(
        "3.1",
        "text with the reserved bits 1",
        vec![Send(frame(TEXT | 0x10, &ping_text(b"a")))],
        broken(),
    )];
    for (bits, way) in [(2_u8, 0), (3, 1), (4, 2)] {
        let frames = [text(b"a"), frame(TEXT | (bits << 4), &ping_text(b"b")), frame(PING, b"")];
        let (how, steps) = ways(&frames).into_iter().nth(way).unwrap();
        let what = format!("good text, then text with the reserved bits {bits}, then a ping, {how}");
        let case = Case::new(format!("3.{bits}"), what, steps, vec![echo(b"a"), Close(Some(1002))]);
        cases.push(case.or(broken()));
    }
    let more = [
        ("3.5", "binary with the reserved bits 5", frame(BINARY | 0x50, &sized_binary(7, 40)), true),
        ("3.6", "a ping with the reserved bits 6", frame(PING | 0x60, b"Hello!"), false),
        (
            "3.7",
            "a close frame with the reserved bits 7",
            frame(CLOSE | 0x70, &1000_u16.to_be_bytes()),
            false,
        ),
    ];
    for (number, what, bytes, is_binary) in more {
        let case = Case::new(number, what, vec![Send(bytes)], broken());
        cases.push(if is_binary { case.binary() } else { case });
    }
    for (group, first_opcode) in [(1, 3_u8), (2, 11)] {
        for place in 0..5 {
            let opcode = first_opcode + place;
            let payload: &[u8] = if place % 2 == 1 { b"reserved" } else { b"" };
            let bad = frame(0x80 | opcode, payload);
            let number = format!("4.{group}.{}", place + 1);
            if place < 2 {
                let what = format!("the opcode {opcode}, {} bytes", payload.len());
                cases.push(Case::new(number, what, vec![Send(bad)], broken()));
                continue;
            }
            let frames = [text(b"a"), bad, frame(PING, b"")];
            let (how, steps) = ways(&frames).into_iter().nth(if place == 4 { 2 } else { 0 }).unwrap();
            let what = format!("good text, then the opcode {opcode}, then a ping, {how}");
            let case = Case::new(number, what, steps, vec![echo(b"a"), Close(Some(1002))]);
            cases.push(case.or(broken()));
        }
    }
    cases
}

/// 5.*
pub(super) fn fragmentation() -> Vec<Case> {
    let whole = ping_text(b"two");
    let (one, other) = whole.split_at(20);
    let halves = fragments(TEXT_BEGINS, &[one, other]);
    let mut cases = vec![
        Case::new(
            "5.1",
            "a ping in two fragments",
            vec![Send([frame(0x09, b"a"), frame(ENDS, b"b")].concat())],
            broken(),
        ),
        Case::new(
            "5.2",
            "a pong in two fragments",
            vec![Send([frame(0x0a, b"a"), frame(ENDS, b"b")].concat())],
            broken(),
        ),
    ];
    let with_ping = [halves[0].clone(), frame(PING, b"between"), halves[1].clone()];
    let nothing_ends = [frame(ENDS, b"nothing"), text(b"a")];
    let nothing_goes_on = [frame(GOES_ON, b"nothing"), text(b"a")];
    type Series<'a> = (u32, &'a str, &'a [Vec<u8>], Vec<Heard>);
    let series: [Series<'_>; 4] = [
        (3, "text in two fragments", &halves[..], vec![echo(b"two")]),
        (6, "the same with a ping between", &with_ping[..], vec![Pong(b"between".to_vec()), echo(b"two")]),
        (9, "the last fragment of nothing, then text", &nothing_ends[..], broken()),
        (12, "a fragment of nothing, then text", &nothing_goes_on[..], broken()),
    ];
    for (first, what, frames, expected) in series {
        for (number, (how, steps)) in (first..).zip(ways(frames)) {
            cases.push(Case::new(format!("5.{number}"), format!("{what}, {how}"), steps, expected.clone()));
        }
    }
    let after = [halves[0].clone(), halves[1].clone(), frame(GOES_ON, b"nothing"), text(b"a")].concat();
    let case = Case::new(
        "5.15",
        "text in two fragments, then a fragment of nothing, then text",
        vec![Send(after)],
        vec![echo(b"two"), Close(Some(1002))],
    );
    cases.push(case.or(broken()));
    for (number, begins) in [("5.16", GOES_ON), ("5.17", ENDS)] {
        let round = [frame(begins, b"nothing"), frame(TEXT_BEGINS, one), frame(ENDS, other)].concat();
        let what = format!("twice a fragment of nothing (first byte {begins:#04x}), then text in two");
        cases.push(Case::new(number, what, vec![Send(round.repeat(2))], broken()));
    }
    let twice_begun = [frame(TEXT_BEGINS, one), frame(TEXT, other)].concat();
    cases.push(Case::new("5.18", "both fragments say that they are text", vec![Send(twice_begun)], broken()));
    let parts: Vec<&[u8]> = whole.chunks(whole.len().div_ceil(5)).collect();
    let five = fragments(TEXT_BEGINS, &parts);
    let pings = [frame(PING, b"first"), frame(PING, b"second")];
    let heard = vec![Pong(b"first".to_vec()), Pong(b"second".to_vec()), echo(b"two")];
    let what = "text in five fragments with pings after the second and the fourth";
    let early = [five[..2].concat(), pings[0].clone()].concat();
    let late = [five[2..4].concat(), pings[1].clone()].concat();
    let steps = vec![Send(early.clone()), Hear, Send(late.clone()), Hear, Send(five[4].clone())];
    cases.push(Case::new("5.19", format!("{what}, each answered before it goes on"), steps, heard.clone()));
    let steps = vec![Chop([early, late, five[4].clone()].concat(), 1)];
    cases.push(Case::new("5.20", format!("{what}, byte by byte"), steps, heard));
    cases
}

/// 7.*
pub(super) fn closes() -> Vec<Case> {
    let goodbye = || close(1000, b"");
    let closed = || vec![Close(Some(1000))];
    let full = frame(TEXT, &sized_text(b"*", LIMIT));
    let whole = ping_text(b"cut");
    let (one, other) = whole.split_at(20);
    let around = [frame(TEXT_BEGINS, one), goodbye(), frame(ENDS, other)].concat();
    let mut cases = vec![
        Case::new(
            "7.1.1",
            "text, then a close frame",
            vec![Send([text(b"a"), goodbye()].concat())],
            vec![echo(b"a"), Close(Some(1000))],
        ),
        Case::new("7.1.2", "two close frames", vec![Send(goodbye().repeat(2))], closed()),
        Case::new(
            "7.1.3",
            "a close frame, then a ping",
            vec![Send([goodbye(), frame(PING, b"")].concat())],
            closed(),
        ),
        Case::new(
            "7.1.4",
            "a close frame, then text",
            vec![Send([goodbye(), text(b"a")].concat())],
            closed(),
        ),
        Case::new("7.1.5", "a close frame between two fragments", vec![Send(around)], closed()),
        Case::new(
            "7.1.6",
            "text of 16 KiB, then a close frame, then a ping",
            vec![Send([full, goodbye(), frame(PING, b"")].concat())],
            vec![echo(b"*"), Close(Some(1000))],
        )
        .or(closed()),
        Case::new(
            "7.3.1",
            "a close frame without a payload",
            vec![Send(frame(CLOSE, b""))],
            vec![Close(None)],
        ),
        Case::new("7.3.2", "a close frame of one byte", vec![Send(frame(CLOSE, &[3]))], broken()),
        Case::new("7.3.3", "a close frame with a code", vec![Send(goodbye())], closed()),
        Case::new("7.3.4", "a close frame with a reason", vec![Send(close(1000, b"Hello!"))], closed()),
        Case::new("7.3.5", "a reason of 123 bytes", vec![Send(close(1000, &[b'*'; 123]))], closed()),
        Case::new("7.3.6", "a reason of 124 bytes", vec![Send(close(1000, &[b'*'; 124]))], broken()),
        Case::new(
            "7.5.1",
            "a reason that is not UTF-8",
            vec![Send(close(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"))],
            vec![Close(Some(1007))],
        )
        .or(broken()),
    ];
    let allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (place, code) in (1..).zip(allowed) {
        let steps = vec![Send(close(code, b""))];
        let what = format!("the close code {code}");
        cases.push(Case::new(format!("7.7.{place}"), what, steps, vec![Close(Some(code))]));
    }
    for (place, code) in (1..).zip([0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]) {
        let what = format!("the close code {code}, which nobody may send");
        cases.push(Case::new(format!("7.9.{place}"), what, vec![Send(close(code, b""))], broken()));
    }
    for (place, code) in (1..).zip([5000, u16::MAX]) {
        let what = format!("the close code {code}, which the standard does not know");
        let case = Case::new(format!("7.13.{place}"), what, vec![Send(close(code, b""))], broken());
        cases.push(case.or(vec![Close(Some(code))]));
    }
    cases
}

/// A kind of message, as text and as binary: the first byte of its frame and of its first fragment, and a message of a
/// length.
type Kind = (u8, u8, fn(usize) -> Vec<u8>);
const KINDS: [Kind; 2] = [
    (TEXT, TEXT_BEGINS, |length| sized_text(b"7", length)),
    (BINARY, BINARY_BEGINS, |length| sized_binary(7, length)),
];

/// 9.* and 10.*
pub(super) fn limits() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, (whole, begins, message)) in KINDS.into_iter().enumerate() {
        let mut add = |group: usize, place: usize, what: String, steps, heard| {
            let case = Case::new(format!("9.{}.{place}", group + kind), what, steps, heard);
            cases.push(if kind == 1 { case.binary() } else { case });
        };
        let word = ["text", "binary"][kind];
        for (place, length) in (1..).zip([256, 1_024, 4_096, 8_192, 12_288, LIMIT]) {
            let steps = vec![Send(frame(whole, &message(length)))];
            add(1, place, format!("{word} of {length} bytes"), steps, vec![echo(b"7")]);
        }
        for (place, length) in (7..).zip([LIMIT + 1, 65_535, 65_536, 1 << 19]) {
            let steps = vec![Send(frame(whole, &message(length)))];
            add(
                1,
                place,
                format!("{word} of {length} bytes, beyond the limit"),
                steps,
                vec![Close(Some(1009))],
            );
        }
        for (place, size) in (1..).zip([128, 256, 512, 1_024, 2_048, 4_096, 8_192, 12_288, LIMIT - 1]) {
            let message = message(LIMIT);
            let steps = vec![Send(fragments(begins, &message.chunks(size).collect::<Vec<_>>()).concat())];
            add(3, place, format!("{word} of 16 KiB in fragments of {size} bytes"), steps, vec![echo(b"7")]);
        }
        for (place, size) in (1..).zip([64, 128, 256, 512, 1_024, 2_048]) {
            let steps = vec![Chop(frame(whole, &message(LIMIT)), size)];
            add(5, place, format!("{word} of 16 KiB, {size} bytes at a time"), steps, vec![echo(b"7")]);
        }
        for (place, length) in (1..).zip([0, 16, 64, 256, 1_024, 4_096]) {
            // No text of 16 bytes is a call.
            let is_call = length >= [64, 16][kind];
            let payload = if is_call { message(length) } else { vec![b' '; length] };
            let heard = if is_call { echo(b"7") } else { Refused };
            let steps = std::iter::repeat_n([Send(frame(whole, &payload)), Hear], 100).flatten().collect();
            add(7, place, format!("a hundred times {word} of {length} bytes"), steps, vec![heard; 100]);
        }
    }
    // By group: text and binary were made in turn.
    cases.sort_by_key(|case| case.number.split('.').map(|part| part.parse().unwrap()).collect::<Vec<u32>>());
    let message = sized_text(b"7", LIMIT);
    let steps = vec![Send(fragments(TEXT_BEGINS, &message.chunks(1_300).collect::<Vec<_>>()).concat())];
    cases.push(Case::new("10.1.1", "text of 16 KiB in fragments of 1300 bytes", steps, vec![echo(b"7")]));
    cases
}

/// 12.* and 13.*: compression is asked for and declined, so nothing may come compressed.
pub(super) fn compression() -> Vec<Case> {
    let offers = [
        ("12.1", "permessage-deflate"),
        ("12.2", "permessage-deflate; client_max_window_bits"),
        ("12.3", "permessage-deflate; server_max_window_bits=10"),
        ("12.4", "permessage-deflate; client_no_context_takeover"),
        ("12.5", "x-webkit-deflate-frame"),
        ("13.1", "permessage-deflate; client_no_context_takeover; client_max_window_bits"),
        ("13.2", "permessage-deflate; server_no_context_takeover"),
        ("13.3", "permessage-deflate; server_max_window_bits=9"),
        ("13.4", "permessage-deflate; server_max_window_bits=15"),
        ("13.5", "permessage-deflate; server_no_context_takeover; server_max_window_bits=9"),
        ("13.6", "permessage-deflate; server_no_context_takeover; server_max_window_bits=15"),
        (
            "13.7",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate",
        ),
    ];
    let declined = offers.map(|(number, offer)| {
        // "Hello" compressed, as RFC 7692 has it.
        let compressed = frame(TEXT | 0x40, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        let steps = vec![Send(text(b"plain")), Hear, Send(compressed)];
        let what = format!("`{offer}` is declined: plain text is answered, a compressed frame is not");
        let case = Case::new(number, what, steps, vec![echo(b"plain"), Close(Some(1002))]);
        Case { extensions: Some(offer), ..case }
    });
    declined.into()
}
