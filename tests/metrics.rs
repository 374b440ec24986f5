//! What `/metrics` counts of sockets, to the message and the byte, and of those who do not keep to the limits. Every
//! world is a process of its own: nobody else moves its figures.

use crate::live::root;
use crate::support::raw::{PROPER, Raw, upgrade};
use crate::support::world::{Setup, World, figure};
use reqwest::Method;
use serde_json::{Value, json};

/// A text frame, a ping, a goodbye, and a frame of the wrong kind.
const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const CLOSE: u8 = 0x88;
const BINARY: u8 = 0x82;

/// What is counted of sockets: opened, open, heard (messages and bytes), told (the same), answered, ended.
async fn sockets(world: &World) -> [u64; 8] {
    let metrics = world.metrics().await;
    [
        "websocket_connections_total",
        "websocket_active_connections",
        "websocket_received_messages_total",
        "websocket_received_bytes_total",
        "websocket_sent_messages_total",
        "websocket_sent_bytes_total",
        "websocket_message_latency_seconds_count",
        "websocket_connection_duration_seconds_count",
    ]
    .map(|name| figure(&metrics, name))
}

fn bytes(texts: &[impl AsRef<str>]) -> u64 {
    texts.iter().map(|text| text.as_ref().len() as u64).sum()
}

#[tokio::test]
async fn sockets_are_counted_to_the_message_and_the_byte() {
    // Nobody is pinged meanwhile.
    let world = Setup::default().setting("LORE_HEARTBEAT", "10m").start();
    let token = world.guest().await;
    assert_eq!(sockets(&world).await, [0; 8]);

    let mut raw = Raw::open(&world.http, &token).await;
    let mut told = vec![raw.told("session.welcome").await];
    let told_only = r#"{"jsonrpc":"2.0","method":"system.ping"}"#;
    let asked = r#"{"jsonrpc":"2.0","id":1,"method":"system.ping","params":{"nonce":5}}"#;
    let batch = r#"[{"jsonrpc":"2.0","id":2,"method":"system.ping"},{"jsonrpc":"2.0","id":3,"method":"presence.query","params":{"names":["Ünknown"]}}]"#;
    // What is no call is a message all the same, and is told so.
    let broken = r#"{"jsonrpc":"2.0","id":4,"#;
    raw.frame(TEXT, told_only.as_bytes()).await;
    raw.frame(PING, b"hello").await;
    for (text, answer) in [(asked, "nonce"), (batch, "offline"), (broken, "parse_error")] {
        raw.frame(TEXT, text.as_bytes()).await;
        told.push(raw.told(answer).await);
    }
    let heard = [told_only, asked, batch, broken];
    let (received, sent) = (bytes(&heard), bytes(&told));
    assert_eq!(sockets(&world).await, [1, 1, 4, received, 4, sent, 3, 0], "{told:#?}");

    // A frame that is not of the encoding is a message too; the close frames of either side are none.
    let mut other = Raw::open(&world.http, &token).await;
    told.push(other.told("session.welcome").await);
    other.frame(BINARY, b"binary").await;
    assert_eq!(other.close_code().await, Some(1003));
    raw.frame(CLOSE, &1000_u16.to_be_bytes()).await;
    assert_eq!(raw.close_code().await, Some(1000));
    drop((raw, other));
    world.until_figure("websocket_connection_duration_seconds_count", 2).await;
    let (received, sent) = (received + "binary".len() as u64, bytes(&told));
    assert_eq!(sockets(&world).await, [2, 0, 5, received, 5, sent, 3, 2], "{told:#?}");
    assert_eq!(world.figure("websocket_closed_total{code=\"1003\"}").await, 1);
    assert_eq!(world.figure("websocket_refused_total").await, 0);
    are_documented(&world).await;
}

/// A line of a figure that has several labels, whatever their order.
async fn labelled(world: &World, name: &str, labels: &[&str]) -> u64 {
    let metrics = world.metrics().await;
    let fits = |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
    let line = metrics.lines().find(fits).unwrap_or_else(|| panic!("no {name} with {labels:?}: {metrics}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

async fn refused(world: &World) -> [u64; 3] {
    let metrics = world.metrics().await;
    ["connection", "account", "address"]
        .map(|by| figure(&metrics, &format!("calls_refused_total{{by=\"{by}\"}}")))
}

async fn points(world: &World, offence: &str) -> u64 {
    world.figure(&format!("abuse_points_total{{offence=\"{offence}\"}}")).await
}

/// Where everybody comes from, which is counted.
const FROM: (&str, &str) = ("X-Forwarded-For", "203.0.113.7");

async fn ask(raw: &mut Raw, method: &str, params: Value, word: &str) {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    raw.frame(TEXT, call.to_string().as_bytes()).await;
    raw.told(word).await;
}

async fn knock(world: &World, query: &str) -> u16 {
    let headers = [&PROPER[..], &[FROM]].concat();
    upgrade(&world.http, &format!("/v1/world/ws{query}"), &headers).await.0
}

#[tokio::test]
async fn what_is_refused_and_who_is_banned_is_counted() {
    let world = Setup::default()
        .setting("LORE_HEARTBEAT", "10m")
        .limit("trusted-proxies", "127.0.0.1")
        .limit("connection.subscription", "1/min burst 2")
        .limit("account.subscription", "1/min burst 3")
        .limit("address.messages", "1/min burst 40")
        .limit("score.account-threshold", "60")
        .limit("score.decay-per-second", "1")
        .start();
    let token = world.guest().await;
    let mut one = Raw::open_with(&world.http, &token, &[FROM]).await;
    let mut other = Raw::open_with(&world.http, &token, &[FROM]).await;
    let nobody = || json!({"names": ["Nobody"]});
    for _ in 0..2 {
        ask(&mut one, "presence.query", nobody(), "offline").await;
    }
    ask(&mut one, "presence.query", nobody(), "rate_limited").await;
    assert_eq!(refused(&world).await, [1, 0, 0]);
    ask(&mut other, "presence.query", nobody(), "offline").await;
    ask(&mut other, "presence.query", nobody(), "rate_limited").await;
    assert_eq!(refused(&world).await, [1, 1, 0]);
    assert_eq!(points(&world, "refused").await, 2);
    ask(&mut one, "world.surprise", json!({}), "method_not_found").await;
    assert_eq!((points(&world, "malformed").await, points(&world, "refused").await), (1, 2));
    // Of the address, four have come through.
    for _ in 4..40 {
        ask(&mut other, "system.ping", json!({}), "server_time_ms").await;
    }
    ask(&mut one, "system.ping", json!({}), "rate_limited").await;
    assert_eq!((refused(&world).await, points(&world, "refused").await), ([1, 1, 1], 3));

    // Who brings no token does not guess one.
    assert_eq!((knock(&world, "").await, knock(&world, "?token=nonsense").await), (401, 401));
    assert_eq!(world.figure("websocket_refused_total").await, 2);
    assert_eq!(points(&world, "bad_token").await, 20);

    let breaker = world.guest().await;
    for _ in 0..2 {
        let mut raw = Raw::open_with(&world.http, &breaker, &[FROM]).await;
        raw.frame(BINARY, b"binary").await;
        raw.close_code().await.expect("it is closed");
    }
    assert_eq!(points(&world, "breach").await, 100);
    let bans = "abuse_bans_total";
    assert_eq!(labelled(&world, bans, &["kind=\"account\"", "cause=\"score\""]).await, 1);
    assert_eq!(knock(&world, &format!("?token={breaker}")).await, 403);
    assert_eq!(world.figure("websocket_refused_total").await, 3);
    let ban = world.operator(Method::POST, "/admin/v1/bans?who=ada&why=floods");
    assert_eq!(ban.json(&json!({"whom": "203.0.113.9"})).send().await.unwrap().status(), 200);
    assert_eq!(labelled(&world, bans, &["kind=\"address\"", "cause=\"operator\""]).await, 1);
    assert_eq!(world.figure("abuse_bans_active").await, 2);
    let lift = world.operator(Method::DELETE, "/admin/v1/bans?whom=203.0.113.9");
    assert_eq!(lift.send().await.unwrap().status(), 200);
    assert_eq!(world.figure("abuse_bans_active").await, 1);
    are_documented(&world).await;
}

/// That the document names all that is counted of sockets and of abuse.
async fn are_documented(world: &World) {
    let document = std::fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let metrics = world.metrics().await;
    let names = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let ours = ["websocket_", "calls_", "abuse_", "http_connections_"];
    let ours = names.filter(|name| ours.iter().any(|start| name.starts_with(start)));
    let missing: Vec<&str> = ours.filter(|name| !document.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/limits.md does not name {missing:?}");
}
