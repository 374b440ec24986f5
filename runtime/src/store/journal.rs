//! The journal's form of a fact: one append-only row. Whereabouts have none: they are said every
//! few seconds, explain nothing, and may be lost.

use super::{StoreError, TickFacts, equip_slot_name, names, quest_state_name};
use serde::Serialize;
use serde_json::{Value as Json, json};
use sim::content::Content;
use sim::output::{DuelEntry, DuelResult, FactKind, Opponent};
use std::sync::Arc;

/// A durable change as others are told of it: a row of the journal with its place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DomainEvent {
    /// Where.
    pub zone: String,
    /// When, in ticks of the zone.
    pub tick: u64,
    /// Whose; 0 for what the zone itself did (`event`).
    pub character: i64,
    /// `experience gold item slot equipment quest dialog_flags died duel event_reward event`.
    pub kind: &'static str,
    /// What it is about: an item, a quest, a slot, an opponent.
    pub subject: String,
    /// Change of a quantity, 0 where there is none.
    pub delta: i64,
    /// Source or sink; why a duel ended.
    pub reason: String,
    /// Values after the change.
    pub after: Json,
    /// What decided it: `module@version+digest`, `content+digest` or `fallback`.
    pub by: String,
}

impl TickFacts {
    /// What the journal says of this tick.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]: a fact is about something that is not in the content.
    pub fn events(&self) -> Result<Vec<DomainEvent>, StoreError> {
        let rows = self.facts.iter().map(|stamped| {
            let character = stamped.fact.character.0;
            let row = JournalRow::of_fact(character, &stamped.fact.kind, &self.content, &stamped.by)?;
            Ok(row.map(|row| DomainEvent {
                zone: self.zone.clone(),
                tick: self.tick,
                character: row.character,
                kind: row.kind,
                subject: row.subject,
                delta: row.delta,
                reason: row.reason,
                after: row.payload,
                by: row.by.to_owned(),
            }))
        });
        rows.filter_map(Result::transpose).collect()
    }
}

/// A row of the journal but for its place in it.
pub(super) struct JournalRow<'a> {
    pub(super) character: i64,
    pub(super) kind: &'static str,
    /// What it is about: an item, a quest, a slot.
    pub(super) subject: String,
    /// What audits add up.
    pub(super) delta: i64,
    pub(super) reason: String,
    /// Values after the change.
    pub(super) payload: Json,
    pub(super) by: &'a str,
}

impl<'a> JournalRow<'a> {
    /// What a new character was given.
    pub(super) fn creation_gold(character: i64, gold: u64) -> Self {
        let delta = gold.cast_signed();
        Self::new(
            character,
            "gold",
            String::new(),
            delta,
            "creation".to_owned(),
            json!({"gold": gold}),
            "host",
        )
    }

    /// What a new character was given.
    pub(super) fn creation_item(character: i64, item: &str, count: u32) -> Self {
        let delta = i64::from(count);
        Self::new(character, "item", item.to_owned(), delta, "creation".to_owned(), json!({}), "host")
    }

    /// The row of a fact; none for whereabouts.
    pub(super) fn of_fact(
        character: i64,
        fact: &FactKind,
        content: &Content,
        by: &'a Arc<str>,
    ) -> Result<Option<Self>, StoreError> {
        let plain = |kind, subject: String, payload| {
            Self::new(character, kind, subject, 0, String::new(), payload, by)
        };
        Ok(Some(match fact {
            FactKind::Experience { delta, reason, level, experience } => {
                let reason = names::reason(content, *reason)?;
                let after = json!({"level": level, "experience": experience});
                Self::new(character, "experience", String::new(), *delta, reason, after, by)
            }
            FactKind::Gold { delta, reason, gold } => {
                let reason = names::reason(content, *reason)?;
                Self::new(character, "gold", String::new(), *delta, reason, json!({"gold": gold}), by)
            }
            FactKind::Item { item, delta, reason } => {
                let subject = names::item(content, *item)?.to_owned();
                let reason = names::reason(content, *reason)?;
                Self::new(character, "item", subject, *delta, reason, json!({}), by)
            }
            FactKind::Slot { slot, stack } => {
                let after = match stack {
                    Some(stack) => json!({"item": names::item(content, stack.item)?, "count": stack.count}),
                    None => json!({}),
                };
                plain("slot", slot.to_string(), after)
            }
            FactKind::Equipment { slot, item } => {
                let item = item.map(|item| names::item(content, item)).transpose()?;
                plain("equipment", equip_slot_name(*slot).to_owned(), json!({"item": item}))
            }
            FactKind::Quest { quest, progress, schema } => {
                let after = json!({
                    "state": quest_state_name(progress.state),
                    "done": progress.done,
                    "memory": progress.memory,
                    "schema": schema,
                });
                plain("quest", names::quest(content, *quest)?.to_owned(), after)
            }
            FactKind::DialogFlags { dialog, flags, schema } => {
                let after = json!({"flags": flags, "schema": schema});
                plain("dialog_flags", names::dialog(content, *dialog)?.to_owned(), after)
            }
            FactKind::Died { killer } => {
                let killer = killer.some().map(|killer| names::npc(content, killer)).transpose()?;
                plain("died", killer.unwrap_or_default().to_owned(), json!({}))
            }
            FactKind::Duel { opponent, result, why, rounds, log, .. } => {
                let (subject, other) = match opponent {
                    Opponent::Character(other) => (format!("character/{other}"), json!(other.0)),
                    Opponent::Npc(npc) => {
                        let name = format!("npc/{}", names::npc(content, *npc)?);
                        (name.clone(), json!(name))
                    }
                };
                let (winner, loser) = match result {
                    DuelResult::Won => (json!(character), other),
                    DuelResult::Lost => (other, json!(character)),
                    DuelResult::Drawn => (Json::Null, Json::Null),
                };
                let turn = |entry: &DuelEntry| {
                    let ability = content.abilities.get(&entry.ability).map(|ability| &ability.name);
                    json!({"own": entry.own, "ability": ability, "amount": entry.amount, "heal": entry.heal})
                };
                let after = json!({
                    "result": result.name(),
                    "winner": winner,
                    "loser": loser,
                    "rounds": rounds,
                    "log": log.iter().map(turn).collect::<Vec<_>>(),
                });
                Self::new(character, "duel", subject, 0, why.name().to_owned(), after, by)
            }
            FactKind::EventReward { event, rank, participants, points, experience, gold, items } => {
                let names: Result<Vec<_>, StoreError> = items
                    .iter()
                    .map(|some| Ok(json!({"item": names::item(content, some.item)?, "count": some.count})))
                    .collect();
                let after = json!({
                    "rank": rank,
                    "participants": participants,
                    "points": points,
                    "experience": experience,
                    "gold": gold,
                    "items": names?,
                });
                plain("event_reward", names::event(content, *event)?.to_owned(), after)
            }
            FactKind::EventEnded { event, success, participants } => {
                let after = json!({"success": success, "participants": participants});
                plain("event", names::event(content, *event)?.to_owned(), after)
            }
            FactKind::Whereabouts { .. } => return Ok(None),
        }))
    }

    fn new(
        character: i64,
        kind: &'static str,
        subject: String,
        delta: i64,
        reason: String,
        payload: Json,
        by: &'a str,
    ) -> Self {
        Self { character, kind, subject, delta, reason, payload, by }
    }
}
