//! What becomes of the output of a step: answers and notices go to clients at once, whatever
//! rests on a fact goes to the journal and to the client after the commit.

use super::journal::Commit;
use super::room::Room;
use super::{Arrival, Message};
use crate::client::rpc::RpcError;
use crate::client::wire::{self, notification};
use crate::client::{CloseReason, NO_REQUEST, Outgoing};
use crate::client::{duel_wire, names};
use crate::store::{StampedFact, TickFacts};
use sim::content::{Area, Content, Position, Zone};
use sim::input::Input;
use sim::output::{
    Accepted, Departure, DepartureKind, Event, EventKind, Fact, FactKind, Notice, Output, Rejection, Reply,
};
use sim::rules::Origin;
use sim::{CharacterId, DefId, RequestId};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How far from a crossing a character is put whom the other side could not take, millimetres.
const PUT_BACK_MM: i32 = 2_000;
/// Lines of speech told in one tick of a zone: twice what 300 players may say in it. Beyond it, words
/// would push out of the outboxes what must not be lost.
const LINES_PER_TICK: usize = 16;

impl Room {
    /// Sends everything on but the deltas.
    pub(super) fn settle(&mut self, output: &mut Output) {
        let mut commit = self.begin_commit(output);
        let sent = catch_unwind(AssertUnwindSafe(|| self.send_on(output, &mut commit)));
        // The step was whole: its facts hold even if telling them goes wrong.
        self.submit_commit(commit);
        if let Err(panic) = sent {
            resume_unwind(panic);
        }
    }

    fn send_on(&mut self, output: &mut Output, commit: &mut Commit) {
        self.confirm_arrivals();
        for reply in output.replies.drain(..) {
            self.reply(&reply, &output.facts, commit);
        }
        for (character, notice) in output.notices.drain(..) {
            self.notice(character, &notice);
        }
        let mut lines = 0;
        for event in &output.events {
            if matches!(event.kind, EventKind::Chat { .. }) {
                lines += 1;
                if lines > LINES_PER_TICK {
                    metrics::counter!("game_chat_lines_dropped_total").increment(1);
                    continue;
                }
            }
            self.observe(event);
        }
        for departure in output.departures.drain(..) {
            self.depart(departure, commit);
        }
    }

    /// Stamps the facts and prepares what their characters are told after the commit.
    fn begin_commit(&mut self, output: &Output) -> Commit {
        let mut commit = std::mem::take(&mut self.early);
        if output.facts.is_empty() {
            return commit;
        }
        let stamped: Vec<StampedFact> = output
            .facts
            .iter()
            .map(|fact| StampedFact { fact: fact.clone(), by: self.label(fact.origin) })
            .collect();
        for fact in &output.facts {
            if let FactKind::EventEnded { event, .. } = fact.kind {
                self.event_ends.insert(event, self.world.tick());
            }
        }
        let content = Arc::clone(self.world.content());
        let to_next = |level| self.world.experience_to_next(level);
        for (character, frames) in updates(&stamped, &content, to_next) {
            if let Some(member) = self.members.get(&character) {
                let client = &member.client;
                commit.after.extend(
                    frames
                        .into_iter()
                        .map(|frame| (Arc::clone(client), Outgoing::Frame(Utf8Bytes::from(frame)))),
                );
            }
        }
        commit.facts = Some(TickFacts {
            zone: self.handle.name.to_string(),
            tick: self.world.tick(),
            content,
            facts: stamped,
        });
        commit
    }

    /// Characters whose entity now exists: answers their `world.join`.
    fn confirm_arrivals(&mut self) {
        let (tick, zone) = (self.world.tick(), &self.handle.name);
        for (id, member) in self.members.iter_mut().filter(|(_, member)| member.entity.is_none()) {
            let Some(character) = self.world.character(*id) else { continue };
            member.entity = Some(character.entity);
            if let Some((request, character_json)) = member.joining.take() {
                let result = format!(
                    r#"{{"zone":"{zone}","entity":{},"tick":{tick},"character":{character_json}}}"#,
                    character.entity
                );
                member.client.tell(Outgoing::Joined { request, character: *id, result });
            }
        }
    }

    fn reply(&self, reply: &Reply, facts: &[Fact], commit: &mut Commit) {
        let Some(member) = self.members.get(&reply.character) else { return };
        if reply.request == NO_REQUEST {
            return;
        }
        // What a character carries shows in the prices it is told: not before it is durable.
        let mut waits = false;
        let result = match &reply.result {
            Ok(Accepted::Done) => Ok("{}".to_owned()),
            Ok(Accepted::Dialog) => Ok(r#"{"kind":"dialog"}"#.to_owned()),
            Ok(Accepted::Greeting) => Ok(r#"{"kind":"greeting"}"#.to_owned()),
            Ok(Accepted::PickedUp) => Ok(r#"{"kind":"picked_up"}"#.to_owned()),
            Ok(Accepted::Traded { unit, count }) => Ok(format!(r#"{{"price":{unit},"count":{count}}}"#)),
            Ok(Accepted::Crafted { made, masterworks, failed, fee }) => {
                Ok(format!(r#"{{"made":{made},"masterworks":{masterworks},"failed":{failed},"fee":{fee}}}"#))
            }
            Ok(Accepted::Challenged { duel }) => Ok(format!(r#"{{"duel":{duel}}}"#)),
            Ok(Accepted::Prices(list)) => {
                waits = true;
                let by = self.label(list.origin);
                let shop = wire::Shop::new(list, &by, self.world.content());
                Ok(shop.map_or_else(|| "{}".to_owned(), |shop| wire::to_json(&shop)))
            }
            Err(rejection) => Err(RpcError::Rejected(rejection.code())),
        };
        let rests_on_fact =
            |fact: &Fact| fact.character == reply.character && fact.request == Some(reply.request);
        if waits || facts.iter().any(rests_on_fact) {
            let answer = Outgoing::Answer { request: reply.request, result };
            commit.after.push((Arc::clone(&member.client), answer));
        } else {
            member.client.answer(reply.request, result);
        }
    }

    fn notice(&mut self, character: CharacterId, notice: &Notice) {
        let Some(member) = self.members.get_mut(&character) else { return };
        let frame = match notice {
            Notice::Corrected { seq, at } => {
                notification("world.corrected", &serde_json::json!({"seq": seq, "x": at.x_mm, "y": at.y_mm}))
            }
            Notice::DialogShown { npc, dialog, node, text, choices, origin } => {
                member.dialog = Some((*dialog, *node));
                let by = label(&*self.rules, &self.content_label, *origin);
                let content = self.world.content();
                let Some(dialog) = content.dialogs.get(dialog) else { return };
                let Some(node) = dialog.nodes.get(node) else { return };
                let offered = choices.iter().filter_map(|choice| node.choices.get(choice));
                notification(
                    "dialog.show",
                    &wire::DialogShow {
                        npc: npc.0,
                        dialog: &dialog.name,
                        node: &node.name,
                        text,
                        choices: offered
                            .map(|choice| wire::Choice { id: &choice.name, text: &choice.text })
                            .collect(),
                        by: &by,
                    },
                )
            }
            Notice::DialogEnded => {
                member.dialog = None;
                notification("dialog.end", &serde_json::json!({}))
            }
            Notice::Died { respawn_ticks } => {
                let respawn_ms = respawn_ticks.saturating_mul(self.tick_ms);
                notification("character.died", &serde_json::json!({"respawn_ms": respawn_ms}))
            }
            Notice::Greeted(id) => match announcement(self.world.content(), self.world.zone(), *id) {
                Some(frame) => frame,
                None => return,
            },
            Notice::Respawned => notification("character.respawned", &serde_json::json!({})),
            Notice::DuelChallenged { duel, from, name, answer_ticks } => {
                let answer_ms = answer_ticks.saturating_mul(self.tick_ms);
                let challenged = duel_wire::Challenged { duel: duel.0, from: from.0, name, answer_ms };
                notification("duel.challenged", &challenged)
            }
            Notice::ChallengeEnded { duel, why } => {
                let (duel, why, by) = (duel.0, why.name(), &*self.content_label);
                notification("duel.ended", &duel_wire::Ended { duel, result: None, why, rounds: 0, by })
            }
            Notice::DuelTurn(state) => {
                let by = label(&*self.rules, &self.content_label, state.origin);
                let blow_by = state.last.map_or(state.origin, |blow| blow.origin);
                let blow_by = label(&*self.rules, &self.content_label, blow_by);
                let content = self.world.content();
                notification("duel.turn", &duel_wire::Turn::new(state, content, self.tick_ms, &by, &blow_by))
            }
        };
        member.client.tell(Outgoing::Frame(Utf8Bytes::from(frame)));
    }

    /// Speech and announcements, which are told at once and not in a delta; figures.
    fn observe(&self, event: &Event) {
        match &event.kind {
            EventKind::Chat { entity, name, text } => {
                let by = &self.label(event.origin);
                let message = wire::ChatMessage { channel: "zone", from: entity.0, name, text, by };
                let frame = Utf8Bytes::from(notification("chat.message", &message));
                let radius = self.definition().interest_radius_mm;
                for member in self.members.values().filter(|member| member.entity.is_some()) {
                    let hears = event.at.is_none_or(|at| at.distance_mm(member.at) <= radius);
                    // Others' words are the first to go when a client falls behind.
                    if hears && member.client.has_room() {
                        member.client.tell(Outgoing::Frame(frame.clone()));
                    }
                }
            }
            EventKind::Announcement(id) => {
                let frame = announcement(self.world.content(), self.world.zone(), *id);
                let Some(frame) = frame.map(Utf8Bytes::from) else { return };
                for member in self.members.values().filter(|member| member.entity.is_some()) {
                    member.client.tell(Outgoing::Frame(frame.clone()));
                }
            }
            EventKind::World(report) => {
                let view = wire::WorldEvent::new(report, self.world.content(), self.tick_ms);
                let Some(view) = view else { return };
                let by = &self.label(event.origin);
                let update = wire::WorldEventUpdate { event: view, by };
                let frame = notification("world.event", &update);
                let frame = Utf8Bytes::from(frame);
                for member in self.members.values().filter(|member| member.entity.is_some()) {
                    member.client.tell(Outgoing::Frame(frame.clone()));
                }
            }
            EventKind::Swing { amount, .. } | EventKind::Pulse { amount, .. } if *amount > 0 => {
                self.meters.damage.increment(u64::from(amount.unsigned_abs()));
            }
            _ => {}
        }
    }

    fn depart(&mut self, departure: Departure, commit: &mut Commit) {
        let id = departure.state.id;
        let Some(mut member) = self.members.remove(&id) else { return };
        match departure.kind {
            DepartureKind::Left => {
                if let Some(request) = member.leaving.filter(|request| *request != NO_REQUEST) {
                    commit.after.push((member.client, Outgoing::Left { request }));
                } else if self.draining {
                    commit.after.push((member.client, Outgoing::Close(CloseReason::Restart)));
                }
                commit.freed.push(id);
            }
            DepartureKind::Refused => {
                if let Some((request, _)) = member.joining {
                    let error = RpcError::Rejected(Rejection::ZoneFull.code());
                    commit.after.push((member.client, Outgoing::NotJoined { request, error }));
                } else {
                    member.client.close(CloseReason::Restart);
                }
                commit.freed.push(id);
            }
            DepartureKind::Crossed => {
                let mut state = *departure.state;
                let target = self.zones.find(state.zone);
                let seat = target.and_then(|index| self.zones.handle(index).reserve());
                let (Some(index), Some(seat)) = (target, seat) else {
                    let text =
                        format!("There is no room in {}.", zone_title(self.world.content(), state.zone));
                    let frame = notification("system.message", &serde_json::json!({"text": text}));
                    member.client.tell(Outgoing::Frame(Utf8Bytes::from(frame)));
                    state.at = Some(beside_crossings(self.definition(), member.at));
                    state.zone = self.world.zone();
                    self.inputs.push(Input::Enter(Box::new(state)));
                    member.ack_base = member.ack_base.max(departure.last_seq);
                    member.forget();
                    self.members.insert(id, member);
                    return;
                };
                let zone = &self.zones.handle(index).name;
                let frame = notification("world.zone", &serde_json::json!({"zone": &**zone}));
                member.client.tell(Outgoing::Frame(Utf8Bytes::from(frame)));
                let arrival = Arrival {
                    client: Arc::clone(&member.client),
                    state,
                    seat,
                    last_seq: member.ack_base.max(departure.last_seq),
                    request: None,
                };
                self.post.push_back((index, Message::Enter(Box::new(arrival))));
                if let Some(request) = member.leaving {
                    let client = Arc::clone(&member.client);
                    self.post.push_back((index, Message::Leave { client, character: id, request }));
                }
            }
        }
    }

    fn definition(&self) -> &Zone {
        &self.world.content().zones[&self.world.zone()]
    }

    fn label(&self, origin: Origin) -> Arc<str> {
        label(&*self.rules, &self.content_label, origin)
    }

    /// Lists are answered through the journal, so that they never show what is not yet durable.
    pub(super) fn answer_after_commit(&mut self, character: CharacterId, request: RequestId, json: String) {
        if let Some(member) = self.members.get(&character) {
            let answer = Outgoing::Answer { request, result: Ok(json) };
            self.early.after.push((Arc::clone(&member.client), answer));
        }
    }
}

/// Who decided, as clients and the journal are told.
pub(super) fn label(rules: &dyn super::ZoneRules, content_label: &Arc<str>, origin: Origin) -> Arc<str> {
    match origin {
        Origin::Script(stamp) => rules.label(stamp),
        Origin::Content(_) => Arc::clone(content_label),
        Origin::Fallback => Arc::from("fallback"),
    }
}

/// The frame of `announcement/NAME`; none if the content does not have it.
fn announcement(content: &Content, zone: DefId, id: DefId) -> Option<String> {
    let text = content.announcements.get(&id)?.text.replace("{zone}", &content.zones[&zone].title);
    Some(notification("system.message", &serde_json::json!({"text": text})))
}

fn zone_title(content: &Content, id: DefId) -> &str {
    content.zones.get(&id).map_or("that zone", |zone| &zone.title)
}

/// The place nearest to `at` that is in the zone and not in a crossing.
fn beside_crossings(zone: &Zone, at: Position) -> Position {
    let Some(crossing) = zone.crossings.iter().find(|crossing| crossing.area.contains(at)) else { return at };
    let Area { min, max } = crossing.area;
    let candidates = [
        Position { x_mm: min.x_mm - PUT_BACK_MM, ..at },
        Position { x_mm: max.x_mm + PUT_BACK_MM, ..at },
        Position { y_mm: min.y_mm - PUT_BACK_MM, ..at },
        Position { y_mm: max.y_mm + PUT_BACK_MM, ..at },
    ];
    let inside = |p: &Position| {
        (0..=zone.width_mm).contains(&p.x_mm)
            && (0..=zone.height_mm).contains(&p.y_mm)
            && !zone.crossings.iter().any(|crossing| crossing.area.contains(*p))
    };
    candidates.into_iter().filter(inside).min_by_key(|p| p.distance_mm(at)).unwrap_or(zone.entrance)
}

/// The frames each character is sent after the commit of these facts.
fn updates(
    facts: &[StampedFact],
    content: &Content,
    to_next: impl Fn(u32) -> u64,
) -> BTreeMap<CharacterId, Vec<String>> {
    let mut frames: BTreeMap<CharacterId, Vec<String>> = BTreeMap::new();
    let mut inventories: BTreeMap<CharacterId, wire::InventoryUpdate<'_>> = BTreeMap::new();
    for StampedFact { fact, by } in facts {
        let mut push = |frame| frames.entry(fact.character).or_default().push(frame);
        match &fact.kind {
            FactKind::Experience { delta, level, experience, .. } => push(notification(
                "character.update",
                &wire::CharacterUpdate {
                    level: Some(*level),
                    experience: Some(*experience),
                    experience_to_next: Some(to_next(*level)),
                    experience_delta: Some(*delta),
                    by,
                    ..wire::CharacterUpdate::default()
                },
            )),
            FactKind::Gold { delta, gold, .. } => push(notification(
                "character.update",
                &wire::CharacterUpdate {
                    gold: Some(*gold),
                    gold_delta: Some(*delta),
                    by,
                    ..wire::CharacterUpdate::default()
                },
            )),
            FactKind::Quest { quest, progress, .. } => {
                if let Some(quest) = wire::Quest::new(*quest, progress, content) {
                    push(notification("quest.update", &wire::QuestUpdate { quest, by }));
                }
            }
            FactKind::Duel { duel, result, why, rounds, .. } => {
                let (duel, result, why, rounds) = (duel.0, Some(result.name()), why.name(), *rounds);
                push(notification("duel.ended", &duel_wire::Ended { duel, result, why, rounds, by }));
            }
            FactKind::Slot { slot, stack } => {
                let update = inventories.entry(fact.character).or_default();
                update.slots.insert(*slot, wire::SlotUpdate::new(*slot, *stack, content));
            }
            FactKind::Equipment { slot, item } => {
                let name = item.and_then(|item| content.items.get(&item)).map(|item| item.name.as_str());
                let update = inventories.entry(fact.character).or_default();
                update.equipment.insert(names::equip_slot_name(*slot), name);
            }
            FactKind::EventReward { event, rank, participants, points, experience, gold, items } => {
                let title = content.events.get(event).map_or("", |event| event.title.as_str());
                let name = content.events.get(event).map_or("", |event| event.name.as_str());
                push(notification(
                    "event.reward",
                    &wire::EventReward {
                        event: name,
                        title,
                        rank: *rank,
                        participants: *participants,
                        points: *points,
                        experience: *experience,
                        gold: *gold,
                        items: wire::Prize::all(items, content),
                        by,
                    },
                ));
            }
            FactKind::Item { .. }
            | FactKind::EventEnded { .. }
            | FactKind::DialogFlags { .. }
            | FactKind::Died { .. }
            | FactKind::Whereabouts { .. } => {}
        }
    }
    for (character, update) in inventories {
        frames.entry(character).or_default().push(notification("inventory.update", &update));
    }
    frames
}
