//! One zone as its thread runs it: the world, its rules, the clients in it, and the tick.

mod inbox;

use super::journal::Commit;
use super::replicate::Replication;
use super::stats::{Phase, Stopwatch};
use super::view::View;
use super::{
    Applied, InboxError, Message, Population, Seat, Swap, ZoneHandle, ZoneIndex, ZoneRules, ZoneStats, Zones,
};
use crate::client::courier::{Couriers, Mail};
use crate::client::limits::SLOW_CLIENT;
use crate::client::{Client, CloseReason, Outgoing};
use crate::replay::{ModuleRef, RecordSender, Recorder, Running};
use host_api::ScriptFailure;
use protocol::v1;
use sim::content::{Content, Position};
use sim::input::Input;
use sim::output::{Fact, FactKind, Output};
use sim::rules::Origin;
use sim::{CharacterId, DefId, EntityId, RequestId, World};
use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Milliseconds between two savings of where everybody is.
const WHEREABOUTS_MS: u64 = 5_000;
/// When a client should try again after `busy`.
const RETRY: Duration = Duration::from_millis(100);
/// Milliseconds for which a client that was put elsewhere may not know it yet: its movements are taken back without blame.
const UNAWARE_MS: u64 = 2_000;

/// What a zone starts with.
pub struct RoomSetup {
    /// `zone/NAME`.
    pub zone: DefId,
    /// Definitions in force.
    pub content: Arc<Content>,
    /// Instantiated for this zone.
    pub rules: Box<dyn ZoneRules>,
    /// Number of the generation.
    pub generation: u64,
    /// Of the whole server; each zone forks it.
    pub seed: u64,
    /// How far an earlier run came.
    pub tick: u64,
    /// When its events last ended, in an earlier run.
    pub event_ends: BTreeMap<DefId, u64>,
    /// Milliseconds per tick.
    pub tick_ms: u32,
    /// Who brings clients what they are told.
    pub couriers: Couriers,
    /// Where facts go.
    pub journal: mpsc::Sender<Commit>,
    /// Where script failures are counted.
    pub failures: mpsc::Sender<(ZoneIndex, ScriptFailure)>,
    /// Where the replay log goes; `None` records nothing.
    pub replay: Option<RecordSender>,
}

/// A character in the zone and its client.
pub(super) struct Member {
    pub client: Arc<Client>,
    _seat: Seat,
    /// `None` until the step that lets it in.
    pub entity: Option<EntityId>,
    /// Where it stood after the last tick.
    pub at: Position,
    /// What the client has been told.
    pub view: View,
    /// What was acknowledged in another zone.
    pub ack_base: u32,
    /// Tick in which it was put where it did not walk to: from another zone, back from a full one, or back to life.
    placed: Option<u64>,
    /// The socket that it was last sent something over.
    link: u32,
    /// First tick in which it could be sent nothing: its outbox had no room, or too much was on its way to it.
    stuck_since: Option<u64>,
    /// The open conversation: `dialog/NAME` and `dialog/NAME/NODE`.
    pub dialog: Option<(DefId, DefId)>,
    /// The `world.join` to answer, and the CHARACTER for it.
    pub joining: Option<(RequestId, v1::Character)>,
    /// The `world.leave` to answer.
    pub leaving: Option<RequestId>,
}

impl Member {
    fn new(
        client: Arc<Client>,
        seat: Seat,
        last_seq: u32,
        tick: u64,
        joining: Option<(RequestId, v1::Character)>,
    ) -> Self {
        Self {
            client,
            _seat: seat,
            entity: None,
            at: Position::default(),
            view: View::new(last_seq),
            ack_base: last_seq,
            // Who joins has nothing on its way.
            placed: joining.is_none().then_some(tick),
            link: 0,
            stuck_since: None,
            dialog: None,
            joining,
            leaving: None,
        }
    }

    /// It was put where it did not walk to.
    pub fn place(&mut self, tick: u64) {
        self.placed = Some(tick);
    }

    /// Whether an impossible movement is its fault: what was on its way when it was put elsewhere was meant for there.
    pub fn is_to_blame(&self, tick: u64, tick_ms: u32) -> bool {
        self.placed.is_none_or(|placed| (tick - placed) * u64::from(tick_ms) > UNAWARE_MS)
    }

    /// The character enters anew: nothing the client knows is good any more.
    pub fn forget(&mut self) {
        self.entity = None;
        self.view.forget();
        self.dialog = None;
    }
}

/// Figures that go to Prometheus; looked up once.
pub(super) struct Meters {
    tick: metrics::Histogram,
    lag: metrics::Histogram,
    population: metrics::Gauge,
    inputs: metrics::Counter,
    pub damage: metrics::Counter,
    failures: metrics::Counter,
    swap: metrics::Histogram,
}

impl Meters {
    fn new(zone: &str) -> Self {
        let zone = zone.to_owned();
        Self {
            tick: metrics::histogram!("game_tick_duration_seconds", "zone" => zone.clone()),
            lag: metrics::histogram!("game_tick_lag_seconds", "zone" => zone.clone()),
            population: metrics::gauge!("game_zone_population", "zone" => zone.clone()),
            inputs: metrics::counter!("game_inputs_total", "zone" => zone.clone()),
            damage: metrics::counter!("game_combat_damage_total", "zone" => zone.clone()),
            failures: metrics::counter!("game_script_failures_total", "zone" => zone.clone()),
            swap: metrics::histogram!("game_swap_duration_seconds", "zone" => zone),
        }
    }
}

/// One zone.
pub struct Room {
    index: ZoneIndex,
    pub(super) handle: ZoneHandle,
    pub(super) zones: Arc<Zones>,
    inbox: Receiver<Message>,
    pub(super) world: World,
    pub(super) rules: Box<dyn ZoneRules>,
    pub(super) members: BTreeMap<CharacterId, Member>,
    pub(super) inputs: Vec<Input>,
    output: Output,
    replication: Replication,
    /// For clients; sent before each commit and at the end of each tick.
    pub(super) mail: Mail,
    /// For other zones whose inbox was full; at most two messages per client.
    pub(super) post: VecDeque<(ZoneIndex, Message)>,
    /// What goes with the next commit.
    pub(super) early: Commit,
    /// When its events last ended: what a world begins with that takes the place of this one.
    pub(super) event_ends: BTreeMap<DefId, u64>,
    /// What the journal had no room for; the zone stands still until it has.
    held: Option<Commit>,
    journal: mpsc::Sender<Commit>,
    failures: mpsc::Sender<(ZoneIndex, ScriptFailure)>,
    recorder: Option<Recorder>,
    pub(super) content_label: Arc<str>,
    pub(super) meters: Meters,
    pub(super) tick_ms: u32,
    seed: u64,
    pub(super) draining: bool,
}

impl Zones {
    /// All zones of the setups, connected to each other, ready for [`super::spawn`].
    pub fn build(setups: Vec<RoomSetup>) -> (Arc<Self>, Vec<Room>) {
        let (mut handles, mut inboxes) = (Vec::new(), Vec::new());
        for setup in &setups {
            let zone = &setup.content.zones[&setup.zone];
            let (sender, inbox) = std::sync::mpsc::sync_channel(super::INBOX);
            let population = Population { taken: 0.into(), cap: 0.into() };
            let handle = ZoneHandle {
                id: setup.zone,
                name: Arc::from(zone.name.as_str()),
                inbox: sender,
                population: Arc::new(population),
                stats: Arc::new(ZoneStats::default()),
            };
            handle.set_cap(zone.population_cap);
            handles.push(handle);
            inboxes.push(inbox);
        }
        let zones = Arc::new(Self::new(handles));
        let rooms = setups
            .into_iter()
            .zip(inboxes)
            .enumerate()
            .map(|(index, (setup, inbox))| Room::new(ZoneIndex(index), setup, inbox, &zones))
            .collect();
        (zones, rooms)
    }
}

impl Room {
    fn new(index: ZoneIndex, setup: RoomSetup, inbox: Receiver<Message>, zones: &Arc<Zones>) -> Self {
        let handle = zones.handle(index).clone();
        handle.stats.generation.store(setup.generation, Relaxed);
        handle.stats.tick.store(setup.tick, Relaxed);
        let running = running(setup.generation, &*setup.rules, &setup.content);
        let mut world =
            World::new(setup.zone, Arc::clone(&setup.content), setup.seed, setup.tick, setup.tick_ms);
        world.set_schemas(setup.rules.schemas());
        world.set_event_ends(&setup.event_ends);
        let recorder = setup.replay.map(|sender| Recorder::new(index, &handle.name, running, sender));
        Self {
            index,
            meters: Meters::new(&handle.name),
            handle,
            zones: Arc::clone(zones),
            inbox,
            content_label: content_label(&setup.content),
            world,
            rules: setup.rules,
            members: BTreeMap::new(),
            inputs: Vec::new(),
            output: Output::default(),
            replication: Replication::default(),
            mail: Mail::new(setup.couriers),
            post: VecDeque::new(),
            early: Commit::default(),
            event_ends: setup.event_ends,
            held: None,
            journal: setup.journal,
            failures: setup.failures,
            recorder,
            tick_ms: setup.tick_ms,
            seed: setup.seed,
            draining: false,
        }
    }

    /// The front of this zone.
    pub fn handle(&self) -> &ZoneHandle {
        &self.handle
    }

    /// Whether the zone was drained and everything of it is on its way.
    pub fn has_ended(&self) -> bool {
        self.draining
            && self.members.is_empty()
            && self.post.is_empty()
            && self.held.is_none()
            && self.early.is_empty()
            && self.mail.is_empty()
    }

    /// One tick, `lag` after its time. A panic anywhere in it restarts this zone and no other.
    pub fn tick(&mut self, lag: Duration) {
        if !self.flush_held() {
            return;
        }
        if std::panic::catch_unwind(AssertUnwindSafe(|| self.advance(lag))).is_err() {
            self.restart();
        }
    }

    fn advance(&mut self, lag: Duration) {
        let (started, mut watch) = (Instant::now(), Stopwatch::start());
        self.deliver_post();
        self.read_inbox();
        self.migrate_arrivals();
        let inputs = self.inputs.len();
        watch.lap(Phase::Inbox);
        let mut output = std::mem::take(&mut self.output);
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(&self.world, &self.inputs);
        }
        watch.lap(Phase::Record);
        self.world.step(&mut self.inputs, &mut *self.rules, &mut output);
        watch.lap(Phase::Step);
        if let Some(recorder) = &mut self.recorder {
            recorder.end(&self.world);
        }
        watch.lap(Phase::Record);
        self.add_whereabouts(&mut output);
        self.settle(&mut output);
        watch.lap(Phase::Settle);
        self.replicate(&output);
        watch.lap(Phase::Replicate);
        self.output = output;
        self.report_failures();
        self.handle.stats.record_phases(&watch);
        self.measure(started.elapsed(), lag, inputs);
        // What there is no room for goes before the next tick.
        self.mail.try_send();
    }

    fn measure(&self, duration: Duration, lag: Duration, inputs: usize) {
        let stats = &self.handle.stats;
        stats.record(duration);
        stats.tick.store(self.world.tick(), Relaxed);
        stats.lag_micros.store(u32::try_from(lag.as_micros()).unwrap_or(u32::MAX), Relaxed);
        stats.inputs.store(inputs as u32, Relaxed);
        stats.entities.store(self.world.entities().count() as u32, Relaxed);
        self.meters.tick.record(duration);
        self.meters.lag.record(lag);
        self.meters.population.set(self.members.len() as f64);
        self.meters.inputs.increment(inputs as u64);
    }

    fn deliver_post(&mut self) {
        let mut blocked: Vec<ZoneIndex> = Vec::new();
        for _ in 0..self.post.len() {
            let Some((index, message)) = self.post.pop_front() else { return };
            if blocked.contains(&index) {
                self.post.push_back((index, message));
                continue;
            }
            let entering = match &message {
                Message::Enter(arrival) => Some((Arc::clone(&arrival.client), arrival.state.id)),
                _ => None,
            };
            match self.zones.handle(index).submit(message) {
                Ok(()) => {
                    if let Some((client, _)) = entering {
                        client.set_zone(index);
                    }
                }
                Err((InboxError::Busy, message)) => {
                    blocked.push(index);
                    self.post.push_back((index, message));
                }
                // Its whereabouts were a fact when it crossed: it is saved on the other side.
                Err((InboxError::Gone, _)) => {
                    if let Some((client, character)) = entering {
                        client.close(CloseReason::Restart);
                        self.early.freed.push(character);
                    }
                }
            }
        }
    }

    fn swap(&mut self, swap: Swap) {
        let started = Instant::now();
        let schemas = swap.rules.schemas();
        let migrated = match self.migrate(&swap, &schemas) {
            Ok(migrated) => migrated,
            Err(unready) => {
                self.handle.stats.refused_generation.store(swap.generation, Relaxed);
                // Who asked may have given up waiting.
                if let Err(Err(unready)) = swap.applied.send(Err(unready)) {
                    let (zone, generation) = (&self.handle.name, swap.generation);
                    tracing::warn!(%zone, generation, %unready, "the zone goes on with what it runs");
                }
                return;
            }
        };
        if let Some(content) = swap.content {
            self.content_label = content_label(&content);
            self.handle.set_cap(content.zones[&self.world.zone()].population_cap);
            self.world.swap_content(content);
            for member in self.members.values_mut() {
                member.view.needs_snapshot = true;
            }
        }
        let (was, is) = (self.rules.modules(), swap.rules.modules());
        self.world.generation_swapped(|script| ModuleRef::changed(&was, &is, script));
        let mut old = std::mem::replace(&mut self.rules, swap.rules);
        self.rules.adopt_recording(old.take_recording());
        self.handle.stats.generation.store(swap.generation, Relaxed);
        if let Some(recorder) = &mut self.recorder {
            recorder.swap(running(swap.generation, &*self.rules, self.world.content()), &migrated);
        }
        self.adopt(schemas, &migrated);
        // Who asked may have given up waiting; then the old rules are dropped here.
        let _ = swap.applied.send(Ok(Applied { tick: self.world.tick() + 1, old }));
        let took = started.elapsed();
        self.handle.stats.record_swap(took);
        self.meters.swap.record(took);
    }

    fn add_whereabouts(&self, output: &mut Output) {
        let every = (WHEREABOUTS_MS / u64::from(self.tick_ms)).max(1);
        // Zones take turns, so that not all of them save in the same tick.
        if !(self.world.tick() + self.index.0 as u64 * 7).is_multiple_of(every) {
            return;
        }
        let origin = Origin::Content(self.world.content().digest);
        for state in self.world.kept_characters() {
            let (Some(at), Some(health)) = (state.at, state.health) else { continue };
            let mana = state.mana.unwrap_or(0);
            let kind = FactKind::Whereabouts { zone: state.zone, at, health, mana };
            output.facts.push(Fact { character: state.id, origin, request: None, kind });
        }
    }

    pub(super) fn submit_commit(&mut self, commit: Commit) {
        if !commit.is_empty() {
            self.held = Some(commit);
            self.flush_held();
        }
    }

    /// False while the couriers or the journal have no room: the zone must not go on.
    fn flush_held(&mut self) -> bool {
        // What is told after the commit comes after what was told before it.
        if !self.mail.try_send() {
            self.stand_still("clients cannot be told as fast as things happen");
            return false;
        }
        let sent = self.held.take().map_or(Ok(()), |commit| self.journal.try_send(commit));
        match sent {
            Ok(()) => {
                if self.handle.stats.stalled.swap(false, Relaxed) {
                    tracing::info!(zone = %self.handle.name, "the zone goes on");
                }
                true
            }
            Err(mpsc::error::TrySendError::Full(commit)) => {
                self.held = Some(commit);
                self.stand_still("the journal is full until the store answers");
                false
            }
            // The journal ends after the zones, or the whole server does.
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.draining = true;
                self.members.clear();
                self.post.clear();
                true
            }
        }
    }

    fn stand_still(&self, why: &str) {
        if !self.handle.stats.stalled.swap(true, Relaxed) {
            tracing::error!(zone = %self.handle.name, why, "the zone stands still");
            metrics::counter!("game_zone_stalls_total", "zone" => self.handle.name.to_string()).increment(1);
        }
    }

    fn replicate(&mut self, output: &Output) {
        let labels: Vec<Arc<str>> = output
            .events
            .iter()
            .map(|event| super::outcome::label(&*self.rules, &self.content_label, event.origin))
            .collect();
        let events = output.events.iter().zip(labels.iter().map(|label| &**label));
        let encodings = self.members.values().map(|member| member.client.encoding);
        self.replication.begin(&self.world, events, encodings);
        let tick = self.world.tick();
        let is_late = self.mail.is_late();
        let patience = SLOW_CLIENT.as_millis() as u64 / u64::from(self.tick_ms);
        // Both are in the order of ids.
        let mut characters = self.world.characters().peekable();
        for (id, member) in &mut self.members {
            while characters.next_if(|(other, _)| other < id).is_some() {}
            let Some((_, character)) = characters.next_if(|(other, _)| other == id) else { continue };
            let Some(entity) = self.world.entity(character.entity) else { continue };
            member.at = entity.at;
            // Nobody looks; who comes back begins with a snapshot.
            let Some(link) = member.client.link() else {
                member.stuck_since = None;
                continue;
            };
            if std::mem::replace(&mut member.link, link) != link {
                member.view.begin_anew();
                member.stuck_since = None;
            }
            let ack = character.last_seq.max(member.ack_base);
            // What is due stays due.
            if is_late {
                continue;
            }
            if !member.client.has_room() || member.view.is_flooded(&member.client) {
                if tick - *member.stuck_since.get_or_insert(tick) > patience {
                    member.client.unplug();
                }
                continue;
            }
            member.stuck_since = None;
            let encoding = member.client.encoding;
            let is_whole = member.view.needs_snapshot;
            match self.replication.frame(&mut member.view, encoding, entity, ack, &self.world) {
                // The task of the socket looks where its character is.
                Some(frame) if is_whole => self.mail.tell(&member.client, Outgoing::Frame(frame)),
                Some(frame) => self.mail.delta(&member.client, link, frame),
                None => {}
            }
        }
    }

    fn report_failures(&mut self) {
        for failure in self.rules.drain_failures() {
            self.meters.failures.increment(1);
            if let Some(recorder) = &mut self.recorder {
                recorder.failure(&failure);
            }
            // The pipeline judges by rates; when it is behind, a failure more or less says nothing.
            let _ = self.failures.try_send((self.index, failure));
        }
    }

    /// A defect in the simulation: the zone begins anew from what is durable, its clients too.
    fn restart(&mut self) {
        let tick = self.world.tick();
        tracing::error!(zone = %self.handle.name, tick, "the zone hit a defect and is restarted");
        self.handle.stats.restarts.fetch_add(1, Relaxed);
        metrics::counter!("game_zone_restarts_total", "zone" => self.handle.name.to_string()).increment(1);
        let content = Arc::clone(self.world.content());
        // Where they walked to, and what they were told before.
        self.mail.try_send();
        self.world = World::new(self.world.zone(), content, self.seed, tick, self.tick_ms);
        self.world.set_schemas(self.rules.schemas());
        self.world.set_event_ends(&self.event_ends);
        self.inputs.clear();
        if let Some(recorder) = &mut self.recorder {
            recorder.restart();
        }
        self.replication = Replication::default();
        // They go with the next tick, behind what this one may have sent to the journal.
        for (id, member) in std::mem::take(&mut self.members) {
            member.client.close(CloseReason::Restart);
            self.early.freed.push(id);
        }
    }
}

fn running(generation: u64, rules: &dyn ZoneRules, content: &Content) -> Running {
    Running { generation, modules: rules.modules(), content: content.digest }
}

fn content_label(content: &Content) -> Arc<str> {
    Arc::from(format!("content+{:08x}", content.digest >> 32))
}
