//! A session of everyday calls is cut at any message, both ways and while it is resumed, and ends as the one that was
//! not; a batch of calls is cut inside its answers.
//!
//! `LORE_SEED` repeats at which messages sessions are cut, and the moments at which connections break while they are
//! resumed.

use crate::live::seed;
use crate::resume::{recovery, resume};
use crate::support::http_server::Answer;
use crate::support::socket::PATIENCE;
use crate::support::world::{Copied, Hero, Setup, World};
use protocol::v1::response::Outcome;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use runtime::client::frame::Encoding;
use runtime::load::client::{Client, ResumeFailed};
use runtime::load::replica::Heard;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Cuts that are tried in each encoding, of those there are.
const CUTS: usize = 32;

/// Where a session loses its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    /// After this message was sent, counted from 1, before anything that comes of it is heard.
    Sent(usize),
    /// After this message that must not be lost was heard.
    Heard(usize),
}

/// A session that does what players do.
struct Run {
    client: Client,
    hero: Hero,
    cut: Cut,
    rng: StdRng,
    sent: usize,
    /// What was heard and must not be lost, but for what happens by itself at any time.
    seen: Vec<String>,
    breaks: usize,
}

/// What came of it.
#[derive(Debug, PartialEq)]
struct Outcomes {
    sent: usize,
    seen: Vec<String>,
    inventory: Value,
    quests: Value,
    place: (i32, i32),
}

impl Run {
    async fn start(world: &World, encoding: Encoding, cut: Cut, seed: u64) -> Self {
        let hero = world.hero("warrior").await;
        let client = Client::connect(&world.ws, &hero.token, encoding).await.unwrap();
        let rng = StdRng::seed_from_u64(seed);
        let mut run = Self { client, hero, cut, rng, sent: 0, seen: Vec::new(), breaks: 0 };
        run.until(|heard| matches!(heard, Heard::Welcome(_))).await;
        run
    }

    /// Hears on until this; what is worth it is put down.
    async fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Heard {
        loop {
            let heard = timeout(PATIENCE, self.client.next()).await;
            let heard =
                heard.unwrap_or_else(|_| panic!("{:?}: {:#?} and no more", self.cut, self.seen)).unwrap();
            if let Some(line) = self.line(&heard) {
                self.seen.push(line);
                if self.cut == Cut::Heard(self.seen.len()) {
                    self.come_back().await;
                }
            }
            if wanted(&heard) {
                return heard;
            }
        }
    }

    fn line(&self, heard: &Heard) -> Option<String> {
        let line = match heard {
            Heard::Welcome(_) | Heard::Snapshot | Heard::Delta { .. } => return None,
            Heard::System(_) | Heard::WorldEvent(_) => return None,
            Heard::Chat(said) if said.from != self.client.replica().you => return None,
            // Ticks and ids of calls are others each time.
            Heard::Chat(said) => format!("said {:?}", said.text),
            Heard::Reply { method: "world.join", outcome: Ok(_), .. } => "joined".to_owned(),
            // So are keys of characters, and how often a blow is too early.
            Heard::Reply { method: "presence.subscribe", outcome: Ok(_), .. } => "listening".to_owned(),
            Heard::Reply { method: "combat.use_skill", outcome: Err(_), .. } => return None,
            Heard::Presence(changed) => {
                let seen = changed.presences.iter().map(|one| format!("{:?} {:?}", one.state(), one.status));
                format!("seen as {:?}", seen.collect::<Vec<_>>())
            }
            Heard::Reply { method, outcome, .. } => format!("{method} {outcome:?}"),
            other => format!("{other:?}"),
        };
        Some(line.replace(&self.hero.name, "NAME"))
    }

    /// The line breaks, and may break again at any moment of coming back.
    async fn come_back(&mut self) {
        self.breaks += 1;
        self.client.cut();
        for _ in 0..self.rng.random_range(0..3) {
            let moment = Duration::from_millis(self.rng.random_range(0..12));
            // Where it is given up is the point, not what comes of it.
            let _ = timeout(moment, self.client.resume(&self.hero.token)).await;
        }
        for _ in 0..100 {
            match self.client.resume(&self.hero.token).await {
                Ok(resumed) => {
                    let character = resumed.character.unwrap_or(self.hero.character);
                    assert_eq!(character, self.hero.character);
                    return;
                }
                Err(ResumeFailed::Over(error)) => panic!("{:?}: {}", self.cut, error.message),
                // Not all connections that were given up are noticed yet.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("{:?}: no way back", self.cut);
    }

    async fn message_sent(&mut self) {
        self.sent += 1;
        if self.cut == Cut::Sent(self.sent) {
            self.come_back().await;
        }
    }

    async fn call(&mut self, method: &'static str, params: Value) -> Outcome {
        let asked = self.client.send(method, params).await.unwrap();
        self.message_sent().await;
        match self.until(|heard| matches!(heard, Heard::Reply { id, .. } if *id == asked)).await {
            Heard::Reply { outcome: Ok(outcome), .. } => outcome,
            refused => panic!("{:?}: {refused:?}", self.cut),
        }
    }

    /// Movement has no answer, and what is lost of it is asked for again.
    async fn walk(&mut self, x: i32, y: i32) {
        loop {
            let (seq, breaks) = (self.client.walk(x, y).await.unwrap(), self.breaks);
            self.message_sent().await;
            while self.client.replica().ack < seq && self.breaks == breaks {
                self.until(|heard| matches!(heard, Heard::Delta { .. } | Heard::Snapshot)).await;
            }
            if self.client.replica().ack >= seq {
                return;
            }
            // The break was here: the step may have been lost with the line.
            self.sent -= 1;
            self.cut = Cut::Never;
        }
    }

    /// The same in one call, which is sent again if it was lost.
    async fn walk_along(&mut self, places: &[(i32, i32)]) {
        let (asked, seq) = self.client.walk_along(places).await.unwrap();
        self.message_sent().await;
        self.until(|heard| matches!(heard, Heard::Reply { id, outcome: Ok(_), .. } if *id == asked)).await;
        while self.client.replica().ack < seq {
            self.until(|heard| matches!(heard, Heard::Delta { .. } | Heard::Snapshot)).await;
        }
    }

    /// Walks into the way to another zone. A step too many leads to a place there.
    async fn cross(&mut self, x: i32, y: i32, to: &str) {
        loop {
            let breaks = self.breaks;
            self.client.walk(x, y).await.unwrap();
            self.message_sent().await;
            while !self.is_in(to) && self.breaks == breaks {
                self.until(|heard| matches!(heard, Heard::Snapshot)).await;
            }
            if self.is_in(to) {
                return;
            }
            // The break was here, as above.
            self.sent -= 1;
            self.cut = Cut::Never;
        }
    }

    fn is_in(&self, zone: &str) -> bool {
        self.client.replica().zone.as_ref().is_some_and(|known| known.name == zone)
    }

    /// Strikes again, as soon as the rules let it.
    async fn cleave(&mut self, target: u64) {
        let params = json!({"ability": "cleave", "target": target});
        let mut asked = self.client.send("combat.use_skill", params.clone()).await.unwrap();
        self.message_sent().await;
        loop {
            match self.until(|heard| matches!(heard, Heard::Reply { id, .. } if *id == asked)).await {
                Heard::Reply { outcome: Ok(_), .. } => return,
                Heard::Reply { outcome: Err(error), .. }
                    if matches!(error.stable_code(), "too_soon" | "rate_limited") =>
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                refused => panic!("{:?}: {refused:?}", self.cut),
            }
            asked = self.client.send("combat.use_skill", params.clone()).await.unwrap();
        }
    }

    /// Is told how others see the own character, for as long as it does not move on: when that is told is not known.
    async fn listen(&mut self) {
        let own = json!({"characters": [self.hero.character]});
        self.call("presence.subscribe", own.clone()).await;
        self.call("presence.update", json!({"state": "busy", "status": "in a fight"})).await;
        self.until(|heard| matches!(heard, Heard::Presence(_))).await;
        self.call("presence.unsubscribe", own).await;
        self.call("system.subscribe", json!({"topics": ["events"]})).await;
    }

    fn find(&self, template: &str) -> u64 {
        let mut entities = self.client.replica().entities.values();
        entities.find(|entity| entity.template == template).unwrap().id
    }

    /// A bit of everything that is durable, and of what is not.
    async fn play(&mut self) {
        self.call("world.join", json!({"character": self.hero.character})).await;
        self.until(|heard| matches!(heard, Heard::Snapshot)).await;
        let [mira, tobin, dummy] = ["mira", "tobin", "dummy"].map(|template| self.find(template));
        self.call("npc.interact", json!({"target": mira})).await;
        self.call("dialog.choose", json!({"choice": "take_bread"})).await;
        self.call("dialog.close", json!({})).await;
        self.call("quest.accept", json!({"quest": "wolves_at_the_gate"})).await;
        self.call("shop.buy", json!({"npc": tobin, "item": "bread", "count": 1})).await;
        let Outcome::Inventory(list) = self.call("inventory.list", json!({})).await else { panic!("a list") };
        let slot = |item: &str| list.slots.iter().find(|slot| slot.item == item).unwrap().slot;
        self.call("inventory.equip", json!({"slot": slot("rusty_sword")})).await;
        self.call("combat.attack", json!({"target": dummy})).await;
        self.walk(210_300, 105_000).await;
        self.walk_along(&[(210_600, 105_000), (210_900, 105_000), (211_200, 105_000)]).await;
        self.call("inventory.drop", json!({"slot": slot("bread"), "count": 1})).await;
        self.call("chat.send", json!({"text": "hello"})).await;
        self.listen().await;
        self.cleave(dummy).await;
        self.cross(213_500, 105_000, "westview").await;
        self.walk(217_000, 105_000).await;
        self.call("quest.list", json!({})).await;
        self.call("world.leave", json!({})).await;
    }

    async fn outcomes(mut self, world: &World, encoding: Encoding) -> Outcomes {
        self.play().await;
        assert_eq!(self.client.faults(), (0, &[][..]), "{:?}", self.cut);
        self.client.close().await;
        let character = self.hero.character;
        let inventory = stored(world, &self.hero, "inventory").await;
        let quests = stored(world, &self.hero, "quests").await;
        let mut after = Client::connect(&world.ws, &self.hero.token, encoding).await.unwrap();
        let _: Value = after.call("world.join", json!({"character": character})).await.unwrap();
        while !matches!(after.next().await.unwrap(), Heard::Snapshot) {}
        let own = after.replica().own().unwrap();
        let place = (own.x, own.y);
        after.close().await;
        Outcomes { sent: self.sent, seen: self.seen, inventory, quests, place }
    }
}

/// What the store has of a character.
async fn stored(world: &World, hero: &Hero, what: &str) -> Value {
    let url = format!("{}/v1/characters/{}/{what}", world.http, hero.character);
    let answer = Answer::of(reqwest::Client::new().get(url).bearer_auth(&hero.token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// One who bears every blow of all sessions.
const DUMMY: &str = r#"# Townsfolk

[npc.dummy]
title = "Straw Dummy"
level = 1
stats = { health = 900000, evasion = 0 }
script = "townsfolk"
hostile = true
leash = 1
basic = "bite"
"#;

const BERRIT: &str = "npc = \"sergeant_berrit\"\nat = [206, 92]\nrespawn = \"10s\"\n";
const EAST_ROAD: &str = "area = [[395, 150], [400, 250]]\nto = \"westview\"\narrive = [10, 200]\n";
const SIDE_STREET: &str = "area = [[213, 100], [215, 110]]\nto = \"westview\"\narrive = [216, 105]\n";

/// All that the story needs stands together, the way to Westview included.
fn market() -> World {
    let content = Copied::content();
    let beside =
        format!("{BERRIT}\n[[zone.downtown.spawn]]\nnpc = \"dummy\"\nat = [211, 103]\nrespawn = \"10s\"\n");
    content
        .replace("npcs.toml", "# Townsfolk\n", DUMMY)
        .replace("zones/downtown.toml", "entrance = [200, 100]", "entrance = [210, 105]")
        .replace("zones/downtown.toml", "at = [186, 112]", "at = [208, 104]")
        .replace("zones/downtown.toml", BERRIT, &beside)
        .replace("zones/downtown.toml", EAST_ROAD, SIDE_STREET);
    Setup::default().content(content).start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_cut_anywhere_ends_as_the_one_that_is_not() {
    let seed = seed("resume");
    let world = Arc::new(market());
    // No more than the world lets speak and trade in one tick.
    let at_once = Arc::new(Semaphore::new(6));
    let mut drawn = StdRng::seed_from_u64(seed);
    for encoding in Encoding::ALL {
        let whole = Run::start(&world, encoding, Cut::Never, seed).await.outcomes(&world, encoding).await;
        assert!(whole.sent >= 22 && whole.seen.len() > whole.sent, "{whole:#?}");
        assert!(whole.seen.iter().any(|line| line == "said \"hello\""), "{whole:#?}");
        let whole = Arc::new(whole);
        let cuts = (1..=whole.sent).map(Cut::Sent).chain((1..=whole.seen.len()).map(Cut::Heard));
        let mut cuts: Vec<Cut> = cuts.collect();
        cuts.sort_by_cached_key(|_| drawn.random::<u64>());
        cuts.truncate(CUTS);
        let mut runs = JoinSet::new();
        for (number, cut) in cuts.into_iter().enumerate() {
            let (world, whole, at_once) = (Arc::clone(&world), Arc::clone(&whole), Arc::clone(&at_once));
            runs.spawn(async move {
                let _place = at_once.acquire().await.unwrap();
                let run = Run::start(&world, encoding, cut, seed.wrapping_add(number as u64)).await;
                let outcomes = run.outcomes(&world, encoding).await;
                assert_eq!(outcomes, *whole, "{encoding:?}, {cut:?}");
            });
        }
        while let Some(run) = runs.join_next().await {
            run.unwrap();
        }
    }
    assert!(world.figure("websocket_resumes_total{outcome=\"resumed\"}").await >= 2 * CUTS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_cut_inside_its_answers_is_answered_whole_and_once() {
    let mut drawn = StdRng::seed_from_u64(seed("batch"));
    let world = Arc::new(World::start());
    let mut runs = JoinSet::new();
    for _ in 0..12 {
        runs.spawn(cut_batch(Arc::clone(&world), Duration::from_millis(drawn.random_range(0..120))));
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
}

/// Sends calls in one frame, of which some are answered at once, some after a tick and some after a commit; so long
/// after it the line breaks.
async fn cut_batch(world: Arc<World>, moment: Duration) {
    let (hero, mut socket) = world.player("warrior").await;
    let bread = socket.slot_of("bread").await;
    let (token, first) = (recovery(&socket), socket.next_id);
    let calls = [
        ("system.ping", json!({"nonce": 5})),
        ("inventory.drop", json!({"slot": bread, "count": 1})),
        ("quest.list", json!({})),
        ("chat.send", json!({"text": "hello"})),
    ];
    let ids: Vec<u64> = (first..).take(calls.len()).collect();
    let numbered = ids.iter().zip(calls);
    let batch: Vec<Value> = numbered
        .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
        .collect();
    let batch = Value::from(batch).to_string();
    socket.text(batch.clone()).await;
    // What is heard until then is lost with the line.
    socket.pump_for(moment).await;
    drop(socket);

    let (mut socket, outcome) = resume(&world, &hero, &token, 0).await;
    let last_id = outcome.unwrap()["last_id"].as_u64().unwrap();
    if last_id < first {
        socket.text(batch).await;
    } else {
        assert_eq!(Some(&last_id), ids.last(), "{moment:?}: it was received as a whole");
    }
    let answers = loop {
        // Those to the calls before come again as well: nothing was acknowledged.
        if let Value::Array(answers) = socket.answer().await {
            break answers;
        }
    };
    let mut answered: Vec<u64> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    answered.sort_unstable();
    assert_eq!(answered, ids, "{moment:?}: {answers:?}");
    assert!(answers.iter().all(|answer| answer.get("error").is_none()), "{moment:?}: {answers:?}");

    // Nothing of it comes again, and nothing was done twice.
    let id = socket.next_id;
    socket.next_id += 1;
    let next = socket.ask(json!({"jsonrpc": "2.0", "id": id, "method": "system.ping"}).to_string()).await;
    assert_eq!(next["id"], id, "{moment:?}: {next}");
    assert_eq!(socket.count_of("bread").await, 2, "{moment:?}");
    socket.close().await;
}
