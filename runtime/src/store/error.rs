//! What can go wrong with the store.

use sqlx::migrate::MigrateError;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or did not answer in time; try again later.
    #[error("the store is not available: {0}")]
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
    /// A unique value is taken, or a limit per account is reached; names the field.
    #[error("{0} is taken")]
    Conflict(&'static str),
    /// The row to change is not there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// What is stored cannot be what this program wrote; needs an operator.
    #[error("the store holds something impossible: {0}; look at that row, or go back to a backup")]
    Corrupt(String),
    /// A fact names a definition its content does not have: a defect of the caller.
    #[error("a fact names an unknown definition: {0}")]
    UnknownDefinition(String),
    /// A later server makes facts durable now.
    #[error("another server has taken the database over: this one must end")]
    Superseded,
    /// The schema could not be brought up to date.
    #[error("migration failed: {0}")]
    Migration(Box<MigrateError>),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refused) if refused.is_unique_violation() => {
                let place = refused.constraint().unwrap_or_else(|| refused.message());
                Self::Conflict(conflicting_field(place))
            }
            sqlx::Error::Database(refused)
                if refused.is_check_violation() || refused.is_foreign_key_violation() =>
            {
                Self::Corrupt(refused.message().to_owned())
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        Self::Migration(Box::new(error))
    }
}

/// PostgreSQL names the constraint, SQLite the column; both contain the column's name.
fn conflicting_field(place: &str) -> &'static str {
    // `username_key` contains `name_key`, so it is asked for first.
    const FIELDS: [(&str, &str); 5] = [
        ("email_key", "email"),
        ("username_key", "username"),
        ("name_key", "name"),
        ("journal", "journal"),
        ("idempotency", "idempotency_key"),
    ];
    FIELDS.iter().find(|(column, _)| place.contains(column)).map_or("row", |(_, field)| field)
}
