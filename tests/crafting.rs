//! Crafting and fees as players meet them: what is made, what fails, what cannot be tried; what was told of it
//! outlives a kill and adds up, and another version of the script decides otherwise at once.

use crate::live::{Workshop, lore};
use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _};

const STAFF: &str = "    { item = \"apprentice_staff\" },\n";
const MATERIALS: &str = "    { item = \"apprentice_staff\" },
    { item = \"wolf_pelt\", count = 12 },
    { item = \"boar_tusk\", count = 4 },
";
const WARRIOR: &str = "    { item = \"rusty_sword\" },
    { item = \"wooden_shield\" },
    { item = \"bread\", count = 3 },
";
/// All 32 slots.
const FULL_BAG: &str = "    { item = \"rusty_sword\", count = 30 },
    { item = \"wolf_pelt\", count = 40 },
";

/// Caps succeed and tonics fail, whatever the dice say. Mages bring what both take, warriors a full bag.
fn content() -> Copied {
    let content = Copied::content();
    content
        .replace("classes.toml", STAFF, MATERIALS)
        .replace("classes.toml", WARRIOR, FULL_BAG)
        .replace("recipes.toml", "chance_permille = 900", "chance_permille = 1000")
        .replace("recipes.toml", "chance_permille = 850", "chance_permille = 0");
    content
}

async fn make(socket: &mut Socket, recipe: &str, count: u32) -> Value {
    socket.done("craft.make", json!({"recipe": recipe, "count": count})).await
}

fn outcome(made: u32, failed: u32, fee: u32) -> Value {
    json!({"made": made, "masterworks": 0, "failed": failed, "fee": fee})
}

/// What the journal says came and went for a reason: how much and by which module.
async fn journal(world: &World, character: i64, subject: &str, reason: &str) -> Vec<(i64, String)> {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", world.data().join("lore.db").display());
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    let sql = "SELECT delta, by_module FROM journal WHERE character_id = $1 AND subject = $2 AND reason = $3 \
               ORDER BY id";
    let query = sqlx::query(sql).bind(character).bind(subject).bind(reason);
    let rows = query.fetch_all(&mut database).await.unwrap();
    let rows = rows.iter().map(|row| (row.try_get("delta").unwrap(), row.try_get("by_module").unwrap()));
    let rows = rows.collect();
    database.close().await.unwrap();
    rows
}

/// Ends the server; what everybody has must add up, and what was recorded happen again to the bit.
async fn adds_up(mut world: World, zone: &str) -> World {
    world.terminate();
    assert!(world.ended().await.success());
    let audit = lore().args(["audit", "--json", "--data"]).arg(world.data()).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    let log = world.data().join("replay").join(zone);
    let output = world.lore_offline(&["replay", log.to_str().unwrap(), "--json"]);
    let played: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && played["difference"].is_null(), "{played}");
    world
}

#[tokio::test]
async fn what_is_made_is_paid_used_up_told_and_not_lost() {
    let world = Setup::default().content(content()).start();
    let (hero, mut socket) = world.player("mage").await;
    let known = socket.done("craft.list", json!({})).await;
    let cap = known["recipes"].as_array().unwrap().iter().find(|recipe| recipe["name"] == "leather_cap");
    let cap = cap.unwrap();
    assert_eq!(cap["ingredients"], json!([{"item": "wolf_pelt", "title": "Wolf Pelt", "count": 2}]));
    assert_eq!((&cap["station"], &cap["masterwork"], &cap["fee"]), (&Value::Null, &Value::Null, &json!(0)));

    socket.forget_notes();
    assert_eq!(make(&mut socket, "leather_cap", 2).await, outcome(2, 0, 0));
    let told = socket.notified("inventory.update").await;
    let slots = told["slots"].as_array().unwrap();
    assert!(slots.iter().any(|slot| slot["item"] == "leather_cap" && slot["count"] == 1), "{told}");
    assert_eq!((socket.count_of("leather_cap").await, socket.count_of("wolf_pelt").await), (2, 8));

    // Mira knows the tonic. It goes wrong, costs its fee all the same, and leaves half of what divides.
    socket.rejected("craft.make", json!({"recipe": "tusk_tonic"}), "out_of_range").await;
    socket.walk(209_000, 106_000, 20_000).await;
    assert_eq!(make(&mut socket, "tusk_tonic", 1).await, outcome(0, 1, 1));
    let paid = socket.notified("character.update").await;
    assert_eq!((&paid["gold"], &paid["gold_delta"]), (&json!(9), &json!(-1)));
    assert!(paid["by"].as_str().unwrap().starts_with("economy@"), "{paid}");
    assert_eq!((socket.count_of("boar_tusk").await, socket.count_of("bread").await), (3, 2));

    // Killed right behind the answer.
    assert_eq!(make(&mut socket, "leather_cap", 1).await, outcome(1, 0, 0));
    let world = world.killed();
    let mut socket = world.join(&hero).await;
    assert_eq!(socket.done("inventory.list", json!({})).await["gold"], 9);
    assert_eq!((socket.count_of("leather_cap").await, socket.count_of("wolf_pelt").await), (3, 6));
    socket.close().await;

    let world = adds_up(world, "downtown").await;
    let caps = journal(&world, hero.character, "leather_cap", "crafted:leather_cap").await;
    assert_eq!(caps.iter().map(|(delta, _)| *delta).collect::<Vec<_>>(), [2, 1]);
    let pelts = journal(&world, hero.character, "wolf_pelt", "crafted:leather_cap").await;
    assert_eq!(pelts.iter().map(|(delta, _)| *delta).collect::<Vec<_>>(), [-4, -2]);
    let fees = journal(&world, hero.character, "", "fee:crafting").await;
    assert!(matches!(&fees[..], [(-1, by)] if by.starts_with("economy@")), "{fees:?}");
    assert!(caps.iter().chain(&pelts).all(|(_, by)| by.starts_with("economy@")), "{caps:?} {pelts:?}");
}

#[tokio::test]
async fn what_cannot_be_made_changes_nothing_and_says_why() {
    let world = Setup::default().content(content()).start();
    let (_, mut socket) = world.player("mage").await;
    let before = socket.done("inventory.list", json!({})).await;
    let error = socket.call("craft.make", json!({"recipe": "lether_cap"})).await.unwrap_err();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32011), &json!("rejected")), "{error}");
    assert_eq!(error["data"]["rejection"], "unknown_recipe", "{error}");
    assert!(error["message"].as_str().unwrap().contains("did you mean `leather_cap`?"), "{error}");
    socket.rejected("craft.make", json!({"recipe": "x".repeat(900)}), "unknown_recipe").await;
    for (recipe, count, word) in [
        ("leather_cap", 0, "bad_count"),
        ("leather_cap", 101, "bad_count"),
        ("leather_cap", u32::MAX, "bad_count"),
        ("leather_cap", 7, "missing_ingredients"),
        ("fur_jerkin", 1, "requirement"),
        ("tusk_tonic", 1, "out_of_range"),
    ] {
        socket.rejected("craft.make", json!({"recipe": recipe, "count": count}), word).await;
    }
    assert_eq!(socket.done("inventory.list", json!({})).await, before);
    socket.close().await;

    // A cap has no place in a full bag, until something is dropped.
    let (_, mut socket) = world.player("warrior").await;
    socket.rejected("craft.make", json!({"recipe": "leather_cap"}), "inventory_full").await;
    assert_eq!((socket.count_of("wolf_pelt").await, socket.count_of("leather_cap").await), (40, 0));
    let sword = socket.slot_of("rusty_sword").await;
    socket.done("inventory.drop", json!({"slot": sword, "count": 1})).await;
    assert_eq!(make(&mut socket, "leather_cap", 1).await, outcome(1, 0, 0));
    assert_eq!((socket.count_of("wolf_pelt").await, socket.count_of("leather_cap").await), (38, 1));
    socket.close().await;
    adds_up(world, "downtown").await;
}

/// A version in which nothing can be made, and death costs gold from the first level on.
async fn stern() -> Vec<u8> {
    let build = || {
        let edits = [
            ("src/craft.rs", "if dice.permille(chance) {", "if dice.permille(chance.min(0)) {"),
            ("src/fee.rs", "FREE_LEVEL: u32 = 5", "FREE_LEVEL: u32 = 0"),
        ];
        Workshop::open().unwrap().build_edited("economy", "0.4.0", &edits).unwrap()
    };
    tokio::task::spawn_blocking(build).await.unwrap()
}

fn push(world: &World, module: &[u8]) {
    let file = world.data().join("economy.wasm");
    std::fs::write(&file, module).unwrap();
    let pushed = world.lore(&["push", file.to_str().unwrap()]);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
}

#[tokio::test]
async fn a_new_version_of_the_script_decides_at_once_and_so_does_the_old_one_again() {
    let stern = stern().await;
    let world = Setup::default().content(content()).start();
    let (hero, mut socket) = world.player("mage").await;
    assert_eq!(make(&mut socket, "leather_cap", 1).await, outcome(1, 0, 0));
    push(&world, &stern);
    assert_eq!(make(&mut socket, "leather_cap", 1).await, outcome(0, 1, 0));
    let back = world.lore(&["rollback", "economy"]);
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    assert_eq!(make(&mut socket, "leather_cap", 1).await, outcome(1, 0, 0));
    socket.close().await;
    let world = adds_up(world, "downtown").await;
    let pelts = journal(&world, hero.character, "wolf_pelt", "crafted:leather_cap").await;
    let by: Vec<bool> = pelts.iter().map(|(_, by)| by.starts_with("economy@0.4.0+")).collect();
    assert_eq!(by, [false, true, false], "{pelts:?}");
}

#[tokio::test]
async fn the_dead_pay_for_their_return_what_the_script_asks() {
    let stern = stern().await;
    let content = Copied::content();
    let harmless = "health = 80, attack = 7, weapon_damage = 4, accuracy = 50, evasion = 50";
    let deadly = "health = 80, attack = 2000, weapon_damage = 4, accuracy = 1000, evasion = 50";
    content
        .replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\"")
        .replace("progression.toml", "respawn = \"5s\"", "respawn = \"1s\"")
        .replace("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 549]")
        .replace("npcs.toml", harmless, deadly);
    let world = Setup::default().content(content).start();
    let (hero, mut socket) = world.player("mage").await;
    // The young return for nothing.
    socket.notified("character.respawned").await;
    assert_eq!(socket.unheard("character.update"), 0);
    push(&world, &stern);
    let paid = socket.notified("character.update").await;
    assert_eq!((&paid["gold"], &paid["gold_delta"]), (&json!(8), &json!(-2)), "{paid}");
    assert!(paid["by"].as_str().unwrap().starts_with("economy@0.4.0+"), "{paid}");
    socket.close().await;
    let world = adds_up(world, "greywood").await;
    let fees = journal(&world, hero.character, "", "fee:respawn").await;
    assert!(fees.iter().all(|(delta, by)| *delta == -2 && by.starts_with("economy@0.4.0+")), "{fees:?}");
}
