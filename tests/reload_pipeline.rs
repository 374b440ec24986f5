//! Scripts and content change while a player plays: good ones become live between two ticks, bad
//! ones are refused with what is wrong and where, and a restart brings back what was live.

use crate::live::{Workshop, lore};
use crate::support::http_server::Answer;
use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World, pack};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A world whose newcomers meet a wolf that neither dies soon nor kills.
pub fn sparring() -> Setup {
    let content = Copied::content();
    content
        .replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\"")
        .replace("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 549]")
        .replace("npcs.toml", "health = 80, attack = 7", "health = 60000, attack = 0");
    Setup::default().content(content)
}

/// One more swing of the player, as an event.
pub async fn swing(socket: &mut Socket) -> Value {
    let you = socket.replica.you;
    socket.events.clear();
    loop {
        let wolf = socket.until("a wolf", |socket| socket.replica.find("wolf")).await;
        match socket.patient("combat.attack", &json!({"target": wolf})).await {
            Ok(_) => break,
            Err(error) if error["data"]["rejection"] == "out_of_range" => {
                let entity = &socket.replica.entities[&wolf];
                let (x, y) = (entity["x"].as_i64().unwrap(), entity["y"].as_i64().unwrap());
                socket.walk(x, y - 1_000, 10_000).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    socket.event("a swing", |event| event["type"] == "swing" && event["attacker"] == you).await
}

/// Pushes a component.
pub async fn push(world: &World, bytes: Vec<u8>) -> Answer {
    let request = world.operator(Method::POST, "/admin/v1/modules?who=story&why=because");
    Answer::of(request.header("content-type", "application/octet-stream").body(bytes)).await
}

/// Pushes content, however far it moves numbers.
pub async fn push_content(world: &World, files: &BTreeMap<String, String>) -> Answer {
    Answer::of(world.operator(Method::POST, "/admin/v1/content?skip_proof=true").json(files)).await
}

/// What the server says of itself.
pub fn status(world: &World) -> Value {
    let output = world.lore(&["status", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Label of what is live of a script.
pub fn live_label(world: &World, script: &str) -> String {
    let status = status(world);
    let module = status["modules"].as_array().unwrap().iter().find(|module| module["name"] == script);
    module.unwrap()["label"].as_str().unwrap().to_owned()
}

/// The texts of a content folder.
pub fn read_content(folder: &Path) -> BTreeMap<String, String> {
    runtime::content::read_files(folder).unwrap().into_iter().collect()
}

#[tokio::test]
async fn a_pushed_module_decides_the_next_swing_and_can_be_taken_back() {
    let critical = "CRITICAL_PERMILLE: i64 = 1_500;";
    let (one, two) = tokio::task::spawn_blocking(move || {
        let workshop = Workshop::open().unwrap();
        let build = |version, to| workshop.combat(version, critical, to).unwrap();
        (build("0.2.1", "CRITICAL_PERMILLE: i64 = 2_100;"), build("0.2.2", "CRITICAL_PERMILLE: i64 = 2_200;"))
    })
    .await
    .unwrap();
    let world = sparring().start();
    let (hero, mut socket) = world.player("warrior").await;
    assert!(swing(&mut socket).await["by"].as_str().unwrap().starts_with("combat@0.1.0+"));

    // As a process, as an operator does it.
    let file = world.data().join("combat-one.wasm");
    std::fs::write(&file, &one).unwrap();
    let file = file.to_str().unwrap();
    let output = world.lore(&["push", file, "--json", "--why", "a story"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pushed: Value = serde_json::from_slice::<Value>(&output.stdout).unwrap()[0].take();
    let label = pushed["label"].as_str().unwrap().to_owned();
    assert!(label.starts_with("combat@0.2.1+"), "{pushed}");
    assert!(pushed["before"].as_str().unwrap().starts_with("combat@0.1.0+"), "{pushed}");
    assert!(pushed["live_ms"].as_f64().unwrap() >= pushed["prepare_ms"].as_f64().unwrap(), "{pushed}");
    assert_eq!(pushed["zones"].as_array().unwrap().len(), 4, "{pushed}");
    assert_eq!(swing(&mut socket).await["by"], label, "the very next swing");
    assert_eq!(live_label(&world, "combat"), label);
    assert_eq!(status(&world)["generation"], pushed["generation"]);

    // The same once more changes nothing.
    let again = push(&world, one.clone()).await;
    assert_eq!((again.status.as_u16(), &again.body["unchanged"]), (200, &json!(true)), "{again:?}");
    assert_eq!(again.body["generation"], pushed["generation"]);

    let second = push(&world, two).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(second.body["before"], label);
    assert_eq!(swing(&mut socket).await["by"], second.body["label"]);

    let output = world.lore(&["rollback", "combat", "--json", "--why", "too strong"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let back: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(back["label"], label, "{back}");
    assert_eq!(swing(&mut socket).await["by"], label);

    // Who, why and when is kept.
    let history = Answer::of(world.operator(Method::GET, "/admin/v1/history")).await;
    let newest = &history.body["history"][0];
    assert_eq!(
        (&newest["action"], &newest["why"]),
        (&json!("rollback"), &json!("too strong")),
        "{history:?}"
    );

    // A restart brings back what was live, not what the pack holds.
    socket.close().await;
    let world = world.restart().await;
    assert_eq!(live_label(&world, "combat"), label);
    let mut socket = world.join(&hero).await;
    assert_eq!(swing(&mut socket).await["by"], label);
    // There is nothing before it any more but the pack's own; whichever the answer is, it is told.
    let unknown = world.lore(&["rollback", "nonsense"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nonsense"), "{unknown:?}");
    socket.close().await;
}

#[tokio::test]
async fn a_module_that_does_not_fit_is_refused_with_what_is_wrong() {
    let good = std::fs::read(pack().join("combat.wasm")).unwrap();
    let world = sparring().start();
    let (_, mut socket) = world.player("warrior").await;
    let before = live_label(&world, "combat");

    let manifest = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len(), "a section keeps its length");
        let place = good.windows(from.len()).position(|window| window == from.as_bytes());
        let place = place.unwrap_or_else(|| panic!("the manifest no longer holds {from:?}"));
        let mut bytes = good.clone();
        bytes[place..place + from.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nothing", Vec::new(), &[]),
        ("noise", vec![0x5a; 4_096], &[]),
        ("half of it", good[..good.len() / 2].to_vec(), &[]),
        ("a core module", wat::parse_str("(module)").unwrap(), &["component"]),
        ("no manifest", wat::parse_str("(component)").unwrap(), &["manifest"]),
        ("another kind", manifest("\"kind\":\"combat\"", "\"kind\":\"dialog\""), &["combat", "dialog"]),
        ("another api", manifest("\"api\":\"0.2", "\"api\":\"9.2"), &["combat", "9.2", "0.1 and 0.2"]),
    ];
    for (what, bytes, words) in cases {
        let answer = push(&world, bytes).await;
        answer.is_problem(422, "module_refused");
        let detail = answer.body["detail"].as_str().unwrap().to_lowercase();
        for word in words {
            assert!(detail.contains(word), "{what}: {detail:?} says nothing about {word:?}");
        }
        assert!(detail.len() < 4_000, "{what}: {} bytes of detail", detail.len());
    }
    assert_eq!(live_label(&world, "combat"), before);
    assert_eq!(swing(&mut socket).await["by"], before);

    // Not even asked: wrong media type, too large, no token.
    let untyped = world.operator(Method::POST, "/admin/v1/modules").body(good.clone());
    Answer::of(untyped).await.is_problem(415, "unsupported_media_type");
    let client = reqwest::Client::new();
    for (method, path) in [
        (Method::POST, "/admin/v1/modules"),
        (Method::POST, "/admin/v1/content"),
        (Method::POST, "/admin/v1/rollback"),
        (Method::GET, "/admin/v1/history"),
    ] {
        let url = format!("{}{path}", world.admin);
        Answer::of(client.request(method.clone(), &url)).await.is_problem(401, "unauthorized");
        let guess = client.request(method, &url).bearer_auth("0".repeat(64));
        Answer::of(guess).await.is_problem(401, "unauthorized");
    }
    let from_a_page =
        client.get(format!("{}/admin/v1/status", world.admin)).header("origin", "http://evil.example");
    Answer::of(from_a_page).await.is_problem(401, "unauthorized");
    let bad_rollback = world.operator(Method::POST, "/admin/v1/rollback").json(&json!({"scripts": 1}));
    Answer::of(bad_rollback).await.is_problem(422, "invalid_body");
    let nothing = world.operator(Method::POST, "/admin/v1/rollback").json(&json!({"script": "combat"}));
    Answer::of(nothing).await.is_problem(409, "nothing_before");
    let unknown = world.operator(Method::POST, "/admin/v1/rollback").json(&json!({"script": "combt"}));
    let unknown = Answer::of(unknown).await;
    unknown.is_problem(409, "nothing_before");
    let detail = unknown.body["detail"].as_str().unwrap();
    assert!(detail.contains("(did you mean `combat`?)") && detail.contains("content"), "{detail}");
    let output = world.lore(&["logs", "--script", "combt"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("(did you mean `combat`?)"), "{output:?}");
    let output = lore().args(["status", "--admin", &world.http]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("name the operator interface"), "{output:?}");
    let forgotten = world.operator(Method::POST, "/admin/v1/changes/99/approve");
    let forgotten = Answer::of(forgotten).await;
    forgotten.is_problem(404, "no_change");
    assert!(forgotten.body["detail"].as_str().unwrap().contains("`lore changes`"), "{forgotten:?}");
    assert_eq!(swing(&mut socket).await["by"], before);
    socket.close().await;
}

#[tokio::test]
async fn content_changes_in_the_running_world_or_not_at_all() {
    let world = World::start();
    let (_, mut socket) = world.player("warrior").await;
    socket.walk(210_000, 106_000, 20_000).await;
    let mira = socket.replica.find("mira").unwrap();
    assert!(greeting(&mut socket, mira).await.contains("Three Lanterns"));

    let content = Copied::content();
    let dialogs = "dialogs/innkeeper.toml";
    content.replace(dialogs, "Welcome to the Three Lanterns", "Well met at the Fourth Lantern");
    let answer = push_content(&world, &read_content(content.path())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body["label"].as_str().unwrap().starts_with("content+"));
    assert!(greeting(&mut socket, mira).await.contains("Fourth Lantern"));
    assert_eq!(status(&world)["content"], answer.body["label"]);

    // All mistakes at once, each with file and line.
    let broken = Copied::content();
    broken
        .replace("items.toml", "kind = \"equipment\"", "kind = \"equipmint\"")
        .replace("npcs.toml", "loot = \"wolf\"", "loot = \"wolff\"")
        .replace("quests.toml", "giver = \"mira\"", "giver = \"myra\"");
    let answer = push_content(&world, &read_content(broken.path())).await;
    answer.is_problem(422, "content_refused");
    let detail = answer.body["detail"].as_str().unwrap();
    for place in ["items.toml:", "npcs.toml:", "quests.toml:"] {
        let line = detail.split(place).nth(1).and_then(|rest| rest.split([':', ' ']).next());
        assert!(line.is_some_and(|line| line.parse::<u32>().is_ok()), "no line after {place} in {detail}");
    }
    for word in ["equipmint", "wolff", "myra"] {
        assert!(detail.contains(word), "{word}: {detail}");
    }

    // The same as a process: exit code and standard error.
    let output = world.lore(&["push", broken.path().to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("wolff"), "{output:?}");

    // What the world may hold cannot go.
    let fewer = Copied::content();
    let items = std::fs::read_to_string(fewer.path().join("items.toml")).unwrap();
    let start = items.find("[item.mana_potion]").unwrap();
    let end = start + items[start..].find("# From the woods").unwrap();
    std::fs::write(fewer.path().join("items.toml"), format!("{}{}", &items[..start], &items[end..])).unwrap();
    fewer.replace("classes.toml", "    { item = \"mana_potion\", count = 2 },\n", "");
    fewer.replace("loot.toml", "    { item = \"mana_potion\", weight = 2 },\n", "");
    fewer.replace("shops.toml", " \"mana_potion\",", "");
    let answer = push_content(&world, &read_content(fewer.path())).await;
    answer.is_problem(422, "content_mismatch");
    assert!(answer.body["detail"].as_str().unwrap().contains("mana_potion"), "{answer:?}");
    let answer = Answer::of(world.operator(Method::POST, "/admin/v1/content").body("[1]")).await;
    answer.is_problem(422, "invalid_body");

    assert!(greeting(&mut socket, mira).await.contains("Fourth Lantern"), "still the good one");
    socket.close().await;
    let world = world.restart().await;
    assert!(status(&world)["content"].as_str().unwrap().starts_with("content+"));
    let (_, mut socket) = world.player("warrior").await;
    socket.walk(210_000, 106_000, 20_000).await;
    let mira = socket.replica.find("mira").unwrap();
    assert!(greeting(&mut socket, mira).await.contains("Fourth Lantern"), "also after a restart");
    socket.close().await;
}

/// What Mira says first.
async fn greeting(socket: &mut Socket, mira: u64) -> String {
    assert_eq!(socket.done("npc.interact", json!({"target": mira})).await, json!({"kind": "dialog"}));
    let shown = socket.notified("dialog.show").await;
    assert_eq!(shown["node"], "greeting");
    shown["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn dev_mode_makes_live_what_is_saved() {
    // Kept between runs: the first build takes longest.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dev");
    let content = Copied::into("content", &folder);
    let scripts = Copied::into("scripts", &folder);
    let _wit = Copied::into("wit", &folder);
    let begun = scripts.path().join("nobody");
    if begun.exists() {
        std::fs::remove_dir_all(&begun).unwrap();
    }
    let patience = Duration::from_secs(420);
    let world = Setup::default().dev_in(&folder).start();
    let (_, from) = world.said("watching", 0, patience).await;
    let (_, mut socket) = world.player("warrior").await;
    socket.walk(210_000, 106_000, 20_000).await;
    let mira = socket.replica.find("mira").unwrap();

    content.replace("dialogs/innkeeper.toml", "Welcome to the Three Lanterns", "Saved a moment ago");
    let (line, from) = world.said("live: content+", from, patience).await;
    assert!(line.contains(" ms "), "{line}");
    assert!(greeting(&mut socket, mira).await.contains("Saved a moment ago"));

    content.replace("dialogs/innkeeper.toml", "script = \"innkeeper\"", "script = \"nobody\"");
    let (_, from) = world.said("content stays as it was", from, patience).await;
    // The script that it names comes, and the content is not saved again.
    let mut new = lore();
    new.args(["new", "nobody", "--kind", "dialog", "--scripts"]).arg(scripts.path());
    assert!(new.status().unwrap().success());
    let (_, from) = world.said("live: nobody@", from, patience).await;
    let (_, from) = world.said("live: content+", from, patience).await;
    content.replace("dialogs/innkeeper.toml", "script = \"nobody\"", "script = \"innkeeper\"");
    let (_, from) = world.said("live: content+", from, patience).await;

    let before = live_label(&world, "combat");
    scripts.replace("combat/src/formula.rs", "1_500;", "1_750;");
    let (line, from) = world.said("live: combat@", from, patience).await;
    assert!(line.contains(" ms") && line.contains("built in"), "{line}");
    let after = live_label(&world, "combat");
    assert_ne!(after, before);
    assert!(line.contains(&after), "{line}");

    // A typing error is shown with its place, and what was live stays.
    scripts.replace("combat/src/formula.rs", "1_750;", "1_750");
    let (_, from) = world.said("formula.rs:", from, patience).await;
    world.said("scripts stay as they were", from, patience).await;
    assert_eq!(live_label(&world, "combat"), after);
    assert!(greeting(&mut socket, mira).await.contains("Saved a moment ago"));
    socket.close().await;
}

#[tokio::test]
async fn a_changed_row_is_named_before_and_after_it_is_live() {
    let world = World::start();
    let content = Copied::content();
    content
        .replace("items.toml", "[item.healing_potion]\n", "[item.healing_potion]\nrequired_level = 2\n")
        .replace("npcs.toml", "health = 80, attack = 7", "health = 81, attack = 7");
    let rows = json!(["item/healing_potion: required_level 2 is new", "npc/wolf: stats.health 80 -> 81"]);
    let folder = content.path().to_str().unwrap();
    let planned = world.lore(&["plan", folder, "--json"]);
    // What a row did not have can be compared with nothing: a person shall see it.
    assert_eq!(planned.status.code(), Some(3), "{planned:?}");
    let report: Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!((&report["rows"], &report["verdict"]["verdict"]), (&rows, &json!("hold")), "{report}");
    assert_ne!(status(&world)["content"], report["label"], "nothing was changed");

    let pushed = push_content(&world, &read_content(content.path())).await;
    assert_eq!((pushed.status.as_u16(), &pushed.body["rows"]), (200, &rows), "{pushed:?}");
    assert_eq!(pushed.body["label"], report["label"]);

    // A plan tells all mistakes too, and what was meant.
    content.replace("npcs.toml", "loot = \"wolf\"", "loot = \"wolff\"").replace(
        "items.toml",
        "required_level = 2\n",
        "requird_level = 2\n",
    );
    let planned = world.lore(&["plan", folder]);
    assert_eq!(planned.status.code(), Some(4), "{planned:?}");
    let said = String::from_utf8_lossy(&planned.stdout);
    for word in ["did you mean `wolf`?", "did you mean `required_level`?", "npcs.toml:", "items.toml:"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
