//! Scripts in TypeScript and C: begun, built and loaded like those in Rust; they decide in a running
//! world, and what goes wrong in them is told with the author's line.

use crate::reload_pipeline::{push, push_content, read_content};
use crate::support::guests::{Guests, can_build, name};
use crate::support::socket::Socket;
use crate::support::starter;
use crate::support::world::{Copied, Setup};
use host_api::{Engine, Kind, Limits, LoadError, Module};
use runtime::author::has_template;
use runtime::build::Language;
use serde_json::{Value, json};
use std::time::Instant;

/// Newcomers stand beside Mira and a wolf that dies of anything and hurts nobody.
fn beside_the_wolf() -> Copied {
    let content = Copied::content();
    content
        .replace("npcs.toml", "health = 80, attack = 7, weapon_damage = 4", "health = 1, attack = 0, weapon_damage = 0")
        .replace("quests.toml", "    { deed = \"talk\", subject = \"mira\", text = \"Tell Mira\" },\n", "")
        .replace("zones/downtown.toml", "entrance = [200, 100]", "entrance = [209, 105]")
        .replace(
            "zones/downtown.toml",
            "[zone.downtown.place.fountain]",
            "[[zone.downtown.spawn]]\nnpc = \"wolf\"\nat = [208, 104]\nrespawn = \"1s\"\n\n[zone.downtown.place.fountain]",
        );
    content
}

/// Strikes the wolf until one swing fits; the event.
async fn swing(socket: &mut Socket, fits: impl Fn(&Value) -> bool) -> Value {
    let you = socket.replica.you;
    loop {
        socket.events.clear();
        let wolf = socket.until("a wolf", |socket| socket.replica.find("wolf")).await;
        match socket.patient("combat.attack", &json!({"target": wolf})).await {
            Ok(_) => {
                let is_mine = |event: &Value| event["type"] == "swing" && event["attacker"] == you;
                let swing = socket.event("the swing", is_mine).await;
                if fits(&swing) {
                    return swing;
                }
            }
            Err(error) if error["data"]["rejection"] == "out_of_range" => {
                let Some(entity) = socket.replica.entities.get(&wolf) else { continue };
                let (x, y) = (entity["x"].as_i64().unwrap(), entity["y"].as_i64().unwrap());
                socket.walk(x, y - 1_000, 10_000).await;
            }
            // It has died of the swing before.
            Err(_) => socket.one_delta().await,
        }
    }
}

fn build(guests: &Guests, name: &str) -> Vec<u8> {
    let (path, _) = guests.build(name).unwrap_or_else(|error| panic!("{error}"));
    std::fs::read(path).unwrap()
}

#[test]
fn a_new_script_in_every_language_builds_and_loads() {
    for language in [Language::TypeScript, Language::C] {
        if !can_build(language) {
            continue;
        }
        let guests = Guests::open();
        // Where `lore test` looks for compiled code, too: what is loaded here is not compiled again there.
        let cache = guests.compiled();
        let engine = || Engine::new(Limits::default(), Some(&cache)).unwrap();
        let (first, second) = (engine(), engine());
        for kind in Kind::ALL.into_iter().filter(|kind| has_template(*kind, language)) {
            let script = format!("new-{}-{kind}", name(language));
            guests.begin(&script, kind, language);
            let begun = Instant::now();
            let bytes = build(&guests, &script);
            let built = begun.elapsed();
            let (_, changed) = guests.build(&script).unwrap();
            assert!(!changed, "nothing was to be done");
            let unchanged = begun.elapsed() - built;
            let load = |engine: &Engine| {
                let begun = Instant::now();
                let module = Module::load(engine, &bytes).unwrap_or_else(|error| panic!("{error}"));
                (module, begun.elapsed())
            };
            let (module, compiled) = load(&first);
            let (_, cached) = load(&second);
            eprintln!(
                "languages: {script}, {} bytes, built in {built:?}, again in {unchanged:?}, loaded in {compiled:?}, \
                 from the cache in {cached:?}",
                bytes.len()
            );
            assert_eq!((module.name(), module.kind()), (script.as_str(), kind));
            let limits = &module.manifest().limits;
            assert!(limits.fuel_per_item.is_some() && limits.memory_bytes.is_some(), "{limits:?}");
            let (passes, said) = guests.test(&script);
            assert!(passes && said.contains("cases passed"), "{script}: {said}");
        }
        assert!(second.cache_hits() > 0 && first.cache_hits() == 0, "compiled once");
    }
}

#[test]
fn a_scenario_fails_at_its_line_in_every_language() {
    for (language, kind, holds, does_not) in [
        (Language::TypeScript, Kind::Economy, "unit >= 40", "unit >= 41"),
        (Language::C, Kind::Ability, "verdict = \"out-of-range\"", "verdict = \"allow\""),
    ] {
        if !can_build(language) {
            continue;
        }
        let guests = Guests::open();
        let script = format!("new-{}-{kind}", name(language));
        let scenarios = guests.begin(&script, kind, language).join("tests/first.toml");
        build(&guests, &script);
        let (passes, said) = guests.test(&script);
        assert!(passes, "{said}");
        let text = std::fs::read_to_string(&scenarios).unwrap();
        let case = text[..text.find(holds).unwrap()].rfind("[[case]]").unwrap();
        let line = 1 + text[..case].matches('\n').count();
        std::fs::write(&scenarios, text.replacen(holds, does_not, 1)).unwrap();
        let (passes, said) = guests.test(&script);
        let place = format!("{script}/tests/first.toml:{line}: ");
        assert!(!passes && said.contains(&place), "`{place}` is not in\n{said}");
        assert!(said.contains("1 of ") && said.contains(&format!("again   lore test {script}")), "{said}");
    }
}

#[tokio::test]
async fn a_quest_in_typescript_is_accepted_counted_completed_and_paid() {
    if !can_build(Language::TypeScript) {
        return;
    }
    let script = tokio::task::spawn_blocking(|| {
        let guests = Guests::open();
        guests.begin("lost-ring", Kind::Quest, Language::TypeScript);
        // Every wolf counts for three.
        guests.edit(
            "lost-ring",
            Language::TypeScript,
            "objective.done + amount",
            "objective.done + 3 * amount",
        );
        build(&guests, "lost-ring")
    })
    .await
    .unwrap();
    let content = beside_the_wolf();
    let files = content.path().to_owned();
    let world = Setup::default().content(content).start();
    let (_, mut socket) = world.player("warrior").await;

    let pushed = push(&world, script).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let mut files = read_content(&files);
    let quests = files.get_mut("quests.toml").unwrap();
    *quests = quests.replacen("script = \"quests\"", "script = \"lost-ring\"", 1);
    let answer = push_content(&world, &files).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let quest = json!({"quest": "wolves_at_the_gate"});
    socket.done("quest.accept", quest.clone()).await;
    let decided_by_it = |update: &Value| update["by"].as_str().unwrap().starts_with("lost-ring@0.1.0+");
    let update = socket.notified("quest.update").await;
    assert!(decided_by_it(&update) && update["quest"]["state"] == "active", "{update}");
    assert_eq!(
        update["quest"]["objectives"][0],
        json!({
            "text": "Kill grey wolves in the Greywood", "deed": "kill", "done": 0, "needed": 3
        })
    );
    socket.rejected("quest.turn_in", quest.clone(), "quest_state").await;

    swing(&mut socket, |swing| swing["amount"].as_i64() > Some(0)).await;
    let update = socket.notified("quest.update").await;
    assert!(decided_by_it(&update) && update["quest"]["state"] == "complete", "{update}");
    assert_eq!(update["quest"]["objectives"][0]["done"], 3, "one wolf counts for three: {update}");

    socket.walk(209_000, 106_000, 10_000).await;
    socket.done("quest.turn_in", quest).await;
    let update = socket.notified("quest.update").await;
    assert!(decided_by_it(&update) && update["quest"]["state"] == "turned_in", "{update}");
    assert_eq!(socket.count_of("leather_jerkin").await, 1, "the reward of the content");
    socket.close().await;
}

#[tokio::test]
async fn a_swing_in_c_decides_and_its_trap_spares_the_server() {
    if !can_build(Language::C) {
        return;
    }
    let (seven, broken, line) = tokio::task::spawn_blocking(|| {
        let guests = Guests::open();
        let base =
            "int32_t base = attack->attack_power + attack->weapon_damage + lore_between(&dice, -3, 3);";
        let begin = |version: &str, to: &str| {
            let folder = guests.begin("duel", Kind::Combat, Language::C);
            guests.edit("duel", Language::C, base, to);
            let manifest = folder.join("lore.toml");
            let text = std::fs::read_to_string(&manifest).unwrap();
            // A world has one combat script.
            let text = text.replace("name = \"duel\"", "name = \"combat\"").replace("0.1.0", version);
            std::fs::write(manifest, text).unwrap();
            build(&guests, "combat")
        };
        let seven = begin("7.0.0", "int32_t base = 777;");
        // Not for the question a push asks, whose attacker has level 5.
        let trap = "int32_t base = 777; LORE_CHECK(attack->attacker_level == 5, \"no such level\");";
        let broken = begin("7.0.1", trap);
        let source =
            std::fs::read_to_string(guests.begin("duel", Kind::Combat, Language::C).join("script.c"));
        let source = source.unwrap();
        (seven, broken, 1 + source[..source.find(base).unwrap()].matches('\n').count())
    })
    .await
    .unwrap();
    let world = Setup::default().content(beside_the_wolf()).start();
    let (_, mut socket) = world.player("warrior").await;
    let pushed = push(&world, seven).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let hit = swing(&mut socket, |swing| swing["amount"].as_i64() > Some(0)).await;
    assert!(hit["by"].as_str().unwrap().starts_with("combat@7.0.0+"), "{hit}");
    assert_eq!(hit["raw"], 777, "{hit}");

    // It traps on what the zone has asked before: its proof refuses it, with the author's words.
    let place = format!("script.c:{line}: no such level");
    let refused = push(&world, broken.clone()).await;
    assert!(refused.status.is_client_error() && refused.body.to_string().contains(&place), "{refused:?}");
    let file = world.data().join("broken.wasm");
    std::fs::write(&file, broken).unwrap();
    let output = world.lore(&["push", file.to_str().unwrap(), "--skip-proof"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The view that traps gets the fallback, a miss; the author is told where.
    swing(&mut socket, |swing| !swing["by"].as_str().is_some_and(|by| by.starts_with("combat@7.0.1+"))).await;
    let (said, _) = world.said(&place, 0, std::time::Duration::from_secs(20)).await;
    assert!(said.contains("combat@7.0.1+"), "{said}");
    socket.done("system.ping", json!({})).await;
    socket.close().await;
}

#[test]
fn mistakes_in_typescript_are_told_with_the_authors_line() {
    if !can_build(Language::TypeScript) {
        return;
    }
    let guests = Guests::open();
    let language = Language::TypeScript;
    let attempt = |from: &str, to: &str| {
        guests.begin("slips", Kind::Npc, language);
        guests.edit("slips", language, from, to);
        guests.build("slips").map(|(path, _)| std::fs::read(path).unwrap())
    };
    // One the compiler sees.
    let said = attempt("speedPermille: 1000,", "speedPermille: 'fast',").unwrap_err();
    assert!(said.contains("scripts/slips/script.ts:14:5: error TS2322"), "{said}");
    assert!(said.contains("do not compile (1 error(s)"), "{said}");
    // One that shows when it is asked: thrown, and its line found through the bundle.
    let refused = |bytes: Result<Vec<u8>, String>| {
        let bytes = bytes.unwrap_or_else(|error| panic!("{error}"));
        let error = Module::load(starter::engine(), &bytes).unwrap_err();
        assert!(matches!(error, LoadError::Smoke { .. }), "{error}");
        error.to_string()
    };
    let said = refused(attempt(
        "const atHome",
        "if (seen.level > 0) throw new Error('no such beast');\n  const atHome",
    ));
    assert!(said.contains("think: Error: no such beast at scripts/slips/script.ts:9"), "{said}");
    // One the compiler cannot see: an answer that is no whole number.
    let said = refused(attempt("speedPermille: 1000,", "speedPermille: 1000 / 3,"));
    assert!(said.contains("think: TypeError: the answer[0].speedPermille is 333.3"), "{said}");
    // Chance and time are not there.
    let said = refused(attempt("speedPermille: 1000,", "speedPermille: Math.trunc(1000 * Math.random()),"));
    assert!(said.contains("a script has no chance of its own") && said.contains("script.ts:14"), "{said}");
    // An endless loop costs its fuel.
    let said = refused(attempt("const atHome", "while (seen.level > 0) {}\n  const atHome"));
    assert!(said.contains("ran out of fuel"), "{said}");
    // A forgotten export.
    let said = attempt("export const think", "export const thing").unwrap_err();
    assert!(said.contains("script.ts must export a function `think`"), "{said}");
}

#[test]
fn mistakes_in_c_are_told_with_the_authors_line() {
    if !can_build(Language::C) {
        return;
    }
    let guests = Guests::open();
    let attempt = |from: &str, to: &str| {
        guests.begin("slips-c", Kind::Npc, Language::C);
        guests.edit("slips-c", Language::C, from, to);
        guests.build("slips-c").map(|(path, _)| std::fs::read(path).unwrap())
    };
    let said = attempt(".speed_permille = 1000,", ".speed = 1000,").unwrap_err();
    assert!(said.contains("scripts/slips-c/script.c:13:"), "{said}");
    let refused = |bytes: Result<Vec<u8>, String>| {
        let bytes = bytes.unwrap_or_else(|error| panic!("{error}"));
        Module::load(starter::engine(), &bytes).unwrap_err().to_string()
    };
    let said = refused(attempt(
        "  if (seen->target == 0",
        "  *(volatile int *)(seen->level + 0xfffff000u) = 1;\n  if (seen->target == 0",
    ));
    assert!(said.contains("scripts/slips-c/script.c:16"), "{said}");
    let said =
        attempt("  if (seen->target == 0", "  printf(\"here\");\n  if (seen->target == 0").unwrap_err();
    assert!(said.contains("script.c:16"), "{said}");
}
