//! What NPCs remember and what has been said in a dialog, when the script that wrote it gives these numbers another
//! meaning: it goes along and comes back. And a character whose state the new script cannot read: it enters and walks
//! on, and its state waits for a script that can.

use crate::live::{Workshop, root};
use crate::migration::{Version, build, hunting_ground, kill, nearest_wolf, plan, quest, rollback};
use crate::reload_pipeline::{live_label, push, status};
use crate::support::http_server::Answer;
use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World, pack};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A wolf that keeps away from its home as far as it remembers, once it was hurt: four metres.
const WOLF: &str = r#"//! Keeps away.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    wit_bindgen::generate!({ world: "npc-script-with-state", path: "../../wit" });
}

use wit::exports::lore::script::migration::{self, NpcMemory, State as Old};
use wit::exports::lore::script::npc::{Context, Decision, Guest, Perception, Position, State};

const SCHEMA: u32 = @SCHEMA;

/// What a metre is in the memory.
const fn metre(schema: u32) -> i64 {
    if schema == 2 { 2 } else { 1 }
}

struct Wolf;

fn think(seen: &Perception) -> Decision {
    let hurt = seen.target != 0 && seen.memory == 0;
    let memory = if hurt { 4 * metre(SCHEMA) } else { seen.memory };
    let east_mm = (memory / metre(SCHEMA)) as i32 * 1_000;
    let north_mm = if memory > 0 { @NORTH_MM } else { 0 };
    let destination = Position { x_mm: seen.home.x_mm + east_mm, y_mm: seen.home.y_mm + north_mm };
    Decision {
        id: seen.id,
        state: State::Wander,
        target: 0,
        destination,
        speed_permille: 1_000,
        ability: 0,
        call_for_help: false,
        memory,
    }
}

impl Guest for Wolf {
    fn think(_ctx: Context, perceptions: Vec<Perception>) -> Vec<Decision> {
        lore_sdk::each(&perceptions, think)
    }
}

fn turn(states: Vec<Old>, from: u32, to: u32) -> Vec<Result<Old, String>> {
    let turn = |state| match state {
        Old::Npc(npc) => {
            if npc.memory > 0 && to == 3 {
                return Err("nobody knows what a metre was".to_owned());
            }
            let memory = npc.memory / metre(from) * metre(to);
            Ok(Old::Npc(NpcMemory { memory, ..npc }))
        }
        other => Ok(other),
    };
    states.into_iter().map(turn).collect()
}

impl migration::Guest for Wolf {
    fn schema() -> u32 {
        SCHEMA
    }
    fn migrate(from: u32, states: Vec<Old>) -> Vec<Result<Old, String>> {
        turn(states, from, SCHEMA)
    }
    fn revert(to: u32, states: Vec<Old>) -> Vec<Result<Old, String>> {
        turn(states, SCHEMA, to)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Wolf with_types_in wit);
"#;

/// What is added to the innkeeper's script: which of its flags says that somebody was given a loaf.
const LOAVES: &str = r#"use wit::exports::lore::script::migration::{self, DialogProgress, State};

const SCHEMA: u32 = @SCHEMA;

const fn loaf(schema: u32) -> u32 {
    if schema == 2 { 5 } else { 0 }
}

fn turn(states: Vec<State>, from: u32, to: u32) -> Vec<Result<State, String>> {
    let turn = |state| match state {
        State::Dialog(talk) => {
            let given = talk.flags >> loaf(from) & 1;
            if given == 1 && to == 3 {
                return Err("whose loaf was it?".to_owned());
            }
            let flags = talk.flags & !(1 << loaf(from)) | given << loaf(to);
            Ok(State::Dialog(DialogProgress { flags, ..talk }))
        }
        other => Ok(other),
    };
    states.into_iter().map(turn).collect()
}

impl migration::Guest for Innkeeper {
    fn schema() -> u32 {
        SCHEMA
    }
    fn migrate(from: u32, states: Vec<State>) -> Vec<Result<State, String>> {
        turn(states, from, SCHEMA)
    }
    fn revert(to: u32, states: Vec<State>) -> Vec<Result<State, String>> {
        turn(states, SCHEMA, to)
    }
}

#[cfg(target_arch = "wasm32")]"#;

fn original(script: &str) -> String {
    std::fs::read_to_string(root().join("scripts").join(script).join("src/lib.rs")).unwrap()
}

/// Versions of the wolf in schemas 1, 2 and 3. The second one keeps away to the north as well; the third one cannot
/// read what those remember that were hurt.
fn wolves() -> [Vec<u8>; 3] {
    let (workshop, original) = (Workshop::open().unwrap(), original("wolf"));
    [("1", "0"), ("2", "2_000"), ("3", "0")].map(|(schema, north)| {
        let source = WOLF.replace("@SCHEMA", schema).replace("@NORTH_MM", north);
        workshop.build("wolf", &format!("{schema}.0.0"), "src/lib.rs", &original, &source).unwrap()
    })
}

/// Versions of the innkeeper in schemas 1, 2 and 3, likewise.
fn innkeepers() -> [Vec<u8>; 3] {
    let (workshop, original) = (Workshop::open().unwrap(), original("innkeeper"));
    [("1", "0"), ("2", "5"), ("3", "0")].map(|(schema, flag)| {
        let lib = original
            .replace("\"dialog-script\"", "\"dialog-script-with-state\"")
            .replace("#[cfg(target_arch = \"wasm32\")]", &LOAVES.replace("@SCHEMA", schema));
        let (from, to) = ("FLAG_LOAF: u32 = 0", format!("FLAG_LOAF: u32 = {flag}"));
        let edits = [("src/lib.rs", original.as_str(), lib.as_str()), ("src/talk.rs", from, to.as_str())];
        workshop.build_edited("innkeeper", &format!("{schema}.0.0"), &edits).unwrap()
    })
}

/// The schema of a live script, as `lore status` has it: for machines and for people.
pub fn schema(world: &World, script: &str) -> (u64, String) {
    let status = status(world);
    let module = status["modules"].as_array().unwrap().iter().find(|module| module["name"] == script);
    let output = world.lore(&["status"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = text.lines().find(|line| line.starts_with(&format!("{script}@"))).unwrap();
    (module.unwrap()["schema"].as_u64().unwrap(), row.split_whitespace().nth(2).unwrap().to_owned())
}

/// What a plan says of the state of the script, after its verdict.
pub async fn planned(world: &World, bytes: &[u8], verdict: &str) -> Value {
    let report = plan(world, bytes).await;
    assert_eq!(report["verdict"]["verdict"], verdict, "{report}");
    report["state"].clone()
}

/// Waits until what happened is in the log on disk, which it reaches every second: two seconds of ticks.
pub async fn recorded(socket: &mut Socket) {
    let enough = socket.replica.tick + 40;
    while socket.replica.tick < enough {
        socket.step_in_place().await;
    }
}

/// Lets what was recorded in a zone happen again, once the server was killed: there, back, and all between.
pub fn replays(world: &World, zone: &str) {
    let log = world.data().join("replay").join(zone);
    let output = world.lore_offline(&["replay", log.to_str().unwrap(), "--json"]);
    let played: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && played["difference"].is_null(), "{played}");
    assert!(played["swaps"].as_u64() >= Some(3), "{played}");
}

/// Waits until an entity stands there.
async fn stands(socket: &mut Socket, entity: u64, x: i64, y: i64) {
    let there = |it: &Value| (&it["x"], &it["y"]) == (&json!(x), &json!(y));
    let what = format!("entity {entity} at {x}, {y}");
    socket
        .until(&what, |socket| socket.replica.entities.get(&entity).filter(|it| there(it)).map(|_| ()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_npc_remembers_outlives_what_it_is_counted_in() {
    let [one, two, three] = tokio::task::spawn_blocking(wolves).await.unwrap();
    let content = Copied::content();
    content
        .replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\"")
        .replace("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 546]")
        .replace("zones/greywood.toml", "at = [300, 545]\nradius = 2\n", "at = [300, 545]\n")
        .replace("npcs.toml", "health = 80, attack = 7", "health = 100000, attack = 0");
    let world = Setup::default().content(content).setting("LORE_RELOAD_PROBATION_TICKS", "20").start();
    assert_eq!(push(&world, one).await.status, 200);
    let first = live_label(&world, "wolf");
    assert_eq!(schema(&world, "wolf"), (1, "1".to_owned()));
    let (_, mut socket) = world.player("warrior").await;
    let at_home =
        |socket: &Socket| nearest_wolf(socket).filter(|(_, x, y, _)| (*x, *y) == (300_000, 545_000));
    let (wolf, ..) = socket.until("a wolf at home", |socket| at_home(socket)).await;
    while socket.replica.entities[&wolf]["x"] == 300_000 {
        // Until it is hurt; it may be a moment too soon for the next blow.
        let _ = socket.patient("combat.attack", &json!({"target": wolf})).await;
        socket.one_delta().await;
    }
    stands(&mut socket, wolf, 304_000, 545_000).await;

    // Memories of all wolves go over, and one of them says something.
    let state = planned(&world, &two, "accept").await;
    assert_eq!(
        (&state["from"], &state["to"], &state["failed"]),
        (&json!(1), &json!(2), &json!(0)),
        "{state}"
    );
    assert_eq!((&state["stored"], &state["changed"]), (&json!(0), &json!(1)), "{state}");
    assert!(state["live"].as_u64() > Some(10), "{state}");
    let example = &state["examples"][0];
    assert_eq!((&example["before"], &example["after"]), (&json!("memory 4"), &json!("memory 8")), "{state}");
    let pushed = push(&world, two).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let second = live_label(&world, "wolf");
    assert_eq!(schema(&world, "wolf"), (2, "2".to_owned()));
    // Two metres, had it not been migrated.
    stands(&mut socket, wolf, 304_000, 547_000).await;

    let state = planned(&world, &three, "refuse").await;
    assert_eq!(state["failed"], 1, "{state}");
    let refused = push(&world, three).await;
    refused.is_problem(409, "state_refused");
    let whose = format!("NPC {wolf}: nobody knows what a metre was");
    assert!(refused.body["detail"].as_str().unwrap().contains(&whose), "{refused:?}");
    assert_eq!(live_label(&world, "wolf"), second);

    let back = rollback(&world, "wolf").await;
    assert_eq!((back.status.as_u16(), &back.body["label"]), (200, &json!(first)), "{back:?}");
    stands(&mut socket, wolf, 304_000, 545_000).await;
    recorded(&mut socket).await;
    socket.close().await;
    replays(&world.killed(), "greywood");
}

/// Opens a conversation with Mira; the choices of her greeting.
async fn greet(socket: &mut Socket) -> Vec<String> {
    socket.forget_notes();
    let mira = socket.replica.find("mira").unwrap();
    socket.done("npc.interact", json!({"target": mira})).await;
    let shown = socket.notified("dialog.show").await;
    if shown["node"] == "knock" { choose(socket, "come_in").await } else { offered(&shown) }
}

async fn choose(socket: &mut Socket, choice: &str) -> Vec<String> {
    socket.forget_notes();
    socket.done("dialog.choose", json!({"choice": choice})).await;
    offered(&socket.notified("dialog.show").await)
}

fn offered(shown: &Value) -> Vec<String> {
    let choices = shown["choices"].as_array().unwrap().iter();
    choices.map(|choice| choice["id"].as_str().unwrap().to_owned()).collect()
}

/// Whether Mira has a loaf for somebody who greets her.
async fn has_a_loaf_for(socket: &mut Socket) -> bool {
    let choices = greet(socket).await;
    assert!(choices.contains(&"ask_rooms".to_owned()), "{choices:?}");
    choices.contains(&"take_bread".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loaf_is_given_once_whatever_flag_says_so() {
    let [one, two, three] = tokio::task::spawn_blocking(innkeepers).await.unwrap();
    let content = Copied::content();
    content.replace("zones/downtown.toml", "entrance = [200, 100]", "entrance = [211, 106]");
    let world = Setup::default().content(content).setting("LORE_RELOAD_PROBATION_TICKS", "20").start();
    assert_eq!(push(&world, one).await.status, 200);
    let first = live_label(&world, "innkeeper");
    assert_eq!(schema(&world, "innkeeper"), (1, "1".to_owned()));
    let (_, mut socket) = world.player("warrior").await;
    let (friend, mut other) = world.player("mage").await;
    let (_, mut late) = world.player("mage").await;
    for socket in [&mut socket, &mut other] {
        assert!(has_a_loaf_for(socket).await);
        choose(socket, "take_bread").await;
        assert!(!has_a_loaf_for(socket).await);
    }
    other.close().await;

    let state = planned(&world, &two, "accept").await;
    assert_eq!(
        (&state["from"], &state["to"], &state["failed"]),
        (&json!(1), &json!(2), &json!(0)),
        "{state}"
    );
    assert_eq!(
        (&state["live"], &state["stored"], &state["changed"]),
        (&json!(1), &json!(2), &json!(2)),
        "{state}"
    );
    // In the middle of a conversation, which goes on.
    let pushed = push(&world, two).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let second = live_label(&world, "innkeeper");
    assert_eq!(schema(&world, "innkeeper"), (2, "2".to_owned()));
    choose(&mut socket, "ask_rooms").await;
    let choices = choose(&mut socket, "back").await;
    assert!(!choices.contains(&"take_bread".to_owned()), "she has forgotten her loaf: {choices:?}");
    assert!(!has_a_loaf_for(&mut socket).await);
    let mut other = world.join(&friend).await;
    assert!(!has_a_loaf_for(&mut other).await, "migrated as it enters");
    assert!(has_a_loaf_for(&mut late).await);
    choose(&mut late, "take_bread").await;

    planned(&world, &three, "refuse").await;
    let refused = push(&world, three).await;
    refused.is_problem(409, "state_refused");
    let detail = refused.body["detail"].as_str().unwrap();
    let whose = format!("character {}, dialog/innkeeper: whose loaf was it?", friend.character);
    assert!(detail.contains(&whose), "{detail}");
    assert_eq!(live_label(&world, "innkeeper"), second);

    other.close().await;
    let back = rollback(&world, "innkeeper").await;
    assert_eq!((back.status.as_u16(), &back.body["label"]), (200, &json!(first)), "{back:?}");
    assert!(!has_a_loaf_for(&mut socket).await, "restored");
    assert!(!has_a_loaf_for(&mut late).await, "reverted: it was given in the other schema");
    let mut other = world.join(&friend).await;
    assert!(!has_a_loaf_for(&mut other).await, "as it was stored");
    recorded(&mut socket).await;
    for socket in [socket, other, late] {
        socket.close().await;
    }
    replays(&world.killed(), "downtown");
}

/// The starter's pack with another script of quests.
fn pack_with(quests: &[u8], folder: &Path) {
    for entry in std::fs::read_dir(pack()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    std::fs::write(folder.join("quests.wasm"), quests).unwrap();
}

/// A pack is not pushed: nobody tries what it makes of the state of those that are away.
#[tokio::test(flavor = "multi_thread")]
async fn who_brings_state_that_no_script_reads_walks_on_and_loses_nothing() {
    let build_both = || {
        let (workshop, folder) = (Workshop::open().unwrap(), tempfile::tempdir().unwrap());
        let one = build(&workshop, &Version::first("1.0.0"));
        pack_with(&build(&workshop, &Version::broken("3.0.0")), folder.path());
        (one, folder)
    };
    let (one, folder) = tokio::task::spawn_blocking(build_both).await.unwrap();
    let world = hunting_ground().start();
    assert_eq!(push(&world, one).await.status, 200);
    // One after the other: a wolf that is after both would count for both.
    let mut both = Vec::new();
    for kills in [2, 1] {
        let (player, mut socket) = world.player("warrior").await;
        socket.done("quest.accept", json!({"quest": "wolves_at_the_gate"})).await;
        for kills in 1..=kills {
            assert_eq!(kill(&mut socket).await, ("active".to_owned(), kills));
        }
        socket.close().await;
        both.push(player);
    }
    let [hero, friend] = both.try_into().ok().unwrap();

    // Two kills can be read, one cannot.
    let world = world.with_pack(folder.path()).killed();
    assert_eq!(schema(&world, "quests"), (3, "3".to_owned()));
    let mut socket = world.join(&hero).await;
    assert_eq!(kill(&mut socket).await, ("active".to_owned(), 3), "migrated as it enters");
    socket.close().await;
    let mut other = world.join(&friend).await;
    let left = format!("character {}", friend.character);
    let (said, next) = world.said("a state cannot be migrated", 0, Duration::from_secs(20)).await;
    assert!(said.contains(&left) && said.contains("two halves of what?"), "{said}");
    assert!(said.contains("greywood"), "{said}");
    assert_eq!(quest(&mut other).await, ("active".to_owned(), 1), "it is shown as it was");
    // What it does is done, but counts for nothing.
    slay(&mut other).await;
    other.rejected("quest.turn_in", json!({"quest": "wolves_at_the_gate"}), "quest_state").await;
    assert_eq!(quest(&mut other).await, ("active".to_owned(), 1));

    // It takes its state along through the gate, where nobody reads it either.
    other.walk(300_000, 598_000, 10_000).await;
    other.until("the city", |socket| (socket.replica.zone == "downtown").then_some(())).await;
    let (said, _) = world.said("a state cannot be migrated", next, Duration::from_secs(20)).await;
    assert!(said.contains(&left) && said.contains("downtown"), "{said}");
    assert_eq!(quest(&mut other).await, ("active".to_owned(), 1));
    other.forget_notes();
    other.walk(200_000, 2_000, 10_000).await;
    other.until("the forest", |socket| (socket.replica.zone == "greywood").then_some(())).await;
    other.close().await;

    // The former pack reads it: nothing was lost but what was done meanwhile.
    let world = world.with_pack(pack()).killed();
    assert_eq!(schema(&world, "quests"), (0, "0".to_owned()));
    let mut other = world.join(&friend).await;
    assert_eq!(quest(&mut other).await, ("active".to_owned(), 1));
    assert_eq!(kill(&mut other).await, ("active".to_owned(), 2));
    other.close().await;
    let answer = Answer::of(world.operator(reqwest::Method::GET, "/admin/v1/status")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Strikes at wolves until one falls.
async fn slay(socket: &mut Socket) {
    loop {
        let (wolf, x, y, apart) = socket.until("a wolf", |socket| nearest_wolf(socket)).await;
        if apart > 2_000_i64.pow(2) {
            socket.walk(x, y + 1_000, 10_000).await;
        }
        socket.events.clear();
        if socket.patient("combat.attack", &json!({"target": wolf})).await.is_err() {
            socket.one_delta().await;
            continue;
        }
        let you = socket.replica.you;
        let mine = |event: &Value| event["type"] == "swing" && event["attacker"] == you;
        if socket.event("a swing", mine).await["amount"].as_i64() > Some(0) {
            return;
        }
    }
}
