//! Playing over the socket: walking, talking, quests, things, fights, death, as two clients see it.

use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};

/// Where newcomers come into the world, and other changes of the content.
fn world(changes: &[(&str, &str, &str)]) -> World {
    let content = Copied::content();
    for (file, from, to) in changes {
        content.replace(file, from, to);
    }
    Setup::default().content(content).start()
}

/// The points of players whose movements were impossible, which cost one each.
const CORRECTED: &str = "abuse_points_total{offence=\"corrected\"}";

/// Newcomers stand on the way into the wood, before a lone wolf with these qualities.
fn before_the_wolf(wolf: &str, more: &[(&str, &str, &str)]) -> World {
    let mut changes = vec![
        ("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\""),
        ("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 549]"),
        ("npcs.toml", "health = 80, attack = 7, weapon_damage = 4, accuracy = 50, evasion = 50", wolf),
    ];
    changes.extend(more);
    world(&changes)
}

#[tokio::test]
async fn movement_is_acknowledged_corrected_and_goes_on_in_the_next_zone() {
    let world = world(&[("zones/downtown.toml", "entrance = [200, 100]", "entrance = [200, 9]")]);
    let (hero, mut socket) = world.player("warrior").await;
    assert_eq!(socket.place(), (200_000, 9_000));
    let seq = socket.step(200_400, 9_000).await;
    socket.until("its acknowledgement", |socket| (socket.replica.ack == seq).then_some(())).await;
    assert_eq!(socket.place(), (200_400, 9_000));

    // Fifty units at once: acknowledged as read, and put back.
    let seq = socket.step(250_000, 9_000).await;
    let corrected = socket.notified("world.corrected").await;
    assert_eq!(corrected, json!({"seq": seq, "x": 200_400, "y": 9_000}));
    // What is older than the newest is ignored, without a word.
    assert_eq!(socket.done("world.move", json!({"seq": 1, "x": 200_000, "y": 9_000})).await, json!({}));
    socket.walk(200_000, 7_000, 20_000).await;
    assert_eq!(socket.place(), (200_000, 7_000));
    along(&mut socket).await;

    socket.walk(200_000, 4_000, 20_000).await;
    assert_eq!(socket.notified("world.zone").await, json!({"zone": "greywood"}));
    socket.notified("world.snapshot").await;
    assert_eq!(socket.replica.zone, "greywood");
    assert_eq!(socket.place(), (300_000, 588_000));
    assert_eq!(socket.replica.me()["name"], hero.name.as_str());
    let before = socket.replica.ack;
    assert!(before > seq, "the acknowledgement goes on: {before}");
    let next = socket.step(300_300, 588_000).await;
    socket.until("its acknowledgement", |socket| (socket.replica.ack == next).then_some(())).await;
    assert_eq!(socket.place(), (300_300, 588_000));

    // And back, as often as one likes.
    socket.walk(300_000, 592_000, 10_000).await;
    socket.walk(300_000, 596_000, 10_000).await;
    assert_eq!(socket.notified("world.zone").await, json!({"zone": "downtown"}));
    socket.notified("world.snapshot").await;
    assert_eq!(socket.place(), (200_000, 12_000));
    assert_eq!(world.figure(CORRECTED).await, 2, "the two jumps");

    // What was on its way when it went over was meant for the place before: it is taken back, without blame.
    let seq = socket.step(300_000, 596_300).await;
    assert_eq!(socket.notified("world.corrected").await, json!({"seq": seq, "x": 200_000, "y": 12_000}));
    assert_eq!(world.figure(CORRECTED).await, 2);

    let sky = socket.replica.environment.clone();
    let minute = sky["minute_of_day"].as_u64().unwrap();
    assert!((480..490).contains(&minute), "a new world begins at eight: {sky}");
    assert_eq!(sky["lighting"], "daylight");
    let weathers = ["clear", "cloudy", "rain", "fog"];
    assert!(weathers.contains(&sky["weather"].as_str().unwrap()), "what downtown's content allows: {sky}");
    assert!(sky["temperature"].is_number());
    socket.close().await;
}

#[tokio::test]
async fn two_players_see_hear_and_give_each_other_things() {
    let world = world(&[]);
    let (ada, mut one) = world.player("warrior").await;
    let (_, mut two) = world.player("mage").await;
    let (me, you) = (one.replica.you, two.replica.you);
    one.until("the other", |socket| socket.replica.entities.contains_key(&you).then_some(())).await;
    assert_eq!(two.replica.entities[&me]["name"], ada.name.as_str());
    assert_eq!(two.replica.entities[&me]["template"], "warrior");

    let text = "<b>hello</b> & {\"a\":1} \u{1f43a} 'x' \\ ünïcode";
    one.done("chat.send", json!({"text": text})).await;
    for socket in [&mut one, &mut two] {
        let mut heard = socket.notified("chat.message").await;
        let by = heard.as_object_mut().unwrap().remove("by").unwrap();
        assert!(by.as_str().unwrap().starts_with("chat-filter@0.1."), "{by}");
        assert_eq!(heard, json!({"channel": "zone", "from": me, "name": ada.name, "text": text}));
    }

    // Walking is seen by the other.
    one.walk(202_000, 101_000, 20_000).await;
    two.until("it", |socket| (socket.replica.entities[&me]["x"] == 202_000).then_some(())).await;

    // What one drops the other can take, once.
    let bread = one.slot_of("bread").await;
    one.forget_notes();
    one.done("inventory.drop", json!({"slot": bread, "count": 2})).await;
    let update = one.notified("inventory.update").await;
    assert_eq!(
        update["slots"],
        json!([{"slot": bread, "item": "bread", "title": "Loaf of Bread", "count": 1}])
    );
    let loaf = two.until("the bread", |socket| socket.replica.find("bread")).await;
    let entity = &two.replica.entities[&loaf];
    assert_eq!((&entity["kind"], &entity["count"]), (&json!("item"), &json!(2)), "{entity}");
    let before = two.count_of("bread").await;
    assert_eq!(two.done("npc.interact", json!({"target": loaf})).await, json!({"kind": "picked_up"}));
    assert_eq!(two.count_of("bread").await, before + 2);
    one.until("it gone", |socket| (!socket.replica.entities.contains_key(&loaf)).then_some(())).await;
    one.rejected("npc.interact", json!({"target": loaf}), "no_target").await;

    // Wearing and eating.
    let sword = one.slot_of("rusty_sword").await;
    one.forget_notes();
    one.done("inventory.equip", json!({"slot": sword})).await;
    let update = one.notified("inventory.update").await;
    assert_eq!(update["equipment"], json!({"main_hand": "rusty_sword"}));
    assert_eq!(one.done("inventory.list", json!({})).await["equipment"]["main_hand"], "rusty_sword");
    one.done("inventory.unequip", json!({"from": "main_hand"})).await;
    assert_eq!(one.notified("inventory.update").await["equipment"], json!({"main_hand": ""}));
    let sword = one.slot_of("rusty_sword").await;
    one.done("inventory.move", json!({"from": sword, "to": 20, "count": 1})).await;
    assert_eq!(one.slot_of("rusty_sword").await, 20);
    let bread = one.slot_of("bread").await;
    one.done("inventory.use", json!({"slot": bread})).await;
    assert_eq!(one.count_of("bread").await, 0);

    // After all of this, what the deltas made is what a fresh snapshot says.
    for socket in [&mut one, &mut two] {
        agrees_with_a_snapshot(socket).await;
    }
    two.close().await;
    one.until("the other gone", |socket| (!socket.replica.entities.contains_key(&you)).then_some(())).await;
    one.close().await;
}

async fn agrees_with_a_snapshot(socket: &mut Socket) {
    socket.forget_notes();
    socket.text(r#"{"jsonrpc":"2.0","method":"state.sync","params":{}}"#).await;
    // A snapshot comes in place of the delta of its tick: keep what was known before it.
    let known = socket
        .until("a snapshot", |socket| {
            (socket.unheard("world.snapshot") > 0).then(|| socket.before_snapshot.take().unwrap())
        })
        .await;
    assert_eq!(known.entities, socket.replica.entities);
    assert_eq!(known.own, socket.replica.own);
    assert_eq!(
        (known.ack, known.you, &known.zone),
        (socket.replica.ack, socket.replica.you, &socket.replica.zone)
    );
    assert_eq!(known.environment["weather"], socket.replica.environment["weather"]);
}

#[tokio::test]
async fn mira_talks_sells_beds_and_gives_work() {
    let world = world(&[("zones/downtown.toml", "entrance = [200, 100]", "entrance = [211, 106]")]);
    let (hero, mut socket) = world.player("warrior").await;
    let mira = socket.replica.find("mira").unwrap();
    assert_eq!(socket.done("npc.interact", json!({"target": mira})).await, json!({"kind": "dialog"}));
    let shown = socket.notified("dialog.show").await;
    assert_eq!(
        (&shown["npc"], &shown["dialog"], &shown["node"]),
        (&json!(mira), &json!("innkeeper"), &json!("greeting"))
    );
    assert!(shown["text"].as_str().unwrap().contains(&hero.name), "{shown}");
    assert!(shown["by"].as_str().unwrap().starts_with("innkeeper@0.1.0+"), "{shown}");
    assert!(choices(&shown).contains(&"take_bread".to_owned()));

    // A loaf, once.
    let before = socket.count_of("bread").await;
    assert_eq!(choose(&mut socket, "take_bread").await["node"], "bread");
    let shown = choose(&mut socket, "back").await;
    assert!(!choices(&shown).contains(&"take_bread".to_owned()), "{shown}");
    assert_eq!(socket.count_of("bread").await, before + 2);
    socket.rejected("dialog.choose", json!({"choice": "take_bread"}), "unknown_choice").await;
    socket.rejected("dialog.choose", json!({"choice": "rent"}), "unknown_choice").await;

    // Ten gold are two beds.
    for left in [5, 0] {
        let shown = choose(&mut socket, "ask_rooms").await;
        assert!(shown["text"].as_str().unwrap().contains(&(left + 5).to_string()), "{shown}");
        assert_eq!(choose(&mut socket, "rent").await["node"], "rested");
        let update = socket.notified("character.update").await;
        assert_eq!((&update["gold"], &update["gold_delta"]), (&json!(left), &json!(-5)), "{update}");
        choose(&mut socket, "back").await;
    }
    assert_eq!(choose(&mut socket, "ask_rooms").await["node"], "rooms_poor");
    choose(&mut socket, "back").await;

    // Work: accepted in the conversation, given up, accepted by its name.
    assert_eq!(choose(&mut socket, "ask_work").await["node"], "wolves_at_the_gate_offer");
    assert_eq!(socket.done("dialog.choose", json!({"choice": "accept"})).await, json!({}));
    let update = socket.notified("quest.update").await;
    assert_eq!(update["quest"]["state"], "active");
    assert!(update["by"].as_str().unwrap().starts_with("quests@"), "{update}");
    let quest = json!({"quest": "wolves_at_the_gate"});
    socket.rejected("quest.turn_in", quest.clone(), "quest_state").await;
    socket.rejected("quest.accept", quest.clone(), "quest_state").await;
    socket.rejected("quest.accept", json!({"quest": "old_greyjaw"}), "quest_state").await;
    socket.done("quest.abandon", quest.clone()).await;
    assert_eq!(socket.notified("quest.update").await["quest"]["state"], "abandoned");
    socket.done("quest.accept", quest.clone()).await;
    assert_eq!(socket.notified("quest.update").await["quest"]["state"], "active");
    let list = socket.done("quest.list", json!({})).await;
    assert_eq!(list["quests"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["quests"][0]["objectives"][0]["needed"], 3);

    // She is where one left her; going away from her ends nothing by itself, but talking does.
    socket.forget_notes();
    socket.done("npc.interact", json!({"target": mira})).await;
    assert_eq!(socket.notified("dialog.show").await["node"], "greeting");
    socket.done("dialog.choose", json!({"choice": "farewell"})).await;
    assert_eq!(socket.notified("dialog.end").await, json!({}));
    socket.rejected("dialog.close", json!({}), "no_dialog").await;
    socket.done("npc.interact", json!({"target": mira})).await;
    socket.done("dialog.close", json!({})).await;
    assert_eq!(socket.notified("dialog.end").await, json!({}));
    socket.close().await;

    // All of it is durable.
    let mut socket = world.join(&hero).await;
    assert_eq!(socket.done("inventory.list", json!({})).await["gold"], 0);
    assert_eq!(socket.done("quest.list", json!({})).await["quests"][0]["state"], "active");
    socket.close().await;
}

async fn choose(socket: &mut Socket, choice: &str) -> Value {
    socket.forget_notes();
    socket.done("dialog.choose", json!({"choice": choice})).await;
    let shown = socket.until("the next node", |socket| (socket.unheard("dialog.show") > 0).then_some(()));
    shown.await;
    socket.notified("dialog.show").await
}

fn choices(shown: &Value) -> Vec<String> {
    let choices = shown["choices"].as_array().unwrap().iter();
    choices.map(|choice| choice["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_wolf_is_stunned_bled_killed_looted_and_paid_for() {
    let tame = "health = 260, attack = 0, weapon_damage = 1, accuracy = 50, evasion = 0";
    let mira = "# Packs of four";
    let world = before_the_wolf(
        tame,
        &[
            (
                "zones/greywood.toml",
                mira,
                "[[zone.greywood.spawn]]\nnpc = \"mira\"\nat = [301, 552]\nrespawn = \"10s\"\n\n# Packs of four",
            ),
            ("quests.toml", "needed = 3, text = \"Kill grey", "needed = 1, text = \"Kill grey"),
            ("abilities.toml", "cooldown = \"10s\"", "cooldown = \"3s\""),
        ],
    );
    let (_, mut socket) = world.player("warrior").await;
    let you = socket.replica.you;
    socket.done("quest.accept", json!({"quest": "wolves_at_the_gate"})).await;
    let wolf = come_close(&mut socket).await;

    // Stun: seen on the wolf, paid with energy, and then it has to rest.
    loop {
        let before = socket.replica.own["energy"].as_u64().unwrap();
        cast(&mut socket, "shield_bash", wolf).await;
        let swing = swing_of(&mut socket, you).await;
        let after = socket.until("the cost", |socket| {
            let now = socket.replica.own["energy"].as_u64().unwrap();
            (now < before).then_some(now)
        });
        assert!(before - after.await <= 20);
        assert_eq!((&swing["ability"], &swing["defender"]), (&json!("shield_bash"), &json!(wolf)), "{swing}");
        let again = json!({"ability": "shield_bash", "target": wolf});
        let wait = socket.rejected("combat.use_skill", again, "on_cooldown").await;
        assert!((500..=3_000).contains(&wait.unwrap()), "what is left of three seconds: {wait:?}");
        if landed(&swing) {
            break;
        }
    }
    socket.until("the stun", |socket| bears(socket, wolf, "stunned").then_some(())).await;
    socket.until("the end of the stun", |socket| (!bears(socket, wolf, "stunned")).then_some(())).await;

    // Bleeding: pulses, decided by the ability script.
    loop {
        let target = come_close(&mut socket).await;
        cast(&mut socket, "rend", target).await;
        if landed(&swing_of(&mut socket, you).await) {
            break;
        }
    }
    let pulse = socket.event("a pulse", |event| event["type"] == "pulse" && event["target"] == wolf).await;
    assert_eq!((&pulse["status"], &pulse["source"]), (&json!("bleed"), &json!(you)), "{pulse}");
    assert!(pulse["by"].as_str().unwrap().starts_with("abilities@0.1.0+"), "{pulse}");
    assert!(pulse["amount"].as_i64().unwrap() > 0);

    // To the end.
    socket.forget_notes();
    while socket.replica.entities.get(&wolf).is_some_and(|entity| entity["hp"] != 0) {
        let near = come_close(&mut socket).await;
        if near != wolf {
            break;
        }
        match socket.patient("combat.attack", &json!({"target": wolf})).await {
            Ok(_) => {
                let swing = swing_of(&mut socket, you).await;
                let (base, raw) = (swing["base"].as_i64().unwrap(), swing["raw"].as_i64().unwrap());
                let expected = if swing["hit"] == "critical" { base * 1_500 / 1_000 } else { base };
                assert_eq!(raw, expected, "{swing}");
            }
            Err(error) => {
                let word = error["data"]["rejection"].as_str().unwrap();
                assert!(["out_of_range", "wrong_target", "no_target"].contains(&word), "{error}");
            }
        }
    }
    let death = socket.event("its death", |event| event["type"] == "death" && event["entity"] == wolf).await;
    assert_eq!(death["killer"], you, "{death}");
    let update = socket.until("experience", |socket| (socket.unheard("character.update") > 0).then_some(()));
    update.await;
    assert_eq!(experience(&mut socket).await["experience_delta"], 35);
    let quest = socket.notified("quest.update").await;
    assert_eq!(quest["quest"]["objectives"][0]["done"], 1, "{quest}");
    let pelts = socket.notified("inventory.update").await;
    assert!(pelts.to_string().contains("wolf_pelt"), "{pelts}");

    // Paid: told, then turned in. It makes the second level.
    let mira = socket.replica.find("mira").unwrap();
    socket.walk(300_000, 551_000, 10_000).await;
    socket.done("npc.interact", json!({"target": mira})).await;
    socket.until("completion", |socket| (socket.unheard("quest.update") > 0).then_some(())).await;
    assert_eq!(socket.notified("quest.update").await["quest"]["state"], "complete");
    socket.forget_notes();
    socket.done("quest.turn_in", json!({"quest": "wolves_at_the_gate"})).await;
    assert_eq!(socket.notified("quest.update").await["quest"]["state"], "turned_in");
    let paid = experience(&mut socket).await;
    assert_eq!(
        (&paid["level"], &paid["experience"], &paid["experience_to_next"]),
        (&json!(2), &json!(15), &json!(250))
    );
    assert!(socket.count_of("leather_jerkin").await == 1);
    socket.until("the level", |socket| (socket.replica.me()["level"] == 2).then_some(())).await;
    assert!(socket.replica.me()["hp_max"].as_u64().unwrap() > 140, "{}", socket.replica.me());
    socket.rejected("quest.turn_in", json!({"quest": "wolves_at_the_gate"}), "quest_state").await;
    socket.close().await;
}

#[tokio::test]
async fn the_dead_can_only_wait_and_talk() {
    let deadly = "health = 80, attack = 2000, weapon_damage = 4, accuracy = 1000, evasion = 50";
    let world = before_the_wolf(deadly, &[("progression.toml", "respawn = \"5s\"", "respawn = \"4s\"")]);
    let (_, mut socket) = world.player("mage").await;
    let you = socket.replica.you;
    let died = socket.notified("character.died").await;
    assert_eq!(died, json!({"respawn_ms": 4_000}));
    let death = socket.event("the death", |event| event["type"] == "death" && event["entity"] == you).await;
    assert!(death["by"].as_str().unwrap().starts_with("combat@"), "{death}");
    assert_eq!(socket.replica.entities[&death["killer"].as_u64().unwrap()]["template"], "wolf");
    let place = socket.place();
    let wolf = socket.replica.find("wolf").unwrap();
    for (method, params) in [
        ("combat.attack", json!({"target": wolf})),
        ("combat.use_skill", json!({"ability": "mend"})),
        ("npc.interact", json!({"target": wolf})),
        ("quest.accept", json!({"quest": "wolves_at_the_gate"})),
        ("quest.turn_in", json!({"quest": "wolves_at_the_gate"})),
        ("inventory.equip", json!({"slot": 0})),
        ("inventory.unequip", json!({"from": "main_hand"})),
        ("inventory.use", json!({"slot": 0})),
        ("inventory.drop", json!({"slot": 0, "count": 1})),
        ("inventory.move", json!({"from": 0, "to": 9, "count": 1})),
        ("shop.list", json!({"npc": wolf})),
        ("shop.buy", json!({"npc": wolf, "item": "bread", "count": 1})),
        ("shop.sell", json!({"npc": wolf, "slot": 0, "count": 1})),
        ("craft.make", json!({"recipe": "leather_cap"})),
    ] {
        let wait = socket.rejected(method, params, "dead").await;
        assert!((1..=4_050).contains(&wait.unwrap()), "until the return: {wait:?}");
    }
    let seq = socket.step(place.0 + 100, place.1).await;
    assert_eq!(socket.notified("world.corrected").await, json!({"seq": seq, "x": place.0, "y": place.1}));
    socket.done("chat.send", json!({"text": "help"})).await;
    assert!(socket.call("inventory.list", json!({})).await.is_ok());
    assert!(socket.call("quest.list", json!({})).await.is_ok());

    assert_eq!(socket.notified("character.respawned").await, json!({}));
    socket.until("life", |socket| (socket.replica.me()["hp"] == 95).then_some(())).await;
    assert_eq!(socket.place(), (300_000, 549_000), "at the zone's entrance");
    assert_eq!(world.figure(CORRECTED).await, 1, "the step of the dead, and not that it was brought here");
    socket.close().await;
}

/// Several moves in one call: there and back, and only the one that is impossible is taken back.
async fn along(socket: &mut Socket) {
    let (x, y) = socket.place();
    let last = socket.steps(&[300, 600, 90_000, 300, 0].map(|east| (x + east, y))).await;
    let corrected = socket.notified("world.corrected").await;
    assert_eq!(corrected, json!({"seq": last - 2, "x": x + 600, "y": y}));
    socket.until("its acknowledgement", |socket| (socket.replica.ack == last).then_some(())).await;
    assert_eq!(socket.place(), (x, y));
    for moves in [json!([]), json!(vec![json!({"seq": 1, "x": x, "y": y}); 17])] {
        let error = socket.patient("world.position.batch", &json!({"moves": moves})).await.unwrap_err();
        assert_eq!(error["code"], -32602, "{error}");
    }
}

/// Walks up to the nearest wolf until it can be hit; its id.
async fn come_close(socket: &mut Socket) -> u64 {
    loop {
        let wolf = socket.until("a wolf", |socket| nearest(socket, "wolf")).await;
        let entity = &socket.replica.entities[&wolf];
        let (x, y) = (entity["x"].as_i64().unwrap(), entity["y"].as_i64().unwrap());
        let (my_x, my_y) = socket.place();
        if (x - my_x).pow(2) + (y - my_y).pow(2) <= 2_000_i64.pow(2) {
            return wolf;
        }
        // A step at a time: it moves, too.
        let distance = (((x - my_x).pow(2) + (y - my_y).pow(2)) as f64).sqrt() as i64;
        let part = (distance - 1_500).min(400);
        socket.walk(my_x + (x - my_x) * part / distance, my_y + (y - my_y) * part / distance, 10_000).await;
    }
}

fn nearest(socket: &Socket, template: &str) -> Option<u64> {
    let (x, y) = socket.place();
    let far = |entity: &Value| {
        (entity["x"].as_i64().unwrap() - x).pow(2) + (entity["y"].as_i64().unwrap() - y).pow(2)
    };
    let alive = |entity: &&Value| entity["template"] == template && entity["hp"] != 0;
    let found = socket.replica.entities.values().filter(alive).min_by_key(|entity| far(entity));
    found.map(|entity| entity["id"].as_u64().unwrap())
}

/// Uses an ability on a wolf, as soon as it may be used.
async fn cast(socket: &mut Socket, ability: &str, target: u64) {
    socket.events.clear();
    loop {
        match socket.patient("combat.use_skill", &json!({"ability": ability, "target": target})).await {
            Ok(_) => return,
            Err(error) => match error["data"]["rejection"].as_str() {
                Some("on_cooldown" | "not_enough_energy") => socket.one_delta().await,
                Some("out_of_range") => drop(come_close(socket).await),
                _ => panic!("{ability}: {error}"),
            },
        }
    }
}

async fn swing_of(socket: &mut Socket, attacker: u64) -> Value {
    let swing =
        socket.event("a swing", |event| event["type"] == "swing" && event["attacker"] == attacker).await;
    assert!(swing["by"].as_str().unwrap().starts_with("combat@0.1.0+"), "{swing}");
    swing
}

fn landed(swing: &Value) -> bool {
    ["hit", "critical", "block"].contains(&swing["hit"].as_str().unwrap())
}

fn bears(socket: &Socket, entity: u64, status: &str) -> bool {
    let statuses = socket.replica.entities.get(&entity).and_then(|entity| entity["statuses"].as_array());
    statuses.is_some_and(|statuses| statuses.iter().any(|known| known["name"] == status))
}

/// The next `character.update` that is about experience.
async fn experience(socket: &mut Socket) -> Value {
    loop {
        let update = socket.notified("character.update").await;
        if update.get("experience").is_some() {
            return update;
        }
    }
}
