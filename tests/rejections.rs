//! Words of the rules that no other story hears, brought about on purpose. `tests/protocol_doc.rs` lists where each is.

use crate::live::Workshop;
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};

/// What mages can do to themselves here.
const MOODS: &str = r#"
[ability.hush]
title = "Hush"
animation = "heal"
animation_time = "400ms"
target = "caster"
status = "silenced"
status_time = "60s"

[ability.daze]
title = "Daze"
animation = "heal"
animation_time = "400ms"
target = "caster"
status = "stunned"
status_time = "60s"

[ability.dash]
title = "Dash"
animation = "heal"
animation_time = "400ms"
target = "caster"
energy_cost = 500
heal = 1

[ability.whim]
title = "Whim"
animation = "heal"
animation_time = "400ms"
target = "caster"
mana_cost = 7
heal = 1
"#;

const SILENCED: &str = "\n[status.silenced]\ntitle = \"Silenced\"\nsilence = true\n";

/// As many quests as a character may have active at once, and one more.
fn errands() -> String {
    let errand = |number: u32| {
        format!(
            "\n[quest.errand_{number}]\ntitle = \"Errand {number}\"\ntext = \"There is always something.\"\n\
             script = \"quests\"\ngiver = \"mira\"\ncompleter = \"mira\"\n\
             objective = [{{ deed = \"kill\", subject = \"wolf\", needed = 3, text = \"Kill grey wolves\" }}]\n\
             reward = {{ experience = 1 }}\n"
        )
    };
    (1..=26).map(errand).collect()
}

fn append(content: &Copied, file: &str, more: &str) {
    let path = content.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{text}{more}")).unwrap();
}

/// Newcomers stand before Mira, who has much to do, and mages have moods.
fn world() -> World {
    let content = Copied::content();
    let abilities = "abilities = [\"fireball\", \"frost_shackles\", \"mend\"]";
    let moods = abilities.replace(']', ", \"hush\", \"daze\", \"dash\", \"whim\"]");
    content
        .replace("zones/downtown.toml", "entrance = [200, 100]", "entrance = [210, 105]")
        .replace("classes.toml", abilities, &moods)
        .replace("abilities.toml", "range = 25\nmana_cost = 20\n", "range = 25\nmana_cost = 500\n");
    append(&content, "abilities.toml", MOODS);
    append(&content, "statuses.toml", SILENCED);
    append(&content, "quests.toml", &errands());
    Setup::default().unlimited().content(content).start()
}

fn ability(name: &str) -> Value {
    json!({"ability": name})
}

#[tokio::test]
async fn who_has_no_strength_for_it_or_is_held_by_something_is_told_what_it_is() {
    let world = world();
    let (_, mut socket) = world.player("mage").await;
    let cast = "combat.use_skill";
    assert_eq!(socket.rejected(cast, ability("mend"), "not_enough_mana").await, None);
    socket.rejected(cast, ability("dash"), "not_enough_energy").await;
    // Two at once: half a second has to be between them.
    let calls = [100, 101].map(
        |id| json!({"jsonrpc": "2.0", "id": id, "method": "combat.use_skill", "params": ability("hush")}),
    );
    let answers = socket.ask(Value::from(calls.to_vec()).to_string()).await;
    let answer = |id: u64| answers.as_array().unwrap().iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(answer(100)["result"], json!({}), "{answers}");
    assert_eq!(answer(101)["error"]["data"]["rejection"], "too_soon", "{answers}");
    assert_eq!(answer(101)["error"]["data"]["retry_after_ms"], 500, "{answers}");
    // Silence is of spells: what costs no mana is still allowed.
    let wait = socket.rejected(cast, ability("mend"), "silenced").await;
    assert!((1..=60_000).contains(&wait.unwrap()), "until the silence is over: {wait:?}");
    socket.done(cast, ability("daze")).await;
    for name in ["mend", "hush"] {
        let wait = socket.rejected(cast, ability(name), "stunned").await;
        assert!((1..=60_000).contains(&wait.unwrap()), "until the daze is over: {wait:?}");
    }
    socket.close().await;
}

#[tokio::test]
async fn who_has_too_much_to_do_takes_no_more_on() {
    let world = world();
    let (_, mut socket) = world.player("warrior").await;
    let quest = |number: u32| json!({"quest": format!("errand_{number}")});
    for number in 1..=25 {
        socket.done("quest.accept", quest(number)).await;
    }
    socket.rejected("quest.accept", quest(26), "quest_limit").await;
    socket.done("quest.abandon", quest(7)).await;
    socket.done("quest.accept", quest(26)).await;
    socket.close().await;
}

#[tokio::test]
async fn who_repeats_himself_or_shows_newcomers_links_is_not_heard() {
    let world = world();
    let (_, mut loud) = world.player("warrior").await;
    let (_, mut calm) = world.player("mage").await;
    for _ in 0..3 {
        loud.done("chat.send", json!({"text": "selling pelts"})).await;
        assert_eq!(calm.notified("chat.message").await["text"], "selling pelts");
    }
    loud.rejected("chat.send", json!({"text": "selling pelts"}), "chat_spam").await;
    loud.rejected("chat.send", json!({"text": "look at www.example.com"}), "chat_link").await;
    // What was heard is all there was.
    loud.done("chat.send", json!({"text": "never mind"})).await;
    assert_eq!(calm.notified("chat.message").await["text"], "never mind");
    loud.close().await;
    calm.close().await;
}

const JUDGED: &str = "    if strikes >= MUTED_AT {\n";
/// Reasons that the starter's filter never gives.
const STERNER: &str = "    match line.text.as_str() {
        \"LOUDER\" => return block(Reason::Shouting, 0),
        \"otherwise\" => return block(Reason::Other, 0),
        _ => {}
    }
    if strikes >= MUTED_AT {\n";
const VALID: &str = "if cast.ability == 0 || cast.health <= 0 {";
/// Against what costs seven.
const PICKIER: &str = "if cast.ability == 0 || cast.health <= 0 || cast.mana_cost == 7 {";

fn push(world: &World, name: &str, bytes: &[u8]) {
    let file = world.data().join(format!("{name}.wasm"));
    std::fs::write(&file, bytes).unwrap();
    let output = world.lore(&["push", file.to_str().unwrap(), "--skip-proof"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn what_a_script_refuses_for_its_own_reasons_is_told_so() {
    let build = || {
        let workshop = Workshop::open().unwrap();
        let filter = workshop.build("chat-filter", "0.3.1", "src/filter.rs", JUDGED, STERNER).unwrap();
        (filter, workshop.build("abilities", "0.3.1", "src/cast.rs", VALID, PICKIER).unwrap())
    };
    let (filter, abilities) = tokio::task::spawn_blocking(build).await.unwrap();
    let world = world();
    let (_, mut socket) = world.player("mage").await;
    socket.done("combat.use_skill", ability("whim")).await;
    push(&world, "chat-filter", &filter);
    push(&world, "abilities", &abilities);
    socket.rejected("combat.use_skill", ability("whim"), "ability_refused").await;
    socket.rejected("chat.send", json!({"text": "LOUDER"}), "chat_shouting").await;
    socket.rejected("chat.send", json!({"text": "otherwise"}), "chat_refused").await;
    socket.done("chat.send", json!({"text": "well then"})).await;
    socket.close().await;
}
