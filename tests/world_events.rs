//! World events as players meet them: brought about by kills or by the hour, stage by stage, with a reward in
//! the journal; a new version of the script goes on in the stage, and no restart pays anybody twice.

use crate::live::{Workshop, lore};
use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _};

/// Straw men before the fountain, a lesson for who has felled two of them, and a parade every hour.
const EVENTS: &str = r#"
[npc.straw_man]
title = "Straw Man"
level = 1
stats = { health = 5, evasion = 0 }
script = "townsfolk"
hostile = true
leash = 1
basic = "bite"
experience = 1

[npc.scarecrow]
title = "Scarecrow"
level = 1
stats = { health = 5, evasion = 0 }
script = "townsfolk"
hostile = true
leash = 1
basic = "bite"
experience = 1

[announcement.lesson]
text = "A lesson in straw begins in {zone}."

[event.lesson]
title = "A Lesson in Straw"
script = "events"
zone = "downtown"
at = [202, 98]
radius = 2
trigger = { kills = "straw_man", count = 2 }
cooldown = "10h"
stage = [
    { text = "Fell two scarecrows", duration = "5m", kills = 2, creatures = [{ npc = "scarecrow", count = 2 }], announcement = "lesson" },
    { text = "And another one", duration = "5m", kills = 1, creatures = [{ npc = "scarecrow" }] },
]
reward = { experience = 40, gold = 7, items = [{ item = "bread", count = 2 }] }

[event.parade]
title = "The Parade"
script = "events"
zone = "westview"
at = [12, 200]
radius = 2
schedule = { every = 1, lasts = 1 }
cooldown = "1s"
stage = [{ text = "Fell the scarecrow", duration = "10m", kills = 1, creatures = [{ npc = "scarecrow" }] }]
reward = { experience = 30, gold = 5 }
"#;

const SPAWN: &str = "[zone.downtown.place.fountain]";
const STRAW: &str = "[[zone.downtown.spawn]]
npc = \"straw_man\"
at = [199, 101]
count = 2
respawn = \"2s\"

[zone.downtown.place.fountain]";

fn content() -> Copied {
    let content = Copied::content();
    content.replace("zones/downtown.toml", SPAWN, STRAW);
    std::fs::write(content.path().join("events.toml"), EVENTS).unwrap();
    content
}

/// Walks up to an NPC of a template and strikes at it until it is gone.
async fn fell(socket: &mut Socket, template: &str) {
    let target = socket.until(template, |socket| socket.replica.find(template)).await;
    let place = |at: &str| socket.replica.entities[&target][at].as_i64().unwrap();
    let (x, y) = (place("x"), place("y"));
    socket.walk(x, y, 10_000).await;
    for _ in 0..200 {
        if !socket.replica.entities.contains_key(&target) {
            return;
        }
        // It may fall between the look and the blow.
        if let Err(error) = socket.patient("combat.attack", &json!({"target": target})).await {
            let why = error["data"]["rejection"].as_str().unwrap_or_default();
            assert!(matches!(why, "no_target" | "wrong_target"), "{error}");
            let gone = |socket: &mut Socket| (!socket.replica.entities.contains_key(&target)).then_some(());
            return socket.until("it to leave", gone).await;
        }
    }
    panic!("the {template} stands");
}

/// The event as the client knows it once `fits` holds of it.
async fn event(socket: &mut Socket, name: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let seen =
        |socket: &mut Socket| socket.replica.world_events.get(name).filter(|event| fits(event)).cloned();
    socket.until(what, seen).await
}

/// Hears what comes for some ticks: whoever had something to begin has begun it.
async fn some_ticks(socket: &mut Socket, ticks: u64) {
    let until = socket.replica.tick + ticks;
    while socket.replica.tick < until {
        socket.step_in_place().await;
    }
}

/// How often the journal says this of somebody or, for character 0, of a zone.
async fn journal(world: &World, kind: &str, character: i64) -> Vec<(String, Value, String)> {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", world.data().join("lore.db").display());
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    let sql =
        "SELECT subject, payload, by_module FROM journal WHERE kind = $1 AND character_id = $2 ORDER BY id";
    let rows = sqlx::query(sql).bind(kind).bind(character).fetch_all(&mut database).await.unwrap();
    let rows = rows.iter().map(|row| {
        let payload: String = row.try_get("payload").unwrap();
        let by = row.try_get("by_module").unwrap();
        (row.try_get("subject").unwrap(), serde_json::from_str(&payload).unwrap(), by)
    });
    let rows = rows.collect();
    database.close().await.unwrap();
    rows
}

#[tokio::test]
async fn kills_bring_it_about_stages_go_on_over_a_swap_and_the_reward_is_paid_once() {
    let build = || {
        let workshop = Workshop::open().unwrap();
        let (from, to) = ("(250, 1_000)", "(2_000, 2_000)");
        workshop.build("events", "0.2.0", "src/reward.rs", from, to).unwrap()
    };
    let generous = tokio::task::spawn_blocking(build).await.unwrap();
    let world = Setup::default().content(content()).start();
    let (hero, mut socket) = world.player("warrior").await;
    assert!(socket.replica.world_events.is_empty(), "{:?}", socket.replica.world_events);
    fell(&mut socket, "straw_man").await;
    fell(&mut socket, "straw_man").await;
    let lesson = event(&mut socket, "lesson", "the lesson", |event| event["stage"] == 1).await;
    assert_eq!((&lesson["title"], &lesson["state"]), (&json!("A Lesson in Straw"), &json!("going")));
    assert_eq!(
        (&lesson["kills_needed"], &lesson["x"], &lesson["radius"]),
        (&json!(2), &json!(202_000), &json!(2_000))
    );
    let told = socket.notified("world.event").await;
    assert!(told["by"].as_str().unwrap().starts_with("events@0.1.0+"), "{told}");
    let said = socket.notified("system.message").await;
    assert_eq!(said["text"], "A lesson in straw begins in Downtown.");
    fell(&mut socket, "scarecrow").await;
    event(&mut socket, "lesson", "a kill", |event| event["kills"] == 1).await;

    // A new version goes on where the old one was.
    let file = world.data().join("generous.wasm");
    std::fs::write(&file, generous).unwrap();
    let pushed = world.lore(&["push", file.to_str().unwrap()]);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    socket.done("state.sync", json!({})).await;
    socket.notified("world.snapshot").await;
    let lesson = event(&mut socket, "lesson", "the lesson", |_| true).await;
    assert_eq!((&lesson["stage"], &lesson["kills"]), (&json!(1), &json!(1)));
    socket.forget_notes();
    fell(&mut socket, "scarecrow").await;
    event(&mut socket, "lesson", "the second stage", |event| event["stage"] == 2).await;
    fell(&mut socket, "scarecrow").await;
    let over = event(&mut socket, "lesson", "the end", |event| event["state"] != "going").await;
    assert_eq!(over["state"], "success");
    let reward = socket.notified("event.reward").await;
    assert_eq!(
        (&reward["event"], &reward["rank"], &reward["participants"]),
        (&json!("lesson"), &json!(1), &json!(1))
    );
    assert_eq!((&reward["experience"], &reward["gold"]), (&json!(80), &json!(14)));
    assert_eq!(reward["items"], json!([{"item": "bread", "title": "Loaf of Bread", "count": 4}]));
    assert!(reward["by"].as_str().unwrap().starts_with("events@0.2.0+"), "{reward}");
    let mine = socket.done("inventory.list", json!({})).await;
    let (gold, bread) = (mine["gold"].as_u64().unwrap(), socket.count_of("bread").await);
    socket.close().await;

    // It is in the book once, with who decided it, and rests over a restart.
    let paid = journal(&world, "event_reward", hero.character).await;
    assert_eq!(paid.len(), 1, "{paid:?}");
    let (subject, payload, by) = &paid[0];
    assert_eq!((subject.as_str(), &payload["gold"]), ("lesson", &json!(14)));
    assert!(by.starts_with("events@0.2.0+"), "{by}");
    let ends = journal(&world, "event", 0).await;
    assert_eq!((ends.len(), &ends[0].1["success"]), (1, &json!(true)), "{ends:?}");
    let world = world.restart().await;
    let mut socket = world.join(&hero).await;
    let mine = socket.done("inventory.list", json!({})).await;
    assert_eq!((mine["gold"].as_u64(), socket.count_of("bread").await), (Some(gold), bread));
    fell(&mut socket, "straw_man").await;
    fell(&mut socket, "straw_man").await;
    some_ticks(&mut socket, 60).await;
    assert!(socket.replica.world_events.is_empty(), "{:?}", socket.replica.world_events);
    socket.close().await;
    let mut world = world;
    world.terminate();
    assert!(world.ended().await.success());
    let audit = lore().args(["audit", "--json", "--data"]).arg(world.data()).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[tokio::test]
async fn the_hour_brings_it_back_after_a_kill_but_only_until_it_has_ended() {
    let content = content();
    content.replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"westview\"");
    content.replace("zones/westview.toml", "entrance = ", "entrance = [12, 201] # ");
    let world = Setup::default().content(content).start();
    let (hero, mut socket) = world.player("warrior").await;
    event(&mut socket, "parade", "the parade", |event| event["stage"] == 1).await;
    let world = world.killed();
    let mut socket = world.join(&hero).await;
    event(&mut socket, "parade", "the parade again", |event| event["stage"] == 1).await;
    fell(&mut socket, "scarecrow").await;
    event(&mut socket, "parade", "its end", |event| event["state"] == "success").await;
    assert_eq!(socket.notified("event.reward").await["gold"], 5);
    let world = world.killed();
    let mut socket = world.join(&hero).await;
    some_ticks(&mut socket, 60).await;
    assert!(socket.replica.world_events.is_empty(), "{:?}", socket.replica.world_events);
    socket.close().await;
    let world = world.restart().await;
    let mut socket = world.join(&hero).await;
    some_ticks(&mut socket, 60).await;
    assert!(socket.replica.world_events.is_empty(), "{:?}", socket.replica.world_events);
    assert_eq!(journal(&world, "event_reward", hero.character).await.len(), 1);
    socket.close().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_is_refused_with_its_lines_and_one_that_is_gone_ends() {
    let world = Setup::default().content(content()).start();
    let (_, mut socket) = world.player("warrior").await;
    fell(&mut socket, "straw_man").await;
    fell(&mut socket, "straw_man").await;
    event(&mut socket, "lesson", "the lesson", |event| event["stage"] == 1).await;
    let bad = content();
    bad.replace("events.toml", "kills = \"straw_man\", count = 2", "kills = \"straw_men\", count = 2");
    bad.replace("events.toml", "cooldown = \"1s\"", "cooldown = \"1ms\"");
    let refused = world.lore(&["push", bad.path().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("events.toml:31") && said.contains("did you mean `straw_man`?"), "{said}");
    assert!(said.contains("cooldown is 1ms, must be 1s to"), "{said}");

    let none = content();
    let text = EVENTS.split("[event.lesson]").next().unwrap();
    std::fs::write(none.path().join("events.toml"), text).unwrap();
    let pushed = world.lore(&["push", none.path().to_str().unwrap()]);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let gone = |socket: &mut Socket| socket.replica.world_events.is_empty().then_some(());
    socket.until("the end of the lesson", gone).await;
    socket
        .until("the scarecrows to leave", |socket| socket.replica.find("scarecrow").is_none().then_some(()))
        .await;
    socket.close().await;
}
