//! Content is proven, watched and taken back as scripts are: a number that moves too far waits for a person or
//! is refused, a row that makes a trusted script fail goes back by itself, and the way back outlives a kill.

use crate::canary::combat;
use crate::reload_pipeline::{live_label, push_content, read_content, status, swing};
use crate::support::http_server::Answer;
use crate::support::world::{Copied, Setup, World, pack};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Output;

/// Makes the formula fail for whatever bites 0.1 % harder.
const NO_HARDER_BITES: &str = "    assert!(attack.power_permille != 1_001, \"no formula for 1001\");\n";

/// What a command has said, good or bad.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `lore ARGS --json`, which must work.
fn answer(world: &World, args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.push("--json");
    let output = world.lore(&all);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A change as it is.
async fn change(world: &World, id: &Value) -> Value {
    Answer::of(world.operator(Method::GET, &format!("/admin/v1/changes/{id}"))).await.body
}

#[tokio::test]
async fn a_number_that_moves_too_far_waits_for_a_person_or_is_refused() {
    let world = World::start();
    let before = status(&world)["content"].clone();
    let content = Copied::content();
    content.replace("npcs.toml", "health = 80, attack = 7", "health = 160, attack = 7");
    let folder = content.path().to_str().unwrap();
    let line = "npc/wolf stats.health 80 -> 160, +100 %; at most 50 % without approval";

    let planned = world.lore(&["plan", folder, "--json"]);
    assert_eq!(planned.status.code(), Some(3), "{}", said(&planned));
    let report: Value = serde_json::from_slice(&planned.stdout).unwrap();
    let figure = json!({
        "table": "npc", "row": "wolf", "field": "stats.health", "before": 80, "after": 160, "percent": 100.0,
        "counts": true
    });
    assert_eq!(report["figures"], json!([figure]), "{report}");
    assert!(report["verdict"]["why"][0].as_str().unwrap().contains(line), "{report}");

    let pushed = answer(&world, &["push", folder])[0].take();
    assert_eq!((&pushed["state"], &pushed["proof"]["verdict"]), (&json!("held"), &json!("hold")), "{pushed}");
    assert_eq!(status(&world)["content"], before, "it waits");
    let id = pushed["change"].to_string();
    let shown = said(&world.lore(&["changes", &id, "--proof"]));
    assert!(shown.contains(line) && shown.contains("held beyond 50 %, refused beyond 900 %"), "{shown}");
    let approved = answer(&world, &["approve", &id, "--why", "they shall last longer"]);
    assert_eq!(status(&world)["content"], approved["label"], "{approved}");
    assert_eq!(change(&world, &pushed["change"]).await["proof"]["verdict"], "hold");

    // Who pushes cannot allow it to himself: what is live says how far.
    content.replace("npcs.toml", "health = 160, attack = 7", "health = 16000, attack = 7").replace(
        "proof.toml",
        "refuse_percent = 900",
        "refuse_percent = 100000",
    );
    let refused = world.lore(&["push", folder]);
    assert!(!refused.status.success());
    let why = said(&refused);
    assert!(why.contains("the proof refuses content+"), "{why}");
    assert!(why.contains("npc/wolf stats.health 160 -> 16000, +9,900 %; at most 900 % may be"), "{why}");
    assert_eq!(status(&world)["content"], approved["label"]);

    // Unless it has to be.
    let forced = answer(&world, &["push", folder, "--skip-proof"])[0].take();
    assert_eq!(status(&world)["content"], forced["label"], "{forced}");
    let none = said(&world.lore(&["changes", &forced["change"].to_string(), "--proof"]));
    assert!(none.contains("has no proof"), "{none}");
}

#[tokio::test]
async fn the_way_back_of_content_goes_step_by_step_and_outlives_a_kill() {
    let world = World::start();
    let first = status(&world)["content"].clone();
    let content = Copied::content();
    let mut labels = Vec::new();
    for (from, to) in [("Welcome to the Three", "Welcome to the Four"), ("to the Four", "to the Five")] {
        content.replace("dialogs/innkeeper.toml", from, to);
        let pushed = push_content(&world, &read_content(content.path())).await;
        assert_eq!(pushed.status, 200, "{pushed:?}");
        labels.push(pushed.body["label"].clone());
    }

    let world = world.killed();
    assert_eq!(status(&world)["content"], labels[1]);
    let back = answer(&world, &["rollback", "content", "--why", "too many lanterns"]);
    assert_eq!((&back["label"], &back["before"]), (&labels[0], &labels[1]), "{back}");
    assert_eq!((&status(&world)["content"], &back["state"]), (&labels[0], &json!("rolled-back")), "{back}");

    let world = world.killed();
    assert_eq!(status(&world)["content"], labels[0]);
    assert_eq!(answer(&world, &["rollback", "content"])["label"], first);
    assert_eq!(status(&world)["content"], first);
    let nothing = said(&world.lore(&["rollback", "content"]));
    assert!(nothing.contains("no earlier version of `content`"), "{nothing}");

    // Somebody may hold what came since.
    let items = content.path().join("items.toml");
    let text = std::fs::read_to_string(&items).unwrap();
    let feather = "[item.feather]\ntitle = \"Feather\"\nkind = \"material\"\nvalue = 1\n";
    std::fs::write(&items, format!("{text}\n{feather}")).unwrap();
    let pushed = push_content(&world, &read_content(content.path())).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let refused = world.lore(&["rollback", "content"]);
    assert!(!refused.status.success() && said(&refused).contains("item/feather"), "{}", said(&refused));
    assert_eq!(status(&world)["content"], pushed.body["label"]);
}

/// A newcomer meets a wolf that neither dies soon nor kills.
fn beside_a_wolf() -> Copied {
    let content = Copied::content();
    content
        .replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\"")
        .replace("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 549]")
        .replace("npcs.toml", "health = 80, attack = 7", "health = 60000, attack = 0");
    content
}

#[tokio::test]
async fn a_row_that_makes_a_trusted_script_fail_goes_back_by_itself() {
    let brittle = combat(&[("0.6.1", NO_HARDER_BITES)]).await.remove(0);
    let components = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(pack()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|end| end == "wasm") {
            std::fs::copy(entry.path(), components.path().join(entry.file_name())).unwrap();
        }
    }
    std::fs::write(components.path().join("combat.wasm"), brittle).unwrap();
    let world = Setup::default()
        .content(beside_a_wolf())
        .pack(components.path())
        .setting("LORE_RELOAD_PROBATION_TICKS", "100000")
        .start();
    let (script, before) = (live_label(&world, "combat"), status(&world)["content"].clone());
    assert!(script.starts_with("combat@0.6.1+"), "{script}");
    let (_, mut socket) = world.player("warrior").await;
    assert_eq!(swing(&mut socket).await["by"], script);

    // Nothing in the proof speaks against so little.
    let content = beside_a_wolf();
    let bite = "[ability.bite]\ntitle = \"Bite\"\nanimation = \"bite\"\nanimation_time = \"400ms\"\n\
                target = \"enemy\"\nrange = 2.5\ncooldown = \"1500ms\"\npower_permille = ";
    content.replace("abilities.toml", &format!("{bite}1000"), &format!("{bite}1001"));
    let folder = content.path().to_str().unwrap();
    let pushed = answer(&world, &["push", folder])[0].take();
    assert_eq!((&pushed["state"], &pushed["proof"]["verdict"]), (&json!("probation"), &json!("accept")));

    // The wolf bites as long as it is fought.
    let gone = loop {
        swing(&mut socket).await;
        let change = change(&world, &pushed["change"]).await;
        if change["state"] != "probation" {
            break change;
        }
    };
    assert_eq!(
        (&gone["state"], &gone["breach"]["rule"]),
        (&json!("quarantined"), &json!("failures")),
        "{gone}"
    );
    let what = gone["breach"]["what"].as_str().unwrap();
    assert!(what.starts_with(&script) && what.contains("formula.rs"), "{gone}");
    assert!(gone["breach"]["back_in_ticks"].as_u64().is_some(), "{gone}");
    assert!(gone["watched"]["greywood"]["ticks"].as_u64() > Some(0), "{gone}");

    // The script is not to blame, and is not: it goes on.
    for _ in 0..3 {
        assert_eq!(swing(&mut socket).await["by"], script);
    }
    assert_eq!((live_label(&world, "combat"), &status(&world)["content"]), (script, &before));
    socket.close().await;

    // It does not come back, not even after a crash, and nothing leads back to it.
    let world = world.killed();
    push_content(&world, &read_content(content.path())).await.is_problem(409, "quarantined");
    let planned = world.lore(&["plan", folder]);
    assert_eq!(planned.status.code(), Some(4), "{}", said(&planned));
    assert!(said(&planned).contains("was quarantined"), "{}", said(&planned));
    assert!(said(&world.lore(&["rollback", "content"])).contains("no earlier version of `content`"));
    assert_eq!(status(&world)["content"], before);
}
