//! Idempotency keys: a request that was already carried out is answered again, not done again.

use super::{AccountId, Store, StoreError, unix_seconds};
use sqlx::Row;

/// How long an answer is kept, seconds: longer than any client retries.
const KEPT_S: i64 = 24 * 60 * 60;
/// A claim without an answer is abandoned after this long (its process died), seconds.
const ABANDONED_S: i64 = 60;

/// An answer to give again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: u16,
    /// JSON text; empty when there was no body.
    pub body: String,
}

/// What a claim of a key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The key is new; carry the request out and call [`Store::keep_response`].
    Fresh,
    /// Already carried out.
    Answered(StoredResponse),
    /// The first request with this key is still being carried out.
    Running,
    /// The key was used for another request.
    Mismatch,
}

impl Store {
    /// Claims a key for a request, known by its route and the hash of its body.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claim_idempotency_key(
        &self,
        account: AccountId,
        key: &str,
        route: &str,
        body_hash: &str,
    ) -> Result<Claimed, StoreError> {
        let now = unix_seconds();
        let mut tx = self.begin().await?;
        sqlx::query(
            "DELETE FROM idempotency_keys WHERE account_id = $1 AND key = $2 \
             AND (created_s < $3 OR (status IS NULL AND created_s < $4))",
        )
        .bind(account.0)
        .bind(key)
        .bind(now - KEPT_S)
        .bind(now - ABANDONED_S)
        .execute(&mut *tx)
        .await?;
        let fresh = sqlx::query(
            "INSERT INTO idempotency_keys (account_id, key, route, body_hash, created_s) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(account.0)
        .bind(key)
        .bind(route)
        .bind(body_hash)
        .bind(now)
        .execute(&mut *tx)
        .await?
        .rows_affected()
            == 1;
        if fresh {
            tx.commit().await?;
            return Ok(Claimed::Fresh);
        }
        let row = sqlx::query(
            "SELECT route, body_hash, status, response FROM idempotency_keys \
             WHERE account_id = $1 AND key = $2",
        )
        .bind(account.0)
        .bind(key)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        let (first_route, first_body): (String, String) = (row.try_get("route")?, row.try_get("body_hash")?);
        if first_route != route || first_body != body_hash {
            return Ok(Claimed::Mismatch);
        }
        let Some(status) = row.try_get::<Option<i64>, _>("status")? else { return Ok(Claimed::Running) };
        Ok(Claimed::Answered(StoredResponse {
            status: u16::try_from(status).map_err(|_| StoreError::Corrupt(format!("status {status}")))?,
            body: row.try_get::<Option<String>, _>("response")?.unwrap_or_default(),
        }))
    }

    /// Keeps the answer to a claimed key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_response(
        &self,
        account: AccountId,
        key: &str,
        response: &StoredResponse,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE idempotency_keys SET status = $3, response = $4 WHERE account_id = $1 AND key = $2",
        )
        .bind(account.0)
        .bind(key)
        .bind(i64::from(response.status))
        .bind(response.body.as_str())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Gives a claimed key back, because the request was not carried out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_idempotency_key(&self, account: AccountId, key: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM idempotency_keys WHERE account_id = $1 AND key = $2 AND status IS NULL")
            .bind(account.0)
            .bind(key)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Removes keys nobody will ask for again. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_idempotency_keys(&self) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM idempotency_keys WHERE created_s < $1")
            .bind(unix_seconds() - KEPT_S)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected())
    }
}
