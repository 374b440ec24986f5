//! Where the time of ticks goes can be seen: by zone and part of the tick, by script, and by what scripts are
//! asked about. And what a new version would cost, for the very calls of the running world.

use crate::canary::{Arena, combat, lore};
use crate::live::{Workshop, root};
use crate::reload_pipeline::{push, sparring};
use reqwest::Method;
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
    assert!(number(think, "call_peak_percent") > 0.0 && number(think, "tick_peak_percent") > 0.0, "{think}");
    assert_eq!(think["limits"]["deadline_ms"], 100, "{think}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_got_dearer_is_named_before_it_is_live() {
    let busy = "    for _ in 0..1_000 { std::hint::black_box(attack.seed); }\n";
    let modules = combat(&[("0.1.61", ""), ("0.1.62", busy)]).await;
    let mut arena = Arena::open("20", 6).await;
    let pushed = arena.push(&modules[0], &[]).await;
    arena.swing_by(pushed["label"].as_str().unwrap()).await;

    let folder = tempfile::tempdir().unwrap();
    let files = ["same", "dear"].map(|name| folder.path().join(name).with_extension("wasm"));
    files.iter().zip(&modules).for_each(|(file, bytes)| std::fs::write(file, bytes).unwrap());
    let bench = |file: usize, more: &'static [&'static str]| {
        let file = files[file].to_str().unwrap();
        let mut command = arena.server().operate("bench script");
        command.args(["combat", "--module", file, "--against", "live"]).args(more).current_dir(root());
        async move {
            let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            // What is worse is told where what is better is told: the exit code differs.
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        }
    };
    let (code, said) = bench(0, &["--json"]).await;
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let row = &report["functions"][0];
    assert!(code == Some(0) && report["ok"] == true && row["function"] == "combat.resolve", "{report}");
    assert!(row["views"].as_u64() > Some(0) && row["fuel_percent"] == 0.0, "{report}");

    let (code, said) = bench(1, &["--json"]).await;
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    assert!(code == Some(3) && report["ok"] == false, "{report}");
    assert_eq!(report["worse"], serde_json::json!(["combat.resolve"]));
    let row = &report["functions"][0];
    assert!(
        number(row, "fuel") > number(&row["before"], "fuel") && number(row, "fuel_percent") > 100.0,
        "{report}"
    );
    let (code, said) = bench(1, &[]).await;
    assert!(
        code == Some(3) && said.contains("more fuel than --fuel-percent 10 allows: combat.resolve"),
        "{said}"
    );
    // Somebody may say that it is worth it.
    let (code, said) = bench(1, &["--fuel-percent", "100000"]).await;
    assert_eq!(code, Some(0), "{said}");
    // Nothing of this changed what is live.
    assert_eq!(arena.live_label().await, pushed["label"].as_str().unwrap());
    arena.close().await;
}

/// A server of short ticks, and a script with limits of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_may_cost_is_shown_with_the_most_it_has_used() {
    let limits = "requires = []
[limits]
tick_share_percent = 10
[limits.think]
fuel_base = 100_000
fuel_per_item = 20_000
deadline_ms = 98
log_lines = 3
";
    let build = move || {
        Workshop::open().unwrap().build("wolf", "0.4.1", "lore.toml", "requires = []", limits).unwrap()
    };
    let module = tokio::task::spawn_blocking(build).await.unwrap();
    let world = sparring().setting("LORE_TICK_MS", "20").start();
    let (_hero, mut socket) = world.player("warrior").await;
    let pushed = push(&world, module).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let mine = |zone: &Value| {
        let called = |row: &&Value| row["module"] == pushed.body["label"] && row["calls"] != 0;
        list(zone, "exports").iter().find(called).cloned()
    };
    let think = loop {
        socket.one_delta().await;
        let costs: Value =
            world.operator(Method::GET, "/admin/v1/costs").send().await.unwrap().json().await.unwrap();
        if let Some(row) = list(&costs, "zones").iter().find_map(mine) {
            break row;
        }
    };
    let limits = serde_json::json!({
        "fuel_base": 100_000, "fuel_per_item": 20_000, "deadline_ms": 100, "output_bytes": 1 << 20, "log_lines": 3
    });
    assert_eq!((&think["export"], &think["limits"]), (&"npc.think".into(), &limits), "{think}");
    assert!((1..1_000).contains(&think["fuel_peak_permille"].as_u64().unwrap()), "{think}");
    // A tenth of 20 ms.
    assert_eq!(think["tick_fuel"]["limit"], 12_800_000, "{think}");
    assert!((1..12_800_000).contains(&think["tick_fuel"]["peak"].as_u64().unwrap()), "{think}");
}
