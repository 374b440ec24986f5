//! Limits that are replaced while players play, bans by operators and by misbehaviour, and tokens that are renewed
//! without a new connection.

use crate::live::root;
use crate::support::raw::{PROPER, Raw, upgrade};
use crate::support::socket::{PATIENCE, Socket};
use crate::support::world::{Setup, World};
use reqwest::Method;
use runtime::abuse::{Policy, Rate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// Behind a proxy on the own machine, so that a story can come from anywhere.
fn behind_a_proxy() -> Setup {
    Setup::default().limit("trusted-proxies", "127.0.0.1")
}

/// Asks for an upgrade from an address: the status and the whole answer.
async fn knock(world: &World, token: &str, from: &str) -> (u16, String) {
    let headers = [&PROPER[..], &[("X-Forwarded-For", from)]].concat();
    let (status, head, _) = upgrade(&world.http, &format!("/v1/world/ws?token={token}"), &headers).await;
    (status, head)
}

/// The seconds of `Retry-After` in an answer that says somebody is banned.
#[track_caller]
fn banned((status, head): &(u16, String)) -> u64 {
    assert_eq!(*status, 403, "{head}");
    assert!(head.contains("\"code\":\"banned\""), "{head}");
    let head = head.to_ascii_lowercase();
    let seconds =
        head.lines().find_map(|line| line.strip_prefix("retry-after: ")).expect("when to come back");
    seconds.trim().parse().unwrap()
}

/// What `/v1/me` says of a token.
async fn me(world: &World, token: &str) -> (u16, Value) {
    let answer = reqwest::Client::new().get(format!("{}/v1/me", world.http)).bearer_auth(token).send();
    let answer = answer.await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn operator(world: &World, method: Method, path: &str, body: Value) -> (u16, Value) {
    let answer = world.operator(method, path).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Asks for a list until it is refused for longer than the default ever does, or is not.
async fn until_lists_are(socket: &mut Socket, refused: bool) {
    let asking = async {
        loop {
            let wait_ms = match socket.call("quest.list", json!({})).await {
                Ok(_) => 0,
                Err(error) => {
                    assert_eq!(error["data"]["reason"], "rate_limited", "{error}");
                    error["data"]["retry_after_ms"].as_u64().unwrap()
                }
            };
            match (refused, wait_ms) {
                (true, 10_000..) | (false, 0) => return,
                _ => socket.pump_for(Duration::from_millis(wait_ms.min(500))).await,
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("the new policy holds");
}

#[tokio::test]
async fn a_policy_is_replaced_under_the_players() {
    let world = World::start();
    let (_, mut socket) = world.player("warrior").await;
    let limits = "/admin/v1/limits";
    let (status, before) = operator(&world, Method::GET, limits, json!({})).await;
    assert_eq!((status, &before["from"]), (200, &json!("settings")));
    // The settings of all stories let more be asked over HTTP.
    let mut settings = Policy::default();
    settings.http.requests = Rate::per_minute(100_000, 100_000);
    assert_eq!(before["limits"], settings.document());

    let slow = json!({"connection": {"list": "1/min burst 1"}});
    let (status, after) = operator(&world, Method::PUT, limits, slow).await;
    assert_eq!((status, &after["from"]), (200, &json!("operator")), "{after}");
    until_lists_are(&mut socket, true).await;

    // What is wrong is told at once, and changes nothing.
    let wrong = json!({"conection": {}, "sockets": {"per-acount": 3}, "connection": {"chat": "often"}});
    let (status, refused) = operator(&world, Method::PUT, limits, wrong).await;
    assert_eq!((status, &refused["code"]), (422, &json!("limits_refused")));
    let told = refused["detail"].as_str().unwrap();
    for word in ["did you mean `connection`?", "did you mean `per-account`?", "`often` is no rate"] {
        assert!(told.contains(word), "{told}");
    }
    assert_eq!(operator(&world, Method::GET, limits, json!({})).await.1, after);

    // It outlives the server, and goes as it came.
    socket.close().await;
    let world = world.restart().await;
    assert_eq!(operator(&world, Method::GET, limits, json!({})).await.1, after);
    let (_, mut socket) = world.player("warrior").await;
    until_lists_are(&mut socket, true).await;
    let (status, reset) = operator(&world, Method::DELETE, limits, json!({})).await;
    assert_eq!((status, &reset), (200, &before));
    until_lists_are(&mut socket, false).await;
    socket.close().await;
}

#[tokio::test]
async fn limits_are_shown_changed_and_set() {
    let world = World::start();
    let text = |output: std::process::Output| {
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        (output.status.success(), out, err)
    };
    let (done, shown, said) = text(world.lore(&["limits", "show"]));
    assert!(
        done && shown.contains("[connection]") && shown.contains("attack = \"2/s burst 2\""),
        "{shown}{said}"
    );
    let file = world.data().join("mine.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, shown.replace("per-account = 4", "per-account = 1")).unwrap();
    let (done, _, said) = text(world.lore(&["limits", "set", path]));
    assert!(done, "{said}");
    let token = world.guest().await;
    let first = Socket::open(&world.ws, &token).await;
    let (status, head) = knock(&world, &token, "").await;
    assert_eq!(status, 429, "{head}");
    assert!(head.contains("too_many_connections"), "{head}");
    first.close().await;

    std::fs::write(&file, "[limits.sockets]\nper-account = 0\nper-adress = 1").unwrap();
    let (done, _, said) = text(world.lore(&["limits", "set", path]));
    assert!(!done, "nonsense is set");
    assert!(said.contains("did you mean `per-address`?") && said.contains("must be 1 to 16384"), "{said}");
    let (done, _, said) = text(world.lore(&["limits", "reset"]));
    assert!(done, "{said}");
    let (_, shown, _) = text(world.lore(&["limits", "show", "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["from"], &shown["limits"]["sockets"]["per-account"]), (&json!("settings"), &json!(4)));
}

#[tokio::test]
async fn other_pages_are_let_in_and_out_again_while_the_server_runs() {
    let world = Setup::default().setting("LORE_CORS_ORIGINS", "https://old.example").start();
    // Whether a page gets a socket, and whether its browser lets it ask over HTTP.
    let page = async |origin: &'static str| {
        let headers = [&PROPER[..], &[("Origin", origin)]].concat();
        let path = format!("/v1/world/ws?token={}", world.guest().await);
        let (status, _, _) = upgrade(&world.http, &path, &headers).await;
        let asked = reqwest::Client::new().request(Method::OPTIONS, format!("{}/v1/characters", world.http));
        let asked = asked.header("Origin", origin).header("Access-Control-Request-Method", "POST");
        let leave = asked.send().await.unwrap();
        (status, leave.headers().get("access-control-allow-origin").is_some_and(|allowed| allowed == origin))
    };
    let (old, new) = ("https://old.example", "https://new.example");
    let (let_in, kept_out) = ((101, true), (403, false));
    let mut open = Raw::open_with(&world.http, &world.guest().await, &[("Origin", old)]).await;
    assert_eq!((page(old).await, page(new).await), (let_in, kept_out));

    let limits = "/admin/v1/limits";
    let (status, set) = operator(&world, Method::PUT, limits, json!({"origins": [new]})).await;
    assert_eq!((status, &set["limits"]["origins"]), (200, &json!([new])));
    assert_eq!((page(old).await, page(new).await), (kept_out, let_in));
    open.call("system.ping").await;
    open.told("server_time_ms").await;

    let (status, refused) = operator(&world, Method::PUT, limits, json!({"origins": ["new.example/"]})).await;
    assert_eq!((status, &refused["code"]), (422, &json!("limits_refused")));
    assert!(refused["detail"].as_str().unwrap().starts_with("origins: `new.example/` is no origin"));
    assert_eq!((page(old).await, page(new).await), (kept_out, let_in));
    // The developer's own machine, where the pages of others are tried out.
    operator(&world, Method::PUT, limits, json!({"origins": ["*"]})).await;
    assert_eq!((page(old).await, page("https://any.example").await), (let_in, let_in));
    operator(&world, Method::DELETE, limits, json!({})).await;
    assert_eq!((page(old).await, page(new).await), (let_in, kept_out));
}

#[tokio::test]
async fn an_operator_bans_an_account_at_once() {
    let world = World::start();
    let (hero, mut socket) = world.player("warrior").await;
    let mut idle = Socket::open(&world.ws, &hero.token).await;
    let (_, mut bystander) = world.player("mage").await;
    let (_, account) = me(&world, &hero.token).await;
    let name = account["username"].as_str().unwrap().to_owned();
    let output = world.lore(&["ban", &name, "--for", "1h", "--why", "insults in the chat"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(socket.close_code().await, 4005);
    assert_eq!(idle.close_code().await, 4005);
    let answer = knock(&world, &hero.token, "").await;
    assert!((3_500..=3_600).contains(&banned(&answer)), "{answer:?}");
    assert!(answer.1.contains("insults in the chat"), "{answer:?}");
    let refused = world.post("/v1/auth/logout", Some(&hero.token), json!({})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (403, &json!("banned")));
    assert!(bystander.call("system.ping", json!({})).await.is_ok());
    bystander.close().await;

    // It outlives the server.
    let world = world.restart().await;
    banned(&knock(&world, &hero.token, "").await);
    let listed = String::from_utf8(world.lore(&["bans"]).stdout).unwrap();
    assert!(listed.contains(&name) && listed.contains("insults in the chat"), "{listed}");
    assert!(world.lore(&["unban", &name]).status.success());
    let mut socket = world.join(&hero).await;
    assert!(socket.call("quest.list", json!({})).await.is_ok());
    socket.close().await;
    let nobody = world.lore(&["unban", &name]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("is not banned"), "{nobody:?}");
    let stranger = world.lore(&["ban", "nobody_at_all", "--why", "x"]);
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("neither an address nor"), "{stranger:?}");
}

#[tokio::test]
async fn an_operator_bans_an_address_at_once() {
    let world = behind_a_proxy().start();
    let token = world.guest().await;
    let mut theirs = Raw::open_with(&world.http, &token, &[("X-Forwarded-For", "2001:db8::7")]).await;
    let mut others = Raw::open_with(&world.http, &token, &[("X-Forwarded-For", "2001:db8:0:1::7")]).await;
    let body = json!({"whom": "2001:db8::99", "for_s": 60});
    let (status, ban) = operator(&world, Method::POST, "/admin/v1/bans?who=ada&why=floods", body).await;
    assert_eq!((status, &ban["subject"]), (200, &json!("address 2001:db8::/64")), "{ban}");
    assert_eq!((&ban["by"], &ban["why"]), (&json!("ada"), &json!("floods")));
    assert_eq!(theirs.close_code().await, Some(4005));
    banned(&knock(&world, &token, "2001:db8::1").await);
    let classes = reqwest::Client::new().get(format!("{}/v1/classes", world.http));
    let answer = classes.header("X-Forwarded-For", "2001:db8::2").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    others.call("system.ping").await;
    others.told("server_time_ms").await;
    let (status, ban) = operator(&world, Method::DELETE, "/admin/v1/bans?whom=2001:db8::7", json!({})).await;
    assert_eq!((status, &ban["subject"]), (200, &json!("address 2001:db8::/64")));
    assert_eq!(knock(&world, &token, "2001:db8::1").await.0, 101);
}

#[tokio::test]
async fn misbehaviour_is_banned_for_longer_each_time() {
    let world = behind_a_proxy()
        .limit("score.account-threshold", "100")
        .limit("score.decay-per-second", "1")
        .limit("bans.first", "2s")
        .start();
    let token = world.guest().await;
    let mut lengths = Vec::new();
    for times in 1..=3 {
        // The ban before ends by itself.
        let waiting = async { while knock(&world, &token, "").await.0 != 101 {} };
        timeout(PATIENCE, waiting).await.expect("a ban ends");
        let mut socket = Socket::open(&world.ws, &token).await;
        let nonsense = async {
            loop {
                socket.send_or_closed(Message::text("nonsense")).await;
                if let Some(code) = socket.closed_now().await {
                    break code;
                }
            }
        };
        assert_eq!(timeout(PATIENCE, nonsense).await.expect("a ban"), 4005);
        let (_, bans) = operator(&world, Method::GET, "/admin/v1/bans", json!({})).await;
        let ban = &bans["bans"][0];
        assert_eq!((&ban["by"], &ban["times"]), (&json!("loreforge"), &json!(times)), "{bans}");
        lengths.push(ban["until_s"].as_i64().unwrap() - ban["since_s"].as_i64().unwrap());
    }
    assert_eq!(lengths, [2, 4, 8]);
}

#[tokio::test]
async fn impossible_movements_are_misbehaviour() {
    let world = Setup::default().limit("score.account-threshold", "15").start();
    let (_, mut socket) = world.player("warrior").await;
    for _ in 0..30 {
        socket.step(i64::from(i32::MAX), 0).await;
    }
    assert_eq!(socket.close_code().await, 4005);
}

#[tokio::test]
async fn guessing_tokens_is_misbehaviour_of_an_address() {
    let points = behind_a_proxy().limit("score.address-threshold", "100");
    let world = points.limit("score.decay-per-second", "1").start();
    let token = world.guest().await;
    for _ in 0..6 {
        if knock(&world, "a.b.c", "203.0.113.7").await.0 == 403 {
            break;
        }
    }
    banned(&knock(&world, &token, "203.0.113.7").await);
    assert_eq!(knock(&world, &token, "203.0.113.8").await.0, 101);
    // Who has none does not guess.
    let headers = [&PROPER[..], &[("X-Forwarded-For", "203.0.113.9")]].concat();
    for _ in 0..20 {
        assert_eq!(upgrade(&world.http, "/v1/world/ws", &headers).await.0, 401);
    }
    assert_eq!(knock(&world, &token, "203.0.113.9").await.0, 101);
}

#[tokio::test]
async fn an_address_has_its_share_and_no_more() {
    let world = behind_a_proxy()
        .limit("sockets.per-address", "2")
        .limit("address.handshakes", "1/min burst 6")
        .limit("address.messages", "1/min burst 40")
        .start();
    let open = async |from: &'static str| {
        Raw::open_with(&world.http, &world.guest().await, &[("X-Forwarded-For", from)]).await
    };
    let (mut first, second) = (open("203.0.113.7").await, open("203.0.113.7").await);
    let token = world.guest().await;
    let (status, head) = knock(&world, &token, "203.0.113.7").await;
    assert_eq!(status, 429, "{head}");
    assert!(head.contains("too_many_connections"), "{head}");
    for _ in 0..41 {
        first.call("system.ping").await;
    }
    first.told("rate_limited").await;
    // Whatever the account.
    drop(second);
    let mut third = open("203.0.113.8").await;
    third.call("system.ping").await;
    third.told("server_time_ms").await;
    for _ in 0..4 {
        knock(&world, &token, "203.0.113.7").await;
    }
    let (status, head) = knock(&world, &token, "203.0.113.7").await;
    assert_eq!(status, 429, "{head}");
    assert!(head.contains("rate_limited") && head.to_ascii_lowercase().contains("retry-after: "), "{head}");
}

#[tokio::test]
async fn the_server_has_as_many_sockets_as_its_operator_says() {
    let world = Setup::default().limit("sockets.in-all", "2").start();
    let open = async || Socket::open(&world.ws, &world.guest().await).await;
    let set = async |in_all: u32| {
        let document = json!({"sockets": {"in-all": in_all}});
        operator(&world, Method::PUT, "/admin/v1/limits", document).await
    };
    let token = world.guest().await;
    let is_full = async || {
        let (status, head) = knock(&world, &token, "").await;
        assert_eq!(status, 503, "{head}");
        assert!(head.contains("\"code\":\"busy\""), "{head}");
        assert!(head.to_ascii_lowercase().contains("retry-after: "), "{head}");
    };
    let (mut first, mut second) = (open().await, open().await);
    is_full().await;
    assert_eq!(set(3).await.0, 200);
    let mut third = open().await;
    is_full().await;

    // Fewer than there are: nobody is closed, and nobody comes in until so many have gone.
    assert_eq!(set(1).await.0, 200);
    for socket in [&mut first, &mut second, &mut third] {
        assert!(socket.call("system.ping", json!({})).await.is_ok());
    }
    first.close().await;
    second.close().await;
    is_full().await;
    third.close().await;
    let until_there_is_room = async { while knock(&world, &token, "").await.0 != 101 {} };
    timeout(PATIENCE, until_there_is_room).await.expect("there is room again");

    let (status, refused) = set(20_000).await;
    assert_eq!((status, &refused["code"]), (422, &json!("limits_refused")));
    let told = refused["detail"].as_str().unwrap();
    assert_eq!(told, "sockets.in-all: it is 20000, must be 1 to 16384");
}

#[tokio::test]
async fn sockets_of_an_account_share_its_rates() {
    let world = Setup::default().limit("account.list", "1/min burst 3").start();
    let (hero, mut first) = world.player("warrior").await;
    for _ in 0..3 {
        assert!(first.call("quest.list", json!({})).await.is_ok());
    }
    let mut second = Socket::open(&world.ws, &hero.token).await;
    let error = second.call("quest.list", json!({})).await.unwrap_err();
    assert_eq!(error["data"]["reason"], "rate_limited", "{error}");
    let (_, mut other) = world.player("mage").await;
    assert!(other.call("quest.list", json!({})).await.is_ok());
    for socket in [first, second, other] {
        socket.close().await;
    }
}

#[tokio::test]
async fn a_connection_outlives_its_token_with_a_newer_one() {
    let world = Setup::default().setting("LORE_ACCESS_TTL", "6s").start();
    let tokens = world.post("/v1/auth/guest", None, json!({})).await.body;
    let text = |tokens: &Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    let old = text(&tokens, "access_token");
    let mut socket = Socket::open(&world.ws, &old).await;
    let stranger = world.guest().await;
    for (token, why) in
        [("a.b.c", "no access token"), (stranger.as_str(), "another account"), ("", "no access token")]
    {
        let error = socket.call("auth.refresh", json!({"token": token})).await.unwrap_err();
        assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32000), &json!("unauthorized")));
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    }
    // The one in use may be sent to learn when it ends.
    let left = socket.done("auth.refresh", json!({"token": old})).await;
    assert!((1..=6_000).contains(&left["expires_in_ms"].as_u64().unwrap()), "{left}");
    socket.pump_for(Duration::from_secs(3)).await;
    let body = json!({"refresh_token": text(&tokens, "refresh_token")});
    let tokens = world.post("/v1/auth/refresh", None, body).await.body;
    let new = text(&tokens, "access_token");
    let refreshed = socket.done("auth.refresh", json!({"token": new})).await;
    assert!((1..=6_000).contains(&refreshed["expires_in_ms"].as_u64().unwrap()), "{refreshed}");
    // The one before ends sooner.
    let error = socket.call("auth.refresh", json!({"token": old})).await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("ends before"), "{error}");
    let until_it_ends = async { while me(&world, &old).await.0 == 200 {} };
    timeout(PATIENCE, until_it_ends).await.expect("the old token ends");
    assert!(socket.call("system.ping", json!({})).await.is_ok(), "the connection goes on");
    assert_eq!(socket.close_code().await, 4001);

    // With another login it follows that one: its logout closes at once.
    let body = json!({"refresh_token": text(&tokens, "refresh_token")});
    let newest = text(&world.post("/v1/auth/refresh", None, body).await.body, "access_token");
    let mut socket = Socket::open(&world.ws, &newest).await;
    assert_eq!(world.post("/v1/auth/logout", Some(&newest), json!({})).await.status, 204);
    assert_eq!(socket.close_code().await, 4001);
}

/// Rows of the tables of limits in a text: name and default.
fn documented(text: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('`');
        let (name, between, value) = (cells.next()?, cells.next()?, cells.next()?);
        (between == " | ").then(|| (name.to_owned(), value.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn the_documents_tell_the_limits_that_hold() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let limits = Policy::default().limits().into_iter();
    let real: BTreeMap<String, String> = limits
        .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    assert_eq!(documented(&read("docs/limits.md")), real);
    let protocol = read("docs/protocol.md");
    let section = protocol.split("\n## Limits\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let told = documented(section);
    assert!(told.len() > 25, "{told:?}");
    for (name, value) in told {
        assert_eq!(real.get(&name), Some(&value), "{name}");
    }
}
