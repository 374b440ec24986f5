//! A quest's script changes the meaning of its state while somebody is in the middle of the quest: the
//! state goes along, a version that cannot take all of it along never becomes live, and on the way back
//! nothing that was done meanwhile is lost. The server is killed in between.

use crate::live::{Workshop, root};
use crate::reload_pipeline::{live_label, push};
use crate::support::http_server::Answer;
use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World};
use reqwest::Method;
use serde_json::{Value, json};

const QUEST: &str = "wolves_at_the_gate";

/// A quest script that counts kills in its memory, `UNIT` for each, and asks for `NEED` of them.
const SCRIPT: &str = r#"//! Counts kills.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    wit_bindgen::generate!({ world: "quest-script-with-state", path: "../../wit" });
}

use wit::exports::lore::script::migration::{self, QuestProgress, State};
use wit::exports::lore::script::quest::{Context, Deed, Guest, Inquiry, QuestState, Step, Trigger};

const SCHEMA: u32 = @SCHEMA;
const UNIT: i64 = unit(SCHEMA);
const NEED: i64 = @NEED;

const fn unit(schema: u32) -> i64 {
    if schema == 2 { 2 } else { 1 }
}

struct Quests;

fn advance(inquiry: &Inquiry) -> Step {
    let progress = &inquiry.progress;
    @TRAPS
    let step = |state, memory: i64, reward_permille| {
        let done = progress.objectives.iter().map(|objective| match objective.deed {
            Deed::Kill => (memory / UNIT) as u32,
            _ => objective.done,
        });
        Step { id: inquiry.id, state, done: done.collect(), reward_permille, memory }
    };
    match &inquiry.trigger {
        Trigger::Offer => step(QuestState::Available, 0, 0),
        Trigger::Accept => step(QuestState::Active, 0, 0),
        Trigger::Happened(event) if event.deed == Deed::Kill => {
            let memory = progress.memory + UNIT * i64::from(event.amount);
            let enough = memory >= NEED * UNIT;
            step(if enough { QuestState::Complete } else { QuestState::Active }, memory, 0)
        }
        Trigger::TurnIn if progress.state == QuestState::Complete => {
            step(QuestState::TurnedIn, progress.memory, 1_000)
        }
        Trigger::Abandon => step(QuestState::Abandoned, 0, 0),
        _ => step(progress.state, progress.memory, 0),
    }
}

impl Guest for Quests {
    fn advance(_ctx: Context, inquiries: Vec<Inquiry>) -> Vec<Step> {
        lore_sdk::each(&inquiries, advance)
    }
}

fn turn(states: Vec<State>, from: u32, to: u32) -> Vec<Result<State, String>> {
    let turn = |state| match state {
        State::Quest(progress) => {
            let memory = progress.memory / unit(from) * unit(to);
            @BROKEN
            Ok(State::Quest(QuestProgress { memory, ..progress }))
        }
        other => Ok(other),
    };
    states.into_iter().map(turn).collect()
}

impl migration::Guest for Quests {
    fn schema() -> u32 {
        SCHEMA
    }
    fn migrate(from: u32, states: Vec<State>) -> Vec<Result<State, String>> {
        turn(states, from, SCHEMA)
    }
    fn revert(to: u32, states: Vec<State>) -> Vec<Result<State, String>> {
        @REVERT
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Quests with_types_in wit);
"#;

/// Reverts as it migrates.
const BACK: &str = "turn(states, SCHEMA, to)";
/// Knows no way back.
const NO_WAY_BACK: &str =
    "let _ = to; states.iter().map(|_| Err(\"halves cannot be made whole\".to_owned())).collect()";

/// A version of the script.
#[derive(Clone, Copy)]
pub struct Version {
    number: &'static str,
    schema: &'static str,
    need: &'static str,
    broken: &'static str,
    traps: &'static str,
    revert: &'static str,
}

impl Version {
    /// Counts kills, and asks for four.
    pub const fn first(number: &'static str) -> Self {
        Self { number, schema: "1", need: "4", broken: "", traps: "", revert: BACK }
    }

    /// Cannot take everybody's state along: one kill is too few for it.
    pub const fn broken(number: &'static str) -> Self {
        let broken = "if progress.memory == 1 { return Err(\"two halves of what?\".to_owned()); }";
        Self { schema: "3", broken, ..Self::first(number) }
    }

    /// Counts in halves, and fails for who has killed one wolf: two halves.
    pub const fn trapping(number: &'static str) -> Self {
        let traps = "assert!(progress.memory != 2, \"two halves\");";
        Self { schema: "2", need: "8", traps, ..Self::first(number) }
    }

    /// Counts in halves.
    pub const fn halves(number: &'static str) -> Self {
        Self { schema: "2", need: "8", ..Self::first(number) }
    }
}

/// Builds it.
pub fn build(workshop: &Workshop, version: &Version) -> Vec<u8> {
    let original = std::fs::read_to_string(root().join("scripts/quests/src/lib.rs")).unwrap();
    let source = SCRIPT
        .replace("@SCHEMA", version.schema)
        .replace("@NEED", version.need)
        .replace("@BROKEN", version.broken)
        .replace("@TRAPS", version.traps)
        .replace("@REVERT", version.revert);
    workshop.build("quests", version.number, "src/lib.rs", &original, &source).unwrap()
}

/// One kill each: version 1 asks for four. Version 2 counts in halves and asks for eight. Version 3 cannot
/// take everybody's state along. Version 4 is version 2 without a way back.
async fn versions() -> [Vec<u8>; 4] {
    let build_all = || {
        let workshop = Workshop::open().unwrap();
        let one = Version::first("1.0.0");
        [
            build(&workshop, &one),
            build(&workshop, &Version { number: "2.0.0", schema: "2", need: "8", ..one }),
            build(&workshop, &Version::broken("3.0.0")),
            build(
                &workshop,
                &Version { number: "2.1.0", schema: "2", need: "8", revert: NO_WAY_BACK, ..one },
            ),
        ]
    };
    tokio::task::spawn_blocking(build_all).await.unwrap()
}

/// A world in which Mira stands in the Greywood, beside a wolf that falls at the first blow and comes back
/// at once.
pub fn hunting_ground() -> Setup {
    let content = Copied::content();
    let wolf = "npc = \"wolf\"\nat = [300, 545]\nradius = 2\nrespawn = \"15s\"\n";
    let both = "npc = \"mira\"\nat = [302, 550]\nrespawn = \"10s\"\n\n[[zone.greywood.spawn]]\n\
                npc = \"wolf\"\nat = [300, 545]\nradius = 2\nrespawn = \"1s\"\n";
    content
        .replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\"")
        .replace("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 549]")
        .replace("zones/greywood.toml", wolf, both)
        .replace("npcs.toml", "health = 80, attack = 7", "health = 1, attack = 0")
        .replace("quests.toml", "subject = \"wolf\", needed = 3", "subject = \"wolf\", needed = 8");
    Setup::default().content(content).setting("LORE_RELOAD_PROBATION_TICKS", "20")
}

/// State and kills of the quest, as `quest.list` tells.
pub async fn quest(socket: &mut Socket) -> (String, u64) {
    let list = socket.done("quest.list", json!({})).await;
    let quest = list["quests"].as_array().unwrap().iter().find(|quest| quest["name"] == QUEST).unwrap();
    counted(quest)
}

fn counted(quest: &Value) -> (String, u64) {
    (quest["state"].as_str().unwrap().to_owned(), quest["objectives"][0]["done"].as_u64().unwrap())
}

/// The living wolf nearest to the character: who, where, and how far away.
pub fn nearest_wolf(socket: &Socket) -> Option<(u64, i64, i64, i64)> {
    let (x, y) = socket.place();
    let wolves = socket.replica.entities.iter().filter(|(_, it)| it["template"] == "wolf" && it["hp"] != 0);
    let placed = wolves.map(|(id, it)| {
        let (wx, wy) = (it["x"].as_i64().unwrap(), it["y"].as_i64().unwrap());
        (*id, wx, wy, (wx - x).pow(2) + (wy - y).pow(2))
    });
    placed.min_by_key(|(.., apart)| *apart)
}

/// Kills one wolf; how the quest stands then.
pub async fn kill(socket: &mut Socket) -> (String, u64) {
    socket.forget_notes();
    loop {
        let (wolf, x, y, apart) = socket.until("a wolf", |socket| nearest_wolf(socket)).await;
        if apart > 2_000_i64.pow(2) {
            socket.walk(x, y + 1_000, 10_000).await;
        }
        socket.events.clear();
        match socket.patient("combat.attack", &json!({"target": wolf})).await {
            Ok(_) => {}
            // It may have been another's, or have moved on.
            Err(error) if error["data"]["rejection"].is_string() => {
                socket.one_delta().await;
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        let you = socket.replica.you;
        let mine = |event: &Value| event["type"] == "swing" && event["attacker"] == you;
        // One blow that lands is the end of it.
        if socket.event("a swing", mine).await["amount"].as_i64() > Some(0) {
            return counted(&socket.notified("quest.update").await["quest"]);
        }
    }
}

/// Goes back to the version of a script before the live one.
pub async fn rollback(world: &World, script: &str) -> Answer {
    let request = world.operator(Method::POST, "/admin/v1/rollback?who=story&why=because");
    Answer::of(request.json(&json!({"script": script}))).await
}

/// What would become of everything.
pub async fn plan(world: &World, bytes: &[u8]) -> Value {
    let request = world.operator(Method::POST, "/admin/v1/plan");
    let request = request.header("content-type", "application/octet-stream").body(bytes.to_vec());
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_outlives_what_it_is_counted_in() {
    let [one, two, three, _] = versions().await;
    let world = hunting_ground().start();
    let pushed = push(&world, one).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let first = live_label(&world, "quests");
    // One after the other: a wolf that is after both would count for both.
    let (friend, mut other) = world.player("warrior").await;
    other.done("quest.accept", json!({"quest": QUEST})).await;
    assert_eq!(kill(&mut other).await, ("active".to_owned(), 1));
    other.close().await;
    let (hero, mut socket) = world.player("warrior").await;
    socket.done("quest.accept", json!({"quest": QUEST})).await;
    assert_eq!(kill(&mut socket).await, ("active".to_owned(), 1));
    assert_eq!(kill(&mut socket).await, ("active".to_owned(), 2));

    // What would become of everybody's state is seen before.
    let report = plan(&world, &two).await;
    let state = &report["state"];
    assert_eq!(
        (&state["from"], &state["to"], &state["failed"]),
        (&json!(1), &json!(2), &json!(0)),
        "{state}"
    );
    assert_eq!((&state["live"], &state["stored"], &state["changed"]), (&json!(1), &json!(2), &json!(2)));
    assert!(state["examples"].to_string().contains("memory 4"), "{state}");
    let canary = world.operator(Method::POST, "/admin/v1/modules?canary=greywood");
    let canary = canary.header("content-type", "application/octet-stream").body(two.clone());
    Answer::of(canary).await.is_problem(422, "state_canary");

    // Live in the middle of the quest; five are not enough any more.
    let pushed = push(&world, two).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let second = live_label(&world, "quests");
    assert_eq!(quest(&mut socket).await, ("active".to_owned(), 2));
    for kills in 3..=5 {
        assert_eq!(kill(&mut socket).await, ("active".to_owned(), kills));
    }

    // Somebody's state is more than the third version can take along: it never becomes live.
    let report = plan(&world, &three).await;
    assert_eq!((&report["verdict"]["verdict"], &report["state"]["failed"]), (&json!("refuse"), &json!(1)));
    let refused = push(&world, three).await;
    refused.is_problem(409, "state_refused");
    let detail = refused.body["detail"].as_str().unwrap();
    let whose = format!("character {}, quest/{QUEST}", friend.character);
    assert!(detail.contains(&whose) && detail.contains("two halves of what?"), "{detail}");
    assert_eq!(live_label(&world, "quests"), second);
    assert_eq!(quest(&mut socket).await, ("active".to_owned(), 5));

    // A kill of the server takes nothing of it.
    let world = world.killed();
    assert_eq!(live_label(&world, "quests"), second);
    let mut other = world.join(&friend).await;
    assert_eq!(quest(&mut other).await, ("active".to_owned(), 1), "migrated as it enters");
    assert_eq!(kill(&mut other).await, ("active".to_owned(), 2));
    other.close().await;
    let mut socket = world.join(&hero).await;
    assert_eq!(quest(&mut socket).await, ("active".to_owned(), 5));

    // Back, with what was done meanwhile: the friend's in the store, the hero's in the world.
    let back = rollback(&world, "quests").await;
    assert_eq!((back.status.as_u16(), &back.body["label"]), (200, &json!(first)), "{back:?}");
    assert_eq!(quest(&mut socket).await, ("active".to_owned(), 5));
    assert_eq!(kill(&mut socket).await, ("complete".to_owned(), 6), "four were enough");
    let mut other = world.join(&friend).await;
    assert_eq!(quest(&mut other).await, ("active".to_owned(), 2), "reverted as it enters");
    assert_eq!(kill(&mut other).await, ("active".to_owned(), 3));
    assert_eq!(kill(&mut other).await, ("complete".to_owned(), 4));

    // All of it happens again, to the bit.
    socket.close().await;
    other.close().await;
    let world = world.killed();
    let log = world.data().join("replay/greywood");
    let output = world.lore_offline(&["replay", log.to_str().unwrap(), "--json"]);
    let played: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && played["difference"].is_null(), "{played}");
    assert!(played["swaps"].as_u64() >= Some(2), "{played}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_way_back_goes_back_only_untouched() {
    let [one, _, _, stuck] = versions().await;
    let world = hunting_ground().start();
    assert_eq!(push(&world, one).await.status, 200);
    let first = live_label(&world, "quests");
    let (_, mut socket) = world.player("warrior").await;
    socket.done("quest.accept", json!({"quest": QUEST})).await;
    assert_eq!(kill(&mut socket).await, ("active".to_owned(), 1));

    assert_eq!(push(&world, stuck.clone()).await.status, 200);
    let back = rollback(&world, "quests").await;
    assert_eq!((back.status.as_u16(), &back.body["label"]), (200, &json!(first)), "untouched: {back:?}");
    assert_eq!(quest(&mut socket).await, ("active".to_owned(), 1));

    assert_eq!(push(&world, stuck).await.status, 200);
    let second = live_label(&world, "quests");
    assert_eq!(kill(&mut socket).await, ("active".to_owned(), 2));
    let refused = rollback(&world, "quests").await;
    refused.is_problem(409, "state_refused");
    assert!(refused.body["detail"].as_str().unwrap().contains("halves cannot be made whole"), "{refused:?}");
    assert_eq!(live_label(&world, "quests"), second);
    // Who has left is asked about too.
    socket.done("world.leave", json!({})).await;
    rollback(&world, "quests").await.is_problem(409, "state_refused");
    socket.close().await;
}
