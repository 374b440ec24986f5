//! The state of scripts at rest: what is not written in the schema that a script reads, for a trial of
//! its migration before anything depends on it.

use super::characters::{number, read_quest};
use super::{Store, StoreError, names};
use sim::input::QuestProgress;
use sim::state::{OldState, StateKey, StateValue};
use sim::{CharacterId, DefId, def_id};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use std::fmt::Write as _;

/// Names in one statement.
const NAMES: usize = 200;

/// States of one script that are not in the schema it is going to read.
#[derive(Clone, Debug, Default)]
pub struct StoredStates {
    /// How many there are.
    pub count: u64,
    /// Those of the newest characters, up to a limit.
    pub newest: Vec<OldState>,
}

impl Store {
    /// States of these quests and dialogs, which the script `script` owns, in other schemas than
    /// `schema`; at most `most` of them are read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn states_to_migrate(
        &self,
        script: DefId,
        schema: u32,
        quests: &[String],
        dialogs: &[String],
        most: usize,
    ) -> Result<StoredStates, StoreError> {
        let mut found = StoredStates::default();
        for (table, columns, key, all) in [
            ("quests", "t.quest, t.state, t.done, t.memory", "quest", quests),
            ("dialog_flags", "t.dialog, t.flags", "dialog", dialogs),
        ] {
            for some in all.chunks(NAMES) {
                let mut wanted = format!(
                    "FROM {table} t JOIN characters c ON c.id = t.character_id \
                     WHERE c.deleted_s IS NULL AND t.schema <> $1 AND t.{key} IN ("
                );
                for index in 0..some.len() {
                    // Writing to a String cannot fail.
                    let _ = write!(wanted, "{}${}", if index == 0 { "" } else { ", " }, index + 2);
                }
                wanted.push(')');
                found.count += self.count(&wanted, schema, some).await?;
                let left = most - found.newest.len();
                let rows = self.rows(columns, &wanted, schema, some, left).await?;
                for row in rows {
                    found.newest.push(read(&row, table, script)?);
                }
            }
        }
        Ok(found)
    }

    async fn count(&self, wanted: &str, schema: u32, names: &[String]) -> Result<u64, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) AS n {wanted}")));
        query = query.bind(i64::from(schema));
        for name in names {
            query = query.bind(name.clone());
        }
        number(&query.fetch_one(&self.reader).await?, "n")
    }

    async fn rows(
        &self,
        columns: &str,
        wanted: &str,
        schema: u32,
        names: &[String],
        most: usize,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let sql = format!(
            "SELECT t.character_id, t.schema, {columns} {wanted} ORDER BY t.character_id DESC LIMIT ${}",
            names.len() + 2
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(i64::from(schema));
        for name in names {
            query = query.bind(name.clone());
        }
        Ok(query.bind(most as i64).fetch_all(&self.reader).await?)
    }
}

fn read(row: &AnyRow, table: &str, script: DefId) -> Result<OldState, StoreError> {
    let character = CharacterId(row.try_get("character_id")?);
    let from = number(row, "schema")?;
    if table == "quests" {
        let row = read_quest(row)?;
        let quest = def_id(&format!("quest/{}", row.quest));
        let progress =
            QuestProgress { state: names::quest_state(&row.state)?, done: row.done, memory: row.memory };
        let value = StateValue::Quest { quest, progress };
        return Ok(OldState { key: StateKey::Quest { character, quest }, script, value, from });
    }
    let dialog: String = row.try_get("dialog")?;
    let dialog = def_id(&format!("dialog/{dialog}"));
    let flags: i64 = row.try_get("flags")?;
    let value = StateValue::Dialog { dialog, flags: flags.cast_unsigned(), node: DefId::NONE };
    Ok(OldState { key: StateKey::Dialog { character, dialog }, script, value, from })
}
