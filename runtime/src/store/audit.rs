//! The offline check that the current state is what the journal adds up to.

use super::{Store, StoreError};
use sim::CharacterId;
use sqlx::{Row, SqlSafeStr};

/// What [`Store::audit`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Characters looked at, deleted ones included.
    pub characters: u64,
    /// Journal rows looked at.
    pub journal_rows: u64,
    /// Where state and journal disagree; empty is good. At most [`DISCREPANCIES_MAX`].
    pub discrepancies: Vec<Discrepancy>,
}

/// Discrepancies reported per kind: enough to see a pattern, not enough to fill a screen.
pub const DISCREPANCIES_MAX: i64 = 100;

/// One thing of which somebody has more or less than the journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrepancy {
    /// Who.
    pub character: CharacterId,
    /// `gold`, `item NAME`, `level` or `experience`.
    pub subject: String,
    /// What the journal says.
    pub journal: i64,
    /// What the character has.
    pub state: i64,
}

const GOLD: &str = "SELECT c.id, 'gold' AS subject, \
     CAST(COALESCE((SELECT SUM(j.delta) FROM journal j WHERE j.character_id = c.id AND j.kind = 'gold'), 0) \
     AS BIGINT) AS journal, c.gold AS state FROM characters c";

/// Every item anybody has or the journal ever mentioned, as (character, item, journal, state).
const ITEMS: &str = "SELECT id, 'item ' || item AS subject, \
     CAST(SUM(journal) AS BIGINT) AS journal, CAST(SUM(state) AS BIGINT) AS state FROM ( \
       SELECT character_id AS id, subject AS item, delta AS journal, 0 AS state \
         FROM journal WHERE kind = 'item' \
       UNION ALL SELECT character_id, item, 0, count FROM inventory_slots \
       UNION ALL SELECT character_id, item, 0, 1 FROM equipment \
     ) AS movements GROUP BY id, item";

/// Level and experience after the last row that tells them: `payload` is the state then.
const LAST_EXPERIENCE: &str = "SELECT c.id, c.level, c.experience, j.payload FROM characters c \
     LEFT JOIN journal j ON j.id = (SELECT MAX(l.id) FROM journal l \
       WHERE l.character_id = c.id AND l.kind = 'experience')";

impl Store {
    /// Compares per character what the journal adds up to (gold, every item, starting things
    /// included) and its last word (level, experience) with the current state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn audit(&self) -> Result<AuditReport, StoreError> {
        let mut report = AuditReport::default();
        let mut tx = self.begin_read().await?;
        for (sql, count) in [
            ("SELECT COUNT(*) AS n FROM characters", &mut report.characters),
            ("SELECT COUNT(*) AS n FROM journal", &mut report.journal_rows),
        ] {
            *count = sqlx::query(sql).fetch_one(&mut *tx).await?.try_get::<i64, _>("n")?.cast_unsigned();
        }
        for sums in [GOLD, ITEMS] {
            let sql = format!("SELECT * FROM ({sums}) AS sums WHERE journal <> state ORDER BY id, subject LIMIT $1");
            let sql = sqlx::AssertSqlSafe(sql).into_sql_str();
            for row in sqlx::query(sql).bind(DISCREPANCIES_MAX).fetch_all(&mut *tx).await? {
                report.discrepancies.push(Discrepancy {
                    character: CharacterId(row.try_get("id")?),
                    subject: row.try_get("subject")?,
                    journal: row.try_get("journal")?,
                    state: row.try_get("state")?,
                });
            }
        }
        for row in sqlx::query(LAST_EXPERIENCE).fetch_all(&mut *tx).await? {
            let character = CharacterId(row.try_get("id")?);
            let payload: Option<String> = row.try_get("payload")?;
            let last = payload.map_or(Ok(LastExperience { level: 1, experience: 0 }), |payload| {
                serde_json::from_str(&payload)
                    .map_err(|error| StoreError::Corrupt(format!("journal payload {payload:?}: {error}")))
            })?;
            for (subject, journal) in [("level", last.level), ("experience", last.experience)] {
                let state: i64 = row.try_get(subject)?;
                if journal != state {
                    let subject = subject.to_owned();
                    report.discrepancies.push(Discrepancy { character, subject, journal, state });
                }
            }
        }
        Ok(report)
    }
}

/// The payload of an experience row.
#[derive(serde::Deserialize)]
struct LastExperience {
    level: i64,
    experience: i64,
}
