//! Before a script is pushed, `lore plan` shows what it would change: it answers the calls that the running
//! world has recorded, and nothing is changed.

use crate::canary::{Arena, combat, lore, state_of};
use crate::live::Workshop;
use serde_json::{Value, json};

/// Doubles what a critical hit does.
const HEAVY: &str = "    const CRITICAL_PERMILLE: i64 = 4_000;\n";
/// Fails for one attacker in three.
const RARE: &str = "    assert!(attack.attacker % 3 != 0, \"a rare one\");\n";
/// Enough to have seen every fighter swing.
const VIEWS: u64 = 120;

/// `lore plan --json`: its exit code and the report.
pub async fn plan(arena: &Arena, module: &[u8]) -> (i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("planned.wasm");
    std::fs::write(&file, module).unwrap();
    let mut command = arena.server().operate("plan");
    command.arg(&file).arg("--json");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), report)
}

pub fn measure<'a>(report: &'a Value, name: &str) -> &'a Value {
    let measures = report["exports"][0]["measures"].as_array().unwrap();
    measures.iter().find(|measure| measure["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_what_would_change_before_it_does() {
    let modules = combat(&[("0.5.1", HEAVY), ("0.5.2", RARE), ("0.5.3", "")]).await;
    let limited = tokio::task::spawn_blocking(|| {
        let workshop = Workshop::open().unwrap();
        [("0.5.4", "proof"), ("0.5.5", "proof.refuse")].map(|(version, table)| {
            let limits = format!("requires = []\n\n[{table}]\ndrift-percent = 1\n");
            workshop.build("combat", version, "lore.toml", "requires = []", &limits).unwrap()
        })
    });
    let [careful, strict] = limited.await.unwrap();
    let mut arena = Arena::open("100000", 6).await;
    let starter = arena.live_label().await;

    // A heavier critical hit shows in the damage, once somebody has landed one.
    let (code, report) = loop {
        arena.swing_by(&starter).await;
        let (code, report) = plan(&arena, &modules[0]).await;
        let seen = report["exports"][0]["views"].as_u64().unwrap();
        if seen >= VIEWS && report["exports"][0]["differ"].as_u64() > Some(0) {
            break (code, report);
        }
    };
    assert_eq!((code, &report["verdict"]["verdict"]), (0, &Value::from("accept")), "{report}");
    assert_eq!(report["live"], starter);
    assert!(measure(&report, "damage")["percent"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(measure(&report, "critical")["percent"], 0.0, "{report}");
    let worst = &report["exports"][0]["worst"][0];
    assert!(worst["live"].as_str().unwrap().contains("Critical"), "{report}");

    // A version that fails on what really happened is refused, with the line.
    let (code, refused) = plan(&arena, &modules[1]).await;
    assert_eq!((code, &refused["verdict"]["verdict"]), (4, &Value::from("refuse")), "{refused}");
    let why = refused["verdict"]["why"][0].as_str().unwrap();
    assert!(why.contains("combat.resolve") && why.contains("formula.rs:"), "{why}");

    // The formula that is live differs from itself in nothing.
    let (code, same) = plan(&arena, &modules[2]).await;
    assert_eq!((code, &same["exports"][0]["differ"]), (0, &Value::from(0)), "{same}");

    // What was recorded outlives a swap; a manifest says how far answers may drift.
    arena.push(&modules[0], &[]).await;
    let (code, held) = plan(&arena, &careful).await;
    assert!(held["exports"][0]["views"].as_u64().unwrap() >= VIEWS, "{held}");
    assert_eq!((code, &held["verdict"]["verdict"]), (3, &Value::from("hold")), "{held}");
    assert!(held["verdict"]["why"].to_string().contains("damage"), "{held}");

    let (code, refused) = plan(&arena, &strict).await;
    assert_eq!((code, &refused["verdict"]["verdict"]), (4, &Value::from("refuse")), "{refused}");
    assert!(refused["verdict"]["why"].to_string().contains("proof.refuse.drift-percent"), "{refused}");

    // A push is proven the same way: it waits for a person, who is shown why.
    let pushed = arena.push(&careful, &[]).await;
    assert_eq!((&pushed["state"], &pushed["proof"]["verdict"]), (&json!("held"), &json!("hold")), "{pushed}");
    let id = pushed["change"].to_string();
    let (found, proof) = lore(&arena, &["changes", &id, "--proof", "--json"]).await;
    assert!(found, "{proof}");
    let proof: Value = serde_json::from_str(&proof).unwrap();
    assert!(proof["exports"][0]["worst"][0]["view"].as_str().unwrap().contains("Attack"), "{proof}");
    let (approved, said) = lore(&arena, &["approve", &id, "--why", "it shall be softer"]).await;
    assert!(approved, "{said}");
    // What was approved is no drift that takes it back.
    arena.swing_by(pushed["label"].as_str().unwrap()).await;
    let change = arena.change(&pushed["change"]).await;
    assert_eq!(state_of(&change), "probation", "{change}");

    // What is live guards itself: a version that says nothing of drift is held by what this one says.
    let (code, held) = plan(&arena, &modules[0]).await;
    assert_eq!((code, &held["verdict"]["verdict"]), (3, &Value::from("hold")), "{held}");
    arena.close().await;
}
