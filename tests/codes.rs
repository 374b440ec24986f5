//! The codes that programs decide by: the server says those of `docs/protocol.md` and no others, and what was promised
//! once (`proto/lore/v1.codes.lock`) it says for ever. New ones are added to that list with `UPDATE_EXPECT=1`.
//!
//! They are read out of the sources: only there is every one of them, also those that no story brings about.

use crate::live::root;
use crate::protocol_doc::{read, section};
use axum::http::StatusCode;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Numbers, and the words for them.
type Codes = BTreeSet<(i64, String)>;

const LOCK: &str = "proto/lore/v1.codes.lock";

/// What stands before the next quotation mark.
fn quoted(text: &str) -> String {
    text.split('"').next().unwrap().to_owned()
}

/// The arms of the `fn code` of a file, and what each of them gives.
fn arms(path: &str) -> Vec<(String, String)> {
    let source = read(path);
    let body = source.split("fn code(").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let arms = body.lines().filter_map(|line| line.trim().split_once(" => "));
    arms.map(|(arm, gives)| (arm.to_owned(), gives.to_owned())).collect()
}

/// `(-32700, "parse_error"),`
fn number_and_word(gives: &str) -> (i64, String) {
    let parts = gives.strip_prefix('(').and_then(|gives| gives.split_once(", \""));
    let (number, word) = parts.unwrap_or_else(|| panic!("no number with a word: {gives}"));
    (number.parse().unwrap(), quoted(word))
}

/// Of JSON-RPC.
fn errors() -> Codes {
    arms("runtime/src/client/rpc.rs").iter().map(|(_, gives)| number_and_word(gives)).collect()
}

/// The game's own.
fn rejections() -> BTreeSet<String> {
    let word = |gives: &str| quoted(gives.strip_prefix('"').unwrap_or_else(|| panic!("no word: {gives}")));
    arms("runtime/sim/src/output.rs").iter().map(|(_, gives)| word(gives)).collect()
}

/// Of close frames, by what the server calls them: the texts are for people.
fn closes() -> Codes {
    let named = |arm: &str| {
        let name = arm.strip_prefix("Self::").unwrap_or_else(|| panic!("no reason: {arm}"));
        name.split('(').next().unwrap().to_owned()
    };
    let arms = arms("runtime/src/client/mod.rs");
    arms.iter().map(|(arm, gives)| (number_and_word(gives).0, named(arm))).collect()
}

/// `NOT_FOUND` is 404.
fn status(name: &str) -> i64 {
    let is_it = |status: &StatusCode| {
        let reason = status.canonical_reason().unwrap_or_default();
        reason.to_uppercase().replace([' ', '-'], "_") == name
    };
    let found = (400..600).filter_map(|number| StatusCode::from_u16(number).ok()).find(is_it);
    found.unwrap_or_else(|| panic!("no status of an error: {name}")).as_u16().into()
}

/// Of refused handshakes.
fn handshakes() -> Codes {
    let source = read("runtime/src/gateway/upgrade.rs");
    let pairs = source.split("(StatusCode::").skip(1).filter_map(|rest| rest.split_once(", \""));
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    pairs.filter(|pair| is_name(pair.0)).map(|(name, word)| (status(name), quoted(word))).collect()
}

/// Of the problems that a source makes.
fn problems(source: &str) -> Codes {
    let mut all = Codes::new();
    for call in ["Problem::new(", "Self::new(", "Problem::unauthorized(", "Self::unauthorized("] {
        for (at, _) in source.match_indices(call) {
            let (before, arguments) = (&source[..at], &source[at + call.len()..]);
            if before.rsplit("fn ").next().is_some_and(|function| function.starts_with("unauthorized(")) {
                // What the others call.
                continue;
            }
            let (status_name, code) = match call.ends_with("unauthorized(") {
                true => ("UNAUTHORIZED", arguments),
                false => {
                    let (first, rest) = arguments.split_once(',').unwrap();
                    let name = first.trim().strip_prefix("StatusCode::");
                    (name.unwrap_or_else(|| panic!("name the status where it is said: {call}{first}")), rest)
                }
            };
            let words = match code.trim_start().strip_prefix('"') {
                Some(word) => vec![quoted(word)],
                None => chosen(before),
            };
            assert!(!words.is_empty(), "name the code where it is said: {call}{arguments:.60}");
            all.extend(words.into_iter().map(|word| (status(status_name), word)));
        }
    }
    all
}

/// The words that a `let code = match` may come to.
fn chosen(before: &str) -> Vec<String> {
    let Some((_, code)) = before.rsplit_once("let code = match ") else { return Vec::new() };
    code.split(';').next().unwrap().split("=> \"").skip(1).map(quoted).collect()
}

/// Of everything over HTTP but the interface of operators.
fn http() -> Codes {
    let mut all = Codes::new();
    let mut left: Vec<PathBuf> = vec![root().join("runtime/src/http")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            all.extend(problems(&std::fs::read_to_string(path).unwrap()));
        }
    }
    all
}

/// What a text names behind a status: 409 `name_taken`, `too_many_characters`; 422 `invalid_field`.
fn told(text: &str) -> Codes {
    let (mut all, mut status) = (Codes::new(), 0);
    for (at, part) in text.split('`').enumerate() {
        let is_word = !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if at % 2 == 0 {
            let number = part.rsplit(|c: char| !c.is_ascii_digit()).find(|number| number.len() == 3);
            status = number.map_or(status, |number| number.parse().unwrap());
        } else if is_word && status >= 400 {
            all.insert((status, part.to_owned()));
        }
    }
    all
}

#[test]
fn a_code_is_found_however_its_problem_is_made() {
    let source = r#"
        pub fn unauthorized(code: &'static str) -> Self { Self::new(StatusCode::UNAUTHORIZED, code, detail) }
        fn a() { Problem::new(StatusCode::CONFLICT, "taken", detail).retry_after(1) }
        fn b() { Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
        ) }
        fn c() { let code = match field { "x" => "x_taken", _ => "y_taken" }; Self::new(StatusCode::CONFLICT, code, "?") }
        fn d() { Problem::unauthorized("bad_token", "get another") }
    "#;
    let words = [(401, "bad_token"), (408, "timeout"), (409, "taken"), (409, "x_taken"), (409, "y_taken")];
    assert_eq!(problems(source), Codes::from(words.map(|(status, word)| (status, word.to_owned()))));
    let row =
        "201 TOKENS; 409 `taken`, `x_taken` `y_taken` (with `Retry-After`); 408 `timeout`; 401 `bad_token`";
    assert_eq!(told(row), problems(source));
}

#[test]
fn the_words_of_the_error_tables_are_those_of_the_server() {
    let doc = read("docs/protocol.md");
    let section = section(&doc, "Errors");
    let rows = section.lines().filter(|line| line.starts_with("| -32"));
    let documented: Codes = rows
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].parse().unwrap(), cells[2].trim_matches('`').to_owned())
        })
        .collect();
    assert_eq!(documented, errors());

    let list = section.split("`data.rejection`: `").nth(1).unwrap().split('`').next().unwrap();
    let documented: BTreeSet<String> = list.split_whitespace().map(str::to_owned).collect();
    assert_eq!(documented, rejections());

    let list = section.split("\nClose codes: ").nth(1).unwrap().split("\n\n").next().unwrap();
    let numbers = list.split(|c: char| !c.is_ascii_digit()).filter(|number| number.len() == 4);
    let documented: BTreeSet<i64> = numbers.map(|number| number.parse().unwrap()).collect();
    let real: BTreeSet<i64> = closes().into_iter().map(|(number, _)| number).collect();
    assert_eq!(documented, real);
}

#[test]
fn every_code_of_http_is_in_the_document_and_no_other() {
    let doc = read("docs/protocol.md");
    let section = section(&doc, "HTTP");
    let mut documented = told(section.split("\nFurther codes: ").nth(1).unwrap());
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        documented.extend(told(row.split('|').nth(3).unwrap()));
    }
    assert_eq!(documented, http());
}

#[test]
fn every_code_of_a_refused_handshake_is_in_the_document_and_no_other() {
    let doc = read("docs/protocol.md");
    let table = section(&doc, "Connecting").split("\n### When there is no socket\n").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5"));
    let documented: Codes = rows
        .flat_map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            told(&cells[1..3].concat())
        })
        .collect();
    assert_eq!(documented, handshakes());
}

fn lines(kind: &'static str, codes: Codes) -> impl Iterator<Item = String> {
    codes.into_iter().map(move |(number, word)| format!("{kind} {number} {word}"))
}

#[test]
fn no_code_that_was_promised_is_gone_or_means_something_else() {
    let mut have: BTreeSet<String> =
        rejections().into_iter().map(|rejection| format!("rejection {rejection}")).collect();
    have.extend(lines("error", errors()));
    have.extend(lines("close", closes()));
    have.extend(lines("handshake", handshakes()));
    have.extend(lines("http", http()));
    let text = std::fs::read_to_string(root().join(LOCK)).unwrap_or_default();
    let promised: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let gone: Vec<&String> = promised.difference(&have).collect();
    assert!(gone.is_empty(), "{gone:?} were promised: a client would break; add something new beside them");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let written: String = have.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(root().join(LOCK), written).unwrap();
    } else {
        let new: Vec<&String> = have.difference(&promised).collect();
        assert!(new.is_empty(), "{new:?} are not in {LOCK}: UPDATE_EXPECT=1 cargo test --test stories codes");
    }
}
