//! Accounts: who may log in.

use super::{Store, StoreError, unix_seconds};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::fmt;

/// An account: the key of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An account as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Key.
    pub id: AccountId,
    /// As its owner wrote it.
    pub username: String,
    /// PHC string; `None` for guests, who cannot log in again.
    pub password_hash: Option<String>,
    /// `player`, `moderator`, `designer`, `operator`, `admin`.
    pub roles: Vec<String>,
}

/// What a new account is made of.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// None for guests.
    pub email: Option<&'a str>,
    /// Unique without regard to case.
    pub username: &'a str,
    /// PHC string; none for guests.
    pub password_hash: Option<&'a str>,
}

impl Store {
    /// Creates an account with the role `player`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with `email` or `username` when that is taken.
    pub async fn create_account(&self, new: NewAccount<'_>) -> Result<Account, StoreError> {
        let row = sqlx::query(
            "INSERT INTO accounts (email, email_key, username, username_key, password_hash, roles, created_s) \
             VALUES ($1, $2, $3, $4, $5, 'player', $6) RETURNING id",
        )
        .bind(new.email.map(str::to_owned))
        .bind(new.email.map(fold))
        .bind(new.username)
        .bind(fold(new.username))
        .bind(new.password_hash.map(str::to_owned))
        .bind(unix_seconds())
        .fetch_one(&self.writer)
        .await?;
        Ok(Account {
            id: AccountId(row.try_get("id")?),
            username: new.username.to_owned(),
            password_hash: new.password_hash.map(str::to_owned),
            roles: vec!["player".to_owned()],
        })
    }

    /// The account with this key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query("SELECT id, username, password_hash, roles FROM accounts WHERE id = $1")
            .bind(id.0)
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read_account).transpose()
    }

    /// The account with this username or email, without regard to case. Usernames cannot hold an
    /// `@`, emails must, so that no name can be both.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>, StoreError> {
        let sql = if login.contains('@') {
            "SELECT id, username, password_hash, roles FROM accounts WHERE email_key = $1"
        } else {
            "SELECT id, username, password_hash, roles FROM accounts WHERE username_key = $1"
        };
        let row = sqlx::query(sql).bind(fold(login)).fetch_optional(&self.reader).await?;
        row.as_ref().map(read_account).transpose()
    }
}

fn read_account(row: &AnyRow) -> Result<Account, StoreError> {
    let roles: String = row.try_get("roles")?;
    Ok(Account {
        id: AccountId(row.try_get("id")?),
        username: row.try_get("username")?,
        password_hash: row.try_get("password_hash")?,
        roles: roles.split_whitespace().map(str::to_owned).collect(),
    })
}

/// The form in which names are compared.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase()
}
