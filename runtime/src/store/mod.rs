//! The store of record: accounts, characters, what they own, and the journal of facts.
//!
//! One SQL text serves SQLite (embedded default) and PostgreSQL through `sqlx::Any`; what differs
//! between them is in [`backend`] and in `migrations/`. What does not live here: caching
//! (`crate::cache`), password and token rules (`crate::auth`), game rules (`sim`, scripts).
//!
//! SQLite is written through one connection, because it has one writer anyway and waiting in our
//! own fair queue is better than its busy loop; it is read through a pool. PostgreSQL has one pool.

mod accounts;
mod audit;
mod backend;
mod bans;
mod characters;
mod claim;
mod commit;
#[cfg(test)]
mod contract;
mod error;
mod event_ends;
mod idempotency;
mod journal;
mod migration;
mod names;
mod rows;
mod sessions;
mod states;

pub use accounts::{Account, AccountId, NewAccount};
pub use audit::{AuditReport, Discrepancy};
pub use backend::Backend;
pub use bans::BanRow;
pub use characters::{CHARACTERS_PER_ACCOUNT, CharacterSummary, Inventory, InventorySlot, QuestRow};
pub use claim::{ClaimError, DatabaseClaim, FolderClaim};
pub use commit::{FactWriter, StampedFact, TickFacts};
pub use error::StoreError;
pub use idempotency::{Claimed, StoredResponse};
pub use journal::DomainEvent;
pub use migration::MigrationState;
pub use names::{equip_slot_name, quest_state_name};
pub use sessions::{NewSession, Rotation, Session};
pub use states::StoredStates;

use sqlx::{Any, AnyPool, Transaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

/// The clonable front of one database.
#[derive(Clone)]
pub struct Store {
    backend: Backend,
    reader: AnyPool,
    writer: AnyPool,
    reachable: Arc<AtomicBool>,
}

impl Store {
    /// Opens the SQLite file `DATA/lore.db`, creating folder and file when missing. The schema is
    /// brought up to date by [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the folder or the file cannot be opened.
    pub async fn open_sqlite(data: &Path) -> Result<Self, StoreError> {
        let (reader, writer) = backend::open_sqlite(data).await?;
        Ok(Self { backend: Backend::Sqlite, reader, writer, reachable: Arc::new(AtomicBool::new(true)) })
    }

    /// The file that [`Store::open_sqlite`] opens.
    pub fn sqlite_file(data: &Path) -> PathBuf {
        data.join("lore.db")
    }

    /// Connects to PostgreSQL.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached or refuses us.
    pub async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        let pool = backend::open_postgres(url).await?;
        let reachable = Arc::new(AtomicBool::new(true));
        Ok(Self { backend: Backend::Postgres, reader: pool.clone(), writer: pool, reachable })
    }

    /// PostgreSQL when there is a URL, else SQLite in the data folder.
    ///
    /// # Errors
    /// As [`Store::open_sqlite`] and [`Store::open_postgres`].
    pub async fn open(data: &Path, database_url: Option<&str>) -> Result<Self, StoreError> {
        match database_url {
            Some(url) => Self::open_postgres(url).await,
            None => Self::open_sqlite(data).await,
        }
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Whether the journal gets its facts into the database; kept true by the journal.
    pub fn reachable(&self) -> &Arc<AtomicBool> {
        &self.reachable
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(&self.reader).await?;
        Ok(())
    }

    /// Waits for running statements and closes all connections.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// A transaction that writes.
    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.writer.begin_with(self.backend.begin_write()).await?)
    }

    /// A transaction that sees one state of the database throughout.
    async fn begin_read(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.reader.begin_with(self.backend.begin_read()).await?)
    }
}

/// Unix time in seconds, as the store keeps times.
pub fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
