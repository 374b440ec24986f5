//! What a proof rests on: calls that are put to a version of another schema as it would read them, calls that outlive
//! a killed server, and calls that are made up where few were recorded.

use crate::canary::Arena;
use crate::life::HARDER;
use crate::live::Workshop;
use crate::migration::{Version, build, hunting_ground, kill, plan};
use crate::plan::plan as planned;
use crate::reload_pipeline::{live_label, push, sparring, swing};
use serde_json::{Value, json};

/// What the starter's formula begins with.
const BEFORE: &str = "    let mut dice = Rng::new(attack.seed);";
/// Fails for levels that nobody in the world has.
const VETERANS: &str = "    assert!(attack.attacker_level < 30, \"no such veteran\");\n";
/// Views after which a candidate is judged by what they show.
const VIEWS: u64 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_another_schema_is_asked_what_happened_before_it_is_live() {
    let build_all = || {
        let workshop = Workshop::open().unwrap();
        let versions = [Version::first("1.0.0"), Version::trapping("2.0.0"), Version::halves("2.1.0")];
        versions.map(|version| build(&workshop, &version))
    };
    let [one, trapping, halves] = tokio::task::spawn_blocking(build_all).await.unwrap();
    let world = hunting_ground().start();
    assert_eq!(push(&world, one).await.status, 200);
    let first = live_label(&world, "quests");
    let (_, mut socket) = world.player("warrior").await;
    socket.done("quest.accept", json!({"quest": "wolves_at_the_gate"})).await;
    for kills in 1..=2 {
        assert_eq!(kill(&mut socket).await, ("active".to_owned(), kills));
    }

    // All state can go over, and who had killed one wolf would have been failed by it.
    let report = plan(&world, &trapping).await;
    assert_eq!((&report["verdict"]["verdict"], &report["state"]["failed"]), (&json!("refuse"), &json!(0)));
    let export = &report["exports"][0];
    assert!(export["newly_failed"].as_u64() >= Some(1) && export["unmigrated"] == 0, "{report}");
    let refused = push(&world, trapping).await;
    refused.is_problem(422, "proof_refused");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("quest.advance: fails for ") && detail.contains("trapped"), "{detail}");
    assert_eq!(live_label(&world, "quests"), first);

    // What is counted in halves is no difference, as long as the same comes of it.
    let report = plan(&world, &halves).await;
    let export = &report["exports"][0];
    assert_eq!((&report["verdict"]["verdict"], &export["differ"]), (&json!("accept"), &json!(0)), "{report}");
    assert!(export["views"].as_u64() >= Some(3), "{report}");
    assert_eq!((&export["made_up"], &export["made_up_failed"]), (&json!(500), &json!(0)), "{report}");
    assert!(report["notes"].to_string().contains("from schema 1 to 2"), "{report}");
    socket.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_on_few_calls_says_so_and_finds_what_traps() {
    let build_all = || {
        let workshop = Workshop::open().unwrap().with_lines();
        let least = "requires = []\n\n[proof]\nleast-views = 1000\n";
        [
            workshop.combat("0.6.1", BEFORE, &format!(" {BEFORE}")).unwrap(),
            workshop.combat("0.6.2", BEFORE, &format!("{VETERANS}{BEFORE}")).unwrap(),
            workshop.build("combat", "0.6.3", "lore.toml", "requires = []", least).unwrap(),
        ]
    };
    let [same, veterans, careful] = tokio::task::spawn_blocking(build_all).await.unwrap();
    let world = sparring().start();
    let (_, mut socket) = world.player("warrior").await;
    swing(&mut socket).await;
    socket.close().await;

    let file = world.data().join("same.wasm");
    std::fs::write(&file, same).unwrap();
    let file = file.to_str().unwrap();
    let said = world.lore(&["plan", file]);
    let text = String::from_utf8_lossy(&said.stdout);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    for words in ["recorded calls, 500 made up: differences prove nothing yet", "rests on: ", "500 made up"] {
        assert!(text.contains(words), "{words}: {text}");
    }

    // Nobody was asked about veterans. A person may know that there are none.
    let held = push(&world, veterans).await;
    assert_eq!((held.status.as_u16(), &held.body["state"]), (200, &json!("held")), "{held:?}");
    let why = held.body["proof"]["why"].to_string();
    assert!(why.contains("of 500 made-up calls") && why.contains("formula.rs:"), "{why}");
    // A manifest may ask for more than there is.
    let held = push(&world, careful).await;
    assert_eq!((held.status.as_u16(), &held.body["state"]), (200, &json!("held")), "{held:?}");
    assert!(held.body["proof"]["why"].to_string().contains("1000 are asked for"), "{held:?}");

    let said = world.lore(&["push", file]);
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && text.contains("its proof rests on"), "{said:?}");
    assert!(text.contains("recorded calls, 500 made up"), "{text}");
}

/// Waits until the server has written down what it recorded.
async fn saved(arena: &mut Arena, by: &str) {
    let file = arena.data().join("recorded.calls");
    let written = || file.metadata().and_then(|file| file.modified()).ok();
    let before = written();
    while written() == before {
        arena.swing_by(by).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_still_knows_what_it_was_asked() {
    let build = || Workshop::open().unwrap().build_edited("combat", "0.6.4", &HARDER).unwrap();
    let harder = tokio::task::spawn_blocking(build).await.unwrap();
    let mut arena = Arena::open("100000", 6).await;
    let starter = arena.live_label().await;
    loop {
        arena.swing_by(&starter).await;
        let (_, report) = planned(&arena, &harder).await;
        if report["exports"][0]["views"].as_u64() >= Some(VIEWS) {
            break;
        }
    }
    // The first time may have been under way.
    for _ in 0..2 {
        saved(&mut arena, &starter).await;
    }
    arena.kill_and_restart().await;

    // Nobody has fought since.
    let (code, report) = planned(&arena, &harder).await;
    let export = &report["exports"][0];
    assert!(export["views"].as_u64() >= Some(100) && export["made_up"] == 0, "{report}");
    assert_eq!((code, &report["verdict"]["verdict"]), (3, &Value::from("hold")), "{report}");
    let pushed = arena.push(&harder, &[]).await;
    assert_eq!(pushed["state"], "held", "{pushed}");
    assert_eq!(arena.live_label().await, starter);
    arena.close().await;
}
