//! How connections begin and end: who is let in, why sockets are closed and with which code, and
//! what becomes of the character.

use crate::support::raw::{PROPER, Raw, upgrade};
use crate::support::socket::Socket;
use crate::support::world::{Hero, Setup, World};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

const SOCKET: &str = "/v1/world/ws";

/// Asks for the upgrade with these headers more; the status and the whole answer.
async fn knock(world: &World, query: &str, more: &[(&str, &str)]) -> (u16, String) {
    let headers: Vec<_> = PROPER
        .iter()
        .filter(|(name, _)| !more.iter().any(|(other, _)| other == name))
        .chain(more.iter().filter(|(_, value)| !value.is_empty()))
        .copied()
        .collect();
    let (status, head, _) = upgrade(&world.http, &format!("{SOCKET}{query}"), &headers).await;
    (status, head)
}

#[track_caller]
fn is_problem((status, head): &(u16, String), expected: u16, code: &str) {
    assert_eq!(*status, expected, "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/problem+json"), "{head}");
    let body: Value = serde_json::from_str(&head[head.find('{').expect("a document")..]).unwrap();
    assert_eq!((&body["status"], &body["code"]), (&json!(expected), &json!(code)), "{head}");
    if expected == 401 {
        assert!(head.to_ascii_lowercase().contains("www-authenticate: bearer"), "{head}");
    }
}

#[tokio::test]
async fn only_who_has_a_good_token_is_let_in() {
    let world = Setup::default().setting("LORE_ACCESS_TTL", "3s").start();
    let expiring = world.guest().await;
    let mut seen_off = Socket::open(&world.ws, &expiring).await;
    let revoked = world.guest().await;
    let mut logged_out = Socket::open(&world.ws, &revoked).await;

    is_problem(&knock(&world, "", &[]).await, 401, "unauthorized");
    for token in ["nonsense", "a.b.c", "", "%00", &"x".repeat(4_000)] {
        is_problem(&knock(&world, &format!("?token={token}"), &[]).await, 401, "unauthorized");
    }
    let basic = [("Authorization", "Basic YTpi")];
    is_problem(&knock(&world, &format!("?token={expiring}"), &basic).await, 401, "unauthorized");
    let mut forged = expiring.clone();
    forged.truncate(expiring.len() - 4);
    is_problem(&knock(&world, &format!("?token={forged}AAAA"), &[]).await, 401, "unauthorized");

    let logout = world.post("/v1/auth/logout", Some(&revoked), json!({})).await;
    assert_eq!(logout.status, 204, "{logout:?}");
    assert_eq!(logged_out.close_code().await, 4001);
    is_problem(&knock(&world, &format!("?token={revoked}"), &[]).await, 401, "unauthorized");

    // Its time runs out while the socket is open, and then it opens none.
    assert_eq!(seen_off.close_code().await, 4001);
    is_problem(&knock(&world, &format!("?token={expiring}"), &[]).await, 401, "unauthorized");
}

#[tokio::test]
async fn a_cookie_is_as_good_as_a_header_for_the_servers_own_page() {
    let world = World::start();
    let token = world.guest().await;
    let cookie = format!("theme=dark; lore_token={token}");
    let cookie = ("Cookie", cookie.as_str());
    for more in [&[cookie][..], &[cookie, ("Origin", world.http.as_str())]] {
        let (status, head) = knock(&world, "", more).await;
        assert_eq!(status, 101, "{head}");
    }
    // Browsers send cookies whatever page asks.
    let elsewhere = [cookie, ("Origin", "https://evil.example")];
    is_problem(&knock(&world, "", &elsewhere).await, 403, "forbidden_origin");
    for bad in ["lore_token=nonsense", "lore_token=", "token=nonsense"] {
        let refused = knock(&world, "", &[("Cookie", bad)]).await;
        is_problem(&refused, 401, "unauthorized");
        assert!(refused.1.contains("the cookie `lore_token`"), "{}", refused.1);
    }
    // What is asked for comes before what is sent along.
    is_problem(&knock(&world, "?token=nonsense", &[cookie]).await, 401, "unauthorized");
    let basic = [cookie, ("Authorization", "Basic YTpi")];
    is_problem(&knock(&world, "", &basic).await, 401, "unauthorized");
}

#[tokio::test]
async fn a_handshake_that_is_none_is_told_why() {
    let world = Setup::default().setting("LORE_CORS_ORIGINS", "https://play.example").start();
    let token = world.guest().await;
    let query = format!("?token={token}");
    let protocol = |name| [("Sec-WebSocket-Protocol", name)];
    is_problem(&knock(&world, &query, &protocol("lore.v9.json")).await, 400, "unknown_subprotocol");
    is_problem(&knock(&world, &query, &protocol("chat, soap")).await, 400, "unknown_subprotocol");
    is_problem(&knock(&world, &query, &[("Sec-WebSocket-Key", "")]).await, 400, "bad_handshake");
    is_problem(&knock(&world, &query, &[("Sec-WebSocket-Version", "8")]).await, 426, "upgrade_required");
    is_problem(&knock(&world, &query, &[("Upgrade", "")]).await, 426, "upgrade_required");
    is_problem(&knock(&world, &query, &[("Origin", "https://evil.example")]).await, 403, "forbidden_origin");
    for headers in [
        &protocol("other, lore.v1.json")[..],
        &[("Origin", "https://play.example")],
        &[("Origin", &world.http)],
    ] {
        let (status, head) = knock(&world, &query, headers).await;
        assert_eq!(status, 101, "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        assert!(head.contains("sec-websocket-protocol: lore.v1.json"), "{head}");
    }
    let answer = world.post(SOCKET, Some(&token), json!({})).await;
    assert_eq!(answer.status, 405, "{answer:?}");
    assert_eq!(answer.header("allow"), "GET");
}

#[tokio::test]
async fn breaches_of_the_protocol_close_with_their_code() {
    let world = World::start();
    let token = world.guest().await;
    // Each with an account of its own: an account has few sockets, and these stay half closed.
    let open = async || Raw::open(&world.http, &world.guest().await).await;
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"system.ping"}"#;

    let mut socket = open().await;
    socket.frame(0x82, b"binary").await;
    assert_eq!(socket.close_code().await, Some(1003));

    let mut socket = open().await;
    socket.frame(0x81, b"\"\xff\xfe\"").await;
    assert_eq!(socket.close_code().await, Some(1007));

    // One byte below the limit is still read, as what it is: no request.
    let mut socket = Socket::open(&world.ws, &token).await;
    let answer = socket.ask(format!("\"{}\"", "x".repeat(16 * 1024 - 2))).await;
    assert_eq!(answer["error"]["code"], -32600);
    socket.text(format!("\"{}\"", "x".repeat(16 * 1024 - 1))).await;
    assert_eq!(socket.close_code().await, 1009);

    // In pieces it is too large as well.
    let mut socket = open().await;
    socket.frame(0x01, &[b' '; 10_000]).await;
    socket.frame(0x80, &[b' '; 10_000]).await;
    assert_eq!(socket.close_code().await, Some(1009));

    // A header that claims the world, without ever sending it.
    let mut socket = open().await;
    socket.bytes(&[0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]).await;
    let code = socket.close_code().await;
    assert!(matches!(code, Some(1009 | 1002)), "{code:?}");

    for (what, bytes) in [
        ("a reserved opcode", [&[0x83, 0x80, 0, 0, 0, 0][..]].concat()),
        ("a reserved bit", [&[0xc1, 0x80, 0, 0, 0, 0][..]].concat()),
        ("a frame without a mask", [&[0x81, call.len() as u8], &call[..]].concat()),
        ("a continuation of nothing", [&[0x80, 0x80, 0, 0, 0, 0][..]].concat()),
        ("a ping in pieces", [&[0x09, 0x80, 0, 0, 0, 0][..]].concat()),
    ] {
        let mut socket = open().await;
        socket.bytes(&bytes).await;
        assert_eq!(socket.close_code().await, Some(1002), "{what}");
        socket.ended().await;
    }

    // A proper goodbye is answered with the same code.
    let mut socket = open().await;
    socket.frame(0x88, &1000_u16.to_be_bytes()).await;
    assert_eq!(socket.close_code().await, Some(1000));
    socket.ended().await;
    // And one that just drops the line leaves nothing behind that disturbs others.
    drop(open().await);
    let mut socket = Socket::open(&world.ws, &token).await;
    assert!(socket.call("system.ping", json!({})).await.is_ok());
    socket.close().await;
}

#[tokio::test]
async fn a_flood_is_turned_away() {
    let world = World::start();
    let (_, mut bystander) = world.player("warrior").await;
    let mut flood = Socket::open(&world.ws, &world.guest().await).await;
    let mut sent = 0;
    let code = loop {
        // 120 are let through at once and 60 a second; 500 refused are too many.
        for _ in 0..20 {
            let call = json!({"jsonrpc": "2.0", "method": "system.ping"}).to_string();
            flood.send_or_closed(Message::text(call)).await;
            sent += 1;
        }
        assert!(sent < 5_000, "{sent} calls and no end");
        if let Some(code) = flood.closed_now().await {
            break code;
        }
    };
    assert_eq!(code, 1008);
    assert!(sent >= 600, "closed after {sent} calls already");
    assert!(bystander.call("system.ping", json!({})).await.is_ok());
    bystander.close().await;
}

#[tokio::test]
async fn a_character_that_joins_elsewhere_moves_over_with_all_it_has() {
    let world = World::start();
    let (hero, mut first) = world.player("warrior").await;
    first.walk(203_000, 100_000, 20_000).await;
    let bread = first.slot_of("bread").await;
    first.done("inventory.drop", json!({"slot": bread, "count": 1})).await;
    let mut second = Socket::open(&world.ws, &hero.token).await;
    second.done("world.join", json!({"character": hero.character})).await;
    second.notified("world.snapshot").await;
    assert_eq!(first.close_code().await, 4004);
    assert_eq!(second.place(), (203_000, 100_000));
    assert_eq!(second.count_of("bread").await, 2);

    // Leaving keeps the connection, and the place for the next join.
    second.walk(201_000, 100_000, 20_000).await;
    second.done("world.leave", json!({})).await;
    let error = second.call("quest.list", json!({})).await.unwrap_err();
    assert_eq!(error["code"], -32003, "{error}");
    second.done("world.join", json!({"character": hero.character})).await;
    second.notified("world.snapshot").await;
    assert_eq!(second.place(), (201_000, 100_000));
    second.close().await;
}

#[tokio::test]
async fn who_does_not_answer_or_not_read_is_closed_and_nobody_else_notices() {
    let world = Setup::default().setting("LORE_HEARTBEAT", "1s").start();

    // Never answers a ping.
    let mut silent = Raw::open(&world.http, &world.guest().await).await;
    let began = Instant::now();
    assert_eq!(silent.close_code().await, Some(4002));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    silent.ended().await;
    let (_, mut bystander) = world.player("warrior").await;

    // The upgrade that never comes to its end.
    let address = world.http.trim_start_matches("http://");
    let mut half_open = TcpStream::connect(address).await.unwrap();
    half_open.write_all(b"GET /v1/world/ws HTTP/1.1\r\nHost: x\r\n").await.unwrap();

    // Joins and then reads nothing more, with the smallest of receive buffers.
    let hero = world.hero("mage").await;
    let slow = join_and_stop_reading(&world, &hero).await;
    // It is given up within a bound, without its asking; meanwhile others are served in time.
    let began = Instant::now();
    while world.figure("websocket_active_connections").await > 1 {
        assert!(began.elapsed() < Duration::from_secs(10), "the slow client is kept");
        let asked = Instant::now();
        assert!(bystander.call("system.ping", json!({})).await.is_ok());
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        bystander.pump_for(Duration::from_millis(50)).await;
    }
    let mut again = world.join(&hero).await;
    assert!(again.call("quest.list", json!({})).await.is_ok());
    drop(slow);

    again.close().await;
    bystander.walk(198_000, 100_000, 20_000).await;
    bystander.close().await;

    // The header time-out of the listener has ended the half-open one.
    let mut rest = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut half_open, &mut rest);
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("not kept open").ok();
}

#[tokio::test]
async fn who_stops_acknowledging_is_closed_and_who_is_late_goes_on() {
    let world = World::start();
    let silent = async {
        let (hero, mut socket) = world.player("warrior").await;
        acknowledge_once(&mut socket).await;
        assert_eq!(socket.close_code().await, 4003, "it hears nothing and is not told why");
        let mut again = world.join(&hero).await;
        again.step_in_place().await;
        again.close().await;
    };
    let late = async {
        let (_, mut socket) = world.player("mage").await;
        for _ in 0..2 {
            let unheard = acknowledge_once(&mut socket).await;
            socket.acknowledge().await;
            let caught_up = |socket: &mut Socket| (socket.replica.ack >= unheard).then_some(());
            socket.until("what it was not told meanwhile", caught_up).await;
        }
        socket.close().await;
    };
    tokio::join!(silent, late);
}

/// Acknowledges the newest frame and no other, until the server holds back what it has to say; the last step that is
/// not confirmed then.
async fn acknowledge_once(socket: &mut Socket) -> u64 {
    socket.acknowledge().await;
    let (x, y) = socket.place();
    loop {
        // Something to be told of in every tick.
        let seq = socket.step(x, y).await;
        socket.pump_for(Duration::from_millis(50)).await;
        let pong = socket.done("system.ping", json!({})).await;
        if pong["tick"].as_u64().unwrap() >= socket.replica.tick + 20 {
            return seq;
        }
    }
}

async fn join_and_stop_reading(world: &World, hero: &Hero) -> TcpStream {
    let address = world.http.trim_start_matches("http://").parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let mut request = format!("GET {SOCKET}?token={} HTTP/1.1\r\nHost: x\r\n", hero.token);
    for (name, value) in PROPER {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    let join = json!({"jsonrpc": "2.0", "method": "world.join", "params": {"character": hero.character}});
    let join = join.to_string();
    let mut frame = vec![0x81, 0x80 | join.len() as u8, 0, 0, 0, 0];
    frame.extend(join.as_bytes());
    stream.write_all(&frame).await.unwrap();
    stream
}

#[tokio::test]
async fn a_shutdown_says_so_saves_everything_and_ends_with_zero() {
    let mut world = World::start();
    let (hero, mut socket) = world.player("warrior").await;
    let (_, mut idle) = world.player("mage").await;
    socket.walk(206_000, 104_000, 20_000).await;
    let sword = socket.slot_of("rusty_sword").await;
    socket.done("inventory.equip", json!({"slot": sword})).await;
    let before = socket.done("inventory.list", json!({})).await;
    let place = socket.place();
    world.terminate();
    for socket in [&mut socket, &mut idle] {
        let reconnect = socket.notified("system.reconnect").await;
        assert_eq!(reconnect["reason"], "shutdown");
        assert!(reconnect["after_ms"].as_u64().unwrap() > 0);
        assert_eq!(socket.close_code().await, 1012);
    }
    let status = world.ended().await;
    assert_eq!(status.code(), Some(0));
    let minute = socket.replica.environment["minute_of_day"].as_u64().unwrap();

    let world = world.start_again();
    let mut socket = world.join(&hero).await;
    assert_eq!(socket.place(), place);
    assert_eq!(socket.done("inventory.list", json!({})).await, before);
    let later = socket.replica.environment["minute_of_day"].as_u64().unwrap();
    assert!(later >= minute, "the clock went on: {minute} to {later}");
    socket.close().await;
}

#[tokio::test]
async fn who_knocks_while_the_server_goes_down_is_asked_to_wait() {
    let mut world = World::start();
    let (hero, mut socket) = world.player("warrior").await;
    socket.walk(203_000, 102_000, 20_000).await;
    // It is not gone before the character is saved, and that takes as long as the story needs.
    let url = format!("sqlite://{}", world.data().join("lore.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await.unwrap();
    world.terminate();
    socket.notified("system.reconnect").await;
    let refused = knock(&world, &format!("?token={}", hero.token), &[]).await;
    is_problem(&refused, 503, "draining");
    assert!(refused.1.to_ascii_lowercase().contains("retry-after: 1\r\n"), "{}", refused.1);
    sqlx::query("ROLLBACK").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    assert_eq!(socket.close_code().await, 1012);
    assert_eq!(world.ended().await.code(), Some(0));

    // Nothing was lost by that.
    let world = world.start_again();
    let socket = world.join(&hero).await;
    assert_eq!(socket.place(), (203_000, 102_000));
    socket.close().await;
}
