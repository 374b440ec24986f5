//! One NPC's script loops without end, in a zone full of NPCs that have the same script: that one stands
//! still, all others are decided in the same ticks, and after its strikes the version before is back.
//! `LORE_ENDLESS_NPCS` fills the zone further.

use crate::live::{Workshop, scale};
use crate::memories::recorded;
use crate::support::world::{Copied, Setup, World};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write as _;

const THINK: &str = "pub fn think(seen: &Perception, tick_ms: u32) -> Decision {";
/// Who has been attacked and is of this kind never gets an answer. Nothing that was recorded before shows
/// it, so neither the first questions to the candidate nor its proof find out.
const ENDLESS: &str = "
    let cursed = lore_sdk::def_id(\"npc/cursed_hare\");
    while seen.template == cursed && seen.target != 0 {
        std::hint::black_box(seen.id);
    }";
const HARES: &str = r#"
[npc.hare]
title = "Hare"
level = 1
stats = { health = 20 }
script = "wolf"
speed = 3
wander = 8

[npc.cursed_hare]
title = "Cursed Hare"
level = 1
stats = { health = 1000000 }
script = "wolf"
hostile = true
speed = 1
leash = 40
basic = "bite"
"#;

/// Most NPCs of one row of the content.
const ROW: usize = 500;

fn spawn(npc: &str, at: &str, radius: usize, count: usize) -> String {
    format!(
        "
[[zone.downtown.spawn]]
npc = \"{npc}\"
at = {at}
radius = {radius}
count = {count}
respawn = \"10s\"
"
    )
}

/// Downtown, full of hares, with the cursed one where newcomers stand.
fn burrow(hares: usize) -> Copied {
    let content = Copied::content();
    content.replace("zones/downtown.toml", "interest_radius = 100", "interest_radius = 20");
    let mut spawns = spawn("cursed_hare", "[201, 101]", 0, 1);
    for from in (0..hares).step_by(ROW) {
        spawns += &spawn("hare", "[200, 200]", 190, ROW.min(hares - from));
    }
    for (file, more) in [("npcs.toml", HARES), ("zones/downtown.toml", &spawns)] {
        let mut file = std::fs::OpenOptions::new().append(true).open(content.path().join(file)).unwrap();
        file.write_all(more.as_bytes()).unwrap();
    }
    content
}

/// Ticks of any zone that took longer than they may because there was too much to do.
async fn late(world: &World) -> u64 {
    let text = reqwest::get(format!("{}/metrics", world.http)).await.unwrap().text().await.unwrap();
    let row = text.lines().find_map(|line| line.strip_prefix("game_ticks_late_total{cause=\"load\"} "));
    row.unwrap().parse().unwrap()
}

async fn ask(world: &World, path: &str) -> Value {
    world.operator(Method::GET, path).send().await.unwrap().json().await.unwrap()
}

fn downtown(status: &Value) -> &Value {
    status["zones"].as_array().unwrap().iter().find(|zone| zone["name"] == "downtown").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_costs_one_npc_its_decisions_and_nobody_else() {
    let hares = scale("LORE_ENDLESS_NPCS", 200);
    let build = || {
        Workshop::open().unwrap().build("wolf", "0.7.1", "src/mind.rs", THINK, &format!("{THINK}{ENDLESS}"))
    };
    let module = tokio::task::spawn_blocking(build).await.unwrap().unwrap();
    let world =
        tokio::task::spawn_blocking(move || Setup::default().content(burrow(hares)).start()).await.unwrap();
    let (_, mut hero) = world.player("warrior").await;
    let cursed = hero.replica.find("cursed_hare").unwrap();

    let file = world.data().join("endless.wasm");
    std::fs::write(&file, module).unwrap();
    let pushed = world.lore(&["push", file.to_str().unwrap(), "--json"]);
    let said = String::from_utf8_lossy(&pushed.stdout);
    assert!(pushed.status.success(), "{said}{}", String::from_utf8_lossy(&pushed.stderr));
    let pushed: Value = serde_json::from_str(&said).unwrap();
    let change = pushed[0]["change"].to_string();
    let (before, calm) = (late(&world).await, ask(&world, "/admin/v1/status").await);

    hero.done("combat.attack", json!({"target": cursed})).await;
    let settled = async { ask(&world, &format!("/admin/v1/changes/{change}?wait=60")).await };
    let (gone, ()) = tokio::join!(settled, hero.one_delta());
    // Among few it is first seen by the fuel of an average view, among many by its failures.
    let (state, breach) = (gone["state"].as_str().unwrap(), &gone["breach"]);
    assert!(
        matches!(
            (state, breach["rule"].as_str()),
            ("quarantined", Some("failures")) | ("rolled-back", Some("fuel"))
        ),
        "{gone}"
    );
    assert_eq!(breach["zone"], "downtown", "{gone}");

    let status = ask(&world, "/admin/v1/status").await;
    let label = gone["label"].as_str().unwrap();
    let failures = status["failures"].as_array().unwrap().iter().filter(|row| row["module"] == label);
    let failures: Vec<&Value> = failures.collect();
    for row in &failures {
        let message = row["message"].as_str().unwrap();
        assert!(message.contains("out of fuel") && message.contains(&format!("[{cursed}]")), "{row}");
        assert_eq!(row["views"], 1, "another lost its decision too: {row}");
    }
    let first = failures.iter().map(|row| row["tick"].as_u64().unwrap()).min().unwrap();
    let decided =
        gone["watched"]["downtown"]["since"].as_u64().unwrap() + breach["after_ticks"].as_u64().unwrap();
    let (after, zone) = (late(&world).await, downtown(&status));
    assert_eq!(zone["restarts"], 0);
    eprintln!(
        "endless: {} entities, {} ticks late, 1 entity without its decision for {} ticks, {state} {} ticks after the \
         first, the version before back {} later; ticks p50 {} ms before and {} after, longest {} ms",
        zone["entities"],
        after - before,
        failures.len(),
        decided - first,
        breach["back_in_ticks"],
        downtown(&calm)["tick_ms"]["p50"],
        zone["tick_ms"]["p50"],
        zone["tick_ms"]["max"],
    );

    // The one that was lost decides again: it comes after whom it was attacked by.
    hero.event("the hare fights back", |event| event["type"] == "swing" && event["attacker"] == cursed).await;
    recorded(&mut hero).await;
    hero.close().await;

    // What its script was asked can be asked again, as the status says.
    let failure = &failures[0];
    let view = failure["view"].as_str().unwrap();
    assert!(view.contains("Perception") && view.contains(&format!("EntityId({cursed})")), "{failure}");
    let again = failure["again"].as_str().unwrap().to_owned();
    let world = world.killed();
    let (program, arguments) = again.split_once(' ').unwrap();
    let arguments: Vec<String> = arguments
        .replace(" replay/", &format!(" {}/replay/", world.data().display()))
        .split(' ')
        .map(ToOwned::to_owned)
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = world.lore_offline(&arguments);
    let [test, said] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(
        program == "lore" && output.status.success() && test.contains(&cursed.to_string()),
        "{again}: {test}{said}"
    );
}
