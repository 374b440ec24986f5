//! Connections and frames that are meant to cost the server: each is closed by its rule, whatever comes behind,
//! and who plays meanwhile does not notice. What it cost is printed.

use crate::support::raw::{PROPER, Raw};
use crate::support::socket::Socket;
use crate::support::world::{Setup, World};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A frame of a client with the mask 0.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        longer => {
            frame.push(0x80 | 126);
            frame.extend((longer as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A close frame.
fn goodbye(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes(), reason].concat())
}

/// Memory and CPU of the server so far.
async fn cost(world: &World) -> (u64, u64) {
    let answer = world.operator(Method::GET, "/admin/v1/status").send().await.unwrap();
    let process = answer.json::<Value>().await.unwrap()["process"].take();
    (process["rss_bytes"].as_u64().unwrap() >> 10, process["cpu_ms"].as_u64().unwrap())
}

#[tokio::test]
async fn hostile_frames_are_closed_by_the_rule() {
    let world = World::start();
    let (_, mut bystander) = world.player("warrior").await;
    let length = |bytes: [u8; 8]| [&[0x81, 0xff][..], &bytes, &[0; 4]].concat();
    let times = |count: usize, frame: Vec<u8>| frame.repeat(count);
    let begun = |rest: Vec<u8>| [frame(0x01, b""), rest].concat();
    let hostile: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a frame of 2^62 bytes", length([0x40, 0, 0, 0, 0, 0, 0, 0]), 1009),
        ("a frame one byte too large", length([0, 0, 0, 0, 0, 0, 0x40, 1]), 1009),
        ("10,000 empty continuations", begun(times(10_000, frame(0x00, b""))), 1008),
        ("a message in 200 pieces", begun(times(200, frame(0x00, b" "))), 1008),
        (
            "fragments with pings between",
            begun(times(200, [frame(0x00, b""), frame(0x8a, b"")].concat())),
            1008,
        ),
        ("1,000 pings", times(1_000, frame(0x89, b"hello")), 1008),
        ("1,000 pongs", times(1_000, frame(0x8a, b"")), 1008),
        ("a frame without a mask", [&[0x81, 2][..], b"{}"].concat(), 1002),
        ("a compressed frame that was not agreed on", frame(0xc1, b"\x02\x00"), 1002),
        ("the second reserved bit", frame(0xa1, b"{}"), 1002),
        ("the third reserved bit", frame(0x91, b"{}"), 1002),
        ("a ping with a reserved bit", frame(0xc9, b""), 1002),
        ("the opcode 3", frame(0x83, b""), 1002),
        ("the opcode 7", frame(0x87, b"x"), 1002),
        ("the opcode 11", frame(0x8b, b""), 1002),
        ("the opcode 15", frame(0x8f, b"x"), 1002),
        ("a ping of 126 bytes", frame(0x89, &[0; 126]), 1002),
        ("a close of 126 bytes", frame(0x88, &[0; 126]), 1002),
        ("a ping in pieces", frame(0x09, b"x"), 1002),
        ("a close in pieces", frame(0x08, &1000_u16.to_be_bytes()), 1002),
        ("a continuation of nothing", frame(0x80, b"{}"), 1002),
        ("a message inside another", begun(frame(0x81, b"{}")), 1002),
        ("a close of one byte", frame(0x88, &[3]), 1002),
        ("the close code 0", goodbye(0, b""), 1002),
        ("the close code 999", goodbye(999, b""), 1002),
        ("the close code 1004", goodbye(1004, b""), 1002),
        ("the close code 1005", goodbye(1005, b""), 1002),
        ("the close code 1006", goodbye(1006, b""), 1002),
        ("the close code 1015", goodbye(1015, b""), 1002),
        ("the close code 2999", goodbye(2999, b""), 1002),
        ("the close code 65535", goodbye(65_535, b""), 1002),
        ("a close reason that is no text", goodbye(1000, b"\xff"), 1007),
        ("a byte that is no text", frame(0x81, b"{\xff}"), 1007),
        ("a lone surrogate", frame(0x81, b"\"\xed\xa0\x80\""), 1007),
        ("an overlong form", frame(0x81, b"\"\xc0\xaf\""), 1007),
        ("a character cut off", frame(0x81, b"\"\xe2\x82"), 1007),
        (
            "half a character, then another",
            [frame(0x01, b"\"\xe2\x82"), frame(0x80, b"\x28\"")].concat(),
            1007,
        ),
        ("half a character at the end", [frame(0x01, b"\"\xe2"), frame(0x80, b"\x82")].concat(), 1007),
        ("a binary frame", frame(0x82, b"{}"), 1003),
        ("data behind the goodbye", [goodbye(1000, b""), times(100, frame(0x81, b"{}"))].concat(), 1000),
    ];
    let before = cost(&world).await;
    for (what, bytes, code) in &hostile {
        let mut socket = Raw::open(&world.http, &world.guest().await).await;
        socket.bytes(bytes).await;
        assert_eq!(socket.close_code().await, Some(*code), "{what}");
        if *code == 1000 {
            // Whose goodbye was answered is not waited for.
            socket.ended().await;
        }
        assert!(bystander.call("system.ping", json!({})).await.is_ok(), "{what}");
    }
    let after = cost(&world).await;
    println!(
        "{} hostile connections: {} KiB before, {} KiB after, {} ms of CPU",
        hostile.len(),
        before.0,
        after.0,
        after.1 - before.1
    );
    bystander.close().await;
}

#[tokio::test]
async fn what_comes_with_the_handshake_is_taken_for_frames() {
    let world = World::start();
    let garbage = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &[b'x'; 200][..]].concat();
    let mut socket = Raw::open_followed_by(&world.http, &world.guest().await, &garbage).await;
    assert_eq!(socket.close_code().await, Some(1002));
    socket.ended().await;
    // A client that is in a hurry is served.
    let ping = frame(0x81, br#"{"jsonrpc":"2.0","id":7,"method":"system.ping"}"#);
    let mut socket = Raw::open_followed_by(&world.http, &world.guest().await, &ping).await;
    assert!(socket.told("server_time_ms").await.contains("\"id\":7"));
}

#[tokio::test]
async fn what_is_unusual_but_allowed_is_served() {
    let world = World::start();
    let mut socket = Raw::open(&world.http, &world.guest().await).await;
    // Byte by byte, with pings between; one character is split.
    let call = "{\"jsonrpc\":\"2.0\",\"id\":\"€\",\"method\":\"system.ping\"}".as_bytes();
    socket.bytes(&frame(0x01, b"")).await;
    for (at, byte) in call.iter().enumerate() {
        if at % 10 == 0 {
            socket.bytes(&frame(0x89, b"still here")).await;
        }
        socket.bytes(&frame(0x00, &[*byte])).await;
    }
    socket.bytes(&frame(0x80, b"")).await;
    assert!(socket.told("server_time_ms").await.contains('€'));
    socket.bytes(&goodbye(4_999, "tschüß".as_bytes())).await;
    assert_eq!(socket.close_code().await, Some(4_999));
    socket.ended().await;
}

#[tokio::test]
async fn who_does_not_answer_pings_is_closed_whatever_trickles_in() {
    let world = Setup::default().setting("LORE_HEARTBEAT", "1s").start();
    let mut silent = Raw::open(&world.http, &world.guest().await).await;
    assert_eq!(silent.close_code().await, Some(4002));
    // A frame that never ends is nothing that was heard.
    let mut trickle = Raw::open(&world.http, &world.guest().await).await;
    trickle.bytes(&[0x81, 0xfe, 0x20, 0, 0, 0, 0, 0]).await;
    for _ in 0..100 {
        trickle.bytes(b" ").await;
        if timeout(Duration::from_millis(100), trickle.close_code())
            .await
            .is_ok_and(|code| code == Some(4002))
        {
            return;
        }
    }
    panic!("a frame that never ends keeps its connection");
}

#[tokio::test]
async fn a_handshake_that_trickles_in_is_cut_off() {
    let world = Setup::default().limit("frames.head", "1s").start();
    let token = world.guest().await;
    let (_, mut bystander) = world.player("mage").await;
    let address = world.http.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("GET /v1/world/ws?token={token} HTTP/1.1\r\nHost: x\r\n");
    for (name, value) in PROPER {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut answered = Vec::new();
    for byte in head.bytes() {
        // Each byte is in time, all of them are not.
        let sent = stream.write_all(&[byte]).await.is_ok();
        let read = timeout(Duration::from_millis(50), stream.read_buf(&mut answered)).await;
        if !sent || matches!(read, Ok(Ok(0) | Err(_))) {
            assert!(!String::from_utf8_lossy(&answered).contains(" 101 "));
            assert!(bystander.call("system.ping", json!({})).await.is_ok());
            bystander.close().await;
            return;
        }
    }
    panic!("the server has waited for all of {} bytes", head.len());
}

#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    // The own machine counts as any in production.
    let world = Setup::default()
        .setting("LORE_PROFILE", "production")
        .setting("LORE_ADMIN_TOKEN", &"a".repeat(32))
        .limit("sockets.http-per-address", "3")
        .start();
    let address = world.http.trim_start_matches("http://").to_owned();
    let mut half_open = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
        half_open.push(stream);
    }
    // Behind them no more is served, not even heard.
    let served = async || {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        let _ = stream.write_all(request).await;
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end");
        answer.starts_with(b"HTTP/1.1 200")
    };
    assert!(!served().await);
    half_open.pop();
    // The server hears of it in a moment.
    let again = async { while !served().await {} };
    timeout(PATIENCE, again).await.expect("a place is free again");
}

#[tokio::test]
async fn a_flood_from_one_address_ends_at_its_bytes() {
    let world = Setup::default()
        .limit("trusted-proxies", "127.0.0.1")
        .limit("address.bytes", "1000/s burst 65536")
        .start();
    let from = |address: &'static str| [("X-Forwarded-For", address)];
    let mut flood = Raw::open_with(&world.http, &world.guest().await, &from("203.0.113.7")).await;
    for _ in 0..6 {
        flood.bytes(&frame(0x81, &[b' '; 16_000])).await;
    }
    assert_eq!(flood.close_code().await, Some(1008));
    // The neighbour in the same home is cut off too, somebody else is not.
    let mut neighbour = Raw::open_with(&world.http, &world.guest().await, &from("203.0.113.7")).await;
    neighbour.bytes(&frame(0x81, &[b' '; 10_000])).await;
    assert_eq!(neighbour.close_code().await, Some(1008));
    let mut other = Raw::open_with(&world.http, &world.guest().await, &from("203.0.113.8")).await;
    other.call("system.ping").await;
    other.told("server_time_ms").await;
    let mut socket = Socket::open(&world.ws, &world.guest().await).await;
    assert!(socket.call("system.ping", json!({})).await.is_ok());
    socket.close().await;
}
