//! What a client knows of the world, rebuilt from the frames it hears. Pure: no socket, no clock.
//!
//! It is also the judge of the server's conduct: whatever `docs/protocol.md` does not allow is a
//! [`Fault`]. A fault never stops the replica; it takes over what it can and goes on.

use super::wire::{
    CallError, Character, CharacterUpdate, Corrected, Crossed, Delta, DialogShown, Entity, Envelope, Event,
    EventReward, InventoryUpdate, Joined, QuestUpdate, Snapshot, SystemMessage, Welcome, WorldEventUpdate,
    Zone,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use thiserror::Error;

/// Calls that may wait for their answer at once; a client with more is defective.
pub const PENDING_CALLS: usize = 1_024;

/// Something the protocol does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON, not JSON-RPC, or a member is missing or of the wrong type.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// Method of the notification, or what kind of message.
        what: String,
        /// What the decoder said.
        why: String,
    },
    /// A notification that the protocol does not know.
    #[error("unknown notification {0:?}")]
    UnknownNotification(String),
    /// A response to nothing that was asked, or a second one.
    #[error("response to {0} which was not asked")]
    UnaskedResponse(u64),
    /// A delta before any snapshot, or between crossing over and its snapshot.
    #[error("delta of tick {0} without a snapshot before it")]
    DeltaWithoutSnapshot(u64),
    /// A tick number that did not grow.
    #[error("tick went from {from} to {to}")]
    TickBackwards {
        /// Newest tick heard before.
        from: u64,
        /// The tick of the frame.
        to: u64,
    },
    /// An acknowledgement that fell or was never sent.
    #[error("acknowledged {ack} after {before}, newest sent is {sent}")]
    WrongAck {
        /// What the frame said.
        ack: u64,
        /// The acknowledgement before it.
        before: u64,
        /// The newest sequence number sent.
        sent: u64,
    },
    /// A changed or leaving entity that is not in sight.
    #[error("{what} of entity {id} which is not in sight")]
    UnknownEntity {
        /// `update` or `leave`.
        what: &'static str,
        /// Which.
        id: u64,
    },
    /// An entity that enters twice.
    #[error("entity {0} entered twice")]
    EnteredTwice(u64),
}

/// A message the client understood.
#[derive(Debug)]
pub enum Heard {
    /// The server's greeting.
    Welcome(Welcome),
    /// The answer to a call.
    Reply {
        /// Id of the call.
        id: u64,
        /// What was called.
        method: &'static str,
        /// The result as JSON text, or why not.
        outcome: Result<String, CallError>,
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
    Corrected(Corrected),
    /// Crossed over to another zone.
    Crossed(Crossed),
    /// An NPC speaks.
    Dialog(DialogShown),
    /// The conversation is over.
    DialogEnd,
    /// The own character died.
    Died,
    /// The own character is back.
    Respawned,
    /// Somebody said something.
    Chat,
    /// A challenge to a duel, or how one goes.
    Duel,
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
    /// The server goes away and asks to come back.
    Reconnect,
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
    in_sync: bool,
    pending: BTreeMap<u64, &'static str>,
}

impl Replica {
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

    /// Takes in one text frame. Faults are added to `faults`; `None` when nothing could be understood.
    pub fn hear(&mut self, text: &str, faults: &mut Vec<Fault>) -> Option<Heard> {
        match self.decode(text, faults) {
            Ok(heard) => Some(heard),
            Err(fault) => {
                faults.push(fault);
                None
            }
        }
    }

    fn decode(&mut self, text: &str, faults: &mut Vec<Fault>) -> Result<Heard, Fault> {
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|error| malformed("message", &error))?;
        if envelope.jsonrpc != "2.0" {
            return Err(malformed("message", &"jsonrpc is not 2.0"));
        }
        match (envelope.method.as_deref(), envelope.id) {
            (Some(method), None) => self.notification(method, envelope.params, faults),
            (None, Some(id)) => self.response(id, &envelope),
            (Some(method), Some(_)) => Err(malformed(method, &"a server does not call")),
            (None, None) => match envelope.error {
                Some(error) => Err(malformed("answer without id", &error.message)),
                None => Err(malformed("message", &"neither method nor id")),
            },
        }
    }

    fn response(&mut self, id: u64, envelope: &Envelope<'_>) -> Result<Heard, Fault> {
        let method = self.pending.remove(&id).ok_or(Fault::UnaskedResponse(id))?;
        let outcome = match (envelope.result, &envelope.error) {
            (Some(result), None) => Ok(result.get().to_owned()),
            (None, Some(error)) => Err(error.clone()),
            _ => return Err(malformed(method, &"response with both or neither of result and error")),
        };
        if let ("world.join", Ok(result)) = (method, &outcome) {
            let joined: Joined = serde_json::from_str(result).map_err(|error| malformed(method, &error))?;
            self.you = joined.entity;
            self.character = Some(joined.character);
        }
        Ok(Heard::Reply { id, method, outcome })
    }

    fn notification(
        &mut self,
        method: &str,
        params: Option<&RawValue>,
        faults: &mut Vec<Fault>,
    ) -> Result<Heard, Fault> {
        let json = params.map_or("{}", RawValue::get);
        Ok(match method {
            "world.delta" => self.delta(read(method, json)?, faults)?,
            "world.snapshot" => self.snapshot(read(method, json)?, faults),
            "session.welcome" => Heard::Welcome(read(method, json)?),
            "world.corrected" => Heard::Corrected(read(method, json)?),
            "world.zone" => {
                self.in_sync = false;
                self.tick = 0;
                Heard::Crossed(read(method, json)?)
            }
            "dialog.show" => Heard::Dialog(read(method, json)?),
            "dialog.end" => Heard::DialogEnd,
            "character.died" => Heard::Died,
            "character.respawned" => Heard::Respawned,
            "chat.message" => Heard::Chat,
            "duel.challenged" | "duel.turn" | "duel.ended" => Heard::Duel,
            "character.update" => self.character_update(read(method, json)?),
            "inventory.update" => Heard::InventoryUpdate(read(method, json)?),
            "quest.update" => Heard::QuestUpdate(read(method, json)?),
            "world.event" => Heard::WorldEvent(read(method, json)?),
            "event.reward" => Heard::EventReward(read(method, json)?),
            "system.message" => Heard::System(read(method, json)?),
            "system.reconnect" => Heard::Reconnect,
            unknown => return Err(Fault::UnknownNotification(unknown.chars().take(64).collect())),
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

    fn snapshot(&mut self, snapshot: Snapshot, faults: &mut Vec<Fault>) -> Heard {
        let same_zone = self.zone.as_ref().is_some_and(|zone| zone.name == snapshot.zone.name);
        if same_zone && snapshot.tick < self.tick {
            faults.push(Fault::TickBackwards { from: self.tick, to: snapshot.tick });
        }
        self.acknowledge(snapshot.ack, faults);
        self.tick = snapshot.tick;
        self.you = snapshot.you;
        self.zone = Some(snapshot.zone);
        self.entities.clear();
        for entity in snapshot.entities {
            let id = entity.id;
            if self.entities.insert(id, entity).is_some() {
                faults.push(Fault::EnteredTwice(id));
            }
        }
        self.in_sync = true;
        Heard::Snapshot
    }

    fn delta(&mut self, delta: Delta, faults: &mut Vec<Fault>) -> Result<Heard, Fault> {
        if !self.in_sync {
            return Err(Fault::DeltaWithoutSnapshot(delta.tick));
        }
        if delta.tick <= self.tick {
            faults.push(Fault::TickBackwards { from: self.tick, to: delta.tick });
        }
        let ticks = delta.tick.saturating_sub(self.tick);
        self.tick = delta.tick;
        if let Some(ack) = delta.ack {
            self.acknowledge(ack, faults);
        }
        for id in delta.leave {
            if self.entities.remove(&id).is_none() {
                faults.push(Fault::UnknownEntity { what: "leave", id });
            }
        }
        for entity in delta.enter {
            let id = entity.id;
            if self.entities.insert(id, entity).is_some() {
                faults.push(Fault::EnteredTwice(id));
            }
        }
        for update in delta.update {
            match self.entities.get_mut(&update.id) {
                Some(entity) => {
                    entity.x = update.x.unwrap_or(entity.x);
                    entity.y = update.y.unwrap_or(entity.y);
                    entity.hp = update.hp.unwrap_or(entity.hp);
                }
                None => faults.push(Fault::UnknownEntity { what: "update", id: update.id }),
            }
        }
        Ok(Heard::Delta { tick: delta.tick, ticks, events: delta.events })
    }

    fn acknowledge(&mut self, ack: u64, faults: &mut Vec<Fault>) {
        if ack < self.ack || ack > self.sent_seq {
            faults.push(Fault::WrongAck { ack, before: self.ack, sent: self.sent_seq });
        }
        self.ack = self.ack.max(ack.min(self.sent_seq));
    }
}

fn read<'a, T: Deserialize<'a>>(method: &str, json: &'a str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(|error| malformed(method, &error))
}

fn malformed(what: &str, why: &dyn std::fmt::Display) -> Fault {
    Fault::Malformed { what: what.chars().take(64).collect(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const SNAPSHOT: &str = r#"{"jsonrpc":"2.0","method":"world.snapshot","params":{"tick":10,"zone":{"name":"downtown","title":"Downtown","width":400000,"height":400000,"max_speed":20000,"interest_radius":100000,"crossings":[]},"environment":{},"you":12,"ack":0,"self":{},"entities":[{"id":12,"kind":"player","name":"Ada","x":5,"y":6,"hp":100}]}}"#;

    fn check(frames: &[&str], expect: &Expect) {
        let mut replica = Replica::default();
        replica.asked(1, "system.ping");
        let mut faults = Vec::new();
        for frame in frames {
            replica.hear(frame, &mut faults);
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
        let update =
            delta(r#"{"tick":14,"update":[{"id":3,"hp":4}],"events":[{"type":"pulse","amount":4}]}"#);
        let leave = delta(r#"{"tick":15,"leave":[3]}"#);
        let reply = r#"{"jsonrpc":"2.0","id":1,"result":{"nonce":5}}"#;
        check(&[SNAPSHOT, &enter, &update, reply, &leave, SNAPSHOT], &expect!["tick went from 15 to 10"]);
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
}
