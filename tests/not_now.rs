//! What a client is told that asks for something the server cannot do now: why, and when to ask again.

use crate::support::socket::Socket;
use crate::support::world::{Setup, World};
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
