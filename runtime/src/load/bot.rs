//! One bot's life: account, join, play, leave. Turns what the [`Mind`] wants into calls and what the
//! client hears into figures of the [`Tally`].

use super::account::{Player, Registrar};
use super::client::{CallFailed, Client, Lost, PATIENCE};
use super::measure::Tally;
use super::mind::{ATTACK_PATIENCE, Mind, Order, PACE, Scenario};
use super::replica::Heard;
use crate::client::frame::Encoding;
use protocol::v1::event::Type as Event;
use protocol::v1::{Hit, Joined};
use rand::RngExt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Movements whose acknowledgement is timed at once; older ones are forgotten.
const TIMED_MOVES: usize = 128;
/// How long a bot keeps trying to join a full or busy world.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two tries to join.
const JOIN_PAUSE: Duration = Duration::from_millis(500);

/// What all bots of a run share.
pub(super) struct Run {
    pub ws_url: String,
    pub encoding: Encoding,
    pub registrar: Registrar,
    pub classes: Vec<String>,
    pub scenario: Scenario,
    pub seed: u64,
    pub tally: Mutex<Tally>,
    /// Cancelled when the bots shall leave.
    pub stop: CancellationToken,
}

impl Run {
    /// Adds to the tally. A bot that panicked while counting spoils nothing but its own figure.
    pub fn count(&self, add: impl FnOnce(&mut Tally)) {
        add(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Lives the life of bot number `index`.
pub(super) async fn live(run: Arc<Run>, index: usize) {
    let mut client = match enter(&run, index).await {
        Ok(client) => client,
        Err(error) => {
            run.count(|tally| {
                tally.failed += 1;
                tally.failures.count(&error.to_string());
            });
            return;
        }
    };
    let mut bot = Bot::new(&run, index);
    let lost = bot.play(&mut client).await.err();
    let lost = match lost {
        Some(lost) => Some(lost),
        None => bot.leave(&mut client).await.err(),
    };
    bot.settle(&client, lost.as_ref());
    if lost.is_none() {
        client.close().await;
    }
}

async fn enter(run: &Run, index: usize) -> anyhow::Result<Client> {
    let class = &run.classes[index % run.classes.len()];
    let player = run.registrar.guest(&bot_name(), class).await?;
    let mut client = Client::connect(&run.ws_url, &player.token, run.encoding).await?;
    let asked = Instant::now();
    match join(run, &player, &mut client, asked + JOIN_PATIENCE).await {
        Ok(()) => {
            run.count(|tally| {
                tally.joined += 1;
                tally.join.record(asked.elapsed());
            });
            Ok(client)
        }
        Err(error) => {
            count_conduct(run, &client);
            client.close().await;
            Err(error.into())
        }
    }
}

/// Joins, and tries again while the zone is full or busy: others walk on and make room.
async fn join(run: &Run, player: &Player, client: &mut Client, until: Instant) -> Result<(), CallFailed> {
    loop {
        let params = serde_json::json!({"character": player.character});
        match client.call::<Joined>("world.join", params).await {
            Ok(_) => return Ok(()),
            Err(CallFailed::Refused { method, error }) => {
                run.count(|tally| tally.refusals.count(&format!("{method}: {}", error.stable_code())));
                let passes =
                    matches!(error.stable_code(), "zone_full" | "busy" | "rate_limited" | "unavailable");
                if !passes || Instant::now() >= until || run.stop.is_cancelled() {
                    return Err(CallFailed::Refused { method, error });
                }
                let pause = error.retry_after_ms().map_or(JOIN_PAUSE, Duration::from_millis);
                tokio::time::sleep(pause.min(PATIENCE)).await;
            }
            Err(failed) => return Err(failed),
        }
    }
}

/// Names are unique in a world, so they do not follow from the seed of the run.
fn bot_name() -> String {
    let mut rng = rand::rng();
    let tail: String = (0..9).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect();
    format!("Bot{tail}")
}

fn count_conduct(run: &Run, client: &Client) {
    let (breaches, faults) = client.faults();
    run.count(|tally| {
        tally.protocol_errors += breaches;
        for fault in faults {
            tally.faults.count(&fault.to_string());
        }
    });
}

struct Bot<'a> {
    run: &'a Run,
    mind: Mind,
    began: Instant,
    moves: VecDeque<(u64, Instant)>,
    attacked: Option<(u64, Instant)>,
    last_frame: Option<Instant>,
    tick: Duration,
}

impl<'a> Bot<'a> {
    fn new(run: &'a Run, index: usize) -> Self {
        Self {
            run,
            mind: Mind::new(run.scenario, index, run.seed),
            began: Instant::now(),
            moves: VecDeque::new(),
            attacked: None,
            last_frame: None,
            tick: Duration::from_millis(50),
        }
    }

    async fn play(&mut self, client: &mut Client) -> Result<(), Lost> {
        let first = tokio::time::Instant::now() + PACE.mul_f64(rand::rng().random_range(0.0..1.0));
        let mut pace = tokio::time::interval_at(first, PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = client.next() => {
                    let heard = heard?;
                    self.hear(client, heard);
                }
                _ = pace.tick() => {
                    for order in self.mind.think(client.replica(), self.began.elapsed()) {
                        self.carry_out(client, order).await?;
                    }
                }
                () = self.run.stop.cancelled() => return Ok(()),
            }
        }
    }

    async fn carry_out(&mut self, client: &mut Client, order: Order) -> Result<(), Lost> {
        match order {
            Order::Walk(x, y) => {
                let seq = client.walk(x, y).await?;
                if self.moves.len() == TIMED_MOVES {
                    self.moves.pop_front();
                }
                self.moves.push_back((seq, Instant::now()));
            }
            Order::Attack(target) => {
                if self.attacked.is_some() {
                    self.run.count(|tally| tally.silent_attacks += 1);
                }
                let asked = Instant::now();
                let id = client.send("combat.attack", serde_json::json!({"target": target})).await?;
                self.attacked = Some((id, asked));
            }
            Order::UseSkill(ability, target) => {
                let params = serde_json::json!({"ability": ability, "target": target});
                client.send("combat.use_skill", params).await?;
            }
            Order::Interact(target) => {
                client.send("npc.interact", serde_json::json!({"target": target})).await?;
            }
            Order::Choose(choice) => {
                client.send("dialog.choose", serde_json::json!({"choice": choice})).await?;
            }
            Order::CloseDialog => {
                client.send("dialog.close", serde_json::json!({})).await?;
            }
            Order::AcceptQuest(quest) => {
                client.send("quest.accept", serde_json::json!({"quest": quest})).await?;
            }
            Order::Say(text) => {
                client.send("chat.send", serde_json::json!({"text": text})).await?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, client: &Client, heard: Heard) {
        match heard {
            Heard::Delta { ticks, events, .. } => self.frame(client, ticks, &events),
            Heard::Snapshot => {
                self.last_frame = None;
                self.mind.placed(client.replica());
            }
            Heard::Reply { id, method, outcome } => {
                self.run.count(|tally| {
                    tally.replies += 1;
                    if let Err(error) = &outcome {
                        tally.refusals.count(&format!("{method}: {}", error.stable_code()));
                    }
                });
                if outcome.is_err() {
                    self.refused(id, method);
                }
            }
            Heard::Welcome(welcome) => self.tick = Duration::from_millis(u64::from(welcome.tick_ms)),
            Heard::Corrected(corrected) => {
                self.moves.retain(|(seq, _)| *seq > u64::from(corrected.seq));
                self.mind.corrected(corrected.x, corrected.y);
                self.run.count(|tally| tally.corrections += 1);
            }
            Heard::Crossed(_) => {
                self.last_frame = None;
                self.attacked = None;
                let from = client.replica().zone.as_ref().map_or("", |zone| &zone.name);
                self.mind.crossed(from);
                self.run.count(|tally| tally.crossings += 1);
            }
            Heard::Dialog(dialog) => {
                self.mind.spoken_to(dialog.choices);
                self.run.count(|tally| tally.dialogs += 1);
            }
            Heard::DialogEnd => self.mind.dialog_over(),
            Heard::Died => {
                self.attacked = None;
                self.moves.clear();
                self.mind.died();
                self.run.count(|tally| tally.deaths += 1);
            }
            Heard::Respawned => self.mind.respawned(),
            Heard::CharacterUpdate(_)
            | Heard::InventoryUpdate(_)
            | Heard::QuestUpdate(_)
            | Heard::EventReward(_) => {
                self.run.count(|tally| tally.facts += 1);
            }
            // Bots have other things to do than to duel: a challenge ends by itself.
            Heard::Chat(_) | Heard::Duel | Heard::System(_) | Heard::WorldEvent(_) | Heard::Reconnect => {}
        }
    }

    fn refused(&mut self, id: u64, method: &str) {
        match method {
            "combat.attack" if self.attacked.is_some_and(|(asked, _)| asked == id) => {
                self.attacked = None;
                self.mind.attack_over();
            }
            "npc.interact" | "dialog.choose" => self.mind.dialog_over(),
            _ => {}
        }
    }

    fn frame(&mut self, client: &Client, ticks: u64, events: &[Event]) {
        let now = Instant::now();
        let silent_ticks = u32::try_from(ticks.saturating_sub(1)).unwrap_or(u32::MAX);
        let nothing_to_say = self.tick.saturating_mul(silent_ticks);
        let gap = self.last_frame.replace(now).map(|last| (now - last).saturating_sub(nothing_to_say));
        let ack = client.replica().ack;
        let you = client.replica().you;
        let own: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Swing(swing) if swing.attacker == you => Some(swing),
                _ => None,
            })
            .collect();
        let attacked = if own.is_empty() { None } else { self.attacked.take() };
        if attacked.is_some() {
            self.mind.attack_over();
        }
        // The target fell to somebody else meanwhile: this swing belongs to a later skill.
        let (attacked, silent) = match attacked {
            Some((_, asked)) if now - asked > ATTACK_PATIENCE => (None, 1),
            attacked => (attacked, 0),
        };
        self.run.count(|tally| {
            tally.frames += 1;
            tally.silent_attacks += silent;
            if let Some(gap) = gap {
                tally.frame_gap.record(gap);
            }
            while let Some((seq, sent)) = self.moves.front().copied() {
                if seq > ack {
                    break;
                }
                self.moves.pop_front();
                tally.move_ack.record(now - sent);
            }
            tally.swings += own.len() as u64;
            tally.criticals += own.iter().filter(|swing| swing.hit() == Hit::Critical).count() as u64;
            if let Some((_, asked)) = attacked {
                tally.combat_event.record(now - asked);
            }
        });
    }

    /// Leaves the world and waits for every answer that is still due.
    async fn leave(&mut self, client: &mut Client) -> Result<(), Lost> {
        client.send("world.leave", serde_json::json!({})).await?;
        let answers = async {
            while client.replica().pending() > 0 {
                let heard = client.next().await?;
                self.hear(client, heard);
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, answers).await.unwrap_or(Ok(()))
    }

    fn settle(&self, client: &Client, lost: Option<&Lost>) {
        count_conduct(self.run, client);
        let traffic = client.traffic();
        self.run.count(|tally| {
            tally.lost_replies += client.replica().pending() as u64;
            tally.bytes_in += traffic.bytes_in;
            tally.bytes_out += traffic.bytes_out;
            tally.played += self.began.elapsed();
            if let Some(lost) = lost {
                tally.disconnects += 1;
                tally.disconnect_reasons.count(&lost.to_string());
            }
        });
    }
}
