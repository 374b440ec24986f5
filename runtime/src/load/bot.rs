//! One bot's life: play, leave, and come back when it was cut off. Turns what its will wants into calls and what the client
//! hears into figures.

use super::account::Player;
use super::client::{Client, Lost, PATIENCE, Traffic};
use super::entry::{Back, come_back, enter};
use super::measure::Tally;
use super::mind::{ATTACK_PATIENCE, Mind, Order, Scenario};
use super::replica::Heard;
use super::shelf::Fate;
use super::walker::{Step, Walker};
use super::worker::Worker;
use crate::client::frame::Encoding;
use protocol::v1::call::Method;
use protocol::v1::event::Type as Event;
use protocol::v1::response::Outcome;
use protocol::v1::{self, Hit};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// One in so many bots keeps a whole replica and judges the server by it; the others look past each other.
const WITNESSES: usize = 16;
/// Movements and calls whose answer is timed at once; older ones are forgotten.
const TIMED: usize = 128;

/// What all bots of a run share.
pub(super) struct Run {
    pub ws_url: String,
    pub encoding: Encoding,
    pub players: Vec<Player>,
    /// Entities of the bots, by number; 0 is not in the world yet.
    pub entities: Vec<AtomicU64>,
    pub scenario: Scenario,
    pub seed: u64,
    pub tally: Mutex<Tally>,
    /// Cancelled when the bots shall leave.
    pub stop: CancellationToken,
    /// Cancelled when all connections shall be dropped.
    pub cut: CancellationToken,
    /// When that was.
    pub cut_at: OnceLock<Instant>,
}

impl Run {
    /// Adds to the tally. A bot that panicked while counting spoils nothing but its own figure.
    pub fn count(&self, add: impl FnOnce(&mut Tally)) {
        add(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether bot number `index` knows everything in sight.
    pub fn is_whole(&self, index: usize) -> bool {
        self.scenario.looks_around() || index.is_multiple_of(WITNESSES)
    }

    /// Adds how the server kept to the protocol towards one client.
    pub fn count_conduct(&self, client: &Client) {
        let (breaches, faults) = client.faults();
        let (missed, repeated) = (client.replica().missed, client.replica().repeated);
        self.count(|tally| {
            tally.protocol_errors += breaches;
            for fault in faults {
                tally.faults.count(&fault.to_string());
            }
            tally.comeback.messages_lost += missed;
            tally.comeback.messages_doubled += repeated;
        });
    }
}

/// Who a bot is.
#[derive(Clone, Copy)]
pub(super) struct Number {
    /// In the run.
    pub index: usize,
    /// On its thread.
    pub on_thread: usize,
    /// Whether it is one of a storm of logins.
    pub storms: bool,
}

/// Lives the life of one bot.
pub(super) async fn live(run: Arc<Run>, worker: Arc<Worker>, number: Number) {
    let sent = Instant::now();
    let mut bot = Bot::new(&run, &worker, number, sent);
    let mut client = match enter(&run, number.index, sent).await {
        Ok(client) => client,
        Err(error) => {
            run.count(|tally| {
                tally.failed += 1;
                tally.storm_failed += u64::from(number.storms);
                tally.failures.count(&error.to_string());
            });
            return;
        }
    };
    let lost = bot.stay(&mut client).await.err();
    bot.settle(&client, lost.as_ref());
    if lost.is_none() {
        client.close().await;
    }
}

/// What decides for a bot.
enum Will {
    /// By what is around it.
    Mind(Box<Mind>),
    /// By where it belongs.
    Walker(Box<Walker>),
}

/// Why a bot no longer plays.
enum End {
    /// It shall leave.
    Stop,
    /// Its connection was dropped.
    Cut,
}

struct Bot<'a> {
    run: &'a Run,
    worker: &'a Worker,
    number: Number,
    will: Will,
    steps: Vec<Step>,
    began: Instant,
    /// Until the first snapshot after it: when it was sent, or cut off.
    arriving: Option<Instant>,
    was_cut: bool,
    stays_out: bool,
    in_place: bool,
    moves: VecDeque<(u64, Instant)>,
    calls: VecDeque<(u64, Instant)>,
    attacked: Option<(u64, Instant)>,
    last_frame: Option<Instant>,
    counted: Traffic,
    tick: Duration,
}

impl<'a> Bot<'a> {
    fn new(run: &'a Run, worker: &'a Worker, number: Number, sent: Instant) -> Self {
        let (scenario, index, seed) = (run.scenario, number.index, run.seed);
        let will = match scenario.looks_around() {
            true => Will::Mind(Box::new(Mind::new(scenario, index, seed))),
            false => Will::Walker(Box::new(Walker::new(scenario, index, run.players.len(), seed))),
        };
        Self {
            run,
            worker,
            number,
            will,
            steps: Vec::new(),
            began: Instant::now(),
            arriving: Some(sent),
            was_cut: false,
            stays_out: false,
            in_place: false,
            moves: VecDeque::new(),
            calls: VecDeque::new(),
            attacked: None,
            last_frame: None,
            counted: Traffic::default(),
            tick: Duration::from_millis(50),
        }
    }

    /// Plays until it shall leave, and leaves.
    async fn stay(&mut self, client: &mut Client) -> Result<(), Lost> {
        while let End::Cut = self.play(client).await? {
            if !self.come_back(client).await {
                return Ok(());
            }
        }
        self.leave(client).await
    }

    async fn play(&mut self, client: &mut Client) -> Result<End, Lost> {
        let (run, pace) = (self.run, self.worker.slot(self.number.on_thread));
        let mut due = pin!(pace.notified());
        let mut cut = pin!(run.cut.cancelled());
        loop {
            tokio::select! {
                heard = client.next() => {
                    let heard = heard?;
                    self.hear(client, heard).await?;
                }
                () = &mut due => {
                    due.set(pace.notified());
                    if run.stop.is_cancelled() {
                        return Ok(End::Stop);
                    }
                    self.act(client).await?;
                }
                () = &mut cut, if !self.was_cut => {
                    self.was_cut = true;
                    return Ok(End::Cut);
                }
            }
        }
    }

    /// Loses the connection and gets back into the world over another; false if that did not succeed.
    async fn come_back(&mut self, client: &mut Client) -> bool {
        let since = *self.run.cut_at.get_or_init(Instant::now);
        self.lose(client).await;
        self.arriving = Some(since);
        (self.attacked, self.last_frame) = (None, None);
        self.moves.clear();
        self.calls.clear();
        self.run.count(|tally| tally.in_world -= 1);
        match come_back(self.run, self.number.index, client, since).await {
            Ok(back) => {
                match (&mut self.will, back) {
                    (Will::Mind(mind), _) => mind.rejoined(),
                    (Will::Walker(walker), Back::Resumed) => walker.resumed(),
                    (Will::Walker(walker), Back::JoinedAnew) => walker.rejoined(),
                }
                true
            }
            Err(why) => {
                self.stays_out = true;
                self.run.count(|tally| {
                    tally.storm_failed += 1;
                    tally.failures.count(&format!("did not come back: {why}"));
                });
                false
            }
        }
    }

    /// The connection breaks while something durable is asked for: of every other bot before that leaves, of the others
    /// before the answer can be there.
    async fn lose(&mut self, client: &mut Client) {
        let last = match &mut self.will {
            Will::Mind(_) => None,
            Will::Walker(walker) => walker.shift(),
        };
        if self.number.index.is_multiple_of(2) {
            client.cut();
        }
        if let Some(call) = last {
            // It fails on a line that is cut; the session sends it when it goes on.
            drop(self.ask(client, call).await);
        }
        client.cut();
    }

    /// Does what it wants now.
    async fn act(&mut self, client: &mut Client) -> Result<(), Lost> {
        let now = self.began.elapsed();
        if client.replica().is_whole() {
            let seen = client.replica().entities.len() as u64;
            self.worker.count(|interval| {
                interval.looks += u64::from(seen > 0);
                interval.seen += seen;
            });
        }
        let walker = match &mut self.will {
            Will::Mind(mind) => {
                for order in mind.think(client.replica(), now) {
                    self.carry_out(client, order).await?;
                }
                return Ok(());
            }
            Will::Walker(walker) => walker,
        };
        let rival = walker.rival().map_or(0, |rival| self.run.entities[rival].load(Ordering::Relaxed));
        let mut steps = std::mem::take(&mut self.steps);
        walker.think(client.replica(), rival, now, &mut steps);
        if walker.is_in_place() && !std::mem::replace(&mut self.in_place, true) {
            self.run.count(|tally| tally.in_place += 1);
        }
        for step in steps.drain(..) {
            match step {
                Step::Walk(x, y) => self.walk(client, x, y).await?,
                Step::Call(method) => self.ask(client, method).await?,
            }
        }
        self.steps = steps;
        Ok(())
    }

    async fn carry_out(&mut self, client: &mut Client, order: Order) -> Result<(), Lost> {
        let call = match order {
            Order::Walk(x, y) => return self.walk(client, x, y).await,
            Order::Attack(target) => Method::CombatAttack(v1::CombatAttack { target }),
            Order::UseSkill(ability, target) => {
                Method::CombatUseSkill(v1::CombatUseSkill { ability, target: Some(target) })
            }
            Order::Interact(target) => Method::NpcInteract(v1::NpcInteract { target }),
            Order::Choose(choice) => Method::DialogChoose(v1::DialogChoose { choice }),
            Order::CloseDialog => Method::DialogClose(v1::DialogClose {}),
            Order::AcceptQuest(quest) => Method::QuestAccept(v1::QuestAccept { quest: quest.to_owned() }),
            Order::Say(text) => Method::ChatSend(v1::ChatSend { text }),
        };
        self.ask(client, call).await
    }

    async fn walk(&mut self, client: &mut Client, x: i32, y: i32) -> Result<(), Lost> {
        let seq = client.walk(x, y).await?;
        remember(&mut self.moves, seq);
        Ok(())
    }

    async fn ask(&mut self, client: &mut Client, call: Method) -> Result<(), Lost> {
        let is_attack = matches!(call, Method::CombatAttack(_));
        let id = client.ask(call).await?;
        remember(&mut self.calls, id);
        // Swings are only told to who looks at others.
        if is_attack && client.replica().is_whole() {
            if self.attacked.is_some() {
                self.run.count(|tally| tally.game.silent_attacks += 1);
            }
            self.attacked = Some((id, Instant::now()));
        }
        Ok(())
    }

    async fn hear(&mut self, client: &mut Client, heard: Heard) -> Result<(), Lost> {
        let answer = match heard {
            Heard::Delta { ticks, events, .. } => {
                self.frame(client, ticks, &events);
                None
            }
            Heard::Snapshot => self.snapshot(client),
            Heard::Reply { id, method, outcome } => {
                self.reply(id, method, outcome);
                None
            }
            Heard::Challenged(challenge) => match &mut self.will {
                // These have other things to do than to duel: a challenge ends by itself.
                Will::Mind(_) => None,
                Will::Walker(walker) => Some(walker.challenged(&challenge)),
            },
            Heard::DuelTurn(turn) => {
                self.run.count(|tally| tally.game.duel_turns += 1);
                match &mut self.will {
                    Will::Mind(_) => None,
                    Will::Walker(walker) => walker.duel_turn(&turn, client.replica().you),
                }
            }
            heard => {
                self.take_in(client, heard);
                None
            }
        };
        match answer {
            Some(call) => self.ask(client, call).await,
            None => Ok(()),
        }
    }

    /// What needs no answer.
    fn take_in(&mut self, client: &Client, heard: Heard) {
        let is_fact = matches!(
            heard,
            Heard::CharacterUpdate(_)
                | Heard::InventoryUpdate(_)
                | Heard::QuestUpdate(_)
                | Heard::EventReward(_)
        );
        if is_fact {
            self.run.count(|tally| tally.game.facts += 1);
        }
        match (heard, &mut self.will) {
            (Heard::Welcome(welcome), _) => self.tick = Duration::from_millis(u64::from(welcome.tick_ms)),
            (Heard::Corrected(corrected), will) => {
                self.moves.retain(|(seq, _)| *seq > u64::from(corrected.seq));
                self.run.count(|tally| tally.game.corrections += 1);
                match will {
                    Will::Mind(mind) => mind.corrected(corrected.x, corrected.y),
                    Will::Walker(walker) => walker.corrected(corrected.x, corrected.y),
                }
            }
            (Heard::Crossed(_), will) => {
                (self.last_frame, self.attacked) = (None, None);
                self.run.count(|tally| tally.game.crossings += 1);
                if let Will::Mind(mind) = will {
                    let from = client.replica().zone.as_ref().map_or("", |zone| &zone.name);
                    mind.crossed(from);
                }
            }
            (Heard::Died, will) => {
                self.attacked = None;
                self.moves.clear();
                self.run.count(|tally| tally.game.deaths += 1);
                match will {
                    Will::Mind(mind) => mind.died(),
                    Will::Walker(walker) => walker.died(),
                }
            }
            (Heard::Respawned, Will::Mind(mind)) => mind.respawned(),
            (Heard::Respawned, Will::Walker(walker)) => walker.respawned(),
            (Heard::Dialog(dialog), Will::Mind(mind)) => {
                mind.spoken_to(dialog.choices);
                self.run.count(|tally| tally.game.dialogs += 1);
            }
            (Heard::DialogEnd, Will::Mind(mind)) => mind.dialog_over(),
            (Heard::DuelEnded, Will::Walker(walker)) => walker.duel_ended(),
            (Heard::InventoryUpdate(update), Will::Walker(walker)) => {
                let doubled = walker.told(&update);
                self.run.count(|tally| tally.comeback.commands_doubled += u64::from(doubled));
            }
            _ => {}
        }
    }

    /// Stands in the world, for the first time or again; what to ask now.
    fn snapshot(&mut self, client: &Client) -> Option<Method> {
        self.last_frame = None;
        self.run.entities[self.number.index].store(client.replica().you, Ordering::Relaxed);
        if let Some(since) = self.arriving.take() {
            let storms = self.number.storms || self.was_cut;
            self.run.count(|tally| {
                if !self.was_cut {
                    tally.arrival.record(since.elapsed());
                }
                if storms {
                    tally.storm.record(since.elapsed());
                    tally.storm_last = Some(Instant::now());
                }
            });
        }
        match &mut self.will {
            Will::Mind(mind) => {
                mind.placed(client.replica());
                None
            }
            Will::Walker(walker) => walker.placed(client.replica()),
        }
    }

    fn reply(&mut self, id: u64, method: &str, outcome: Result<Outcome, v1::Error>) {
        let asked = self.calls.iter().position(|(asked, _)| *asked == id);
        if let Some((_, asked)) = asked.and_then(|at| self.calls.remove(at)) {
            self.worker.count(|interval| interval.call.record(asked.elapsed()));
        }
        self.run.count(|tally| {
            tally.replies += 1;
            if let Err(error) = &outcome {
                tally.refusals.count(&format!("{method}: {}", error.stable_code()));
            }
        });
        if let ("inventory.move", Will::Walker(walker)) = (method, &mut self.will) {
            let fate = walker.shifted(outcome.is_ok());
            self.run.count(|tally| {
                tally.comeback.commands_lost += u64::from(fate == Fate::Lost);
                tally.comeback.commands_doubled += u64::from(fate == Fate::Doubled);
            });
        }
        match (outcome, &mut self.will) {
            (Err(_), Will::Mind(mind)) => match method {
                "combat.attack" if self.attacked.is_some_and(|(asked, _)| asked == id) => {
                    self.attacked = None;
                    mind.attack_over();
                }
                "npc.interact" | "dialog.choose" => mind.dialog_over(),
                _ => {}
            },
            (Ok(Outcome::Inventory(inventory)), Will::Walker(walker)) => {
                let untold = walker.listed(&inventory) as u64;
                self.run.count(|tally| tally.untold += untold);
            }
            _ => {}
        }
    }

    fn frame(&mut self, client: &Client, ticks: u64, events: &[Event]) {
        let now = Instant::now();
        let silent_ticks = u32::try_from(ticks.saturating_sub(1)).unwrap_or(u32::MAX);
        let nothing_to_say = self.tick.saturating_mul(silent_ticks);
        let since_last = self.last_frame.replace(now).map(|last| now - last);
        let (ack, you) = (client.replica().ack, client.replica().you);
        let own = |event: &&Event| matches!(event, Event::Swing(swing) if swing.attacker == you);
        let swung = events.iter().filter(own).count() as u64;
        let attacked = if swung == 0 { None } else { self.attacked.take() };
        // The target fell to somebody else meanwhile: this swing belongs to a later skill.
        let (answered, silent) = match attacked {
            Some((_, asked)) if now - asked > ATTACK_PATIENCE => (None, 1),
            attacked => (attacked, 0),
        };
        let traffic = client.traffic();
        self.worker.count(|interval| {
            interval.frames += 1;
            interval.bytes_in += traffic.bytes_in - self.counted.bytes_in;
            interval.bytes_out += traffic.bytes_out - self.counted.bytes_out;
            if let Some(time) = since_last {
                interval.frame_interval.record(time);
                interval.frame_gap.record(time.saturating_sub(nothing_to_say));
            }
            while let Some((_, sent)) = self.moves.pop_front_if(|(seq, _)| *seq <= ack) {
                interval.move_ack.record(now - sent);
            }
            if let Some((_, asked)) = answered {
                interval.combat_event.record(now - asked);
            }
        });
        self.counted = traffic;
        if swung > 0 {
            let critical = |event: &&Event| matches!(event, Event::Swing(swing) if swing.attacker == you && swing.hit() == Hit::Critical);
            let criticals = events.iter().filter(critical).count() as u64;
            self.run.count(|tally| {
                tally.game.swings += swung;
                tally.game.criticals += criticals;
                tally.game.silent_attacks += silent;
            });
        }
        if attacked.is_some()
            && let Will::Mind(mind) = &mut self.will
        {
            mind.attack_over();
        }
    }

    /// Leaves the world and waits for every answer that is still due.
    async fn leave(&mut self, client: &mut Client) -> Result<(), Lost> {
        client.ask(Method::WorldLeave(v1::WorldLeave {})).await?;
        let answers = async {
            while client.replica().pending() > 0 {
                match client.next().await? {
                    Heard::Reply { id, method, outcome } => self.reply(id, method, outcome),
                    // Whoever leaves answers nobody.
                    Heard::Delta { .. } | Heard::Snapshot | Heard::Challenged(_) | Heard::DuelTurn(_) => {}
                    heard => self.take_in(client, heard),
                }
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, answers).await.unwrap_or(Ok(()))
    }

    fn settle(&self, client: &Client, lost: Option<&Lost>) {
        self.run.count_conduct(client);
        let waits = matches!(&self.will, Will::Walker(walker) if walker.waits());
        self.run.count(|tally| {
            tally.comeback.commands_lost += u64::from(self.was_cut && waits);
            tally.lost_replies += client.replica().pending() as u64;
            tally.in_world -= u64::from(!self.stays_out);
            if let Some(lost) = lost {
                tally.disconnects += 1;
                tally.disconnect_reasons.count(&lost.to_string());
            }
        });
    }
}

/// Notes that something was sent now.
fn remember(sent: &mut VecDeque<(u64, Instant)>, what: u64) {
    if sent.len() == TIMED {
        sent.pop_front();
    }
    sent.push_back((what, Instant::now()));
}
