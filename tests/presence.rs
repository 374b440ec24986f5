//! Who is there, told to those who listen, in both encodings; and what the operator says to all.

use crate::resume::{linkdead, recovery, resume};
use crate::support::http_server::Answer;
use crate::support::socket::{PATIENCE, Socket};
use crate::support::world::{Copied, Hero, Setup, World};
use reqwest::Method;
use runtime::client::frame::Encoding;
use runtime::load::client::Client;
use runtime::load::replica::Heard;
use runtime::presence::{NoRoom, Presences, limits};
use serde_json::{Value, json};
use sim::CharacterId;
use std::time::Duration;
use tokio::time::timeout;

const MESSAGES: &str = "/admin/v1/messages";

async fn told(socket: &mut Socket) -> Value {
    socket.notified("presence.changed").await["presences"].clone()
}

async fn heard<T>(client: &mut Client, mut wanted: impl FnMut(Heard) -> Option<T>) -> T {
    let listening = async {
        loop {
            if let Some(found) = wanted(client.next().await.unwrap()) {
                return found;
            }
        }
    };
    timeout(PATIENCE, listening).await.expect("it is told")
}

async fn told_in_binary(client: &mut Client) -> Value {
    let wanted = |heard| match heard {
        Heard::Presence(changed) => Some(serde_json::to_value(changed.presences).unwrap()),
        _ => None,
    };
    heard(client, wanted).await
}

async fn binary(world: &World) -> Client {
    Client::connect(&world.ws, &world.guest().await, Encoding::Proto).await.unwrap()
}

async fn watcher(world: &World) -> Socket {
    Socket::open(&world.ws, &world.guest().await).await
}

fn offline(character: i64) -> Value {
    json!({"character": character, "state": "offline"})
}

fn there(hero: &Hero, state: &str, zone: &str) -> Value {
    json!({"character": hero.character, "name": hero.name, "state": state, "zone": zone})
}

#[tokio::test]
async fn who_comes_goes_and_changes_is_told_once_to_those_who_listen() {
    let content = Copied::content();
    // Beside the road to Westview.
    content.replace("zones/downtown.toml", "entrance = [200, 100]", "entrance = [388, 200]");
    let world = Setup::default().content(content).start();
    let (ada, bob) = (world.hero("warrior").await, world.hero("mage").await);
    // Neither of them has a character in the world.
    let (mut watcher, mut binary) = (watcher(&world).await, binary(&world).await);
    let asked = json!({"characters": [ada.character, 987_654_321, bob.character]});
    let now = watcher.done("presence.subscribe", asked.clone()).await;
    let nobody = [offline(ada.character), offline(987_654_321), offline(bob.character)];
    assert_eq!(now["presences"], json!(nobody), "who does not exist looks like who is not there");
    assert_eq!(binary.call::<Value>("presence.subscribe", asked).await.unwrap(), now);

    let mut socket = world.join(&ada).await;
    let here = json!([there(&ada, "online", "downtown")]);
    assert_eq!((told(&mut watcher).await, told_in_binary(&mut binary).await), (here.clone(), here));

    let busy = json!({"state": "busy", "status": " selling pelts "});
    socket.done("presence.update", busy.clone()).await;
    let mut seen = there(&ada, "busy", "downtown");
    seen["status"] = json!("selling pelts");
    assert_eq!((told(&mut watcher).await, told_in_binary(&mut binary).await), (json!([seen]), json!([seen])));

    // The same once more is no change: the next that is told is that she has walked on.
    socket.done("presence.update", busy).await;
    socket.walk(397_000, 200_000, 20_000).await;
    seen["zone"] = json!("westview");
    assert_eq!((told(&mut watcher).await, told_in_binary(&mut binary).await), (json!([seen]), json!([seen])));
    let names = json!({"names": [ada.name.to_uppercase(), "Nobody", bob.name]});
    let found = watcher.done("presence.query", names).await;
    let unknown = |name: &str| json!({"name": name, "state": "offline"});
    assert_eq!(found["presences"], json!([seen, unknown("Nobody"), unknown(&bob.name)]));
    assert_eq!(found["generation"], now["generation"]);

    binary.call::<Value>("presence.unsubscribe", json!({"characters": [ada.character]})).await.unwrap();
    socket.notified("world.snapshot").await;
    socket.done("world.leave", json!({})).await;
    assert_eq!(told(&mut watcher).await, json!([offline(ada.character)]));
    let other = world.join(&bob).await;
    let here = json!([there(&bob, "online", "downtown")]);
    assert_eq!((told(&mut watcher).await, told_in_binary(&mut binary).await), (here.clone(), here));
    assert_eq!((watcher.unheard("presence.changed"), binary.faults().0), (0, 0), "{:?}", binary.faults());
    binary.close().await;
    for socket in [socket, other, watcher] {
        socket.close().await;
    }
}

#[tokio::test]
async fn changes_of_a_moment_are_one_message_and_there_and_back_is_none() {
    let world = World::start();
    let (ada, mut socket) = world.player("warrior").await;
    let mut watcher = watcher(&world).await;
    watcher.done("presence.subscribe", json!({"characters": [ada.character]})).await;
    let batch = |updates: &[(&str, &str)]| {
        let call = |(id, (state, status)): (usize, &(&str, &str))| {
            let params = json!({"state": state, "status": status});
            json!({"jsonrpc": "2.0", "id": id, "method": "presence.update", "params": params})
        };
        Value::from(updates.iter().enumerate().map(call).collect::<Vec<_>>()).to_string()
    };
    let answers = socket.ask(batch(&[("busy", "one"), ("away", "two"), ("busy", "three")])).await;
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["result"] == json!({})), "{answers}");
    let mut seen = there(&ada, "busy", "downtown");
    seen["status"] = json!("three");
    assert_eq!(told(&mut watcher).await, json!([seen]));
    let answers = socket.ask(batch(&[("online", ""), ("busy", "three")])).await;
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["result"] == json!({})), "{answers}");
    socket.done("world.leave", json!({})).await;
    assert_eq!(told(&mut watcher).await, json!([offline(ada.character)]));
    assert_eq!(watcher.unheard("presence.changed"), 0);
    socket.close().await;
    watcher.close().await;
}

#[tokio::test]
async fn what_is_too_much_or_makes_no_sense_is_refused() {
    let world = World::start();
    let mut watcher = watcher(&world).await;
    let many: Vec<i64> = (1..=200).collect();
    let subscribe = |characters: &[i64]| json!({"characters": characters});
    watcher.done("presence.subscribe", subscribe(&many)).await;
    watcher.done("presence.subscribe", subscribe(&many)).await;
    let limit = (json!(-32004), json!("subscription_limit"));
    let refused = watcher.call("presence.subscribe", subscribe(&[1_000])).await.unwrap_err();
    assert_eq!((refused["code"].clone(), refused["data"]["reason"].clone()), limit, "{refused}");
    watcher.done("presence.unsubscribe", subscribe(&[1, 2, 3, 5_000])).await;
    watcher.done("presence.subscribe", subscribe(&[1_000])).await;
    let mut fresh = Socket::open(&world.ws, &world.guest().await).await;
    let too_many: Vec<i64> = (1..=201).collect();
    let refused = fresh.call("presence.subscribe", subscribe(&too_many)).await.unwrap_err();
    assert_eq!((refused["code"].clone(), refused["data"]["reason"].clone()), limit, "{refused}");
    let cases = [
        ("presence.query", subscribe(&too_many), -32602),
        ("presence.query", json!({"characters": many, "names": ["Ada"]}), -32602),
        ("presence.subscribe", json!({"characters": ["Ada"]}), -32602),
        ("presence.subscribe", json!({"characters": 7}), -32602),
        ("presence.subscribe", json!({"character": [7]}), -32602),
        ("system.unsubscribe", json!({"topics": ["events", "weather"]}), -32602),
        ("presence.update", json!({"state": "busy"}), -32003),
    ];
    for (method, params, code) in cases {
        let refused = fresh.patient(method, &params).await.unwrap_err();
        assert_eq!(refused["code"], code, "{method} {params}: {refused}");
    }
    let topics = fresh.done("system.subscribe", json!({"topics": []})).await;
    assert_eq!(topics["topics"], json!(["announcements", "events", "operator"]), "nothing was taken away");

    let (ada, mut socket) = world.player("warrior").await;
    let cases = [
        (json!({"state": "offline"}), -32003),
        (json!({"state": "sleeping"}), -32602),
        (json!({"state": "unspecified"}), -32602),
        (json!({"state": "busy", "status": "two\nlines"}), -32602),
        (json!({"state": "busy", "status": "x".repeat(101)}), -32602),
    ];
    for (params, code) in cases {
        let refused = socket.patient("presence.update", &params).await.unwrap_err();
        assert_eq!(refused["code"], code, "{params}: {refused}");
    }
    let now = fresh.done("presence.query", subscribe(&[ada.character])).await;
    assert_eq!(now["presences"], json!([there(&ada, "online", "downtown")]));
    for socket in [watcher, fresh, socket] {
        socket.close().await;
    }
}

#[tokio::test]
async fn what_is_said_of_oneself_shows_no_listed_word() {
    let world = World::start();
    let (ada, mut socket) = world.player("warrior").await;
    let lines = [
        ("selling d4mn good pelts", "selling **** good pelts"),
        ("who is a goldseller?", "who is a **********?"),
        ("damnation", "damnation"),
    ];
    for (said, seen) in lines {
        socket.done("presence.update", json!({"state": "busy", "status": said})).await;
        let now = socket.done("presence.query", json!({"characters": [ada.character]})).await;
        assert_eq!(now["presences"][0]["status"], seen);
    }
    socket.close().await;
}

/// Waits for something while another connection is kept alive.
async fn beside<T>(other: &mut Socket, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        () = other.pump_for(PATIENCE) => panic!("nothing happened"),
    }
}

#[tokio::test]
async fn who_does_nothing_is_away_until_they_do_something() {
    let settings = Setup::default().setting("LORE_HEARTBEAT", "3s");
    let settings = settings.setting("LORE_PRESENCE_AWAY_AFTER", "500ms");
    let world = settings.setting("LORE_PRESENCE_SHOW_ZONES", "false").start();
    let ada = world.hero("warrior").await;
    let mut watcher = watcher(&world).await;
    watcher.done("presence.subscribe", json!({"characters": [ada.character]})).await;
    let mut socket = world.join(&ada).await;
    let state = |state: &str| {
        let mut seen = there(&ada, state, "");
        seen.as_object_mut().unwrap().remove("zone");
        json!([seen])
    };
    assert_eq!(beside(&mut socket, told(&mut watcher)).await, state("online"), "the operator tells no zone");
    assert_eq!(beside(&mut socket, told(&mut watcher)).await, state("away"));
    // The program is still there, but nobody plays.
    socket.done("system.ping", json!({})).await;
    let now = watcher.done("presence.query", json!({"names": [ada.name]})).await;
    assert_eq!(now["presences"], state("away"));
    socket.step_in_place().await;
    assert_eq!(beside(&mut socket, told(&mut watcher)).await, state("online"));
    socket.close().await;
    assert_eq!(told(&mut watcher).await, json!([offline(ada.character)]));
    watcher.close().await;
}

#[tokio::test]
async fn who_has_lost_the_connection_is_away_until_they_are_back() {
    let world = Setup::default().setting("LORE_LINKDEAD", "10m").start();
    let (ada, socket) = world.player("warrior").await;
    let mut watcher = watcher(&world).await;
    watcher.done("presence.subscribe", json!({"characters": [ada.character]})).await;
    let token = socket.welcome["recovery"].clone();
    drop(socket);
    assert_eq!(told(&mut watcher).await, json!([there(&ada, "away", "downtown")]));
    let (mut socket, outcome) = resume(&world, &ada, &token, 0).await;
    let token = outcome.unwrap()["recovery"].clone();
    assert_eq!(told(&mut watcher).await, json!([there(&ada, "online", "downtown")]));

    // Who is not to be disturbed was so before, and nobody hears that they are gone.
    socket.done("presence.update", json!({"state": "busy"})).await;
    assert_eq!(told(&mut watcher).await, json!([there(&ada, "busy", "downtown")]));
    drop(socket);
    linkdead(&world, 1).await;
    watcher.pump_for(Duration::from_millis(500)).await;
    assert_eq!(watcher.unheard("presence.changed"), 0);
    let now = watcher.done("presence.query", json!({"characters": [ada.character]})).await;
    assert_eq!(now["presences"], json!([there(&ada, "busy", "downtown")]));
    let (socket, outcome) = resume(&world, &ada, &token, 0).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    socket.close().await;
    assert_eq!(told(&mut watcher).await, json!([offline(ada.character)]));
    watcher.close().await;
}

#[tokio::test]
async fn after_a_crash_everybody_is_offline_until_they_come_back() {
    let world = World::start();
    let (ada, _socket) = world.player("warrior").await;
    let asked = json!({"characters": [ada.character]});
    let before = watcher(&world).await.done("presence.subscribe", asked.clone()).await;
    assert_eq!(before["presences"], json!([there(&ada, "online", "downtown")]));
    let world = world.killed();
    let mut watcher = watcher(&world).await;
    let after = watcher.done("presence.subscribe", asked).await;
    assert_eq!(after["presences"], json!([offline(ada.character)]));
    assert!(after["generation"].as_u64() > before["generation"].as_u64(), "{before} {after}");
    let socket = world.join(&ada).await;
    assert_eq!(told(&mut watcher).await, json!([there(&ada, "online", "downtown")]));
    socket.close().await;
    watcher.close().await;
}

/// The next that the operator says.
async fn said(socket: &mut Socket) -> Value {
    loop {
        let message = socket.notified("system.message").await;
        if message["topic"] == "operator" {
            return message;
        }
    }
}

#[tokio::test]
async fn the_operator_speaks_to_all_to_a_zone_and_to_those_who_listen() {
    let mut world = World::start();
    let (_, mut ada) = world.player("warrior").await;
    let (_, mut deaf) = world.player("mage").await;
    let mut lobby = binary(&world).await;
    let topics = deaf.done("system.unsubscribe", json!({"topics": ["operator"]})).await;
    assert_eq!(topics, json!({"topics": ["announcements", "events"]}));

    let output = world.lore(&["say", "Back in five minutes", "--level", "warning", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), json!({"told": 2}));
    let output = world.lore(&["say", "Wolves are at the gate", "--zone", "downtown"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "told 1");
    let output = world.lore(&["say", "We restart now", "--level", "critical", "--why", "upgrade"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let message = |text: &str, level: &str| json!({"text": text, "topic": "operator", "level": level});
    assert_eq!(said(&mut ada).await, message("Back in five minutes", "warning"));
    assert_eq!(said(&mut ada).await, message("Wolves are at the gate", "info"));
    assert_eq!(said(&mut ada).await, message("We restart now", "critical"));
    assert_eq!(said(&mut deaf).await, message("We restart now", "critical"), "whether wanted or not");
    for text in ["Back in five minutes", "We restart now"] {
        let wanted = |heard| match heard {
            Heard::System(message) => Some(message.text),
            _ => None,
        };
        assert_eq!(heard(&mut lobby, wanted).await, text, "in no zone, but connected");
    }
    let history = Answer::of(world.operator(Method::GET, "/admin/v1/history")).await;
    let newest = &history.body["history"][0];
    assert_eq!((&newest["action"], &newest["why"]), (&json!("say"), &json!("upgrade")), "{newest}");
    assert_eq!(newest["label"], "critical to all: We restart now");

    let output = world.lore(&["say", "Hello", "--zone", "downtwn"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("(did you mean `downtown`?)"), "{stderr}");
    for (body, code) in [
        (json!({"text": ""}), "bad_text"),
        (json!({"text": "two\nlines"}), "bad_text"),
        (json!({"text": "x".repeat(501)}), "bad_text"),
        (json!({"txt": "x"}), "invalid_body"),
        (json!({"text": "x", "level": "loud"}), "invalid_body"),
        (json!({"text": "x", "zones": ["nowhere"]}), "no_zone"),
    ] {
        Answer::of(world.operator(Method::POST, MESSAGES).json(&body)).await.is_problem(422, code);
    }
    let stranger = reqwest::Client::new().post(format!("{}{MESSAGES}", world.admin));
    Answer::of(stranger.json(&json!({"text": "x"}))).await.is_problem(401, "unauthorized");
    let mut refused = None;
    for _ in 0..50 {
        let again = world.operator(Method::POST, MESSAGES).json(&json!({"text": "again"}));
        let answer = Answer::of(again).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    refused.expect("nobody may wake all players all the time").is_problem(429, "rate_limited");

    // What the world says is another topic.
    ada.done("system.unsubscribe", json!({"topics": ["announcements"]})).await;
    ada.forget_notes();
    world.terminate();
    let asleep = loop {
        let message = deaf.notified("system.message").await;
        if message["topic"] == "announcements" {
            break message["text"].as_str().unwrap().to_owned();
        }
    };
    assert!(asleep.starts_with("Downtown goes to sleep."), "{asleep}");
    assert_eq!(ada.close_code().await, 1012);
    while ada.unheard("system.message") > 0 {
        let message = ada.notified("system.message").await;
        assert_ne!(message["topic"], "announcements", "{message}");
    }
    assert!(world.ended().await.success());
}

fn say(world: &World, text: &str) {
    let output = world.lore(&["say", text]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Is seen in another way from now on; how.
async fn change(ada: &Hero, socket: &mut Socket, state: &str) -> Value {
    socket.done("presence.update", json!({"state": state})).await;
    json!([there(ada, state, "downtown")])
}

#[tokio::test]
async fn who_comes_back_and_who_joins_again_goes_on_listening() {
    let mut world = Setup::default().setting("LORE_LINKDEAD", "10m").start();
    let (ada, mut socket) = world.player("warrior").await;
    let (bob, mut listener) = world.player("mage").await;
    let now = listener.done("presence.subscribe", json!({"characters": [ada.character]})).await;
    assert_eq!(now["presences"], json!([there(&ada, "online", "downtown")]));
    // Without it a session is told of all topics: what was left out shows that it is the same.
    listener.done("system.unsubscribe", json!({"topics": ["announcements"]})).await;

    // What happens meanwhile is told afterwards.
    let token = recovery(&listener);
    drop(listener);
    linkdead(&world, 1).await;
    say(&world, "while you were away");
    let seen = change(&ada, &mut socket, "busy").await;
    let (mut listener, outcome) = resume(&world, &bob, &token, 0).await;
    assert_eq!(outcome.unwrap()["character"], bob.character);
    listener.notified("world.snapshot").await;
    assert_eq!(said(&mut listener).await["text"], "while you were away");
    assert_eq!(told(&mut listener).await, seen);
    // What it was told before it left out a topic came again.
    listener.forget_notes();
    say(&world, "now that you are back");
    let seen = change(&ada, &mut socket, "away").await;
    assert_eq!(said(&mut listener).await["text"], "now that you are back");
    assert_eq!(told(&mut listener).await, seen);

    // The session goes on without a character, and with it again.
    listener.done("world.leave", json!({})).await;
    let seen = change(&ada, &mut socket, "busy").await;
    assert_eq!(told(&mut listener).await, seen);
    listener.forget_notes();
    listener.done("world.join", json!({"character": bob.character})).await;
    listener.notified("world.snapshot").await;
    say(&world, "now that you have joined");
    let seen = change(&ada, &mut socket, "online").await;
    assert_eq!(said(&mut listener).await["text"], "now that you have joined");
    assert_eq!(told(&mut listener).await, seen);
    let topics = listener.done("system.subscribe", json!({"topics": []})).await;
    assert_eq!(topics, json!({"topics": ["events", "operator"]}));

    world.terminate();
    while socket.notified("system.message").await["topic"] != "announcements" {}
    assert_eq!(listener.close_code().await, 1012);
    while listener.unheard("system.message") > 0 {
        let message = listener.notified("system.message").await;
        assert_ne!(message["topic"], "announcements", "{message}");
    }
    assert!(world.ended().await.success());
}

#[test]
fn all_connections_together_listen_to_so_many_and_no_more() {
    let presences = Presences::new(true);
    let characters: Vec<CharacterId> = (1..=limits::SUBSCRIPTIONS as i64).map(CharacterId).collect();
    let connections = limits::SUBSCRIPTIONS_IN_ALL / limits::SUBSCRIPTIONS;
    let mut listeners: Vec<_> = (0..connections).map(|_| presences.listen()).collect();
    for listener in &mut listeners {
        listener.subscribe(&characters).unwrap();
    }
    let mut late = presences.listen();
    assert_eq!(late.subscribe(&characters[..1]), Err(NoRoom::All));
    // Who listens already takes no more room, and who goes makes some.
    listeners[0].subscribe(&characters).unwrap();
    listeners.pop();
    late.subscribe(&characters).unwrap();
    assert_eq!(presences.listen().subscribe(&characters[..1]), Err(NoRoom::All));
    // The last first: every list ends with it.
    while listeners.pop().is_some() {}
}
