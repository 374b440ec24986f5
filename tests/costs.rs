//! Where the time of ticks goes can be seen: by zone and part of the tick, by script, and by what scripts are
//! asked about.

use crate::canary::{Arena, lore};
use serde_json::Value;

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap()
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap()
}

/// `/metrics`, as soon as it holds this. Its figures are counted every few seconds, so the fight goes on.
async fn metrics(arena: &mut Arena, combat: &str, wanted: &str) -> String {
    loop {
        arena.swing_by(combat).await;
        let text =
            reqwest::get(format!("{}/metrics", arena.server().http)).await.unwrap().text().await.unwrap();
        if text.contains(wanted) {
            return text;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_tick_is_accounted_for() {
    let mut arena = Arena::open("200", 6).await;
    let combat = arena.live_label().await;
    arena.swing_by(&combat).await;

    let (measured, said) = lore(&arena, &["status", "--cost", "--json"]).await;
    assert!(measured, "{said}");
    let shares: Value = serde_json::from_str(&said).unwrap();
    let think =
        list(&shares, "exports").iter().find(|row| row["export"] == "npc.think" && row["zone"] == "greywood");
    let think = think.unwrap_or_else(|| panic!("nobody thinks: {shares}"));
    let about = |row: &&Value| {
        row["export"] == "npc.think" && row["module"] == think["module"] && row["zone"] == "greywood"
    };
    let subjects: Vec<&Value> = list(&shares, "subjects").iter().filter(about).collect();
    assert!(subjects.iter().any(|row| row["subject"] == "npc/wolf"), "{shares}");
    let parts: f64 = subjects.iter().map(|row| number(row, "fuel")).sum();
    assert!((parts - number(think, "fuel")).abs() < 1.0, "the parts are the whole: {subjects:?} of {think}");
    for rows in ["zones", "modules", "exports", "subjects"] {
        let rows = list(&shares, rows);
        assert!(rows.is_sorted_by(|a, b| number(a, "percent") >= number(b, "percent")), "{rows:?}");
    }
    let zone = list(&shares, "zones").iter().find(|row| row["zone"] == "greywood").unwrap();
    assert!(zone["ticks"].as_u64() > Some(10), "{zone}");
    let whole: f64 = zone["parts"].as_object().unwrap().values().map(|part| part.as_f64().unwrap()).sum();
    assert!((whole - number(zone, "micros")).abs() < 1.0, "{zone}");
    assert!(number(&zone["parts"], "scripts") >= number(think, "micros"), "{zone}");

    let (measured, said) = lore(&arena, &["top", "--once", "--every", "1"]).await;
    assert!(
        measured && said.contains("npc/wolf") && said.contains("players") && !said.contains('\x1b'),
        "{said}"
    );
    let text = metrics(&mut arena, &combat, "script_subject_fuel_total").await;
    assert!(text.contains("game_tick_phase_nanoseconds_total{"), "{text}");
    let row = "script_subject_fuel_total{export=\"npc.think\",subject=\"npc/wolf\"}";
    assert!(text.lines().any(|line| line.starts_with(row)), "{text}");
    arena.close().await;
}
