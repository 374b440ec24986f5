//! Making the facts of ticks durable: journal rows and current-state rows in one transaction.
//!
//! Facts carry the values after the change, so the last one of a key wins and nothing is read.

use super::event_ends::{Ends, write_event_ends};
use super::journal::JournalRow;
use super::rows::{Value, write_rows};
use super::{Store, StoreError, equip_slot_name, names, quest_state_name, unix_seconds};
use sim::content::{Content, EquipSlot};
use sim::output::{Fact, FactKind};
use sqlx::{Any, Row, Transaction};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The facts of one tick of one zone.
#[derive(Clone, Debug)]
pub struct TickFacts {
    /// Name of the zone.
    pub zone: String,
    /// Which tick. Never twice with different facts: the zone's clock goes on from
    /// [`Store::load_zone_clocks`].
    pub tick: u64,
    /// Definitions in force, for the names.
    pub content: Arc<Content>,
    /// In the order they happened.
    pub facts: Vec<StampedFact>,
}

/// A fact and who decided it.
#[derive(Clone, Debug)]
pub struct StampedFact {
    /// What happened.
    pub fact: Fact,
    /// `module@version+digest`, or `fallback`.
    pub by: Arc<str>,
}

/// The one who makes facts durable. A new one ends the term of those before it, wherever they run.
pub struct FactWriter {
    store: Store,
    term: i64,
    /// Batches written in this term.
    batch: i64,
}

impl FactWriter {
    /// Makes the facts durable: all of them or none. After an error of which it is not known
    /// whether it came before or after the commit, call it again with the same ticks: they are
    /// written once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing was written, or it cannot be known; try again.
    /// [`StoreError::Superseded`]: a later writer has taken over, nothing was written.
    /// [`StoreError::Corrupt`]: the journal has facts of that tick, so a zone's clock was turned
    /// back. [`StoreError::UnknownDefinition`]: see there.
    pub async fn commit(&mut self, ticks: &[TickFacts]) -> Result<(), StoreError> {
        let batch = self.batch + 1;
        let mut tx = self.store.begin().await?;
        if self.claim(&mut tx, batch).await? {
            match write_ticks(&mut tx, ticks).await {
                Err(StoreError::Conflict("journal")) => {
                    return Err(StoreError::Corrupt(
                        "the journal has facts of these ticks already".to_owned(),
                    ));
                }
                written => written?,
            }
            tx.commit().await?;
        }
        self.batch = batch;
        Ok(())
    }

    /// As if the answer to the last commit had been lost.
    #[cfg(test)]
    pub(super) fn forget_last(&mut self) {
        self.batch -= 1;
    }

    /// Whether the batch is still to be written. Waits for a transaction of an earlier attempt that
    /// the database has not ended yet.
    async fn claim(&self, tx: &mut Transaction<'static, Any>, batch: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE fact_writer SET batch = $2 WHERE term = $1 AND batch < $2";
        let claimed = sqlx::query(sql).bind(self.term).bind(batch).execute(&mut **tx).await?;
        if claimed.rows_affected() == 1 {
            return Ok(true);
        }
        let term: i64 = sqlx::query_scalar("SELECT term FROM fact_writer").fetch_one(&mut **tx).await?;
        if term == self.term { Ok(false) } else { Err(StoreError::Superseded) }
    }
}

impl Store {
    /// Begins a new term: from now on nobody else makes facts durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn fact_writer(&self) -> Result<FactWriter, StoreError> {
        let sql = "UPDATE fact_writer SET term = term + 1, batch = 0 RETURNING term";
        let term = sqlx::query_scalar(sql).fetch_one(&self.writer).await?;
        Ok(FactWriter { store: self.clone(), term, batch: 0 })
    }

    /// Saves how far the zones' clocks have come; a clock never goes back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn save_zone_clocks(&self, clocks: &[(String, u64)]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let clocks = clocks.iter().map(|(zone, tick)| (zone.as_str(), *tick)).collect();
        write_clocks(&mut tx, &clocks).await?;
        Ok(tx.commit().await?)
    }

    /// The tick each zone has reached: at least that of its last committed fact.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn load_zone_clocks(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows =
            sqlx::query("SELECT zone, tick FROM zone_clock ORDER BY zone").fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("zone")?, row.try_get::<i64, _>("tick")?.cast_unsigned())))
            .collect()
    }
}

async fn write_ticks(tx: &mut Transaction<'static, Any>, ticks: &[TickFacts]) -> Result<(), StoreError> {
    let mut after = After::default();
    for tick in ticks {
        let mut journal = Vec::with_capacity(tick.facts.len());
        for stamped in &tick.facts {
            let character = stamped.fact.character.0;
            let row = JournalRow::of_fact(character, &stamped.fact.kind, &tick.content, &stamped.by)?;
            journal.extend(row);
            after.add(character, &stamped.fact.kind, tick)?;
        }
        append_journal(tx, &tick.zone, tick.tick.cast_signed(), journal).await?;
        let clock = after.clocks.entry(&tick.zone).or_default();
        *clock = (*clock).max(tick.tick);
    }
    after.write(tx).await
}

/// Appends rows under `(zone, tick, 0..)`.
pub(super) async fn append_journal(
    tx: &mut Transaction<'static, Any>,
    zone: &str,
    tick: i64,
    rows: Vec<JournalRow<'_>>,
) -> Result<(), StoreError> {
    let now = unix_seconds();
    let rows = rows.into_iter().enumerate().map(|(seq, row)| {
        [
            Value::from(zone),
            Value::Int(tick),
            Value::Int(seq as i64),
            Value::Int(row.character),
            Value::from(row.kind),
            Value::from(row.subject),
            Value::Int(row.delta),
            Value::from(row.reason),
            Value::from(row.payload.to_string()),
            Value::from(row.by),
            Value::Int(now),
        ]
    });
    let head = "INSERT INTO journal (zone, tick, seq, character_id, kind, subject, delta, reason, \
                payload, by_module, recorded_s) VALUES ";
    write_rows(tx, head, rows.collect(), "").await
}

async fn write_clocks(
    tx: &mut Transaction<'static, Any>,
    clocks: &BTreeMap<&str, u64>,
) -> Result<(), StoreError> {
    let rows = clocks.iter().map(|(zone, tick)| [Value::from(*zone), Value::Int(tick.cast_signed())]);
    let tail = " ON CONFLICT (zone) DO UPDATE SET tick = excluded.tick WHERE excluded.tick > zone_clock.tick";
    write_rows(tx, "INSERT INTO zone_clock (zone, tick) VALUES ", rows.collect(), tail).await
}

/// The state after a batch of facts: per key the last value. Ordered, so that two batches that
/// meet in the database lock rows in the same order.
#[derive(Default)]
struct After<'a> {
    progress: BTreeMap<i64, (u32, u64)>,
    gold: BTreeMap<i64, u64>,
    whereabouts: BTreeMap<i64, Whereabouts<'a>>,
    slots: BTreeMap<(i64, u16), Option<(&'a str, u32)>>,
    equipment: BTreeMap<(i64, EquipSlot), Option<&'a str>>,
    quests: BTreeMap<(i64, &'a str), (&'static str, String, i64, u32)>,
    dialog_flags: BTreeMap<(i64, &'a str), (u64, u32)>,
    event_ends: Ends<'a>,
    clocks: BTreeMap<&'a str, u64>,
}

struct Whereabouts<'a> {
    zone: &'a str,
    x_mm: i32,
    y_mm: i32,
    health: i32,
    mana: i32,
}

impl<'a> After<'a> {
    fn add(&mut self, character: i64, fact: &'a FactKind, tick: &'a TickFacts) -> Result<(), StoreError> {
        let content: &Content = &tick.content;
        match fact {
            FactKind::Experience { level, experience, .. } => {
                self.progress.insert(character, (*level, *experience));
            }
            FactKind::Gold { gold, .. } => {
                self.gold.insert(character, *gold);
            }
            FactKind::Slot { slot, stack } => {
                let stack = match stack {
                    Some(stack) => Some((names::item(content, stack.item)?, stack.count)),
                    None => None,
                };
                self.slots.insert((character, *slot), stack);
            }
            FactKind::Equipment { slot, item } => {
                let item = item.map(|item| names::item(content, item)).transpose()?;
                self.equipment.insert((character, *slot), item);
            }
            FactKind::Quest { quest, progress, schema } => {
                let done = serde_json::json!(progress.done).to_string();
                let row = (quest_state_name(progress.state), done, progress.memory, *schema);
                self.quests.insert((character, names::quest(content, *quest)?), row);
            }
            FactKind::DialogFlags { dialog, flags, schema } => {
                self.dialog_flags.insert((character, names::dialog(content, *dialog)?), (*flags, *schema));
            }
            FactKind::Whereabouts { zone, at, health, mana } => {
                let zone = names::zone(content, *zone)?;
                let (x_mm, y_mm) = (at.x_mm, at.y_mm);
                self.whereabouts
                    .insert(character, Whereabouts { zone, x_mm, y_mm, health: *health, mana: *mana });
            }
            // The journal alone remembers these; the slots they concern have facts of their own.
            FactKind::Item { .. }
            | FactKind::Died { .. }
            | FactKind::Duel { .. }
            | FactKind::EventReward { .. } => {}
            FactKind::EventEnded { event, .. } => {
                self.event_ends.insert((&tick.zone, names::event(content, *event)?), tick.tick);
            }
        }
        Ok(())
    }

    async fn write(self, tx: &mut Transaction<'static, Any>) -> Result<(), StoreError> {
        write_clocks(tx, &self.clocks).await?;
        self.write_character_rows(tx).await?;
        write_slots(tx, self.slots).await?;
        write_equipment(tx, self.equipment).await?;
        let quests = self.quests.into_iter().map(|((character, quest), (state, done, memory, schema))| {
            let (memory, schema) = (Value::Int(memory), Value::Int(schema.into()));
            [Value::Int(character), quest.into(), state.into(), done.into(), memory, schema]
        });
        write_rows(
            tx,
            "INSERT INTO quests (character_id, quest, state, done, memory, schema) VALUES ",
            quests.collect(),
            " ON CONFLICT (character_id, quest) DO UPDATE \
              SET state = excluded.state, done = excluded.done, memory = excluded.memory, \
              schema = excluded.schema",
        )
        .await?;
        let flags = self.dialog_flags.into_iter().map(|((character, dialog), (flags, schema))| {
            let (flags, schema) = (Value::Int(flags.cast_signed()), Value::Int(schema.into()));
            [Value::Int(character), dialog.into(), flags, schema]
        });
        write_rows(
            tx,
            "INSERT INTO dialog_flags (character_id, dialog, flags, schema) VALUES ",
            flags.collect(),
            " ON CONFLICT (character_id, dialog) DO UPDATE \
              SET flags = excluded.flags, schema = excluded.schema",
        )
        .await?;
        write_event_ends(tx, self.event_ends).await
    }

    /// `VALUES` in a `FROM` names its columns `column1`, `column2`, ... in both databases.
    async fn write_character_rows(&self, tx: &mut Transaction<'static, Any>) -> Result<(), StoreError> {
        let tail = ") AS after WHERE characters.id = after.column1";
        let progress = self.progress.iter().map(|(character, (level, experience))| {
            [Value::Int(*character), Value::Int(i64::from(*level)), Value::Int(experience.cast_signed())]
        });
        let head = "UPDATE characters SET level = after.column2, experience = after.column3 FROM (VALUES ";
        write_rows(tx, head, progress.collect(), tail).await?;
        let gold = self.gold.iter().map(|(id, gold)| [Value::Int(*id), Value::Int(gold.cast_signed())]);
        let head = "UPDATE characters SET gold = after.column2 FROM (VALUES ";
        write_rows(tx, head, gold.collect(), tail).await?;
        let whereabouts = self.whereabouts.iter().map(|(character, here)| {
            [
                Value::Int(*character),
                here.zone.into(),
                Value::Int(i64::from(here.x_mm)),
                Value::Int(i64::from(here.y_mm)),
                Value::Int(i64::from(here.health)),
                Value::Int(i64::from(here.mana)),
            ]
        });
        let head = "UPDATE characters SET zone = after.column2, x_mm = after.column3, y_mm = after.column4, \
                    health = after.column5, mana = after.column6 FROM (VALUES ";
        write_rows(tx, head, whereabouts.collect(), tail).await
    }
}

async fn write_slots(
    tx: &mut Transaction<'static, Any>,
    slots: BTreeMap<(i64, u16), Option<(&str, u32)>>,
) -> Result<(), StoreError> {
    let (mut filled, mut emptied) = (Vec::new(), Vec::new());
    for ((character, slot), stack) in slots {
        let key = [Value::Int(character), Value::Int(i64::from(slot))];
        match stack {
            Some((item, count)) => {
                let [character, slot] = key;
                filled.push([character, slot, item.into(), Value::Int(i64::from(count))]);
            }
            None => emptied.push(key),
        }
    }
    let head = "DELETE FROM inventory_slots WHERE (character_id, slot) IN (VALUES ";
    write_rows(tx, head, emptied, ")").await?;
    write_rows(
        tx,
        "INSERT INTO inventory_slots (character_id, slot, item, count) VALUES ",
        filled,
        " ON CONFLICT (character_id, slot) DO UPDATE SET item = excluded.item, count = excluded.count",
    )
    .await
}

async fn write_equipment(
    tx: &mut Transaction<'static, Any>,
    equipment: BTreeMap<(i64, EquipSlot), Option<&str>>,
) -> Result<(), StoreError> {
    let (mut worn, mut bare) = (Vec::new(), Vec::new());
    for ((character, slot), item) in equipment {
        let key = [Value::Int(character), equip_slot_name(slot).into()];
        match item {
            Some(item) => {
                let [character, slot] = key;
                worn.push([character, slot, item.into()]);
            }
            None => bare.push(key),
        }
    }
    let head = "DELETE FROM equipment WHERE (character_id, slot) IN (VALUES ";
    write_rows(tx, head, bare, ")").await?;
    write_rows(
        tx,
        "INSERT INTO equipment (character_id, slot, item) VALUES ",
        worn,
        " ON CONFLICT (character_id, slot) DO UPDATE SET item = excluded.item",
    )
    .await
}
