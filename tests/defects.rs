//! A defect of the server, made by rules that panic when they are asked to: it ends what it was in and nothing else.
//! The parts are those of a server, put together here because no script can make its zone panic.

use crate::support::socket::Socket;
use crate::support::starter;
use crate::support::world::Hero;
use futures_util::FutureExt;
use host_api::{ExportStats, Kind, Recording, ScriptFailure};
use runtime::abuse::Abuse;
use runtime::auth::Auth;
use runtime::bus::Bus;
use runtime::client::courier::{Couriers, Mail};
use runtime::client::frame::Encoding;
use runtime::client::roster::Roster;
use runtime::client::{Client, CloseReason, Outbox, Outgoing};
use runtime::config::Config;
use runtime::gateway::{self, Gateway, GatewaySetup};
use runtime::http::{ServeLimits, serve};
use runtime::online::Online;
use runtime::presence::Presences;
use runtime::replay::ModuleRef;
use runtime::store::Store;
use runtime::zone::{
    Arrival, Ask, Commit, JOURNAL_QUEUE, Message, Room, RoomSetup, ZoneHandle, ZoneIndex, ZoneRules, Zones,
    journal_loop,
};
use serde_json::json;
use sim::content::Content;
use sim::input::{CharacterState, Command};
use sim::native::NativeRules;
use sim::rules::{
    Act, Answer, Attack, Attempt, Bout, Cast, Charge, Context, Conversation, Course, Crafted, Deal, Decision,
    Decree, DialogReply, Direction, EventMoment, Fall, Fee, Gain, Grown, Growth, Haul, Inquiry, Judgement,
    Kill, LevelStep, Line, Merit, Moment, Outcome, Pairing, Perception, Plan, Prize, Pulse, PulseOutcome,
    QuestStep, Quote, Requirement, Rules, Spoils, Terms, Toll, Turn,
};
use sim::state::{Migrated, OldState, Schemas};
use sim::{CharacterId, DefId, ModuleStamp, RequestId, def_id};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const DOWNTOWN: DefId = def_id("zone/downtown");
const GREYWOOD: DefId = def_id("zone/greywood");
/// Whoever says this finds the defect.
const DEFECT: &str = "abracadabra";
/// The ticks of these zones follow each other faster than they say.
const TICK_MS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(5);

/// Rules with a defect.
struct Brittle;

/// As the rules in Rust answer.
macro_rules! native {
    ($($method:ident($view:ident) $(by $script:ident)? -> $answer:ident,)*) => {
        $(fn $method(
            &mut self,
            ctx: &Context,
            $($script: DefId,)?
            views: &[$view],
            out: &mut Vec<Answer<$answer>>,
        ) {
            NativeRules.$method(ctx, $($script,)? views, out);
        })*
    };
}

impl Rules for Brittle {
    fn judge(&mut self, ctx: &Context, script: DefId, lines: &[Line], out: &mut Vec<Answer<Judgement>>) {
        assert!(lines.iter().all(|line| line.text != DEFECT), "a defect, for this story");
        NativeRules.judge(ctx, script, lines, out);
    }

    native! {
        plan_casts(Cast) -> Plan,
        resolve(Attack) -> Outcome,
        pulse_statuses(Pulse) -> PulseOutcome,
        think(Perception) by script -> Decision,
        advance(Inquiry) by script -> QuestStep,
        converse(Conversation) by script -> DialogReply,
        govern(Moment) by script -> Decree,
        conduct(EventMoment) by script -> Course,
        reward_merits(Merit) by script -> Prize,
        roll_loot(Spoils) -> Haul,
        require_experience(LevelStep) -> Requirement,
        grow_stats(Growth) -> Grown,
        reward_kills(Kill) -> Gain,
        punish_deaths(Fall) -> Toll,
        quote_prices(Deal) -> Quote,
        craft(Attempt) -> Crafted,
        fees(Charge) -> Fee,
        direct(Bout) by script -> Direction,
        open_duels(Pairing) by script -> Terms,
        take_turns(Turn) by script -> Act,
    }
}

impl ZoneRules for Brittle {
    fn label(&self, _stamp: ModuleStamp) -> Arc<str> {
        Arc::from("brittle")
    }

    fn drain_failures(&mut self) -> Vec<ScriptFailure> {
        Vec::new()
    }

    fn stats(&self) -> Vec<ExportStats> {
        Vec::new()
    }

    fn modules(&self) -> Vec<ModuleRef> {
        Vec::new()
    }

    fn schemas(&self) -> Schemas {
        Schemas::new()
    }

    fn migrate(&self, _old: &[OldState]) -> Vec<Migrated> {
        Vec::new()
    }

    fn recording(&self, _kind: Kind, _script: DefId, _most: usize) -> Recording {
        Recording::default()
    }

    fn take_recording(&mut self) -> Recording {
        Recording::default()
    }

    fn adopt_recording(&mut self, _recording: Recording) {}
}

/// The zones of the starter's content, and what goes to the journal.
fn zones(content: &Arc<Content>) -> (Arc<Zones>, Vec<Room>, mpsc::Receiver<Commit>) {
    let (journal, commits) = mpsc::channel(JOURNAL_QUEUE);
    // Nobody counts the failures of scripts.
    let (failures, _) = mpsc::channel(1);
    let setup = |zone: &DefId| RoomSetup {
        zone: *zone,
        content: Arc::clone(content),
        rules: Box::new(Brittle),
        generation: 1,
        seed: 1,
        tick: 0,
        event_ends: BTreeMap::new(),
        tick_ms: TICK_MS,
        couriers: Couriers::none(),
        journal: journal.clone(),
        failures: failures.clone(),
        replay: None,
    };
    let (zones, rooms) = Zones::build(content.zones.keys().map(setup).collect());
    (zones, rooms, commits)
}

fn tick(rooms: &mut [Room]) {
    rooms.iter_mut().for_each(|room| room.tick(Duration::ZERO));
}

fn restarts(zone: &ZoneHandle) -> u32 {
    zone.stats.restarts.load(Relaxed)
}

/// A character on its way into a zone, and its client, whose `world.join` is request 1.
fn enter(zone: &ZoneHandle, id: CharacterId) -> (Arc<Client>, Outbox) {
    let (client, outbox) = Client::new(Encoding::Json);
    let client = Arc::new(client);
    let state = CharacterState {
        id,
        name: format!("Hero{id}"),
        class: def_id("class/warrior"),
        level: 1,
        experience: 0,
        gold: 0,
        zone: zone.id,
        at: None,
        health: None,
        mana: None,
        inventory: BTreeMap::new(),
        equipment: BTreeMap::new(),
        quests: BTreeMap::new(),
        dialog_flags: BTreeMap::new(),
        condition: None,
    };
    let (seat, request) = (zone.reserve().unwrap(), Some(RequestId(1)));
    let arrival = Arrival { client: Arc::clone(&client), state, seat, last_seq: 0, request };
    assert!(zone.submit(Message::Enter(Box::new(arrival))).is_ok());
    (client, outbox)
}

fn say(zone: &ZoneHandle, client: &Arc<Client>, character: CharacterId, text: &str) {
    let ask = Ask::Command(Command::Chat { text: text.to_owned() });
    let message = Message::Ask { client: Arc::clone(client), character, request: RequestId(2), ask };
    assert!(zone.submit(message).is_ok());
}

#[test]
fn a_zone_that_hits_a_defect_begins_anew_and_no_other_does() {
    let (zones, mut rooms, mut commits) = zones(&starter::content());
    let handle = |zone| zones.handle(zones.find(zone).unwrap());
    let (downtown, greywood) = (handle(DOWNTOWN), handle(GREYWOOD));
    let (ada, bob, eve) = (CharacterId(1), CharacterId(2), CharacterId(3));
    let (adas, _outbox) = enter(downtown, ada);
    let (bobs, _outbox) = enter(downtown, bob);
    let (eves, mut heard_by_eve) = enter(greywood, eve);
    tick(&mut rooms);
    say(downtown, &adas, ada, DEFECT);
    tick(&mut rooms);
    for client in [&adas, &bobs] {
        assert_eq!(client.ended().now_or_never(), Some(CloseReason::Restart));
    }
    assert!(!eves.has_ended());
    assert_eq!([downtown, greywood].map(restarts), [1, 0]);
    assert_eq!([downtown, greywood].map(ZoneHandle::population), [0, 1], "their places are free");

    // The journal frees them, behind all that it was told before.
    tick(&mut rooms);
    let mut freed = Vec::new();
    while let Ok(commit) = commits.try_recv() {
        freed.extend(commit.freed);
    }
    assert_eq!(freed, [ada, bob]);

    let (adas, mut heard_by_ada) = enter(downtown, ada);
    say(greywood, &eves, eve, "is anybody there?");
    tick(&mut rooms);
    assert!(matches!(heard_by_ada.try_recv(), Ok(Outgoing::Joined { request: RequestId(1), .. })));
    assert!(!adas.has_ended());
    let heard = std::iter::from_fn(|| heard_by_eve.try_recv().ok());
    let answers = heard.filter(|it| matches!(it, Outgoing::Answer { request: RequestId(2), result: Ok(_) }));
    assert_eq!(answers.count(), 1);
    // No tick is counted twice: the journal knows facts by it.
    assert_eq!([downtown, greywood].map(|zone| zone.stats.tick.load(Relaxed)), [4, 4]);
    assert_eq!([downtown, greywood].map(restarts), [1, 0]);
}

/// What of a server is between a socket and the rules. Its zones tick only while somebody waits for it.
struct Node {
    rooms: Vec<Room>,
    zones: Arc<Zones>,
    roster: Roster,
    store: Store,
    auth: Auth,
    content: Arc<Content>,
    ws: String,
    _live: watch::Sender<Arc<Content>>,
    _folder: TempDir,
}

impl Node {
    /// With room for one in the zone where characters begin.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data: folder.path().to_owned(), ..Config::default() };
        let store = Store::open_sqlite(folder.path()).await.unwrap();
        store.migrate().await.unwrap();
        let auth = Auth::open(store.clone(), folder.path(), config.access_ttl, config.refresh_ttl);
        let auth = auth.await.unwrap();
        let mut content = Content::clone(&starter::content());
        content.zones.get_mut(&content.progression.start_zone).unwrap().population_cap = 1;
        let content = Arc::new(content);
        let (zones, rooms, commits) = zones(&content);
        let presences = Presences::new(true);
        let roster = Roster::new(Online::default(), presences.clone());
        let facts = store.fact_writer().await.unwrap();
        let (reachable, mail) = (Arc::clone(store.reachable()), Mail::new(Couriers::none()));
        tokio::spawn(journal_loop(facts, roster.clone(), commits, reachable, Bus::in_process(), mail));
        let (live, watched) = watch::channel(Arc::clone(&content));
        let gateway = Gateway::new(GatewaySetup {
            zones: Arc::clone(&zones),
            roster: roster.clone(),
            presences,
            store: store.clone(),
            auth: auth.clone(),
            abuse: Abuse::open(&config, store.clone()).await.unwrap(),
            content: watched,
            tick_ms: TICK_MS,
            heartbeat: config.heartbeat,
            linkdead: config.linkdead,
            away_after: config.presence.away_after,
            echoes: false,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ws = format!("ws://{}/v1/world/ws", listener.local_addr().unwrap());
        let (router, stop) = (gateway::router(gateway), CancellationToken::new());
        tokio::spawn(serve(listener, router, stop, ServeLimits::default()));
        Self { rooms, zones, roster, store, auth, content, ws, _live: live, _folder: folder }
    }

    async fn while_ticking<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        let mut due = tokio::time::interval(PAUSE);
        loop {
            tokio::select! {
                biased;
                it = &mut what => return it,
                _ = due.tick() => tick(&mut self.rooms),
            }
        }
    }

    async fn hero(&self, name: &str) -> Hero {
        let tokens = self.auth.register_guest().await.unwrap();
        let (account, class) = (tokens.account.id, def_id("class/warrior"));
        let made = self.store.create_character(account, name, class, &self.content).await.unwrap();
        Hero { token: tokens.access_token, character: made.id, name: made.name }
    }

    /// A connection of a character that is in the world and has its snapshot.
    async fn join(&mut self, hero: &Hero) -> Socket {
        let mut socket = Socket::open(&self.ws, &hero.token).await;
        let joining = async {
            socket.done("world.join", json!({"character": hero.character})).await;
            socket.notified("world.snapshot").await;
        };
        self.while_ticking(joining).await;
        socket
    }
}

#[tokio::test]
async fn players_of_a_zone_with_a_defect_are_told_and_may_come_back() {
    let mut node = Node::start().await;
    let (ada, bob) = (node.hero("Ada").await, node.hero("Bob").await);
    let mut adas = node.join(&ada).await;
    let mut bobs = node.join(&bob).await;
    assert_eq!(adas.replica.zone, "downtown");
    assert_ne!(bobs.replica.zone, "downtown", "there is room for one");

    let error = node.while_ticking(adas.call("chat.send", json!({"text": DEFECT}))).await.unwrap_err();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("internal")));
    assert_eq!(node.while_ticking(adas.close_code()).await, 1012);

    node.while_ticking(bobs.done("chat.send", json!({"text": "what was that?"}))).await;
    let mut adas = node.join(&ada).await;
    assert_eq!(adas.replica.zone, "downtown");
    node.while_ticking(adas.done("chat.send", json!({"text": "here I am again"}))).await;
    let restarted: Vec<(DefId, u32)> = node.zones.iter().map(|(_, zone)| (zone.id, restarts(zone))).collect();
    assert!(restarted.iter().all(|(zone, times)| *times == u32::from(*zone == DOWNTOWN)), "{restarted:?}");
}

#[tokio::test]
async fn a_call_that_hits_a_defect_fails_alone() {
    let mut node = Node::start().await;
    let ada = node.hero("Ada").await;
    let mut socket = node.join(&ada).await;
    let open = json!({"jsonrpc": "2.0", "id": "open", "method": "chat.send", "params": {"text": "hello"}});
    socket.text(open.to_string()).await;
    // Answered behind it, and behind all that was on its way: from here on no zone says anything.
    socket.done("system.ping", json!({})).await;

    // It is asked for its tick a zone that there is not, which no client can bring about.
    let downtown = node.zones.find(DOWNTOWN).unwrap();
    let client = node.roster.clients_in(&[downtown]).pop().unwrap();
    client.set_zone(ZoneIndex(usize::MAX));
    let error = socket.call("system.ping", json!({})).await.unwrap_err();
    assert_eq!(error["code"], -32603);

    client.set_zone(downtown);
    socket.done("system.ping", json!({})).await;
    let answer = node.while_ticking(socket.answer()).await;
    assert_eq!((&answer["id"], answer["result"].is_object()), (&json!("open"), true), "{answer}");
    assert_eq!(restarts(node.zones.handle(downtown)), 0);
}
