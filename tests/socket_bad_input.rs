//! Whatever a client sends to a socket method, it gets the documented error, and goes on playing.

use crate::support::socket::Socket;
use crate::support::world::{Setup, World};
use protocol::v1::call;
use runtime::abuse::Policy;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_tungstenite::tungstenite::Message;

/// What a member of `params` must be.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A number that cannot be negative, of so many bits.
    Unsigned(u32),
    /// A whole number of so many bits.
    Signed(u32),
    Text,
    Flag,
    /// A list of numbers of 64 bits.
    Numbers,
    Texts,
    Moves,
}
use Kind::{Flag, Moves, Numbers, Signed, Text, Texts, Unsigned};

/// Method, then member, type, a good value and whether it must be there.
type Method = (&'static str, &'static [(&'static str, Kind, &'static str, bool)]);

/// Every method of the protocol, in the order of the schema.
const METHODS: &[Method] = &[
    ("world.join", &[("character", Signed(64), "1", true)]),
    ("world.leave", &[]),
    (
        "world.move",
        &[("seq", Unsigned(32), "1", true), ("x", Signed(32), "1", true), ("y", Signed(32), "1", true)],
    ),
    ("combat.attack", &[("target", Unsigned(64), "1", true)]),
    ("combat.use_skill", &[("ability", Text, "\"cleave\"", true), ("target", Unsigned(64), "1", false)]),
    ("npc.interact", &[("target", Unsigned(64), "1", true)]),
    ("dialog.choose", &[("choice", Text, "\"ask_work\"", true)]),
    ("dialog.close", &[]),
    ("quest.list", &[]),
    ("quest.accept", &[("quest", Text, "\"wolves_at_the_gate\"", true)]),
    ("quest.turn_in", &[("quest", Text, "\"wolves_at_the_gate\"", true)]),
    ("quest.abandon", &[("quest", Text, "\"wolves_at_the_gate\"", true)]),
    ("inventory.list", &[]),
    ("inventory.equip", &[("slot", Unsigned(16), "0", true)]),
    ("inventory.unequip", &[("from", Text, "\"main_hand\"", true)]),
    ("inventory.use", &[("slot", Unsigned(16), "0", true)]),
    ("inventory.drop", &[("slot", Unsigned(16), "0", true), ("count", Unsigned(32), "1", true)]),
    (
        "inventory.move",
        &[
            ("from", Unsigned(16), "0", true),
            ("to", Unsigned(16), "1", true),
            ("count", Unsigned(32), "1", true),
        ],
    ),
    ("shop.list", &[("npc", Unsigned(64), "1", true)]),
    (
        "shop.buy",
        &[
            ("npc", Unsigned(64), "1", true),
            ("item", Text, "\"bread\"", true),
            ("count", Unsigned(32), "1", true),
            ("price", Unsigned(32), "2", false),
        ],
    ),
    (
        "shop.sell",
        &[
            ("npc", Unsigned(64), "1", true),
            ("slot", Unsigned(16), "0", true),
            ("count", Unsigned(32), "1", true),
            ("price", Unsigned(32), "1", false),
        ],
    ),
    ("craft.list", &[]),
    ("craft.make", &[("recipe", Text, "\"leather_cap\"", true), ("count", Unsigned(32), "1", false)]),
    ("duel.challenge", &[("target", Unsigned(64), "1", true)]),
    ("duel.accept", &[("duel", Unsigned(64), "1", true)]),
    ("duel.decline", &[("duel", Unsigned(64), "1", true)]),
    ("duel.act", &[("duel", Unsigned(64), "1", true), ("ability", Text, "\"cleave\"", false)]),
    ("combat.auto", &[("on", Flag, "true", true)]),
    ("combat.surrender", &[]),
    ("chat.send", &[("text", Text, "\"hello\"", true)]),
    ("state.sync", &[]),
    ("system.ping", &[("nonce", Signed(64), "5", false)]),
    ("session.resume", &[("token", Text, "\"guess\"", true), ("seq", Unsigned(64), "0", true)]),
    ("session.ack", &[("seq", Unsigned(64), "0", true)]),
    ("auth.refresh", &[("token", Text, "\"a.b.c\"", true)]),
    ("presence.update", &[("state", Text, "\"busy\"", true), ("status", Text, "\"here\"", false)]),
    ("presence.subscribe", &[("characters", Numbers, "[1]", false)]),
    ("presence.unsubscribe", &[("characters", Numbers, "[1]", false)]),
    ("presence.query", &[("characters", Numbers, "[1]", false), ("names", Texts, "[\"Ada\"]", false)]),
    ("system.subscribe", &[("topics", Texts, "[\"events\"]", false)]),
    ("system.unsubscribe", &[("topics", Texts, "[\"events\"]", false)]),
    ("world.ack", &[("tick", Unsigned(64), "1", true)]),
    ("world.position.batch", &[("moves", Moves, r#"[{"seq":1,"x":1,"y":1}]"#, true)]),
];

/// Methods of the connection itself, which need no character in the world, and `world.join`.
const ANYWHERE: [&str; 10] = [
    "world.join",
    "system.ping",
    "session.resume",
    "session.ack",
    "auth.refresh",
    "presence.subscribe",
    "presence.unsubscribe",
    "presence.query",
    "system.subscribe",
    "system.unsubscribe",
];

#[test]
fn no_method_is_left_out_here() {
    let named: BTreeSet<&str> = METHODS.iter().map(|(name, _)| *name).collect();
    let all: BTreeSet<&str> = call::Method::NAMES.iter().copied().collect();
    assert_eq!(named, all);
    assert_eq!(named.len(), METHODS.len(), "each once");
}

/// Values, as they are written, that are no good for a member of this type.
fn bad_values(kind: Kind) -> Vec<String> {
    let mut bad: Vec<String> = ["null", "{}"].map(str::to_owned).into();
    match kind {
        Numbers => bad.extend(["[null]", "[\"1\"]", "[0.5]", "[[]]", "0", "\"x\""].map(str::to_owned)),
        Texts => bad.extend(["[null]", "[0]", "[[]]", "0", "\"x\""].map(str::to_owned)),
        Moves => bad.extend(["[]", "[null]", "[0]", "[\"x\"]", "0", "\"x\""].map(str::to_owned)),
        _ => bad.push("[]".to_owned()),
    }
    match kind {
        Flag => bad.extend(["0", "1", "\"true\""].map(str::to_owned)),
        _ => bad.push("true".to_owned()),
    }
    match kind {
        Flag | Numbers | Texts | Moves => {}
        Text => bad.extend(["0", "-1", "0.5"].map(str::to_owned)),
        Unsigned(bits) | Signed(bits) => {
            bad.extend(["\"1\"", "0.5", "1e400", "-1e400", "1.0"].map(str::to_owned));
            let largest = if matches!(kind, Signed(_)) { bits - 1 } else { bits };
            bad.push((1_u128 << largest).to_string());
            bad.push("9".repeat(400));
            bad.push(if matches!(kind, Unsigned(_)) {
                "-1".to_owned()
            } else {
                format!("-{}", (1_u128 << largest) + 1)
            });
        }
    }
    bad
}

/// `params` in which one member has another value, or is missing.
fn params(members: &[(&str, Kind, &str, bool)], odd: &str, value: Option<&str>) -> String {
    let written = members.iter().filter_map(|(name, _, good, _)| {
        let value = if *name == odd { value? } else { *good };
        Some(format!("\"{name}\":{value}"))
    });
    let mut written: Vec<String> = written.collect();
    if let (Some(value), false) = (value, members.iter().any(|(name, ..)| *name == odd)) {
        written.push(format!("\"{odd}\":{value}"));
    }
    format!("{{{}}}", written.join(","))
}

#[track_caller]
fn is_error(answer: &Value, id: &Value, code: i64, reason: &str, what: &str) {
    assert_eq!(answer["jsonrpc"], "2.0", "{what}: {answer}");
    assert_eq!(answer["id"], *id, "{what}: {answer}");
    assert_eq!(answer["error"]["code"], code, "{what}: {answer}");
    assert_eq!(answer["error"]["data"]["reason"], reason, "{what}: {answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {answer}");
    assert!(answer.get("result").is_none(), "{what}: {answer}");
}

#[tokio::test]
async fn wrong_params_are_named_and_nothing_else_happens() {
    let world = Setup::default().unlimited().start();
    let token = world.guest().await;
    let mut socket = Socket::open(&world.ws, &token).await;
    let (id, sizes) = (json!("q"), Policy::default().size);
    for (method, members) in METHODS {
        let request =
            |params: &str| format!(r#"{{"jsonrpc":"2.0","id":"q","method":"{method}","params":{params}}}"#);
        let mut cases: Vec<(String, &str)> = Vec::new();
        for (name, kind, _, required) in *members {
            if *required {
                cases.push((params(members, name, None), name));
            }
            let bad = bad_values(*kind);
            // What may be missing may be null, unless it is a list.
            let may_be_null = !required && !matches!(kind, Numbers | Texts);
            let bad = bad.iter().filter(|bad| !may_be_null || *bad != "null");
            cases.extend(bad.map(|bad| (params(members, name, Some(bad)), *name)));
            let good = params(members, "", None);
            let twice = format!("{{\"{name}\":1,{}", &good[1..]);
            cases.push((twice, name));
        }
        cases.push((params(members, "spurious", Some("1")), "spurious"));
        cases.push(("[]".to_owned(), "params"));
        cases.push(("[1,2]".to_owned(), "params"));
        cases.push(("1".to_owned(), "params"));
        let most = sizes.of(method) as usize;
        cases.push((format!("{}{:most$}}}", "{", ""), "params"));
        cases.push(("\"x\"".to_owned(), "params"));
        if members.iter().any(|(.., required)| *required) {
            cases.push(("{}".to_owned(), ""));
            cases.push(("null".to_owned(), ""));
        }
        for (params, named) in cases {
            let what = format!("{method} {params:.200}");
            let answer = socket.ask(request(&params)).await;
            is_error(&answer, &id, -32602, "invalid_params", &what);
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains(named), "{what}: {message:?} does not name {named}");
        }
        for token in ["NaN", "Infinity", "-Infinity", "undefined", "0x10", "'x'"] {
            let text = request(&params(members, members.first().map_or("x", |first| first.0), Some(token)));
            let answer = socket.ask(&text).await;
            is_error(&answer, &Value::Null, -32700, "parse_error", &text);
        }
        // All is well, but nobody has joined.
        if !ANYWHERE.contains(method) {
            let text = request(&params(members, "", None));
            let answer = socket.ask(text.as_str()).await;
            is_error(&answer, &id, -32003, "invalid_state", &text);
        }
    }
    assert_eq!(socket.call("system.ping", json!({"nonce": 7})).await.unwrap()["nonce"], 7);
    socket.close().await;
}

#[tokio::test]
async fn broken_envelopes_get_the_standard_errors() {
    let world = World::start();
    let token = world.guest().await;
    let mut socket = Socket::open(&world.ws, &token).await;
    let deep = format!("{}1{}", "[".repeat(4_000), "]".repeat(4_000));
    let parse_errors =
        ["", " ", "{", "nonsense", "[1,", "{\"jsonrpc\":\"2.0\"", "\u{0}", "\u{feff}{}", "\"\\ud800"];
    for text in parse_errors {
        let answer = socket.ask(text).await;
        is_error(&answer, &Value::Null, -32700, "parse_error", text);
    }
    let thirty_three =
        format!("[{}]", vec![r#"{"jsonrpc":"2.0","id":1,"method":"system.ping"}"#; 33].join(","));
    let invalid: [(&str, Value); 16] = [
        ("1", Value::Null),
        ("\"x\"", Value::Null),
        ("null", Value::Null),
        ("{}", Value::Null),
        ("[]", Value::Null),
        (&thirty_three, Value::Null),
        (r#"{"id":1,"method":"system.ping"}"#, json!(1)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"system.ping"}"#, json!(1)),
        (r#"{"jsonrpc":2.0,"id":1,"method":"system.ping"}"#, json!(1)),
        (r#"{"jsonrpc":null,"id":"a","method":"system.ping"}"#, json!("a")),
        (r#"{"jsonrpc":"2.0","id":1}"#, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":null}"#, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":["system.ping"]}"#, json!(1)),
        (r#"{"jsonrpc":"2.0","id":{},"method":"system.ping"}"#, Value::Null),
        (r#"{"jsonrpc":"2.0","id":true,"method":"system.ping"}"#, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"system.ping"}"#, Value::Null),
    ];
    for (text, id) in invalid {
        let answer = socket.ask(text).await;
        is_error(&answer, &id, -32600, "invalid_request", text);
    }
    let answer = socket.ask(deep).await;
    assert_eq!(answer[0]["error"]["code"], -32600, "a batch of one that is no call: {answer}");
    for method in ["nonsense", "", "World.Join", "world.join ", "rpc.discover", "session.welcome"] {
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
        is_error(&socket.ask(text).await, &json!(1), -32601, "method_not_found", method);
    }
    let long = json!({"jsonrpc": "2.0", "id": 1, "method": "m".repeat(10_000)}).to_string();
    let answer = socket.ask(long).await;
    is_error(&answer, &json!(1), -32601, "method_not_found", "a long name");
    assert!(answer.to_string().len() < 500, "a long name is not sent back whole");
    socket.close().await;
}

#[tokio::test]
async fn ids_batches_and_notifications_are_as_in_the_standard() {
    let world = World::start();
    let token = world.guest().await;
    let mut socket = Socket::open(&world.ws, &token).await;
    for id in [json!(0), json!(-7), json!(1.5), json!("x"), json!("ü\"\\\n"), json!(u64::MAX), Value::Null] {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "system.ping"}).to_string();
        let answer = socket.ask(call).await;
        assert_eq!(answer["id"], id, "{answer}");
        assert!(answer["result"]["server_time_ms"].as_u64().unwrap() > 1_700_000_000_000, "{answer}");
    }
    // Notifications, good or bad, get no answer: the next answer is that of the request behind them.
    for text in [
        r#"{"jsonrpc":"2.0","method":"system.ping"}"#,
        r#"{"jsonrpc":"2.0","method":"nonsense"}"#,
        r#"{"jsonrpc":"2.0","method":"world.move","params":{"seq":"x"}}"#,
        r#"{"jsonrpc":"2.0","method":"world.move","params":[1,2,3]}"#,
        r#"{"jsonrpc":"2.0","method":"nonsense","params":7}"#,
        r#"[{"jsonrpc":"2.0","method":"system.ping","params":"x"}]"#,
        r#"[{"jsonrpc":"2.0","method":"system.ping"},{"jsonrpc":"2.0","method":"nonsense"}]"#,
    ] {
        socket.text(text).await;
    }
    assert_eq!(socket.ask(r#"{"jsonrpc":"2.0","id":"after","method":"system.ping"}"#).await["id"], "after");

    let mixed = r#"[
        {"jsonrpc":"2.0","id":1,"method":"system.ping","params":{"nonce":1}},
        {"jsonrpc":"2.0","method":"system.ping"},
        {"jsonrpc":"2.0","id":"two","method":"nonsense"},
        7,
        {"jsonrpc":"2.0","id":3,"method":"chat.send","params":{"text":"hello"}},
        {"jsonrpc":"2.0","id":4,"method":"world.move","params":{"seq":-1,"x":0,"y":0}}
    ]"#;
    let answer = socket.ask(mixed).await;
    let answers = answer.as_array().unwrap();
    assert_eq!(answers.len(), 5, "{answer}");
    let of = |id: Value| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(of(json!(1))["result"]["nonce"], 1);
    is_error(of(json!("two")), &json!("two"), -32601, "method_not_found", "in a batch");
    is_error(of(Value::Null), &Value::Null, -32600, "invalid_request", "in a batch");
    is_error(of(json!(3)), &json!(3), -32003, "invalid_state", "in a batch");
    is_error(of(json!(4)), &json!(4), -32602, "invalid_params", "in a batch");

    let full: Vec<Value> =
        (0..32).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "system.ping"})).collect();
    assert_eq!(socket.ask(Value::from(full).to_string()).await.as_array().unwrap().len(), 32);
    // Control frames in between change nothing.
    socket.send(Message::Ping("hello".into())).await;
    socket.send(Message::Pong("unasked".into())).await;
    assert!(socket.call("system.ping", json!({})).await.is_ok());
    socket.close().await;
}

#[tokio::test]
async fn what_the_rules_forbid_is_rejected_with_the_documented_word() {
    let world = World::start();
    let (hero, mut socket) = world.player("warrior").await;
    let (stranger, mut other) = world.player("mage").await;
    let (me, mira) = (socket.replica.you, socket.replica.find("mira").unwrap());

    // Who one is.
    for (character, whose) in [(stranger.character, "foreign"), (987_654_321, "unknown"), (-1, "negative")] {
        let mut fresh = Socket::open(&world.ws, &hero.token).await;
        let error = fresh.call("world.join", json!({"character": character})).await.unwrap_err();
        assert_eq!(
            (&error["code"], &error["data"]["reason"]),
            (&json!(-32000), &json!("unauthorized")),
            "{whose}"
        );
        // It was only a try: the connection goes on, and nobody was sent away.
        assert!(fresh.call("system.ping", json!({})).await.is_ok());
        fresh.close().await;
    }
    assert!(other.call("quest.list", json!({})).await.is_ok(), "a stranger's try closes nobody's connection");
    let error = socket.call("world.join", json!({"character": hero.character})).await.unwrap_err();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32003), &json!("invalid_state")));

    // Whom one means.
    let their = other.replica.you;
    for (method, target, word) in [
        ("combat.attack", 4_000_000_000_u64, "no_target"),
        ("combat.attack", u64::MAX, "no_target"),
        ("combat.attack", 0, "no_target"),
        ("combat.attack", me, "wrong_target"),
        ("combat.attack", their, "wrong_target"),
        ("combat.attack", mira, "wrong_target"),
        ("npc.interact", u64::MAX, "no_target"),
        ("npc.interact", me, "wrong_target"),
        ("npc.interact", their, "wrong_target"),
        ("npc.interact", mira, "out_of_range"),
    ] {
        socket.rejected(method, json!({"target": target}), word).await;
    }
    for (ability, target, word) in [
        ("nonsense", Some(mira), "unknown_ability"),
        ("", Some(mira), "unknown_ability"),
        (&"long".repeat(200), Some(mira), "unknown_ability"),
        ("fireball", Some(mira), "unknown_ability"),
        ("cleave", None, "no_target"),
        ("cleave", Some(mira), "wrong_target"),
        ("cleave", Some(u64::MAX), "no_target"),
    ] {
        let mut params = json!({"ability": ability});
        if let Some(target) = target {
            params["target"] = json!(target);
        }
        socket.rejected("combat.use_skill", params, word).await;
    }
    // What one says and does.
    socket.rejected("dialog.close", json!({}), "no_dialog").await;
    for choice in ["ask_work", "", &"x".repeat(900)] {
        socket.rejected("dialog.choose", json!({"choice": choice}), "no_dialog").await;
    }
    for (method, quest, word) in [
        ("quest.accept", "nonsense", "unknown_quest"),
        ("quest.accept", "wolves_at_the_gate", "out_of_range"),
        ("quest.turn_in", "nonsense", "unknown_quest"),
        ("quest.abandon", "nonsense", "unknown_quest"),
        ("quest.abandon", "wolves_at_the_gate", "unknown_quest"),
    ] {
        socket.rejected(method, json!({"quest": quest}), word).await;
    }
    for text in ["", "   ", "bell\u{7}", "line\nbreak", &"x".repeat(501), &"ü".repeat(251)] {
        socket.rejected("chat.send", json!({"text": text}), "bad_text").await;
    }
    inventory(&mut socket).await;

    // An impossible place is answered, then corrected.
    let here = socket.place();
    for (seq, (x, y)) in [(i32::MAX, i32::MIN), (-1, -1), (400_001, 0), (0, 0)].into_iter().enumerate() {
        let moved = socket.done("world.move", json!({"seq": seq + 1, "x": x, "y": y})).await;
        assert_eq!(moved, json!({}));
        let corrected = socket.notified("world.corrected").await;
        assert_eq!(corrected, json!({"seq": seq + 1, "x": here.0, "y": here.1}));
    }
    socket.close().await;
    other.close().await;
}

async fn inventory(socket: &mut Socket) {
    let before = socket.done("inventory.list", json!({})).await;
    let slot = |item: &str| {
        let slots = before["slots"].as_array().unwrap();
        slots.iter().find(|slot| slot["item"] == item).unwrap()["slot"].as_u64().unwrap()
    };
    let (sword, bread) = (slot("rusty_sword"), slot("bread"));
    for (method, params, word) in [
        ("inventory.equip", json!({"slot": 31}), "empty_slot"),
        ("inventory.equip", json!({"slot": 65_535}), "empty_slot"),
        ("inventory.equip", json!({"slot": bread}), "wrong_item"),
        ("inventory.unequip", json!({"from": "feet"}), "empty_slot"),
        ("inventory.use", json!({"slot": 31}), "empty_slot"),
        ("inventory.use", json!({"slot": sword}), "wrong_item"),
        ("inventory.drop", json!({"slot": 31, "count": 1}), "empty_slot"),
        ("inventory.drop", json!({"slot": bread, "count": 0}), "bad_count"),
        ("inventory.drop", json!({"slot": bread, "count": 4}), "bad_count"),
        ("inventory.drop", json!({"slot": bread, "count": u32::MAX}), "bad_count"),
        ("inventory.move", json!({"from": 31, "to": 30, "count": 1}), "empty_slot"),
        ("inventory.move", json!({"from": bread, "to": 32, "count": 1}), "bad_count"),
        ("inventory.move", json!({"from": bread, "to": 30, "count": 0}), "bad_count"),
        ("inventory.move", json!({"from": bread, "to": 30, "count": 4}), "bad_count"),
        ("inventory.move", json!({"from": bread, "to": sword, "count": 1}), "bad_count"),
    ] {
        socket.rejected(method, params, word).await;
    }
    let places = json!({"from": "tail"});
    let error = socket.patient("inventory.unequip", &places).await.unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    assert_eq!(socket.done("inventory.list", json!({})).await, before, "nothing was changed");
}
