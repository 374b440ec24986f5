//! Password hashing: argon2id on a few threads, which all others go before, behind a bounded queue: a flood of logins can
//! neither take the cores from the zones nor all memory from the machine.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// Memory of one hash, KiB: the OWASP minimum for argon2id with two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Hashes waiting or running; beyond it callers are told to come back. At about 30 ms each the
/// last one waits some seconds.
const QUEUE: usize = 256;
/// Verified when the account is unknown, so that the answer takes as long as for a known one; it is
/// no whatever comes out. Its parameters are those above.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
    RdescudvJCsgt3ub+b2dWRWJTmaaJObGRdescudvJCs";

/// Too many passwords are being hashed; try again in a few seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many logins at once")]
pub struct Busy;

/// The clonable front of the hashing threads.
#[derive(Clone)]
pub struct Passwords {
    queue: Arc<Semaphore>,
    workers: Arc<ThreadPool>,
}

impl Passwords {
    /// With one thread per two cores.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new() -> Result<Self, ThreadPoolBuildError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = ThreadPoolBuilder::new()
            .num_threads((cores / 2).max(1))
            .thread_name(|_| "passwords".to_owned())
            .start_handler(|_| host_api::give_way())
            .build()?;
        Ok(Self { queue: Arc::new(Semaphore::new(QUEUE)), workers: Arc::new(workers) })
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn hash(&self, password: String) -> Result<String, Busy> {
        self.run(move || match argon2id().hash_password(password.as_bytes()) {
            Ok(hash) => hash.to_string(),
            Err(error) => unreachable!("fixed parameters and bounded passwords are hashed: {error}"),
        })
        .await
    }

    /// Whether a password belongs to a PHC string; never for `None`, which takes as long.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let matches = PasswordHash::new(&hash)
                .is_ok_and(|hash| argon2id().verify_password(password.as_bytes(), &hash).is_ok());
            known && matches
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = self.queue.clone().try_acquire_owned().map_err(|_| Busy)?;
        let (done, result) = oneshot::channel();
        self.workers.spawn(move || {
            // The place goes along: a caller that gives up does not make room for more.
            let _held = place;
            let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
        });
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Busy),
        }
    }
}

fn argon2id() -> Argon2<'static> {
    let params = match Params::new(MEMORY_KIB, PASSES, 1, None) {
        Ok(params) => params,
        Err(error) => unreachable!("the parameters are constants: {error}"),
    };
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_are_verified() {
        let passwords = Passwords::new().expect("threads");
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = async |password: &str, hash: Option<String>| {
            passwords.verify(password.to_owned(), hash).await.unwrap()
        };
        assert!(verify("correct horse", Some(hash.clone())).await);
        assert!(!verify("wrong horse", Some(hash)).await);
        assert!(!verify("correct horse", None).await);
        assert!(!verify("correct horse", Some("not a hash".to_owned())).await);
    }

    #[test]
    fn the_hash_of_nobody_costs_what_others_cost() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(Params::try_from(&nobody).unwrap().m_cost(), MEMORY_KIB);
    }

    #[tokio::test]
    async fn a_full_queue_is_said() {
        let passwords = Passwords::new().expect("threads");
        let all = passwords.queue.clone().try_acquire_many_owned(QUEUE as u32).unwrap();
        assert_eq!(passwords.hash("correct horse".to_owned()).await, Err(Busy));
        drop(all);
        assert!(passwords.hash("correct horse".to_owned()).await.is_ok());
    }
}
