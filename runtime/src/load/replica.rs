//! What a client knows of the world, rebuilt from the frames it hears. Pure: no socket, no clock.
//!
//! It is also the judge of the server's conduct: whatever `docs/protocol.md` does not allow is a
//! [`Fault`]. A fault never stops the replica; it takes over what it can and goes on.
//!
//! A replica that looks past others ([`Replica::look_past_others`]) costs little whatever the number of entities in sight:
//! it knows and judges no more than the own character, the ticks and the acknowledgements.

mod glance;
mod sight;

use super::fault::{Fault, malformed};
use protocol::prost::Message as _;
use protocol::v1::event::Type as Event;
use protocol::v1::notification::Method as Told;
use protocol::v1::response::Outcome;
use protocol::v1::{
    self, Character, CharacterUpdate, ChatMessage, DialogShow, DuelChallenged, DuelTurn, EventReward,
    InventoryUpdate, PresenceChanged, QuestUpdate, ServerFrame, SessionWelcome, SystemMessage,
    WorldCorrected, WorldEventUpdate, WorldZone, Zone,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Calls that may wait for their answer at once; a client with more is defective.
pub const PENDING_CALLS: usize = 1_024;

/// A message the client understood.
#[derive(Debug)]
pub enum Heard {
    /// The server's greeting.
    Welcome(SessionWelcome),
    /// The answer to a call.
    Reply {
        /// Id of the call.
        id: u64,
        /// What was called.
        method: &'static str,
        /// The result, or why not.
        outcome: Result<Outcome, v1::Error>,
    },
    /// The replica was replaced.
    Snapshot,
    /// The replica moved on.
    Delta {
        /// Its tick.
        tick: u64,
        /// Ticks since the frame before.
        ticks: u64,
        /// What could be seen.
        events: Vec<Event>,
    },
    /// A movement was impossible.
    Corrected(WorldCorrected),
    /// Crossed over to another zone.
    Crossed(WorldZone),
    /// An NPC speaks.
    Dialog(DialogShow),
    /// The conversation is over.
    DialogEnd,
    /// The own character died.
    Died,
    /// The own character is back.
    Respawned,
    /// Somebody said something.
    Chat(ChatMessage),
    /// Somebody asks for a duel.
    Challenged(DuelChallenged),
    /// How a duel goes.
    DuelTurn(DuelTurn),
    /// A duel, or a challenge that became none, is over.
    DuelEnded,
    /// Durable: level, experience, gold.
    CharacterUpdate(CharacterUpdate),
    /// Durable: items.
    InventoryUpdate(InventoryUpdate),
    /// Durable: a quest.
    QuestUpdate(QuestUpdate),
    /// Durable: what a part in a world event was worth.
    EventReward(EventReward),
    /// A world event began, went on or is over.
    WorldEvent(WorldEventUpdate),
    /// Something for everybody.
    System(SystemMessage),
    /// Somebody who is listened to came, went or changed.
    Presence(PresenceChanged),
    /// The server goes away and asks to come back.
    Reconnect,
}

/// An entity as it stands in the replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Id within the zone.
    pub id: u64,
    /// What it is.
    pub kind: v1::EntityKind,
    /// Template in the content.
    pub template: String,
    /// East, millimetres.
    pub x: i32,
    /// North, millimetres.
    pub y: i32,
    /// Health; items have none.
    pub hp: i32,
    /// Fights characters.
    pub hostile: bool,
}

impl Entity {
    fn new(entity: v1::Entity) -> Self {
        Self {
            id: entity.id,
            kind: entity.kind(),
            x: entity.x(),
            y: entity.y(),
            hp: entity.hp(),
            hostile: entity.hostile(),
            template: entity.template.unwrap_or_default(),
        }
    }

    fn update(&mut self, update: &v1::Entity) {
        self.x = update.x.unwrap_or(self.x);
        self.y = update.y.unwrap_or(self.y);
        self.hp = update.hp.unwrap_or(self.hp);
    }
}

/// One text frame of `lore.v1.json`: a response (with `id`) or a notification (with `method`).
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    seq: Option<u64>,
    id: Option<u64>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<v1::Error>,
}

/// The world as one client knows it.
#[derive(Debug, Default)]
pub struct Replica {
    /// The own entity, once joined.
    pub you: u64,
    /// The zone, once a snapshot came.
    pub zone: Option<Zone>,
    /// Everything in sight.
    pub entities: HashMap<u64, Entity>,
    /// Newest tick heard in this zone.
    pub tick: u64,
    /// Highest acknowledged movement.
    pub ack: u64,
    /// Highest movement sent.
    pub sent_seq: u64,
    /// Who plays, once joined.
    pub character: Option<Character>,
    /// Number of the last message that must not be lost.
    pub heard_seq: u64,
    /// Such messages that never came, in all sessions.
    pub missed: u64,
    /// Such messages that came again after they were heard, in all sessions.
    pub repeated: u64,
    in_sync: bool,
    /// Deltas may still be of the time before the session was resumed.
    is_resuming: bool,
    looks_past_others: bool,
    pending: BTreeMap<u64, &'static str>,
}

impl Replica {
    /// From now on `entities` holds the own one and hostile ones, these where they came into sight, and events are
    /// not told. To be called before the first frame.
    pub fn look_past_others(&mut self) {
        self.looks_past_others = true;
    }

    /// Whether it knows everything in sight.
    pub fn is_whole(&self) -> bool {
        !self.looks_past_others
    }

    /// The own entity, if it is in sight.
    pub fn own(&self) -> Option<&Entity> {
        self.entities.get(&self.you)
    }

    /// Remembers that `id` waits for an answer. False when too many wait already.
    pub fn asked(&mut self, id: u64, method: &'static str) -> bool {
        if self.pending.len() >= PENDING_CALLS {
            return false;
        }
        self.pending.insert(id, method);
        true
    }

    /// Calls without an answer so far.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whoever was asked for this will not answer.
    pub fn forget(&mut self, method: &str) {
        self.pending.retain(|_, asked| *asked != method);
    }

    /// The session goes on over another connection: what is in sight is told anew.
    pub fn resumed(&mut self) {
        self.in_sync = false;
        self.is_resuming = true;
    }

    /// Another session has begun: nothing is known any more but who plays, nothing that was asked of the former is
    /// answered, and messages and movements are counted anew.
    pub fn begun_anew(&mut self) {
        self.pending.clear();
        self.entities.clear();
        (self.tick, self.ack, self.sent_seq, self.heard_seq) = (0, 0, 0, 0);
        (self.in_sync, self.is_resuming) = (false, false);
    }

    /// Takes in one frame of `lore.v1.json`. Faults are added to `faults`; `None` when nothing could be understood, and
    /// for what was heard before.
    pub fn hear_text(&mut self, text: &str, faults: &mut Vec<Fault>) -> Option<Heard> {
        self.read_text(text, faults).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        })
    }

    /// Takes in one frame of `lore.v1.proto`, which may hold several messages.
    pub fn hear_binary(&mut self, bytes: &[u8], faults: &mut Vec<Fault>) -> Vec<Heard> {
        if let Some(glanced) = self.glance(bytes, faults) {
            return glanced.map_err(|fault| faults.push(fault)).into_iter().collect();
        }
        let frame = match ServerFrame::decode(bytes) {
            Ok(frame) => frame,
            Err(error) => {
                faults.push(malformed("message", &error));
                return Vec::new();
            }
        };
        let mut all = Vec::new();
        if frame.seq > 0 && !self.is_new(frame.seq, faults) {
            return all;
        }
        for response in frame.responses {
            match self.response(response) {
                Ok(heard) => all.push(heard),
                Err(fault) => faults.push(fault),
            }
        }
        for notification in frame.notifications {
            if notification.method.as_ref().is_some_and(|told| self.is_stale(told)) {
                continue;
            }
            let told =
                notification.method.ok_or_else(|| Fault::UnknownNotification("by its number".to_owned()));
            match told.and_then(|told| self.told(told, faults)) {
                Ok(heard) => all.push(heard),
                Err(fault) => faults.push(fault),
            }
        }
        all
    }

    /// Counts a message that must not be lost. False if it was heard before.
    fn is_new(&mut self, seq: u64, faults: &mut Vec<Fault>) -> bool {
        let heard = self.heard_seq;
        if seq <= heard {
            self.repeated += 1;
            return false;
        }
        if seq > heard + 1 {
            self.missed += seq - heard - 1;
            faults.push(Fault::Gap { heard, seq });
        }
        self.heard_seq = seq;
        true
    }

    fn read_text(&mut self, text: &str, faults: &mut Vec<Fault>) -> Result<Option<Heard>, Fault> {
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|error| malformed("message", &error))?;
        if envelope.jsonrpc != "2.0" {
            return Err(malformed("message", &"jsonrpc is not 2.0"));
        }
        if envelope.seq.is_some_and(|seq| !self.is_new(seq, faults)) {
            return Ok(None);
        }
        let heard = match (envelope.method.as_deref(), envelope.id) {
            (Some(method), None) => {
                let params = envelope.params.map_or("{}", RawValue::get);
                if let Some(glanced) = self.glance_at_text(method, params, faults) {
                    return glanced.map(Some);
                }
                let told = Told::from_json(method, params);
                let told =
                    told.ok_or_else(|| Fault::UnknownNotification(method.chars().take(64).collect()))?;
                let told = told.map_err(|error| malformed(method, &error))?;
                if self.is_stale(&told) {
                    return Ok(None);
                }
                self.told(told, faults)
            }
            (None, Some(id)) => {
                let method = *self.pending.get(&id).ok_or(Fault::UnaskedResponse(id))?;
                let outcome = match (envelope.result, envelope.error) {
                    (Some(result), None) => {
                        let read = Outcome::from_json(method, result.get());
                        read.and_then(Result::ok).ok_or_else(|| malformed(method, &result.get()))
                    }
                    (None, Some(error)) => Ok(Outcome::Error(error)),
                    _ => Err(malformed(method, &"response with both or neither of result and error")),
                };
                if outcome.is_err() {
                    self.pending.remove(&id);
                }
                self.response(v1::Response { id, outcome: Some(outcome?) })
            }
            (Some(method), Some(_)) => Err(malformed(method, &"a server does not call")),
            (None, None) => match envelope.error {
                Some(error) => Err(malformed("answer without id", &error.message)),
                None => Err(malformed("message", &"neither method nor id")),
            },
        };
        heard.map(Some)
    }

    fn response(&mut self, response: v1::Response) -> Result<Heard, Fault> {
        let id = response.id;
        let method = self.pending.remove(&id).ok_or(Fault::UnaskedResponse(id))?;
        let outcome = match response.outcome {
            Some(Outcome::Error(error)) => Err(error),
            Some(outcome) => Ok(outcome),
            None => return Err(malformed(method, &"response without an outcome")),
        };
        if let Ok(Outcome::Joined(joined)) = &outcome {
            self.you = joined.entity;
            self.character.clone_from(&joined.character);
        }
        Ok(Heard::Reply { id, method, outcome })
    }

    /// Whether it says what changed since something that is not known any more.
    fn is_stale(&self, told: &Told) -> bool {
        self.is_resuming && matches!(told, Told::WorldDelta(_))
    }

    fn told(&mut self, told: Told, faults: &mut Vec<Fault>) -> Result<Heard, Fault> {
        Ok(match told {
            Told::WorldDelta(delta) => self.delta(delta, faults)?,
            Told::WorldSnapshot(snapshot) => self.snapshot(snapshot, faults)?,
            Told::SessionWelcome(welcome) => Heard::Welcome(welcome),
            Told::WorldCorrected(corrected) => Heard::Corrected(corrected),
            Told::WorldZone(crossed) => {
                self.in_sync = false;
                self.tick = 0;
                Heard::Crossed(crossed)
            }
            Told::DialogShow(dialog) => Heard::Dialog(dialog),
            Told::DialogEnd(_) => Heard::DialogEnd,
            Told::CharacterDied(_) => Heard::Died,
            Told::CharacterRespawned(_) => Heard::Respawned,
            Told::ChatMessage(message) => Heard::Chat(message),
            Told::DuelChallenged(challenge) => Heard::Challenged(challenge),
            Told::DuelTurn(turn) => Heard::DuelTurn(turn),
            Told::DuelEnded(_) => Heard::DuelEnded,
            Told::CharacterUpdate(update) => self.character_update(update),
            Told::InventoryUpdate(update) => Heard::InventoryUpdate(update),
            Told::QuestUpdate(update) => Heard::QuestUpdate(update),
            Told::WorldEvent(update) => Heard::WorldEvent(update),
            Told::EventReward(reward) => Heard::EventReward(reward),
            Told::SystemMessage(message) => Heard::System(message),
            Told::SystemReconnect(_) => Heard::Reconnect,
            Told::PresenceChanged(changed) => Heard::Presence(changed),
        })
    }

    fn character_update(&mut self, update: CharacterUpdate) -> Heard {
        if let Some(character) = &mut self.character {
            character.level = update.level.unwrap_or(character.level);
            character.experience = update.experience.unwrap_or(character.experience);
            character.gold = update.gold.unwrap_or(character.gold);
        }
        Heard::CharacterUpdate(update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const SNAPSHOT: &str = r#"{"jsonrpc":"2.0","method":"world.snapshot","params":{"tick":10,"zone":{"name":"downtown","title":"Downtown","width":400000,"height":400000,"max_speed":20000,"interest_radius":100000,"crossings":[]},"you":12,"ack":0,"self":{},"entities":[{"id":12,"kind":"player","name":"Ada","x":5,"y":6,"hp":100}]}}"#;

    fn check(frames: &[&str], expect: &Expect) {
        let mut replica = Replica::default();
        replica.asked(1, "system.ping");
        let mut faults = Vec::new();
        for frame in frames {
            replica.hear_text(frame, &mut faults);
        }
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        expect.assert_eq(&said.join("\n"));
    }

    fn delta(params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","method":"world.delta","params":{params}}}"#)
    }

    #[test]
    fn what_the_protocol_allows_is_no_fault() {
        let enter = delta(r#"{"tick":11,"enter":[{"id":3,"kind":"npc","x":1,"y":2}]}"#);
        let update = delta(
            r#"{"tick":14,"update":[{"id":3,"hp":4}],"events":[{"type":"pulse","source":12,"target":3,"status":"bleed","amount":4,"by":"abilities@0.1.0"}]}"#,
        );
        let leave = delta(r#"{"tick":15,"leave":[3]}"#);
        let reply = r#"{"jsonrpc":"2.0","id":1,"result":{"nonce":5,"server_time_ms":1}}"#;
        check(&[SNAPSHOT, &enter, &update, reply, &leave, SNAPSHOT], &expect!["tick went from 15 to 10"]);
    }

    #[test]
    fn messages_that_must_not_be_lost_are_counted() {
        let mut replica = Replica::default();
        let mut faults = Vec::new();
        let told = |seq: u64| {
            format!(
                r#"{{"seq":{seq},"jsonrpc":"2.0","method":"system.message","params":{{"text":"hello"}}}}"#
            )
        };
        assert!(replica.hear_text(&told(1), &mut faults).is_some());
        assert!(replica.hear_text(&told(1), &mut faults).is_none(), "sent again");
        assert_eq!((replica.heard_seq, faults.as_slice()), (1, &[][..]));
        assert!(replica.hear_text(&told(3), &mut faults).is_some());
        assert_eq!((replica.heard_seq, faults.as_slice()), (3, &[Fault::Gap { heard: 1, seq: 3 }][..]));
        replica.begun_anew();
        assert!(replica.hear_text(&told(1), &mut faults).is_some());
        assert_eq!((faults.len(), replica.missed, replica.repeated), (1, 1, 1));
    }

    #[test]
    fn who_comes_back_waits_for_a_snapshot() {
        let mut replica = Replica::default();
        let mut faults = Vec::new();
        assert!(replica.hear_text(SNAPSHOT, &mut faults).is_some());
        replica.resumed();
        let late = delta(r#"{"tick":12,"leave":[99]}"#);
        assert!(replica.hear_text(&late, &mut faults).is_none(), "of the time before");
        assert!(replica.hear_text(SNAPSHOT, &mut faults).is_some());
        assert!(replica.hear_text(&delta(r#"{"tick":13}"#), &mut faults).is_some());
        assert_eq!(faults, []);
    }

    #[test]
    fn conduct_against_the_protocol_is_named() {
        let strangers = delta(
            r#"{"tick":11,"ack":9,"update":[{"id":3}],"leave":[4],"enter":[{"id":12,"kind":"player","x":1,"y":2}]}"#,
        );
        let again = delta(r#"{"tick":11}"#);
        let zone = r#"{"jsonrpc":"2.0","method":"world.zone","params":{"zone":"westview"}}"#;
        check(
            &[
                &again,
                SNAPSHOT,
                &strangers,
                &again,
                r#"{"jsonrpc":"2.0","method":"world.surprise","params":{}}"#,
                r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
                r#"{"jsonrpc":"2.0","id":1}"#,
                r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
                "{",
                zone,
                &again,
            ],
            &expect![[r#"
                delta of tick 11 without a snapshot before it
                acknowledged 9 after 0, newest sent is 0
                leave of entity 4 which is not in sight
                entity 12 entered twice
                update of entity 3 which is not in sight
                tick went from 11 to 11
                unknown notification "world.surprise"
                response to 7 which was not asked
                malformed system.ping: response with both or neither of result and error
                malformed message: jsonrpc is not 2.0
                malformed message: EOF while parsing an object at line 1 column 1
                delta of tick 11 without a snapshot before it"#]],
        );
    }

    #[test]
    fn another_session_leaves_no_answers_to_wait_for() {
        let mut replica = Replica::default();
        let mut faults = Vec::new();
        replica.hear_text(SNAPSHOT, &mut faults);
        replica.asked(1, "system.ping");
        replica.sent_seq = 7;
        replica.begun_anew();
        assert_eq!((replica.pending(), replica.sent_seq), (0, 0));
        replica.hear_text(&delta(r#"{"tick":11}"#), &mut faults);
        replica.hear_text(&SNAPSHOT.replace("\"tick\":10", "\"tick\":2"), &mut faults);
        assert_eq!(faults, [Fault::DeltaWithoutSnapshot(11)]);
    }
}
