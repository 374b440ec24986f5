//! Characters: making, listing, loading and deleting them. Their progress is written by
//! [`super::commit`], from facts only.

use super::accounts::fold;
use super::journal::JournalRow;
use super::rows::{Value, write_rows};
use super::{AccountId, Store, StoreError, commit, names, unix_seconds};
use sim::content::{Class, Content, Position};
use sim::input::{CharacterState, QuestProgress, Stack};
use sim::state::Kept;
use sim::{CharacterId, DefId, def_id};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use std::collections::BTreeMap;

/// Characters one account can have: what a selection screen shows.
pub const CHARACTERS_PER_ACCOUNT: i64 = 8;

/// A character in a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CharacterSummary {
    /// Key.
    pub id: i64,
    /// Unique name.
    pub name: String,
    /// Name of its class.
    pub class: String,
    /// Level.
    pub level: u32,
    /// Since the start of the level.
    pub experience: u64,
    /// Currency.
    pub gold: u64,
    /// Name of the zone it is in.
    pub zone: String,
}

/// What a character carries and wears, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Currency.
    pub gold: u64,
    /// Stacks, by slot.
    pub slots: Vec<InventorySlot>,
    /// Name of the item by name of the place.
    pub equipment: BTreeMap<String, String>,
}

/// A stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventorySlot {
    /// Where.
    pub slot: u16,
    /// Name of the item.
    pub item: String,
    /// At least 1.
    pub count: u32,
}

/// A quest of a character, by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestRow {
    /// Which.
    pub quest: String,
    /// See [`super::quest_state_name`].
    pub state: String,
    /// Per objective.
    pub done: Vec<u32>,
    /// The script's own number.
    pub memory: i64,
    /// The schema it is written in.
    pub schema: u32,
}

impl Store {
    /// Creates a character of a class with what the content gives it to start with; the journal
    /// gets a row with the reason `creation` for each of these things.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with `name` when it is taken or `characters` when the account has
    /// [`CHARACTERS_PER_ACCOUNT`]; [`StoreError::Missing`] with `account`;
    /// [`StoreError::UnknownDefinition`] when class, start zone or an item is not in the content.
    pub async fn create_character(
        &self,
        account: AccountId,
        name: &str,
        class: DefId,
        content: &Content,
    ) -> Result<CharacterSummary, StoreError> {
        let definition = content
            .classes
            .get(&class)
            .ok_or_else(|| StoreError::UnknownDefinition(format!("class {:#010x}", class.0)))?;
        let zone = names::zone(content, content.progression.start_zone)?;
        let gold = content.progression.start_gold;
        let slots = starting_slots(definition, content)?;

        let mut tx = self.begin().await?;
        reserve_place(&mut tx, account).await?;
        let row = sqlx::query(
            "INSERT INTO characters \
             (account_id, name, name_key, class, level, experience, gold, zone, created_s) \
             VALUES ($1, $2, $3, $4, 1, 0, $5, $6, $7) RETURNING id",
        )
        .bind(account.0)
        .bind(name)
        .bind(fold(name))
        .bind(definition.name.as_str())
        .bind(gold.cast_signed())
        .bind(zone)
        .bind(unix_seconds())
        .fetch_one(&mut *tx)
        .await?;
        let id: i64 = row.try_get("id")?;

        let mut journal = vec![JournalRow::creation_gold(id, gold)];
        for item in &definition.starting_items {
            journal.push(JournalRow::creation_item(id, names::item(content, item.item)?, item.count));
        }
        commit::append_journal(&mut tx, "creation", id, journal).await?;
        let rows = slots.iter().enumerate().map(|(slot, (item, count))| {
            [Value::Int(id), Value::Int(slot as i64), Value::from(*item), Value::Int(i64::from(*count))]
        });
        let head = "INSERT INTO inventory_slots (character_id, slot, item, count) VALUES ";
        write_rows(&mut tx, head, rows.collect(), "").await?;
        tx.commit().await?;
        Ok(CharacterSummary {
            id,
            name: name.to_owned(),
            class: definition.name.clone(),
            level: 1,
            experience: 0,
            gold,
            zone: zone.to_owned(),
        })
    }

    /// The characters of an account, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn characters_of(&self, account: AccountId) -> Result<Vec<CharacterSummary>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, class, level, experience, gold, zone FROM characters \
             WHERE account_id = $1 AND deleted_s IS NULL ORDER BY id",
        )
        .bind(account.0)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_summary).collect()
    }

    /// A character and whose it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn character(
        &self,
        id: CharacterId,
    ) -> Result<Option<(AccountId, CharacterSummary)>, StoreError> {
        let row = sqlx::query(
            "SELECT id, account_id, name, class, level, experience, gold, zone FROM characters \
             WHERE id = $1 AND deleted_s IS NULL",
        )
        .bind(id.0)
        .fetch_optional(&self.reader)
        .await?;
        row.map(|row| Ok((AccountId(row.try_get("account_id")?), read_summary(&row)?))).transpose()
    }

    /// Deletes a character. Its rows and its journal stay; its name is free again. False if there
    /// was none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delete_character(&self, id: CharacterId) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE characters SET deleted_s = $2 WHERE id = $1 AND deleted_s IS NULL")
            .bind(id.0)
            .bind(unix_seconds())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Everything kept of a character, ready to enter a zone, and whose it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn load_character(
        &self,
        id: CharacterId,
    ) -> Result<Option<(AccountId, CharacterState)>, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = sqlx::query(
            "SELECT id, account_id, name, class, level, experience, gold, zone, x_mm, y_mm, health, mana \
             FROM characters WHERE id = $1 AND deleted_s IS NULL",
        )
        .bind(id.0)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let summary = read_summary(&row)?;
        let mut state = CharacterState {
            id,
            name: summary.name,
            class: def_id(&format!("class/{}", summary.class)),
            level: summary.level,
            experience: summary.experience,
            gold: summary.gold,
            zone: def_id(&format!("zone/{}", summary.zone)),
            at: place(&row)?,
            health: optional(&row, "health")?,
            mana: optional(&row, "mana")?,
            inventory: BTreeMap::new(),
            equipment: BTreeMap::new(),
            quests: BTreeMap::new(),
            dialog_flags: BTreeMap::new(),
            condition: None,
        };
        for slot in read_slots(&mut tx, id).await? {
            let item = def_id(&format!("item/{}", slot.item));
            state.inventory.insert(slot.slot, Stack { item, count: slot.count });
        }
        for (slot, item) in read_equipment(&mut tx, id).await? {
            state.equipment.insert(names::equip_slot(&slot)?, def_id(&format!("item/{item}")));
        }
        for row in read_quests(&mut tx, id).await? {
            let progress =
                QuestProgress { state: names::quest_state(&row.state)?, done: row.done, memory: row.memory };
            state.quests.insert(def_id(&format!("quest/{}", row.quest)), Kept::new(progress, row.schema));
        }
        state.dialog_flags = read_dialog_flags(&mut tx, id).await?;
        Ok(Some((AccountId(row.try_get("account_id")?), state)))
    }

    /// What a character carries and wears; empty for a character that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn inventory_of(&self, id: CharacterId) -> Result<Inventory, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = sqlx::query("SELECT gold FROM characters WHERE id = $1 AND deleted_s IS NULL")
            .bind(id.0)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(Inventory::default()) };
        Ok(Inventory {
            gold: number(&row, "gold")?,
            slots: read_slots(&mut tx, id).await?,
            equipment: read_equipment(&mut tx, id).await?,
        })
    }

    /// Every quest a character ever accepted, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn quests_of(&self, id: CharacterId) -> Result<Vec<QuestRow>, StoreError> {
        let mut tx = self.begin_read().await?;
        read_quests(&mut tx, id).await
    }
}

/// Locks the account's row, so that two creations at once cannot both be the last one allowed.
async fn reserve_place(tx: &mut Transaction<'static, Any>, account: AccountId) -> Result<(), StoreError> {
    let locked = sqlx::query("UPDATE accounts SET characters_created = characters_created + 1 WHERE id = $1")
        .bind(account.0)
        .execute(&mut **tx)
        .await?;
    if locked.rows_affected() == 0 {
        return Err(StoreError::Missing("account"));
    }
    let row = sqlx::query("SELECT COUNT(*) AS n FROM characters WHERE account_id = $1 AND deleted_s IS NULL")
        .bind(account.0)
        .fetch_one(&mut **tx)
        .await?;
    if row.try_get::<i64, _>("n")? >= CHARACTERS_PER_ACCOUNT {
        return Err(StoreError::Conflict("characters"));
    }
    Ok(())
}

/// The starting items of a class as full stacks from slot 0 on.
fn starting_slots<'a>(class: &Class, content: &'a Content) -> Result<Vec<(&'a str, u32)>, StoreError> {
    let mut slots = Vec::new();
    for start in &class.starting_items {
        let name = names::item(content, start.item)?;
        let stack = content.items.get(&start.item).map_or(1, |item| item.max_stack.max(1));
        let mut left = start.count;
        while left > 0 {
            slots.push((name, left.min(stack)));
            left -= left.min(stack);
        }
    }
    if slots.len() > usize::from(sim::limits::INVENTORY_SLOTS) {
        return Err(StoreError::UnknownDefinition(format!("room for what a {} starts with", class.name)));
    }
    Ok(slots)
}

fn read_summary(row: &AnyRow) -> Result<CharacterSummary, StoreError> {
    Ok(CharacterSummary {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        class: row.try_get("class")?,
        level: number(row, "level")?,
        experience: number(row, "experience")?,
        gold: number(row, "gold")?,
        zone: row.try_get("zone")?,
    })
}

async fn read_slots(
    tx: &mut Transaction<'static, Any>,
    id: CharacterId,
) -> Result<Vec<InventorySlot>, StoreError> {
    let rows =
        sqlx::query("SELECT slot, item, count FROM inventory_slots WHERE character_id = $1 ORDER BY slot")
            .bind(id.0)
            .fetch_all(&mut **tx)
            .await?;
    rows.iter()
        .map(|row| {
            Ok(InventorySlot {
                slot: number(row, "slot")?,
                item: row.try_get("item")?,
                count: number(row, "count")?,
            })
        })
        .collect()
}

async fn read_equipment(
    tx: &mut Transaction<'static, Any>,
    id: CharacterId,
) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = sqlx::query("SELECT slot, item FROM equipment WHERE character_id = $1")
        .bind(id.0)
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("slot")?, row.try_get("item")?))).collect()
}

async fn read_quests(
    tx: &mut Transaction<'static, Any>,
    id: CharacterId,
) -> Result<Vec<QuestRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT quest, state, done, memory, schema FROM quests WHERE character_id = $1 ORDER BY quest",
    )
    .bind(id.0)
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(read_quest).collect()
}

/// A row with `quest, state, done, memory, schema`.
pub(super) fn read_quest(row: &AnyRow) -> Result<QuestRow, StoreError> {
    let done: String = row.try_get("done")?;
    Ok(QuestRow {
        quest: row.try_get("quest")?,
        state: row.try_get("state")?,
        done: serde_json::from_str(&done)
            .map_err(|error| StoreError::Corrupt(format!("quests.done {done:?}: {error}")))?,
        memory: row.try_get("memory")?,
        schema: number(row, "schema")?,
    })
}

async fn read_dialog_flags(
    tx: &mut Transaction<'static, Any>,
    id: CharacterId,
) -> Result<BTreeMap<DefId, Kept<u64>>, StoreError> {
    let rows = sqlx::query("SELECT dialog, flags, schema FROM dialog_flags WHERE character_id = $1")
        .bind(id.0)
        .fetch_all(&mut **tx)
        .await?;
    rows.iter()
        .map(|row| {
            let dialog: String = row.try_get("dialog")?;
            let flags: i64 = row.try_get("flags")?;
            let kept = Kept::new(flags.cast_unsigned(), number(row, "schema")?);
            Ok((def_id(&format!("dialog/{dialog}")), kept))
        })
        .collect()
}

fn place(row: &AnyRow) -> Result<Option<Position>, StoreError> {
    let x: Option<i32> = optional(row, "x_mm")?;
    let y: Option<i32> = optional(row, "y_mm")?;
    Ok(x.zip(y).map(|(x_mm, y_mm)| Position { x_mm, y_mm }))
}

/// A number that must be there and fit.
pub(super) fn number<T: TryFrom<i64>>(row: &AnyRow, column: &str) -> Result<T, StoreError> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value).map_err(|_| StoreError::Corrupt(format!("{column} is {value}")))
}

/// A number that may be missing and must fit.
fn optional<T: TryFrom<i64>>(row: &AnyRow, column: &str) -> Result<Option<T>, StoreError> {
    let value: Option<i64> = row.try_get(column)?;
    value
        .map(|value| T::try_from(value).map_err(|_| StoreError::Corrupt(format!("{column} is {value}"))))
        .transpose()
}
