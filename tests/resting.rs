//! A script that keeps failing and has no version before it rests: nobody asks it, its fallbacks decide, the zone
//! goes on, also after a kill. A repaired version takes over like any other.

use crate::live::Workshop;
use crate::memories::{recorded, replays};
use crate::migration::{plan, rollback};
use crate::reload_pipeline::{live_label, push, push_content, read_content, sparring, status, swing};
use crate::support::http_server::Answer;
use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World, pack};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// The seed of the views with which a component is tried when it is loaded, and of no other.
const TRIED: &str = "0x5eed_0000_0000_0001";
const THINK: &str = "pub fn think(seen: &Perception, tick_ms: u32) -> Decision {";
const RESOLVE: &str = "pub fn resolve(attack: &Attack) -> Outcome {";
/// Looks at the status while waiting for strikes; each takes a tick at least.
const LOOKS: usize = 200;
/// Swings until a formula that fails for each of them is out of strikes.
const SWINGS: usize = 60;

/// A script that fails for everything it is asked in a world.
async fn failing(script: &'static str, file: &'static str, first: &'static str, view: &str) -> Vec<u8> {
    let planted = format!("{first}\n    assert!({view}.seed == {TRIED}, \"it always fails\");");
    let build = move || Workshop::open().unwrap().build(script, "0.8.1", file, first, &planted).unwrap();
    tokio::task::spawn_blocking(build).await.unwrap()
}

/// The starter's pack with another component in the place of one of its own.
fn pack_with(script: &str, component: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(pack()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    std::fs::write(folder.path().join(format!("{script}.wasm")), component).unwrap();
    folder
}

/// A component of the starter's pack.
fn starter(script: &str) -> Vec<u8> {
    std::fs::read(pack().join(format!("{script}.wasm"))).unwrap()
}

/// A script's row in the status.
fn row(world: &World, script: &str) -> Value {
    let status = status(world);
    let rows = status["modules"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == script).unwrap().clone()
}

/// A script's row as soon as it rests.
async fn rests(world: &World, script: &str) -> Value {
    for _ in 0..LOOKS {
        let row = row(world, script);
        if row["resting"].is_string() {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{script} does not rest: {}", status(world));
}

/// Two seconds in which the script is asked, and answers and fails at nothing; its row.
async fn is_left_alone(world: &World, script: &str, socket: &mut Socket) -> Value {
    // Failures that were on their way have been counted then.
    recorded(socket).await;
    let before = row(world, script);
    recorded(socket).await;
    let after = row(world, script);
    assert!(after["resting"].is_string(), "{after}");
    assert_eq!((&after["strikes"], &after["calls"]), (&before["strikes"], &json!(0)), "{before} {after}");
    after
}

/// The last line of the history.
async fn newest(world: &World) -> Value {
    let history = Answer::of(world.operator(Method::GET, "/admin/v1/history")).await;
    history.body["history"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mind_of_the_pack_that_always_fails_rests_until_it_is_repaired() {
    let failing = failing("wolf", "src/mind.rs", THINK, "seen").await;
    let folder = pack_with("wolf", &failing);
    let world = sparring().start().with_pack(folder.path()).killed();
    let (hero, mut socket) = world.player("warrior").await;
    let label = rests(&world, "wolf").await["label"].clone();
    let rested = is_left_alone(&world, "wolf", &mut socket).await;
    assert!(rested["resting"].as_str().unwrap().starts_with("failed in 10 ticks"), "{rested}");
    assert!(rested["fallbacks"].as_u64() > Some(0) && rested["strikes"].as_u64() >= Some(10), "{rested}");

    // The world goes on: others decide, and what stands still stands still.
    assert!(swing(&mut socket).await["by"].as_str().unwrap().starts_with("combat@"));
    recorded(&mut socket).await;
    let you = socket.replica.you;
    let bites = socket.events.iter().filter(|event| event["type"] == "swing" && event["attacker"] != you);
    assert_eq!(bites.count(), 0, "{:?}", socket.events);

    // Everybody who looks is told, and what to do.
    let said = world.lore(&["status"]);
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("RESTS, its fallbacks decide: failed in 10 ticks"), "{said}");
    assert!(said.contains("push a repaired version"), "{said}");
    let line = newest(&world).await;
    assert_eq!((&line["action"], &line["label"], &line["before"]), (&json!("quarantine"), &label, &label));
    let back = rollback(&world, "wolf").await;
    back.is_problem(409, "rests");
    assert!(back.body["detail"].as_str().unwrap().contains("push a repaired one"), "{back:?}");
    push(&world, failing).await.is_problem(409, "quarantined");
    socket.close().await;

    let world = world.killed();
    assert_eq!(row(&world, "wolf")["label"], label);
    let mut socket = world.join(&hero).await;
    let rested = is_left_alone(&world, "wolf", &mut socket).await;
    assert_eq!(rested["strikes"], 0, "it was not asked once: {rested}");
    assert!(rested["fallbacks"].as_u64() > Some(0), "{rested}");

    // Nothing of what it did is worth comparing with.
    let repaired = starter("wolf");
    let report = plan(&world, &repaired).await;
    assert_eq!((&report["verdict"]["verdict"], &report["live"]), (&json!("accept"), &label), "{report}");
    assert_eq!(
        (&report["exports"][0]["views"], &report["exports"][0]["made_up_failed"]),
        (&json!(0), &json!(0))
    );
    assert!(report["notes"].to_string().contains("rests"), "{report}");
    let pushed = push(&world, repaired).await;
    assert_eq!((pushed.status.as_u16(), &pushed.body["before"]), (200, &label), "{pushed:?}");
    assert!(row(&world, "wolf")["resting"].is_null());
    swing(&mut socket).await;
    let you = socket.replica.you;
    socket.event("a bite", |event| event["type"] == "swing" && event["attacker"] != you).await;
    recorded(&mut socket).await;
    socket.close().await;

    let world = world.restart().await;
    let live = row(&world, "wolf");
    assert_eq!((&live["label"], &live["resting"]), (&pushed.body["label"], &Value::Null));
    let log = world.data().join("replay/greywood");
    let output = world.lore_offline(&["replay", log.to_str().unwrap(), "--json"]);
    let played: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && played["difference"].is_null(), "{played}");
    assert!(played["swaps"].as_u64() >= Some(2), "{played}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fight_goes_on_without_its_formula_and_a_canary_brings_it_back() {
    let failing = failing("combat", "src/formula.rs", RESOLVE, "attack").await;
    let folder = pack_with("combat", &failing);
    let setup = sparring().setting("LORE_RELOAD_PROBATION_TICKS", "100000");
    let world = setup.start().with_pack(folder.path()).killed();
    let (hero, mut socket) = world.player("warrior").await;
    let mut swings = 0;
    while row(&world, "combat")["resting"].is_null() {
        let swung = swing(&mut socket).await;
        assert_eq!((&swung["by"], &swung["hit"]), (&json!("fallback"), &json!("miss")), "{swung}");
        swings += 1;
        assert!(swings < SWINGS, "it does not rest: {}", status(&world));
    }
    let before = is_left_alone(&world, "combat", &mut socket).await;
    assert_eq!(swing(&mut socket).await["by"], "fallback");
    let after = row(&world, "combat");
    assert_eq!(after["strikes"], before["strikes"], "{after}");
    assert!(after["fallbacks"].as_u64() > before["fallbacks"].as_u64(), "{before} {after}");
    socket.close().await;

    // It is required, and it is there: the server starts.
    let world = world.killed();
    let mut socket = world.join(&hero).await;
    assert_eq!(swing(&mut socket).await["by"], "fallback");
    let rested = row(&world, "combat");
    assert!(rested["resting"].is_string(), "{rested}");
    assert_eq!((&rested["strikes"], &rested["calls"]), (&json!(0), &json!(0)), "{rested}");

    // In one zone first, beside what rests in the others; that outlives a kill too.
    let canary = world.operator(Method::POST, "/admin/v1/modules?canary=greywood");
    let canary = canary.header("content-type", "application/octet-stream").body(starter("combat"));
    let canary = Answer::of(canary).await;
    assert_eq!((canary.status.as_u16(), &canary.body["state"]), (200, &json!("canary")), "{canary:?}");
    assert_eq!(swing(&mut socket).await["by"], canary.body["label"]);
    assert_eq!(row(&world, "combat")["label"], rested["label"]);
    socket.close().await;
    let world = world.killed();
    let mut socket = world.join(&hero).await;
    assert_eq!(swing(&mut socket).await["by"], canary.body["label"]);
    assert!(row(&world, "combat")["resting"].is_string());
    let back = rollback(&world, "combat").await;
    assert_eq!((back.status.as_u16(), &back.body["label"]), (200, &rested["label"]), "{back:?}");
    assert_eq!(back.body["resting"], true, "{back:?}");
    assert_eq!(swing(&mut socket).await["by"], "fallback");

    let pushed = push(&world, starter("combat")).await;
    assert_eq!((pushed.status.as_u16(), &pushed.body["resting"]), (200, &json!(false)), "{pushed:?}");
    assert_eq!(swing(&mut socket).await["by"], pushed.body["label"]);
    recorded(&mut socket).await;
    socket.close().await;
    replays(&world.killed(), "greywood");
}

/// The same script under another name.
fn renamed(component: &[u8]) -> Vec<u8> {
    let (name, other) = (br#""name":"wolf""#, br#""name":"fang""#);
    let at = component.windows(name.len()).rposition(|bytes| bytes == name).expect("a manifest");
    let mut component = component.to_vec();
    component[at..at + name.len()].copy_from_slice(other);
    component
}

/// Where newcomers meet a wolf that neither dies soon nor kills.
fn field() -> Copied {
    let content = Copied::content();
    content
        .replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\"")
        .replace("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 549]")
        .replace("npcs.toml", "health = 80, attack = 7", "health = 60000, attack = 0");
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_first_and_always_fails_rests_with_its_change() {
    let failing = renamed(&failing("wolf", "src/mind.rs", THINK, "seen").await);
    let world = Setup::default().content(field()).setting("LORE_RELOAD_PROBATION_TICKS", "100000").start();
    // Its proof would hold it.
    let request = world.operator(Method::POST, "/admin/v1/modules?skip_proof=true");
    let request = request.header("content-type", "application/octet-stream").body(failing);
    let pushed = Answer::of(request).await;
    assert_eq!((pushed.status.as_u16(), &pushed.body["before"]), (200, &Value::Null), "{pushed:?}");
    let used = field();
    let wolf = "script = \"wolf\"\nhostile = true\nspeed = 7";
    used.replace("npcs.toml", wolf, &wolf.replace("wolf", "fang"));
    let content = push_content(&world, &read_content(used.path())).await;
    assert_eq!(content.status, 200, "{content:?}");

    let (hero, mut socket) = world.player("warrior").await;
    let rested = rests(&world, "fang").await;
    assert_eq!(rested["label"], pushed.body["label"]);
    let change = format!("/admin/v1/changes/{}?wait=60", pushed.body["change"]);
    let change = Answer::of(world.operator(Method::GET, &change)).await.body;
    assert_eq!((&change["state"], &change["breach"]["rule"]), (&json!("quarantined"), &json!("failures")));
    is_left_alone(&world, "fang", &mut socket).await;
    assert!(row(&world, "wolf")["resting"].is_null(), "another script");
    socket.close().await;

    // Neither it nor the content that names it is dropped.
    let world = world.killed();
    assert_eq!(status(&world)["content"], content.body["label"]);
    let mut socket = world.join(&hero).await;
    assert_eq!(is_left_alone(&world, "fang", &mut socket).await["label"], pushed.body["label"]);

    let repaired = push(&world, renamed(&starter("wolf"))).await;
    assert_eq!(
        (repaired.status.as_u16(), &repaired.body["state"]),
        (200, &json!("probation")),
        "{repaired:?}"
    );
    swing(&mut socket).await;
    let you = socket.replica.you;
    socket.event("a bite", |event| event["type"] == "swing" && event["attacker"] != you).await;
    socket.close().await;
    let world = world.killed();
    assert_eq!(live_label(&world, "fang"), repaired.body["label"].as_str().unwrap());
    assert!(row(&world, "fang")["resting"].is_null());
}
