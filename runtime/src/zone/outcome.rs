//! What becomes of the output of a step: answers and notices go to clients at once, whatever
//! rests on a fact goes to the journal and to the client after the commit.

use super::journal::Commit;
use super::room::Room;
use super::speech::{Audience, Line, Speech, count_dropped};
use super::{Arrival, Message};
use crate::client::frame::Shared;
use crate::client::rpc::RpcError;
use crate::client::topics::Topic;
use crate::client::{CloseReason, NO_REQUEST, Outgoing, names, wire};
use crate::store::{StampedFact, TickFacts};
use protocol::v1;
use protocol::v1::notification::Method as Told;
use protocol::v1::response::Outcome;
use sim::content::{Area, Content, DialogChoice, Position, Zone};
use sim::input::Input;
use sim::output::{
    Accepted, Departure, DepartureKind, Event, EventKind, Fact, FactKind, Notice, Output, Rejection, Reply,
};
use sim::rules::Origin;
use sim::{CharacterId, DefId, RequestId};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How far from a crossing a character is put whom the other side could not take, millimetres.
const PUT_BACK_MM: i32 = 2_000;
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
        let mut speech = Speech::default();
        for event in &output.events {
            match &event.kind {
                EventKind::Chat { entity, name, text } => {
                    let message = v1::ChatMessage {
                        channel: "zone".to_owned(),
                        from: entity.0,
                        name: name.clone(),
                        text: text.clone(),
                        by: self.label(event.origin).to_string(),
                    };
                    speech.say(Line { at: event.at, told: Shared::new(Told::ChatMessage(message)) });
                }
                EventKind::Announcement(_) | EventKind::World(_) => {
                    // Clients hear it in the order in which it happened.
                    self.tell_lines(&speech.take());
                    self.observe(event);
                }
                _ => self.observe(event),
            }
        }
        self.tell_lines(&speech.take());
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
        for (character, told) in updates(&stamped, &content, to_next) {
            if let Some(member) = self.members.get(&character) {
                let client = &member.client;
                let after = told.into_iter().map(|told| (Arc::clone(client), client.frame(told)));
                commit.after.extend(after);
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
            if let Some((request, told)) = member.joining.take() {
                let (zone, entity) = (zone.to_string(), character.entity.0);
                let joined = Box::new(v1::Joined { zone, entity, tick, character: Some(told) });
                let told = Outgoing::Joined { request, character: *id, joined };
                self.mail.tell(&member.client, told);
            }
        }
    }

    fn reply(&mut self, reply: &Reply, facts: &[Fact], commit: &mut Commit) {
        let Some(member) = self.members.get(&reply.character) else { return };
        if reply.request == NO_REQUEST {
            return;
        }
        // What a character carries shows in the prices it is told: not before it is durable.
        let mut waits = false;
        let result = match &reply.result {
            Ok(Accepted::Done) => Ok(Outcome::Done(v1::Done {})),
            Ok(Accepted::Dialog) => Ok(interaction("dialog")),
            Ok(Accepted::Greeting) => Ok(interaction("greeting")),
            Ok(Accepted::PickedUp) => Ok(interaction("picked_up")),
            Ok(Accepted::Traded { unit, count }) => {
                Ok(Outcome::Trade(v1::Trade { price: *unit, count: *count }))
            }
            Ok(Accepted::Crafted { made, masterworks, failed, fee }) => {
                let (made, masterworks, failed, fee) = (*made, *masterworks, *failed, *fee);
                Ok(Outcome::Crafted(v1::Crafted { made, masterworks, failed, fee }))
            }
            Ok(Accepted::Challenged { duel }) => Ok(Outcome::Challenge(v1::Challenge { duel: duel.0 })),
            Ok(Accepted::Prices(list)) => {
                waits = true;
                let by = self.label(list.origin);
                let shop = wire::shop(list, &by, self.world.content());
                Ok(shop.map_or(Outcome::Done(v1::Done {}), Outcome::Shop))
            }
            Err(rejection) => Err(match reply.again_ticks {
                Some(ticks) => {
                    let wait = Duration::from_millis(u64::from(ticks) * u64::from(self.tick_ms));
                    RpcError::NotYet { rejection: rejection.code(), wait }
                }
                None => RpcError::Rejected(rejection.code()),
            }),
        };
        let rests_on_fact =
            |fact: &Fact| fact.character == reply.character && fact.request == Some(reply.request);
        if waits || facts.iter().any(rests_on_fact) {
            let answer = Outgoing::Answer { request: reply.request, result: result.map(Box::new) };
            commit.after.push((Arc::clone(&member.client), answer));
        } else {
            self.mail.answer(&member.client, reply.request, result);
        }
    }

    fn notice(&mut self, character: CharacterId, notice: &Notice) {
        let Some(member) = self.members.get_mut(&character) else { return };
        let tick = self.world.tick();
        let told = match notice {
            Notice::Corrected { seq, at } => {
                if member.is_to_blame(tick, self.tick_ms) {
                    member.client.count_correction();
                }
                Told::WorldCorrected(v1::WorldCorrected { seq: *seq, x: at.x_mm, y: at.y_mm })
            }
            Notice::DialogShown { npc, dialog, node, text, choices, origin } => {
                member.dialog = Some((*dialog, *node));
                let by = label(&*self.rules, &self.content_label, *origin);
                let content = self.world.content();
                let Some(dialog) = content.dialogs.get(dialog) else { return };
                let Some(node) = dialog.nodes.get(node) else { return };
                let offered = choices.iter().filter_map(|choice| node.choices.get(choice));
                let choice =
                    |choice: &DialogChoice| v1::Choice { id: choice.name.clone(), text: choice.text.clone() };
                Told::DialogShow(v1::DialogShow {
                    npc: npc.0,
                    dialog: dialog.name.clone(),
                    node: node.name.clone(),
                    text: text.clone(),
                    choices: offered.map(choice).collect(),
                    by: by.to_string(),
                })
            }
            Notice::DialogEnded => {
                member.dialog = None;
                Told::DialogEnd(v1::DialogEnd {})
            }
            Notice::Died { respawn_ticks } => {
                let respawn_ms = respawn_ticks.saturating_mul(self.tick_ms);
                Told::CharacterDied(v1::CharacterDied { respawn_ms })
            }
            Notice::Greeted(id) => match announcement(self.world.content(), self.world.zone(), *id) {
                Some(told) if member.client.topics.hold(Topic::Announcements) => told,
                _ => return,
            },
            Notice::Respawned => {
                member.place(tick);
                Told::CharacterRespawned(v1::CharacterRespawned {})
            }
            Notice::DuelChallenged { duel, from, name, answer_ticks } => {
                let answer_ms = answer_ticks.saturating_mul(self.tick_ms);
                let (duel, from, name) = (duel.0, from.0, name.clone());
                Told::DuelChallenged(v1::DuelChallenged { duel, from, name, answer_ms })
            }
            Notice::ChallengeEnded { duel, why } => {
                let (duel, why, by) = (duel.0, why.name().to_owned(), self.content_label.to_string());
                Told::DuelEnded(v1::DuelEnded { duel, result: None, why, rounds: 0, by })
            }
            Notice::DuelTurn(state) => {
                let by = label(&*self.rules, &self.content_label, state.origin);
                let blow_by = state.last.map_or(state.origin, |blow| blow.origin);
                let blow_by = label(&*self.rules, &self.content_label, blow_by);
                let content = self.world.content();
                Told::DuelTurn(wire::duel_turn(state, content, self.tick_ms, &by, &blow_by))
            }
        };
        self.mail.notify(&member.client, told);
    }

    /// Tells everybody what is said near enough.
    fn tell_lines(&mut self, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        if self.mail.is_late() {
            return count_dropped(lines.len());
        }
        let mut audience = Audience::new(lines, self.definition().interest_radius_mm);
        for member in self.members.values().filter(|member| member.entity.is_some()) {
            if let Some(heard) = audience.hear(member.at, member.client.encoding) {
                self.mail.speak(&member.client, heard);
            }
        }
    }

    /// Announcements and world events, which are told at once and not in a delta; figures.
    fn observe(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Announcement(id) => {
                let told = announcement(self.world.content(), self.world.zone(), *id);
                let Some(told) = told else { return };
                self.tell_all(Topic::Announcements, told);
            }
            EventKind::World(report) => {
                let stands = wire::world_event(report, self.world.content(), self.tick_ms);
                let Some(stands) = stands else { return };
                let by = self.label(event.origin).to_string();
                self.tell_all(
                    Topic::Events,
                    Told::WorldEvent(v1::WorldEventUpdate { event: Some(stands), by }),
                );
            }
            EventKind::Swing { amount, .. } | EventKind::Pulse { amount, .. } if *amount > 0 => {
                self.meters.damage.increment(u64::from(amount.unsigned_abs()));
            }
            _ => {}
        }
    }

    /// Tells everybody who is in the zone and wants to hear of it.
    fn tell_all(&mut self, topic: Topic, told: Told) {
        let shared = Shared::new(told);
        let here = self.members.values().filter(|member| member.entity.is_some());
        for member in here.filter(|member| member.client.topics.hold(topic)) {
            self.mail.share(&member.client, &shared);
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
                    let told = v1::SystemMessage { text, ..v1::SystemMessage::default() };
                    self.mail.notify(&member.client, Told::SystemMessage(told));
                    state.at = Some(beside_crossings(self.definition(), member.at));
                    state.zone = self.world.zone();
                    self.inputs.push(Input::Enter(Box::new(state)));
                    member.ack_base = member.ack_base.max(departure.last_seq);
                    member.place(self.world.tick());
                    member.forget();
                    self.members.insert(id, member);
                    return;
                };
                let zone = self.zones.handle(index).name.to_string();
                self.mail.notify(&member.client, Told::WorldZone(v1::WorldZone { zone }));
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
    pub(super) fn answer_after_commit(
        &mut self,
        character: CharacterId,
        request: RequestId,
        outcome: Outcome,
    ) {
        if let Some(member) = self.members.get(&character).filter(|_| request != NO_REQUEST) {
            let answer = Outgoing::Answer { request, result: Ok(Box::new(outcome)) };
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

fn interaction(kind: &str) -> Outcome {
    Outcome::Interaction(v1::Interaction { kind: kind.to_owned() })
}

/// `announcement/NAME` as it is told; nothing if the content does not have it.
fn announcement(content: &Content, zone: DefId, id: DefId) -> Option<Told> {
    let text = content.announcements.get(&id)?.text.replace("{zone}", &content.zones[&zone].title);
    let topic = Some(Topic::Announcements.name().to_owned());
    Some(Told::SystemMessage(v1::SystemMessage { text, topic, level: None }))
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

/// What each character is told after the commit of these facts.
fn updates(
    facts: &[StampedFact],
    content: &Content,
    to_next: impl Fn(u32) -> u64,
) -> BTreeMap<CharacterId, Vec<Told>> {
    let mut told: BTreeMap<CharacterId, Vec<Told>> = BTreeMap::new();
    let mut slots: BTreeMap<(CharacterId, u16), v1::SlotUpdate> = BTreeMap::new();
    let mut places: BTreeMap<(CharacterId, &str), String> = BTreeMap::new();
    for StampedFact { fact, by } in facts {
        let by = || by.to_string();
        let mut tell = |message| told.entry(fact.character).or_default().push(message);
        match &fact.kind {
            FactKind::Experience { delta, level, experience, .. } => {
                tell(Told::CharacterUpdate(v1::CharacterUpdate {
                    level: Some(*level),
                    experience: Some(*experience),
                    experience_to_next: Some(to_next(*level)),
                    experience_delta: Some(*delta),
                    by: by(),
                    ..v1::CharacterUpdate::default()
                }));
            }
            FactKind::Gold { delta, gold, .. } => tell(Told::CharacterUpdate(v1::CharacterUpdate {
                gold: Some(*gold),
                gold_delta: Some(*delta),
                by: by(),
                ..v1::CharacterUpdate::default()
            })),
            FactKind::Quest { quest, progress, .. } => {
                if let Some(quest) = wire::quest(*quest, progress, content) {
                    tell(Told::QuestUpdate(v1::QuestUpdate { quest: Some(quest), by: by() }));
                }
            }
            FactKind::Duel { duel, result, why, rounds, .. } => tell(Told::DuelEnded(v1::DuelEnded {
                duel: duel.0,
                result: Some(result.name().to_owned()),
                why: why.name().to_owned(),
                rounds: *rounds,
                by: by(),
            })),
            FactKind::Slot { slot, stack } => {
                slots.insert((fact.character, *slot), wire::slot_update(*slot, *stack, content));
            }
            FactKind::Equipment { slot, item } => {
                let item = item.and_then(|item| content.items.get(&item));
                let name = item.map_or_else(String::new, |item| item.name.clone());
                places.insert((fact.character, names::equip_slot_name(*slot)), name);
            }
            FactKind::EventReward { event, rank, participants, points, experience, gold, items } => {
                let event = content.events.get(event);
                tell(Told::EventReward(v1::EventReward {
                    event: event.map_or_else(String::new, |event| event.name.clone()),
                    title: event.map_or_else(String::new, |event| event.title.clone()),
                    rank: *rank,
                    participants: *participants,
                    points: *points,
                    experience: *experience,
                    gold: *gold,
                    items: wire::prizes(items, content),
                    by: by(),
                }));
            }
            FactKind::Item { .. }
            | FactKind::EventEnded { .. }
            | FactKind::DialogFlags { .. }
            | FactKind::Died { .. }
            | FactKind::Whereabouts { .. } => {}
        }
    }
    let mut inventories: BTreeMap<CharacterId, v1::InventoryUpdate> = BTreeMap::new();
    for ((character, _), slot) in slots {
        inventories.entry(character).or_default().slots.push(slot);
    }
    for ((character, place), item) in places {
        inventories.entry(character).or_default().equipment.insert(place.to_owned(), item);
    }
    for (character, update) in inventories {
        told.entry(character).or_default().push(Told::InventoryUpdate(update));
    }
    told
}
