//! One server per store: two would each keep characters in memory and overwrite what the other saved. A server
//! that loses its claim without noticing can no longer write facts: the next one ends its term (`commit`).

use super::{Backend, Store, StoreError};
use sqlx::AnyConnection;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// How long PostgreSQL may take to notice that a killed server is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts.
const RETRY: Duration = Duration::from_millis(200);
/// By schema, so that servers may share a database that way. Given back when the session ends.
const TAKE: &str = "SELECT CASE WHEN pg_try_advisory_lock(hashtext('loreforge'), hashtext(current_schema()::text)) \
    THEN 1 ELSE 0 END";

/// Why a store cannot be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another server runs on the data folder.
    #[error("{} is in use by {holder}: end that server, or give this one a folder of its own with --data", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Who, as far as it said.
        holder: String,
    },
    /// Another server runs on the database.
    #[error("another server uses the database: end it, or give this one a database or a schema of its own")]
    Database,
    /// The lock file cannot be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A data folder that is ours until this is dropped or the process ends, however it ends.
pub struct FolderClaim(#[expect(dead_code, reason = "held for its lock")] File);

impl FolderClaim {
    /// Claims a folder.
    ///
    /// # Errors
    /// [`ClaimError`]
    pub fn new(folder: &Path) -> Result<Self, ClaimError> {
        let path = folder.join("lock");
        let failed = |source| ClaimError::File { path: path.clone(), source };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is helps, but is not needed.
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() { "another server".to_owned() } else { holder };
                return Err(ClaimError::Folder { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        write!(file, "process {}", std::process::id()).map_err(failed)?;
        Ok(Self(file))
    }
}

/// A database that is ours until this is dropped. SQLite's is in the folder and goes with it.
pub struct DatabaseClaim(#[expect(dead_code, reason = "its session holds the lock")] Option<AnyConnection>);

impl Store {
    /// Claims the database for this server.
    ///
    /// # Errors
    /// [`ClaimError`]
    pub async fn claim(&self) -> Result<DatabaseClaim, ClaimError> {
        if self.backend == Backend::Sqlite {
            return Ok(DatabaseClaim(None));
        }
        let mut connection = self.writer.acquire().await.map_err(StoreError::from)?.detach();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let taken: i32 =
                sqlx::query_scalar(TAKE).fetch_one(&mut connection).await.map_err(StoreError::from)?;
            if taken == 1 {
                return Ok(DatabaseClaim(Some(connection)));
            }
            if Instant::now() > deadline {
                return Err(ClaimError::Database);
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_claimed_once_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = FolderClaim::new(folder.path()).expect("free");
        let Err(refused) = FolderClaim::new(folder.path()) else { panic!("taken twice") };
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        FolderClaim::new(folder.path()).expect("free again");
    }
}
