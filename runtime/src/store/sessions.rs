//! Login sessions: one per login, a family of refresh tokens of which exactly one is unspent.

use super::{AccountId, Store, StoreError, unix_seconds};
use sqlx::{Any, Row, Transaction};

/// A login session to begin.
#[derive(Clone, Copy)]
pub struct NewSession<'a> {
    /// Random, unique.
    pub id: &'a str,
    /// Whose.
    pub account: AccountId,
    /// Hash of its first refresh token.
    pub refresh_hash: &'a str,
    /// When it ends if it is not refreshed, unix seconds.
    pub expires_s: i64,
    /// When its access token ends, unix seconds.
    pub access_expires_s: i64,
}

/// A session after a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: String,
    /// Whose.
    pub account: AccountId,
}

/// What became of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It is spent now, the next one takes its place.
    Rotated(Session),
    /// It had been spent before: somebody has a copy. The session is revoked; revoked access
    /// tokens have to be refused until `access_expires_s`.
    Reused {
        /// The revoked session.
        session: Session,
        /// When the last access token of the session ends, unix seconds.
        access_expires_s: i64,
    },
    /// Never issued, expired, or of a revoked session.
    Refused,
}

impl Store {
    /// Begins a session.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn create_session(&self, new: NewSession<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO auth_sessions (id, account_id, generation, created_s, expires_s, access_expires_s) \
             VALUES ($1, $2, 1, $3, $4, $5)",
        )
        .bind(new.id)
        .bind(new.account.0)
        .bind(unix_seconds())
        .bind(new.expires_s)
        .bind(new.access_expires_s)
        .execute(&mut *tx)
        .await?;
        insert_refresh_token(&mut tx, new.refresh_hash, new.id).await?;
        Ok(tx.commit().await?)
    }

    /// Spends the refresh token with hash `spent` and puts `next` in its place; or, if it was spent
    /// before, revokes its whole family.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then nothing has changed.
    pub async fn rotate_session(
        &self,
        spent: &str,
        next: &str,
        expires_s: i64,
        access_expires_s: i64,
    ) -> Result<Rotation, StoreError> {
        let mut tx = self.begin().await?;
        // The condition on `spent` makes two requests with the same token meet here: one wins.
        let won = sqlx::query("UPDATE refresh_tokens SET spent = 1 WHERE hash = $1 AND spent = 0")
            .bind(spent)
            .execute(&mut *tx)
            .await?
            .rows_affected()
            == 1;
        let row = sqlx::query(
            "SELECT s.id, s.account_id, s.expires_s, s.access_expires_s, s.revoked \
             FROM refresh_tokens t JOIN auth_sessions s ON s.id = t.session_id WHERE t.hash = $1",
        )
        .bind(spent)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(Rotation::Refused) };
        let session = Session { id: row.try_get("id")?, account: AccountId(row.try_get("account_id")?) };
        let revoked = row.try_get::<Option<String>, _>("revoked")?.is_some();
        if revoked || row.try_get::<i64, _>("expires_s")? <= unix_seconds() {
            return Ok(Rotation::Refused);
        }
        if !won {
            revoke(&mut tx, &session.id, "refresh token reused").await?;
            tx.commit().await?;
            return Ok(Rotation::Reused { session, access_expires_s: row.try_get("access_expires_s")? });
        }
        insert_refresh_token(&mut tx, next, &session.id).await?;
        sqlx::query(
            "UPDATE auth_sessions SET generation = generation + 1, expires_s = $2, access_expires_s = $3 \
             WHERE id = $1",
        )
        .bind(session.id.as_str())
        .bind(expires_s)
        .bind(access_expires_s)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Rotation::Rotated(session))
    }

    /// Ends a session; its refresh token is refused from now on. Ending it twice is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoke_session(&self, id: &str, reason: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        revoke(&mut tx, id, reason).await?;
        Ok(tx.commit().await?)
    }

    /// Sessions revoked while an access token of theirs may still be out, with its end in unix
    /// seconds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoked_sessions(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, access_expires_s FROM auth_sessions \
             WHERE revoked IS NOT NULL AND access_expires_s > $1",
        )
        .bind(unix_seconds())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("access_expires_s")?))).collect()
    }

    /// Removes sessions that ended, with their refresh tokens. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_ended_sessions(&self) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM auth_sessions WHERE expires_s <= $1 AND access_expires_s <= $1")
            .bind(unix_seconds())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected())
    }
}

async fn insert_refresh_token(
    tx: &mut Transaction<'static, Any>,
    hash: &str,
    session: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO refresh_tokens (hash, session_id, spent) VALUES ($1, $2, 0)")
        .bind(hash)
        .bind(session)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn revoke(tx: &mut Transaction<'static, Any>, id: &str, reason: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE auth_sessions SET revoked = $2 WHERE id = $1 AND revoked IS NULL")
        .bind(id)
        .bind(reason)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
