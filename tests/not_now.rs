//! What a client is told that asks for something the server cannot do now: why, and when to ask again.

use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};
use sqlx::Connection as _;

/// That it is no refusal for good.
#[track_caller]
fn is_for_now(error: &Value, code: i64, reason: &str) {
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(code), &json!(reason)), "{error}");
    assert!(error["data"]["retry_after_ms"].as_u64().is_some_and(|wait| wait >= 1), "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("try again in")), "{error}");
}

#[tokio::test]
async fn more_open_calls_than_a_connection_may_have_are_too_much_to_do() {
    // So few ticks that calls wait: one may fall between them, and of either half 128 find a place.
    let world = Setup::default().unlimited().setting("LORE_TICK_MS", "1000").start();
    let (_, mut socket) = world.player("warrior").await;
    for id in 1_000..1_300 {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "dialog.close"});
        socket.text(call.to_string()).await;
    }
    let mut busy = 0;
    for _ in 0..300 {
        let answer = socket.answer().await;
        let error = &answer["error"];
        if error["data"]["rejection"] != "no_dialog" {
            is_for_now(error, -32010, "busy");
            busy += 1;
        }
    }
    assert!((1..=172).contains(&busy), "{busy}");
    assert!(socket.call("system.ping", json!({})).await.is_ok());
    socket.close().await;
}

/// One tick a second, in which a client may ask for whatever it likes, and as much as it likes.
fn slow(content: Copied) -> World {
    let slow = Setup::default().unlimited().setting("LORE_TICK_MS", "1000").content(content);
    slow.limit("connection.messages", "10000000/s burst 120").start()
}

/// Everybody whom one may have to do with stands beside the newcomers, who have what a cap takes but for its fee.
fn market() -> Copied {
    let content = Copied::content();
    let (sword, pelts) = ("    { item = \"rusty_sword\" },\n", "    { item = \"wolf_pelt\", count = 2 },\n");
    content
        .replace("zones/downtown.toml", "entrance = [200, 100]", "entrance = [210, 105]")
        .replace("zones/downtown.toml", "at = [186, 112]", "at = [208, 104]")
        .replace("classes.toml", sword, &format!("{sword}{pelts}"))
        .replace("recipes.toml", "chance_permille = 900", "chance_permille = 900\nfee = 1000");
    content
}

/// A call; without an id nobody is told what came of it.
fn call(id: Option<u64>, method: &str, params: &Value) -> Value {
    let mut call = json!({"jsonrpc": "2.0", "method": method, "params": params});
    if let Some(id) = id {
        call["id"] = json!(id);
    }
    call
}

/// Sends calls without ids, whole batches of them.
async fn flood(socket: &mut Socket, batches: usize, method: &str, params: &Value) {
    let batch = Value::from(vec![call(None, method, params); 32]).to_string();
    for _ in 0..batches {
        socket.text(batch.clone()).await;
    }
}

#[tokio::test]
async fn what_a_zone_has_no_room_for_in_its_inbox_is_too_much_to_do() {
    let world = slow(Copied::content());
    let (_, mut socket) = world.player("warrior").await;
    // A tick takes 4,096 of them, and twice as many wait; one tick may fall between them.
    let error = loop {
        flood(&mut socket, 400, "dialog.close", &json!({})).await;
        let error = socket.call("dialog.close", json!({})).await.unwrap_err();
        if error["data"]["rejection"] != "no_dialog" {
            break error;
        }
    };
    is_for_now(&error, -32010, "busy");
    socket.rejected("dialog.close", json!({}), "no_dialog").await;
    socket.close().await;
}

#[tokio::test]
async fn what_a_tick_has_no_time_for_is_asked_for_again() {
    let world = slow(market());
    let (_, mut socket) = world.player("warrior").await;
    let tobin = socket.replica.find("tobin").unwrap();
    // Prices for 47 lists; the tick may fall between these.
    for id in 1_000..1_100 {
        socket.text(call(Some(id), "shop.list", &json!({"npc": tobin})).to_string()).await;
    }
    let mut busy = 0;
    for _ in 0..100 {
        let answer = socket.answer().await;
        if let Some(error) = answer.get("error") {
            is_rejected_for_now(error, "shop_busy");
            busy += 1;
        }
    }
    assert!((1..=53).contains(&busy), "{busy}");
    socket.done("shop.list", json!({"npc": tobin})).await;

    // Of a thousand attempts each comes to nothing; of those beyond, some are told so.
    let cap = json!({"recipe": "leather_cap"});
    for id in 2_000..2_032 {
        flood(&mut socket, 3, "craft.make", &cap).await;
        socket.text(call(Some(id), "craft.make", &cap).to_string()).await;
    }
    let mut busy = 0;
    for _ in 0..32 {
        let answer = socket.answer().await;
        let error = &answer["error"];
        if error["data"]["rejection"] != "not_enough_gold" {
            is_rejected_for_now(error, "craft_busy");
            busy += 1;
        }
    }
    assert!(busy >= 1, "all of them were tried");
    socket.rejected("craft.make", cap, "not_enough_gold").await;
    assert_eq!((socket.count_of("wolf_pelt").await, socket.count_of("leather_cap").await), (2, 0));
    socket.close().await;
}

/// The rules say no, but only now.
#[track_caller]
fn is_rejected_for_now(error: &Value, rejection: &str) {
    assert_eq!((&error["code"], &error["data"]["rejection"]), (&json!(-32011), &json!(rejection)), "{error}");
    assert_eq!(error["data"]["retry_after_ms"], 1_000, "the next tick: {error}");
}

#[tokio::test]
async fn what_is_asked_for_on_the_way_out_of_the_zone_is_told_so() {
    let world = slow(market());
    let (hero, mut socket) = world.player("warrior").await;
    let quest = json!({"quest": "wolves_at_the_gate"});
    let batch = [call(Some(100), "quest.accept", &quest), call(Some(101), "world.leave", &json!({}))];
    let answers = socket.ask(Value::from(batch.to_vec()).to_string()).await;
    let answer = |id: u64| answers.as_array().unwrap().iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(answer(100)["error"]["data"]["rejection"], "not_in_zone", "{answers}");
    assert_eq!(answer(101)["result"], json!({}), "{answers}");
    socket.done("world.join", json!({"character": hero.character})).await;
    let quests = socket.done("quest.list", json!({})).await;
    assert!(!quests.to_string().contains("wolves_at_the_gate"), "{quests}");
    socket.close().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_not_the_players_fault() {
    let world = World::start();
    let hero = world.hero("warrior").await;
    let mut socket = Socket::open(&world.ws, &hero.token).await;
    let url = format!("sqlite://{}", world.data().join("lore.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let join = json!({"character": hero.character});
    sqlx::query("ALTER TABLE characters RENAME TO mislaid").execute(&mut database).await.unwrap();
    let error = socket.call("world.join", join.clone()).await.unwrap_err();
    is_for_now(&error, -32012, "unavailable");
    // Nothing was changed, and the connection goes on.
    sqlx::query("ALTER TABLE mislaid RENAME TO characters").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let joined = socket.done("world.join", join).await;
    assert_eq!(joined["character"]["id"], hero.character);
    socket.close().await;
}
