//! Everything that can be wrong with coming back: too late, with too much missed, with the wrong token, twice, or after
//! the server was gone.

use crate::support::raw::{PROPER, Raw, upgrade};
use crate::support::socket::Socket;
use crate::support::world::{Hero, Setup, World};
use reqwest::Method;
use runtime::client::frame::Encoding;
use runtime::load::client::{CallFailed, Client};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// Waits until so many sessions wait for their client.
pub async fn linkdead(world: &World, wanted: u64) {
    world.until_figure("websocket_linkdead_sessions", wanted).await;
}

/// What the session of a connection can be taken up with.
pub fn recovery(socket: &Socket) -> Value {
    socket.welcome["recovery"].clone()
}

/// Tries to take up a session on a new connection, which counts its calls on from those of all before.
pub async fn resume(world: &World, hero: &Hero, token: &Value, seq: u64) -> (Socket, Result<Value, Value>) {
    static CALLS: AtomicU64 = AtomicU64::new(1_000);
    let mut socket = Socket::open(&world.ws, &hero.token).await;
    socket.next_id = CALLS.fetch_add(1_000, Ordering::Relaxed);
    let outcome = socket.call("session.resume", json!({"token": token, "seq": seq})).await;
    (socket, outcome)
}

#[track_caller]
fn is_refused(outcome: &Result<Value, Value>, reason: &str) {
    let error = outcome.as_ref().unwrap_err();
    assert_eq!(error["data"]["reason"], reason, "{error}");
    assert!(error["message"].as_str().unwrap().contains("world.join"), "it says what to do: {error}");
}

#[tokio::test]
async fn a_token_is_good_once_and_for_its_owner_and_the_newest_connection_wins() {
    let world = World::start();
    let (hero, mut first) = world.player("warrior").await;
    let other = world.hero("mage").await;
    let token = recovery(&first);
    assert_eq!(first.welcome["linkdead_ms"], 30_000);
    let (mut guesser, outcome) = resume(&world, &hero, &json!("0123456789abcdef0123456789abcdef"), 0).await;
    is_refused(&outcome, "unauthorized");
    let own = recovery(&guesser);
    is_refused(&guesser.call("session.resume", json!({"token": own, "seq": 0})).await, "unauthorized");
    let (thief, outcome) = resume(&world, &other, &token, 0).await;
    is_refused(&outcome, "unauthorized");
    let mut binary = Client::connect(&world.ws, &hero.token, Encoding::Proto).await.unwrap();
    match binary.call::<Value>("session.resume", json!({"token": token, "seq": 0})).await {
        Err(CallFailed::Refused { error, .. }) => assert_eq!(error.stable_code(), "invalid_state"),
        other => panic!("{other:?}"),
    }
    // Who tried in vain has a session of his own; who was tried on did not notice.
    assert!(guesser.call("system.ping", json!({})).await.is_ok());
    assert!(first.call("quest.list", json!({})).await.is_ok());
    let session = first.welcome["session"].clone();
    // An account has few sockets.
    binary.close().await;
    for socket in [guesser, thief] {
        socket.close().await;
    }

    // The answers to all calls come again, for none was acknowledged.
    let (mut second, outcome) = resume(&world, &hero, &token, 0).await;
    let resumed = outcome.unwrap();
    assert_eq!(resumed["recovery"], recovery(&second));
    assert_eq!(resumed["session"], session);
    assert_eq!((&resumed["character"], &resumed["zone"]), (&json!(hero.character), &json!("downtown")));
    assert_eq!(resumed["last_id"], 2);
    let mut last = 0;
    for id in 1..=2 {
        let again = second.answer().await;
        let seq = again["seq"].as_u64().unwrap();
        assert!(again["id"] == id && seq > last, "{again}");
        last = seq;
    }
    second.notified("world.snapshot").await;
    assert_eq!(first.close_code().await, 4004);
    let (late, outcome) = resume(&world, &hero, &token, 0).await;
    is_refused(&outcome, "unauthorized");
    late.close().await;
    let (mut third, outcome) = resume(&world, &hero, &recovery(&second), last).await;
    assert_eq!(outcome.unwrap()["session"], session);
    assert_eq!(second.close_code().await, 4004);
    third.notified("world.snapshot").await;
    let error = third.call("session.resume", json!({"token": token, "seq": 0})).await.unwrap_err();
    assert_eq!(error["data"]["reason"], "invalid_state", "it has a character in the world: {error}");
    third.close().await;
}

#[tokio::test]
async fn who_is_away_stays_where_he_is_until_his_time_is_over() {
    let world = Setup::default().setting("LORE_LINKDEAD", "4s").start();
    let (_, mut watcher) = world.player("mage").await;
    let (hero, socket) = world.player("warrior").await;
    let (you, token) = (socket.replica.you, recovery(&socket));
    watcher.until("him", |socket| socket.replica.entities.contains_key(&you).then_some(())).await;
    let place = watcher.replica.entities[&you]["x"].clone();
    drop(socket);
    linkdead(&world, 1).await;
    watcher.step_in_place().await;
    assert_eq!(watcher.replica.entities[&you]["x"], place);

    let (socket, outcome) = resume(&world, &hero, &token, 0).await;
    assert_eq!(outcome.unwrap()["character"], hero.character);
    assert!(watcher.replica.entities.contains_key(&you));
    let token = recovery(&socket);
    drop(socket);
    watcher.until("him gone", |socket| (!socket.replica.entities.contains_key(&you)).then_some(())).await;
    let (mut socket, outcome) = resume(&world, &hero, &token, 0).await;
    is_refused(&outcome, "unauthorized");
    socket.done("world.join", json!({"character": hero.character})).await;
    socket.notified("world.snapshot").await;

    // A goodbye is one.
    let you = socket.replica.you;
    socket.close().await;
    watcher.until("him gone", |socket| (!socket.replica.entities.contains_key(&you)).then_some(())).await;
    assert_eq!(world.figure("websocket_linkdead_sessions").await, 0);
    watcher.close().await;
}

#[tokio::test]
async fn more_than_is_kept_is_not_made_up() {
    let world = World::start();
    let (hero, mut first) = world.player("warrior").await;
    let token = recovery(&first);
    // Most of them are refused, and these answers are counted as well; one more refusal would be a flood.
    for nonce in 0..600 {
        let ping =
            json!({"jsonrpc": "2.0", "id": nonce + 100, "method": "system.ping", "params": {"nonce": nonce}});
        first.text(ping.to_string()).await;
    }
    for _ in 0..600 {
        first.answer().await;
    }
    let (mut second, outcome) = resume(&world, &hero, &token, 0).await;
    is_refused(&outcome, "invalid_state");
    assert_eq!(first.close_code().await, 4004);
    second.done("world.join", json!({"character": hero.character})).await;
    second.notified("world.snapshot").await;
    assert_eq!(world.figure("websocket_resumes_total{outcome=\"missed\"}").await, 1);
    second.close().await;
}

#[tokio::test]
async fn a_session_that_waits_makes_way_for_the_same_character_and_for_the_end() {
    let mut world = Setup::default().setting("LORE_LINKDEAD", "10m").start();
    let (hero, mut socket) = world.player("warrior").await;
    socket.walk(203_000, 100_000, 20_000).await;
    let token = recovery(&socket);
    drop(socket);
    linkdead(&world, 1).await;
    let second = world.join(&hero).await;
    assert_eq!(second.place(), (203_000, 100_000));
    linkdead(&world, 0).await;
    let (refused, outcome) = resume(&world, &hero, &token, 0).await;
    is_refused(&outcome, "unauthorized");
    refused.close().await;

    // What its client loses is the waiting, and nothing that is durable.
    let token = recovery(&second);
    drop(second);
    linkdead(&world, 1).await;
    world.terminate();
    assert!(world.ended().await.success());
    let world = world.start_again();
    let (mut socket, outcome) = resume(&world, &hero, &token, 0).await;
    is_refused(&outcome, "unauthorized");
    socket.done("world.join", json!({"character": hero.character})).await;
    socket.notified("world.snapshot").await;
    assert_eq!(socket.place(), (203_000, 100_000));

    // The same after a crash.
    let sword = socket.slot_of("rusty_sword").await;
    socket.done("inventory.equip", json!({"slot": sword})).await;
    let (token, mine) = (recovery(&socket), socket.done("inventory.list", json!({})).await);
    let world = world.killed();
    let (mut socket, outcome) = resume(&world, &hero, &token, 0).await;
    is_refused(&outcome, "unauthorized");
    socket.done("world.join", json!({"character": hero.character})).await;
    assert_eq!(socket.done("inventory.list", json!({})).await, mine);
    socket.close().await;
}

#[tokio::test]
async fn who_is_banned_while_away_is_not_waited_for() {
    // Behind a proxy, so that somebody comes from elsewhere; and nobody's time is over before the story is.
    let setup = Setup::default().limit("trusted-proxies", "127.0.0.1");
    let world = setup.setting("LORE_LINKDEAD", "10m").start();
    let ban = async |whom: &str| {
        let ban =
            world.operator(Method::POST, "/admin/v1/bans?who=ada&why=floods").json(&json!({"whom": whom}));
        assert_eq!(ban.send().await.unwrap().status(), 200);
    };
    let (_, mut watcher) = world.player("mage").await;
    let (hero, socket) = world.player("warrior").await;
    let (you, token) = (socket.replica.you, recovery(&socket));
    let account = socket.welcome["account"].clone();
    watcher.until("him", |socket| socket.replica.entities.contains_key(&you).then_some(())).await;
    drop(socket);
    linkdead(&world, 1).await;
    ban(&format!("#{account}")).await;
    watcher.until("him gone", |socket| (!socket.replica.entities.contains_key(&you)).then_some(())).await;
    linkdead(&world, 0).await;
    let (status, head, _) =
        upgrade(&world.http, &format!("/v1/world/ws?token={}", hero.token), &PROPER).await;
    assert_eq!(status, 403, "{head}");
    let lifted = world.operator(Method::DELETE, &format!("/admin/v1/bans?whom=%23{account}")).send();
    assert_eq!(lifted.await.unwrap().status(), 200);
    let (mut socket, outcome) = resume(&world, &hero, &token, 0).await;
    is_refused(&outcome, "unauthorized");
    socket.done("world.join", json!({"character": hero.character})).await;
    socket.close().await;

    // The same by the address that the connection came from.
    let mut raw = Raw::open_with(&world.http, &hero.token, &[("X-Forwarded-For", "203.0.113.7")]).await;
    raw.call("system.ping").await;
    raw.told("server_time_ms").await;
    drop(raw);
    linkdead(&world, 1).await;
    ban("203.0.113.7").await;
    linkdead(&world, 0).await;
    // Nobody else was meant.
    assert!(watcher.call("system.ping", json!({})).await.is_ok());
    watcher.close().await;
}

#[tokio::test]
async fn without_a_time_to_wait_a_session_ends_with_its_connection() {
    let world = Setup::default().setting("LORE_LINKDEAD", "0s").start();
    let (_, mut watcher) = world.player("mage").await;
    let (_, mut socket) = world.player("warrior").await;
    let you = socket.replica.you;
    assert_eq!((socket.welcome.get("recovery"), &socket.welcome["linkdead_ms"]), (None, &json!(0)));
    let answer = socket.ask(r#"{"jsonrpc":"2.0","id":"a","method":"system.ping"}"#).await;
    assert_eq!(answer.get("seq"), None, "{answer}");
    watcher.until("him", |socket| socket.replica.entities.contains_key(&you).then_some(())).await;
    drop(socket);
    watcher.until("him gone", |socket| (!socket.replica.entities.contains_key(&you)).then_some(())).await;
    watcher.close().await;
}
