//! What differs between the two databases: how to connect, and how transactions begin.

use super::error::StoreError;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, AnyPool, Connection as _};
use std::path::Path;
use std::time::Duration;

/// Connections of a pool (D1).
const POOL_SIZE: u32 = 20;
/// Longest wait for a free connection: beyond it a caller is better told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A session of SQLite. FULL because "done" is said after the commit (D2).
const SQLITE_SESSION: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;";
/// A session of PostgreSQL. Nothing here runs longer than a batch of facts.
const POSTGRES_SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '30s'; SET synchronous_commit = on; \
    SET client_min_messages = warning;";

/// Which database a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in the data folder.
    Sqlite,
    /// A server.
    Postgres,
}

impl Backend {
    /// For people and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Takes SQLite's write lock at once: a transaction that reads first could not upgrade.
    pub(super) fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Reads of SQLite in WAL mode are snapshots; PostgreSQL has to be asked.
    pub(super) fn begin_read(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// Reader pool and writer (a pool of one).
pub(super) async fn open_sqlite(data: &Path) -> Result<(AnyPool, AnyPool), StoreError> {
    tokio::fs::create_dir_all(data).await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let url =
        format!("sqlite://{}?mode=rwc", escape_path(&super::Store::sqlite_file(data).to_string_lossy()));
    // The writer first: it creates the file and switches it to WAL.
    let writer = pool(1, SQLITE_SESSION).connect(&url).await?;
    let reader = pool(POOL_SIZE, SQLITE_SESSION).connect(&url).await?;
    Ok((reader, writer))
}

pub(super) async fn open_postgres(url: &str) -> Result<AnyPool, StoreError> {
    // A pool tries until its time is over and then does not say why; one connection does.
    install_default_drivers();
    AnyConnection::connect(url).await?.close().await?;
    Ok(pool(POOL_SIZE, POSTGRES_SESSION).connect(url).await?)
}

fn pool(size: u32, session: &'static str) -> AnyPoolOptions {
    install_default_drivers();
    AnyPoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_TIMEOUT).after_connect(
        move |connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(session).execute(connection).await?;
                Ok(())
            })
        },
    )
}

/// The characters that mean something in a URL.
fn escape_path(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}
