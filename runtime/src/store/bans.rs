//! Who may not come in. What a ban means is in `crate::abuse`.

use super::{Store, StoreError};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A ban as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanRow {
    /// Key: `account 3`, `address 192.0.2.1`.
    pub subject: String,
    /// The account's name, or the address.
    pub name: String,
    /// Since when, unix seconds.
    pub since_s: i64,
    /// Until when, unix seconds; `None` for good.
    pub until_s: Option<i64>,
    /// Why.
    pub why: String,
    /// Who says so.
    pub by: String,
    /// Automatic ones so far.
    pub times: u32,
}

impl Store {
    /// Writes a ban down, in place of an earlier one of the same subject.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn save_ban(&self, ban: &BanRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO bans (subject, name, since_s, until_s, why, issuer, times) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (subject) DO UPDATE SET \
             name = excluded.name, since_s = excluded.since_s, until_s = excluded.until_s, \
             why = excluded.why, issuer = excluded.issuer, times = excluded.times",
        )
        .bind(ban.subject.as_str())
        .bind(ban.name.as_str())
        .bind(ban.since_s)
        .bind(ban.until_s)
        .bind(ban.why.as_str())
        .bind(ban.by.as_str())
        .bind(i64::from(ban.times))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Removes the ban of a subject, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delete_ban(&self, subject: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM bans WHERE subject = $1").bind(subject).execute(&self.writer).await?;
        Ok(())
    }

    /// All that are written down, also those that have ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn bans(&self) -> Result<Vec<BanRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT subject, name, since_s, until_s, why, issuer, times FROM bans ORDER BY subject",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_ban).collect()
    }

    /// Removes those that ended before, unix seconds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_bans(&self, then_s: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM bans WHERE until_s <= $1").bind(then_s).execute(&self.writer).await?;
        Ok(())
    }
}

fn read_ban(row: &AnyRow) -> Result<BanRow, StoreError> {
    let times: i64 = row.try_get("times")?;
    Ok(BanRow {
        subject: row.try_get("subject")?,
        name: row.try_get("name")?,
        since_s: row.try_get("since_s")?,
        until_s: row.try_get("until_s")?,
        why: row.try_get("why")?,
        by: row.try_get("issuer")?,
        times: u32::try_from(times)
            .map_err(|_| StoreError::Corrupt(format!("a ban for the {times}th time")))?,
    })
}
