//! The schema's versions, embedded in the binary, and bringing a database up to the newest.

use super::{Backend, Store, StoreError};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Row, SqlStr};

/// One version of the schema, and whether this database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Counts up from 1.
    pub version: i64,
    /// What it brought.
    pub title: &'static str,
    /// Whether this database has it.
    pub applied: bool,
}

/// Version, title, SQLite text, PostgreSQL text; oldest first. Published texts never change: the
/// database remembers their checksums.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "init",
        include_str!("../../../migrations/sqlite/0001_init.sql"),
        include_str!("../../../migrations/postgres/0001_init.sql"),
    ),
    (
        2,
        "fact writer",
        include_str!("../../../migrations/sqlite/0002_fact_writer.sql"),
        include_str!("../../../migrations/postgres/0002_fact_writer.sql"),
    ),
    (
        3,
        "state schema",
        include_str!("../../../migrations/sqlite/0003_state_schema.sql"),
        include_str!("../../../migrations/postgres/0003_state_schema.sql"),
    ),
    (
        4,
        "event ends",
        include_str!("../../../migrations/sqlite/0004_event_ends.sql"),
        include_str!("../../../migrations/postgres/0004_event_ends.sql"),
    ),
    (
        5,
        "bans",
        include_str!("../../../migrations/sqlite/0005_bans.sql"),
        include_str!("../../../migrations/postgres/0005_bans.sql"),
    ),
];

impl Store {
    /// Brings the schema to the newest version. On PostgreSQL several nodes may do so at once (an
    /// advisory lock lets one of them); a SQLite file has one process.
    ///
    /// # Errors
    /// [`StoreError::Migration`] when a step fails (it is rolled back), when an applied step was
    /// edited since, or when the database is newer than this program.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let migrations = MIGRATIONS
            .iter()
            .map(|(version, title, sqlite, postgres)| {
                let sql = match self.backend {
                    Backend::Sqlite => *sqlite,
                    Backend::Postgres => *postgres,
                };
                let kind = MigrationType::Simple;
                Migration::new(*version, (*title).into(), kind, SqlStr::from_static(sql), false)
            })
            .collect();
        Migrator::with_migrations(migrations).run(&self.writer).await?;
        Ok(())
    }

    /// Every version this program knows, and whether the database has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn migrations(&self) -> Result<Vec<MigrationState>, StoreError> {
        let catalogue = match self.backend {
            Backend::Sqlite => "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Backend::Postgres => {
                "SELECT COUNT(*) AS n FROM pg_tables \
                 WHERE tablename = '_sqlx_migrations' AND schemaname = current_schema()"
            }
        };
        let exists = sqlx::query(catalogue).fetch_one(&self.reader).await?.try_get::<i64, _>("n")? > 0;
        let mut applied = Vec::new();
        if exists {
            for row in sqlx::query("SELECT version FROM _sqlx_migrations").fetch_all(&self.reader).await? {
                applied.push(row.try_get::<i64, _>("version")?);
            }
        }
        Ok(MIGRATIONS
            .iter()
            .map(|(version, title, ..)| MigrationState {
                version: *version,
                title,
                applied: applied.contains(version),
            })
            .collect())
    }
}
