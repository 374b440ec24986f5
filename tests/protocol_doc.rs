//! `docs/protocol.md` against the server: its examples are JSON, it names every method and
//! notification that exists and no other, and results have the shape it shows. Its codes are the story `codes`.

use crate::live::root;
use crate::support::http_server::HttpServer;
use crate::support::socket::Socket;
use crate::support::world::World;
use protocol::prost::Message as _;
use protocol::v1::{Call, Notification, Response, call, notification, response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// `## TITLE` up to the next one.
pub fn section<'a>(doc: &'a str, title: &str) -> &'a str {
    let start = doc.find(&format!("\n## {title}")).unwrap_or_else(|| panic!("no section {title}")) + 4;
    let end = doc[start..].find("\n## ").map_or(doc.len(), |end| start + end);
    &doc[start..end]
}

/// Text between backticks, code blocks excluded.
fn code_spans(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// An example as JSON: names of shapes become `"NAME"`, `...` and `..` something that is there.
fn example(text: &str) -> Result<Value, serde_json::Error> {
    let mut json = text.to_owned();
    for shape in [
        "CHARACTER without abilities, with \"zone\"",
        "CHARACTER",
        "ENVIRONMENT",
        "ENTITY",
        "HAPPENING",
        "EVENT",
        "SELF",
        "QUEST",
        "SLOT",
        "PRICE",
        "RECIPE",
        "DUELIST",
        "MOVE",
        "PRESENCE",
    ] {
        let quoted = format!("\"{}\"", shape.split(' ').next().unwrap());
        json = json.replace(shape, &quoted).replace(&format!("\"{quoted}\""), &quoted);
    }
    serde_json::from_str(&json.replace(", ...", "").replace(":..", ":0"))
}

#[test]
fn every_example_is_json() {
    let doc = read("docs/protocol.md");
    let blocks = doc.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.is_empty());
    let spans = code_spans(&doc).into_iter().filter(|span| span.starts_with('{'));
    // A path with a placeholder is no example.
    let examples: Vec<&str> = lines.chain(spans).filter(|text| text.len() > 4 || *text == "{}").collect();
    assert!(examples.len() > 60, "only {} examples found", examples.len());
    for text in examples {
        if let Err(error) = example(text) {
            panic!("{error} in {text}");
        }
    }
}

/// Rows of the methods' table: name, params, result.
fn documented_methods(doc: &str) -> Vec<(String, Value, String)> {
    let rows = section(doc, "Methods").lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let span = |cell: &str| cell.split('`').nth(1).unwrap().to_owned();
        (span(cells[0]), example(&span(cells[1])).unwrap(), cells[2].to_owned())
    })
    .collect()
}

#[test]
fn the_tables_name_what_the_schema_has_and_nothing_else() {
    let doc = read("docs/protocol.md");
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let documented: BTreeSet<String> = documented_methods(&doc).into_iter().map(|row| row.0).collect();
    let real = owned(call::Method::NAMES);
    assert_eq!(documented, real, "methods");

    let named = code_spans(section(&doc, "Notifications"));
    let documented: BTreeSet<String> = named
        .into_iter()
        .filter(|span| {
            let parts: Vec<&str> = span.split('.').collect();
            let plain = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
            parts.len() == 2 && parts.iter().all(plain)
        })
        // Methods that the text mentions in passing.
        .filter(|name| !real.contains(*name))
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, owned(notification::Method::NAMES), "notifications");
}

#[tokio::test]
async fn the_tables_of_ways_name_every_route_and_every_method_once() {
    let doc = read("docs/protocol.md");
    let sorted = |mut names: Vec<String>| {
        names.sort_unstable();
        names
    };
    let owned = |names: Vec<&str>| sorted(names.into_iter().map(str::to_owned).collect());
    let (mut routes, mut methods) = (Vec::new(), Vec::new());
    let table = section(&doc, "Over HTTP or over the socket").lines().filter(|line| line.starts_with("| "));
    for row in table {
        let cells: Vec<&str> = row.split('|').collect();
        assert_eq!(cells.len(), 5, "{row}");
        routes.extend(code_spans(cells[2]));
        methods.extend(code_spans(cells[3]));
    }
    assert_eq!(owned(methods), owned(call::Method::NAMES.to_vec()), "methods of the socket");
    let server = HttpServer::start().await;
    let document = server.get("/openapi.json", None).await.body;
    server.stop().await;
    let mut real = vec!["GET /openapi.json".to_owned()];
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operations = operations.as_object().unwrap().keys();
        real.extend(operations.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let real = sorted(real);
    assert_eq!(owned(routes), real, "routes");
    let rows = section(&doc, "HTTP").lines().filter(|line| line.starts_with("| `"));
    let described = rows.flat_map(|row| code_spans(row.split('|').nth(1).unwrap())).collect();
    assert_eq!(owned(described), real, "routes that are described");
}

/// An example with the shapes that it names in their places.
fn filled(value: Value, doc: &str) -> Value {
    match value {
        Value::String(name) if name == "ENTITY" || name == "EVENT" => {
            let block = section(doc, "Notifications").split(&format!("\n{name}")).nth(1).unwrap();
            let line = block.split("```json\n").nth(1).unwrap().lines().next().unwrap();
            filled(example(line).unwrap(), doc)
        }
        Value::String(name) if name.len() > 2 && name.bytes().all(|b| b.is_ascii_uppercase()) => {
            filled(shape(doc, &name), doc)
        }
        Value::Array(list) => list.into_iter().map(|value| filled(value, doc)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, filled(value, doc))).collect()
        }
        value => value,
    }
}

/// That all members of an example came through, as they were.
fn is_within(example: &Value, real: &Value, what: &str) {
    match (example, real) {
        (Value::Object(example), Value::Object(real)) => {
            for (name, value) in example {
                let found = real.get(name).unwrap_or_else(|| panic!("{what}: the schema has no `{name}`"));
                is_within(value, found, &format!("{what}.{name}"));
            }
        }
        (Value::Array(example), Value::Array(real)) => {
            assert_eq!(example.len(), real.len(), "{what}");
            example.iter().zip(real).for_each(|(example, real)| is_within(example, real, what));
        }
        (example, real) => assert_eq!(example, real, "{what}"),
    }
}

/// The notifications that the document shows: name and params.
fn documented_notifications(doc: &str) -> Vec<(String, Value)> {
    let section = section(doc, "Notifications");
    let lines = section.lines().filter(|line| line.starts_with("{\"jsonrpc\""));
    let whole = lines.map(|line| {
        let mut message = example(line).unwrap();
        let params = message["params"].take();
        (message["method"].as_str().unwrap().to_owned(), params)
    });
    // In prose: `name` `{...}`, or several names before their params.
    let spans = code_spans(section);
    let pairs = spans.windows(2).filter(|pair| {
        notification::Method::NAMES.contains(&pair[0]) && pair[1].starts_with('{') && pair[1].len() > 1
    });
    let told = pairs.map(|pair| (pair[0].to_owned(), example(pair[1]).unwrap()));
    whole.chain(told).collect()
}

#[test]
fn every_example_is_a_message_of_the_schema_in_both_encodings() {
    let doc = read("docs/protocol.md");
    let mut results = 0;
    for (name, params, result) in documented_methods(&doc) {
        let method =
            call::Method::from_json(&name, &params.to_string()).expect("a method").expect("its params");
        let call = Call { id: Some(1), method: Some(method) };
        assert_eq!(Call::decode(call.encode_to_vec().as_slice()).unwrap(), call);
        is_within(&params, &serde_json::to_value(&call.method).unwrap()["params"], &name);
        let Some(result) = result.split('`').nth(1).filter(|first| first.starts_with('{')) else { continue };
        let result = filled(example(result).unwrap(), &doc);
        let outcome = response::Outcome::from_json(&name, &result.to_string()).expect("a method");
        let response =
            Response { id: 1, outcome: Some(outcome.unwrap_or_else(|error| panic!("{name}: {error}"))) };
        assert_eq!(Response::decode(response.encode_to_vec().as_slice()).unwrap(), response);
        is_within(&result, &serde_json::to_value(&response.outcome).unwrap(), &name);
        results += 1;
    }
    assert_eq!(results, call::Method::NAMES.len(), "every method shows its result");
    let mut shown = BTreeSet::new();
    for (name, params) in documented_notifications(&doc) {
        let params = filled(params, &doc);
        let told = notification::Method::from_json(&name, &params.to_string()).expect("a notification");
        let told = Notification { method: Some(told.unwrap_or_else(|error| panic!("{name}: {error}"))) };
        assert_eq!(Notification::decode(told.encode_to_vec().as_slice()).unwrap(), told);
        is_within(&params, &serde_json::to_value(&told.method).unwrap()["params"], &name);
        shown.insert(name);
    }
    let all: BTreeSet<String> = notification::Method::NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, all, "every notification has an example");
}

/// The words of rejections, each with a story that hears it over the wire.
const HEARD: [(&str, &str); 41] = [
    ("not_in_zone", "not_now"),
    ("dead", "socket_play"),
    ("no_target", "socket_bad_input"),
    ("wrong_target", "socket_bad_input"),
    ("out_of_range", "socket_bad_input"),
    ("unknown_ability", "socket_bad_input"),
    ("on_cooldown", "socket_play"),
    ("too_soon", "rejections"),
    ("not_enough_mana", "rejections"),
    ("not_enough_energy", "rejections"),
    ("stunned", "rejections"),
    ("silenced", "rejections"),
    ("ability_refused", "rejections"),
    ("unknown_quest", "socket_bad_input"),
    ("quest_state", "socket_play"),
    ("quest_limit", "rejections"),
    ("no_dialog", "socket_bad_input"),
    ("unknown_choice", "socket_play"),
    ("empty_slot", "socket_bad_input"),
    ("wrong_item", "socket_bad_input"),
    ("requirement", "crafting"),
    ("inventory_full", "crafting"),
    ("bad_count", "socket_bad_input"),
    ("bad_text", "socket_bad_input"),
    ("zone_full", "full_zones"),
    ("not_for_sale", "shop"),
    ("not_enough_gold", "shop"),
    ("price_changed", "shop"),
    ("shop_busy", "not_now"),
    ("no_duel", "encounters"),
    ("not_your_turn", "encounters"),
    ("duel_busy", "encounters"),
    ("unknown_recipe", "crafting"),
    ("missing_ingredients", "crafting"),
    ("craft_busy", "not_now"),
    ("chat_profanity", "speech"),
    ("chat_spam", "rejections"),
    ("chat_shouting", "rejections"),
    ("chat_link", "rejections"),
    ("chat_muted", "speech"),
    ("chat_refused", "rejections"),
];

/// Those that no story can bring about, and why. A new word has its place here or above.
const UNHEARD: [(&str, &str); 0] = [];

#[test]
fn every_rejection_is_heard_in_a_story_or_there_is_a_reason_why_not() {
    let doc = read("docs/protocol.md");
    let list = section(&doc, "Errors").split("`data.rejection`: `").nth(1).unwrap();
    let mut documented: Vec<&str> = list.split('`').next().unwrap().split_whitespace().collect();
    for (word, story) in HEARD {
        let text = read(&format!("tests/{story}.rs"));
        assert!(text.contains(&format!("\"{word}\"")), "tests/{story}.rs does not hear {word}");
    }
    assert!(UNHEARD.iter().all(|(_, why)| !why.is_empty()));
    let mut placed: Vec<&str> = HEARD.iter().chain(&UNHEARD).map(|(word, _)| *word).collect();
    documented.sort_unstable();
    placed.sort_unstable();
    assert_eq!(documented, placed, "each once");
}

/// That a value has the members of an example, of the same types, and no others.
fn same_shape(example: &Value, real: &Value, what: &str) {
    match (example, real) {
        (Value::Object(example), Value::Object(real)) => {
            let names =
                |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(example), names(real), "{what}");
            for (name, value) in example {
                same_shape(value, &real[name], &format!("{what}.{name}"));
            }
        }
        (Value::Array(example), Value::Array(real)) => {
            if let Some(example) = example.first() {
                real.iter().for_each(|real| same_shape(example, real, what));
            }
        }
        // A shape by its name is looked at where it is described.
        (Value::String(shape), Value::Object(_)) if shape.bytes().all(|b| b.is_ascii_uppercase()) => {}
        (example, real) => {
            let same = std::mem::discriminant(example) == std::mem::discriminant(real);
            assert!(same, "{what}: {real} is not like {example}");
        }
    }
}

/// The example behind `NAME: ` in the prose.
fn shape(doc: &str, name: &str) -> Value {
    let rest = doc.split(&format!("\n{name}: `")).nth(1).unwrap_or_else(|| panic!("no shape {name}"));
    example(rest.split('`').next().unwrap()).unwrap()
}

#[tokio::test]
async fn results_have_the_shape_the_document_shows() {
    let doc = read("docs/protocol.md");
    let world = World::start();
    let hero = world.hero("warrior").await;
    let mut socket = Socket::open(&world.ws, &hero.token).await;
    let mut joined = Value::Null;
    for (method, params, result) in documented_methods(&doc) {
        let Some(first) = result.split('`').nth(1).filter(|first| first.starts_with('{')) else { continue };
        let expected = example(first).unwrap();
        let params = match method.as_str() {
            "world.join" => json!({"character": hero.character}),
            "auth.refresh" => json!({"token": hero.token}),
            _ => params,
        };
        // What the story is not in the right place for is refused by the rules, not by the decoder.
        if method == "world.leave" || method == "session.resume" {
            continue;
        }
        match socket.patient(&method, &params).await {
            Ok(result) => {
                if method == "inventory.list" {
                    assert!(result["gold"].is_u64() && result["equipment"].is_object(), "{result}");
                    same_shape(&shape(&doc, "SLOT"), &result["slots"][0], "SLOT");
                } else {
                    same_shape(&expected, &result, &method);
                }
                if method == "world.join" {
                    joined = result;
                    socket.notified("world.snapshot").await;
                }
            }
            Err(error) => assert_eq!(error["code"], -32011, "{method} {params}: {error}"),
        }
    }
    same_shape(&shape(&doc, "CHARACTER"), &joined["character"], "CHARACTER");
    same_shape(&shape(&doc, "SELF"), &Value::Object(socket.replica.own.clone()), "SELF");
    same_shape(&shape(&doc, "ENVIRONMENT"), &socket.replica.environment, "ENVIRONMENT");
    let entities = section(&doc, "Notifications").split("ENTITY\n```json\n").nth(1).unwrap();
    let of_kind = |kind: &str| {
        let mut lines = entities.lines().map(|line| example(line).unwrap());
        lines.find(|entity| entity["kind"] == kind).unwrap()
    };
    same_shape(&of_kind("player"), socket.replica.me(), "a player");
    let mira = socket.replica.find("mira").unwrap();
    let mut npc = of_kind("npc");
    // Nobody is her target.
    npc.as_object_mut().unwrap().remove("target");
    let mut real = socket.replica.entities[&mira].clone();
    real.as_object_mut().unwrap().remove("target");
    same_shape(&npc, &real, "an npc");
    socket.forget_notes();
    socket.walk(209_000, 106_000, 20_000).await;
    socket.done("quest.accept", json!({"quest": "wolves_at_the_gate"})).await;
    let quests = socket.done("quest.list", json!({})).await;
    same_shape(&shape(&doc, "QUEST"), &quests["quests"][0], "QUEST");
    let tobin = socket.replica.find("tobin").unwrap();
    socket.walk(189_000, 109_000, 20_000).await;
    let prices = socket.done("shop.list", json!({"npc": tobin})).await;
    let mut rows = documented_methods(&doc).into_iter();
    let (_, _, row) = rows.find(|(method, _, _)| method == "shop.list").unwrap();
    same_shape(&example(row.split('`').nth(1).unwrap()).unwrap(), &prices, "shop.list");
    same_shape(&shape(&doc, "PRICE"), &prices["asks"][0], "PRICE");
    let recipes = socket.done("craft.list", json!({})).await;
    let cap = recipes["recipes"].as_array().unwrap().iter().find(|recipe| recipe["name"] == "leather_cap");
    assert_eq!(cap, Some(&shape(&doc, "RECIPE")));
    let bought = socket.done("shop.buy", json!({"npc": tobin, "item": "bread", "count": 1})).await;
    same_shape(&json!({"price": 2, "count": 2}), &bought, "shop.buy");
    socket.done("inventory.drop", json!({"slot": 2, "count": 1})).await;
    let item = socket.until("the item", |socket| {
        socket.replica.entities.values().find(|entity| entity["kind"] == "item").cloned()
    });
    same_shape(&of_kind("item"), &item.await, "an item");
    socket.done("world.leave", json!({})).await;
    socket.close().await;
}
