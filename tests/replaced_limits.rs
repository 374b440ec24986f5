//! Every kind of limit is replaced while connections are open: the one before holds until then, the new one from then
//! on, for those that are open already and for the next request.

use crate::support::socket::Socket;
use crate::support::world::{Setup, World};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Tries until a connection has heard of a new policy.
const TRIES: usize = 50;
/// From one to the next.
const PAUSE: Duration = Duration::from_millis(20);
/// What ends a connection that went too far.
const CLOSED: &str = "closed with 1008";

/// What a player does so much of.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Sends a message in so many frames.
    Fragments,
    /// Sends so many pings.
    Pings,
    /// Says something whose params have so many bytes.
    Speech,
    /// Calls so often what is beyond its rate from the second time on.
    Insistence,
    /// Asks so often who is there.
    Questions,
    /// Calls so often what costs nothing but the call.
    Calls,
    /// Asks so often over HTTP.
    Requests,
}

/// A limit and how it is run into.
#[derive(Debug)]
struct Case {
    /// As in `docs/limits.md`, with the value before.
    limit: (&'static str, &'static str),
    deed: Deed,
    /// So much is too much before.
    beyond: usize,
    /// So much is not.
    within: usize,
    /// What it is replaced by.
    new: Value,
    /// So much more is too much then.
    more: usize,
    refusal: &'static str,
    /// Whether it is a limit of addresses, of which the own machine is none.
    from_afar: bool,
}

fn cases() -> [Case; 7] {
    let case = |limit, deed, (beyond, within, more), new, refusal| Case {
        limit,
        deed,
        beyond,
        within,
        new,
        more,
        refusal,
        from_afar: false,
    };
    [
        case(
            ("frames.fragments", "64"),
            Deed::Fragments,
            (65, 5, 5),
            json!({"frames": {"fragments": 3}}),
            CLOSED,
        ),
        case(
            ("frames.control", "1/min burst 200"),
            Deed::Pings,
            (210, 5, 1),
            json!({"frames": {"control": "1/min burst 3"}}),
            CLOSED,
        ),
        case(
            ("size.chat", "4096"),
            Deed::Speech,
            (4_097, 1_000, 1_000),
            json!({"size": {"chat": 512}}),
            "invalid_params",
        ),
        case(("flood.calls", "200"), Deed::Insistence, (210, 6, 1), json!({"flood": {"calls": 3}}), CLOSED),
        case(
            ("account.subscription", "1/min burst 200"),
            Deed::Questions,
            (210, 5, 1),
            json!({"account": {"subscription": "1/min burst 3"}}),
            "rate_limited",
        ),
        Case {
            from_afar: true,
            // A whole batch has to fit.
            ..case(
                ("address.messages", "1/min burst 200"),
                Deed::Calls,
                (210, 40, 1),
                json!({"address": {"messages": "1/min burst 32"}}),
                "rate_limited",
            )
        },
        case(
            ("http.requests", "1/min burst 20"),
            Deed::Requests,
            (25, 5, 1),
            json!({"http": {"requests": "1/min burst 3"}}),
            "rate_limited",
        ),
    ]
}

/// An account of its own with an open connection.
struct Player<'a> {
    world: &'a World,
    token: String,
    socket: Socket,
}

impl<'a> Player<'a> {
    async fn enter(world: &'a World, from: Option<&str>) -> Self {
        let token = world.guest().await;
        let from = from.map(|from| ("X-Forwarded-For", from));
        let socket = Socket::open_with(&world.ws, &token, from.as_slice()).await;
        Self { world, token, socket }
    }

    /// Does so much of it; why not all of it was let through, if it was not.
    async fn does(&mut self, deed: Deed, count: usize) -> Option<String> {
        match deed {
            Deed::Fragments => {
                for number in 1..=count {
                    let opcode = OpCode::Data(if number == 1 { Data::Text } else { Data::Continue });
                    let text = if number == 1 { r#"{"jsonrpc":"2.0","method":"system.ping"}"# } else { " " };
                    self.send(Message::Frame(Frame::message(text, opcode, number == count))).await;
                }
                self.closed().await
            }
            Deed::Pings => {
                for _ in 0..count {
                    self.send(Message::Ping(Bytes::new())).await;
                }
                self.closed().await
            }
            Deed::Insistence => {
                for _ in 0..count {
                    let call = r#"{"jsonrpc":"2.0","method":"quest.list","params":{}}"#;
                    self.send(Message::text(call)).await;
                }
                self.closed().await
            }
            Deed::Speech => {
                let line = "x".repeat(count - r#"{"text":""}"#.len());
                let reason = self.call("chat.send", json!({"text": line})).await;
                // Nobody hears it, for nobody is there.
                reason.filter(|reason| reason != "invalid_state")
            }
            Deed::Questions => self.times(count, "presence.query", json!({"characters": []})).await,
            Deed::Calls => self.times(count, "system.ping", json!({})).await,
            Deed::Requests => {
                let client = reqwest::Client::new();
                for _ in 0..count {
                    let me = client.get(format!("{}/v1/me", self.world.http)).bearer_auth(&self.token);
                    let answer = me.send().await.unwrap();
                    if answer.status() == 429 {
                        assert!(answer.headers().contains_key("retry-after"));
                        return Some(code(&answer.json::<Value>().await.unwrap(), "code"));
                    }
                    assert_eq!(answer.status(), 200);
                }
                None
            }
        }
    }

    async fn send(&mut self, message: Message) {
        self.socket.send_or_closed(message).await;
    }

    /// How the server has closed the connection, if it has: one that is open is answered.
    async fn closed(&mut self) -> Option<String> {
        self.socket.ping_or_closed().await.map(|code| format!("closed with {code}"))
    }

    /// Why a call is not carried out.
    async fn call(&mut self, method: &str, params: Value) -> Option<String> {
        let error = self.socket.call(method, params).await.err()?;
        Some(code(&error["data"], "reason"))
    }

    async fn times(&mut self, count: usize, method: &str, params: Value) -> Option<String> {
        for _ in 0..count {
            if let Some(reason) = self.call(method, params.clone()).await {
                return Some(reason);
            }
        }
        None
    }

    /// Does a little more of it until that ends as it should: a connection hears of another policy in a moment.
    async fn until(&mut self, case: &Case, refusal: Option<&str>) {
        for _ in 0..TRIES {
            if self.does(case.deed, case.more).await.as_deref() == refusal {
                return;
            }
            self.socket.pump_for(PAUSE).await;
        }
        panic!("{case:?}: not {refusal:?} in time");
    }
}

fn code(problem: &Value, member: &str) -> String {
    problem[member].as_str().unwrap().to_owned()
}

async fn limits(world: &World, method: Method, document: &Value) {
    let answer = world.operator(method, "/admin/v1/limits").json(document).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{document}");
}

#[tokio::test]
async fn a_new_limit_holds_where_the_old_one_did() {
    let cases = cases();
    let open = Setup::default().unlimited().limit("trusted-proxies", "127.0.0.1");
    let open = open.limit("connection.list", "1/min burst 1").limit("flood.window", "10m");
    let limited = cases.iter().fold(open, |setup, case| setup.limit(case.limit.0, case.limit.1));
    let world = limited.start();
    for case in &cases {
        let mut other = Player::enter(&world, case.from_afar.then_some("203.0.113.7")).await;
        let refusal = other.does(case.deed, case.beyond).await;
        assert_eq!(refusal.as_deref(), Some(case.refusal), "{case:?}");

        let mut player = Player::enter(&world, case.from_afar.then_some("203.0.113.8")).await;
        assert_eq!(player.does(case.deed, case.within).await, None, "{case:?}");
        limits(&world, Method::PUT, &case.new).await;
        player.until(case, Some(case.refusal)).await;
        limits(&world, Method::DELETE, &json!({})).await;
        // The old one holds again where there still is a connection.
        if case.refusal != CLOSED {
            player.until(case, None).await;
        }
    }
}

/// How long somebody is banned who talks nonsense.
async fn ban_s(world: &World, player: &mut Player<'_>) -> i64 {
    while player.closed().await.is_none() {
        player.send(Message::text("nonsense")).await;
    }
    assert_eq!(player.closed().await.as_deref(), Some("closed with 4005"));
    let subject = format!("account {}", player.socket.welcome["account"]);
    let bans = world.operator(Method::GET, "/admin/v1/bans").send().await.unwrap();
    let bans = bans.json::<Value>().await.unwrap();
    let ban = bans["bans"].as_array().unwrap().iter().find(|ban| ban["subject"] == subject.as_str());
    let ban = ban.expect("a ban");
    ban["until_s"].as_i64().unwrap() - ban["since_s"].as_i64().unwrap()
}

#[tokio::test]
async fn a_ban_is_as_long_as_the_policy_says_by_then() {
    let world = Setup::default()
        .limit("bans.first", "1h")
        .limit("score.malformed", "20")
        .limit("score.account-threshold", "100")
        .start();
    let (mut first, mut second) = (Player::enter(&world, None).await, Player::enter(&world, None).await);
    assert_eq!(ban_s(&world, &mut first).await, 3_600);
    limits(&world, Method::PUT, &json!({"bans": {"first": "30m"}})).await;
    assert_eq!(ban_s(&world, &mut second).await, 1_800);
}
