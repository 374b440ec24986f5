//! The way back to a session: whoever has its recovery token reaches the task that holds it. Tokens are known by their
//! hashes only, belong to an account, and are spent with their first use.

use super::conversation::Conversation;
use crate::client::frame::Encoding;
use crate::client::rpc::RpcError;
use crate::store::AccountId;
use blake3::Hash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Where a session is to be handed to.
pub(super) type Taker = oneshot::Sender<Box<Conversation>>;

/// All sessions that can be taken up, as many as there are connections and sessions without one. A mutex, because
/// nobody holds it longer than a map access.
#[derive(Clone, Default)]
pub(super) struct Recovery(Arc<Mutex<HashMap<Hash, Door>>>);

/// How to reach the task that holds a session.
struct Door {
    account: AccountId,
    encoding: Encoding,
    takers: mpsc::Sender<Taker>,
}

/// Why a session cannot be taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSession {
    /// There is none of this token for this account.
    Unknown,
    /// It speaks the other encoding, in which its messages are kept.
    Encoding,
    /// Not all that its client has not heard is kept. It is over.
    Missed,
}

impl NoSession {
    /// For metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Encoding => "other_encoding",
            Self::Missed => "missed",
        }
    }
}

impl From<NoSession> for RpcError {
    fn from(no_session: NoSession) -> Self {
        match no_session {
            NoSession::Unknown => {
                Self::Unauthorized("no session waits for this token; begin anew with `world.join`")
            }
            NoSession::Encoding => {
                Self::InvalidState("the session waits in the other encoding; connect with that subprotocol")
            }
            NoSession::Missed => Self::InvalidState(
                "not all that was told since is kept; the session is over: begin anew with `world.join`",
            ),
        }
    }
}

/// A session that can be taken up, until this is dropped.
pub(super) struct Registration {
    recovery: Recovery,
    hash: Hash,
}

impl Recovery {
    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Door>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new token, and its registration for the task that holds the session; who wants to take that up comes through
    /// the channel.
    pub(super) fn register(
        &self,
        account: AccountId,
        encoding: Encoding,
    ) -> (String, Registration, mpsc::Receiver<Taker>) {
        let token = format!("{:032x}", rand::random::<u128>());
        let hash = blake3::hash(token.as_bytes());
        // One is all that come: it spends the token.
        let (sender, takers) = mpsc::channel(1);
        self.lock().insert(hash, Door { account, encoding, takers: sender });
        (token, Registration { recovery: self.clone(), hash }, takers)
    }

    /// Asks for the session of this token, which is spent; the answer fails if the session ends first.
    ///
    /// # Errors
    /// [`NoSession`]; the token of somebody else, or in the other encoding, is not spent.
    pub(super) fn claim(
        &self,
        token: &str,
        account: AccountId,
        encoding: Encoding,
    ) -> Result<oneshot::Receiver<Box<Conversation>>, NoSession> {
        let hash = blake3::hash(token.as_bytes());
        let mut doors = self.lock();
        let door = doors.get(&hash).filter(|door| door.account == account).ok_or(NoSession::Unknown)?;
        if door.encoding != encoding {
            return Err(NoSession::Encoding);
        }
        let door = doors.remove(&hash).ok_or(NoSession::Unknown)?;
        let (taker, session) = oneshot::channel();
        door.takers.try_send(taker).map_err(|_| NoSession::Unknown)?;
        Ok(session)
    }
}

impl Registration {
    /// Whether it is the one of this token.
    pub(super) fn is_of(&self, token: &str) -> bool {
        self.hash == blake3::hash(token.as_bytes())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.recovery.lock().remove(&self.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::presence::Attendance;
    use crate::gateway::session::Session;
    use crate::presence::Presences;
    use std::time::Instant;

    const ADA: AccountId = AccountId(1);

    #[tokio::test]
    async fn a_token_leads_its_owner_to_the_session_once() {
        let recovery = Recovery::default();
        let (token, _registration, mut takers) = recovery.register(ADA, Encoding::Json);
        let claim = |token: &str, account, encoding| recovery.claim(token, account, encoding).map(drop);
        assert_eq!(claim("guess", ADA, Encoding::Json), Err(NoSession::Unknown));
        assert_eq!(claim(&token, AccountId(2), Encoding::Json), Err(NoSession::Unknown));
        assert_eq!(claim(&token, ADA, Encoding::Proto), Err(NoSession::Encoding));

        let session = recovery.claim(&token, ADA, Encoding::Json).expect("it is the right one");
        let taker = takers.recv().await.expect("somebody takes it up");
        let attendance = Attendance::new(&Presences::new(true));
        let session_of_ada = Session::new(Encoding::Json).resumable();
        let talk = Conversation::new(ADA, Encoding::Json, session_of_ada, attendance, Instant::now());
        assert!(taker.send(Box::new(talk)).is_ok());
        assert_eq!(session.await.expect("handed over").account, ADA);
        assert_eq!(claim(&token, ADA, Encoding::Json), Err(NoSession::Unknown), "spent");
    }

    #[test]
    fn a_session_that_ends_takes_its_token_along() {
        let recovery = Recovery::default();
        let (token, registration, _takers) = recovery.register(ADA, Encoding::Proto);
        assert!(registration.is_of(&token) && !registration.is_of("guess"));
        drop(registration);
        assert_eq!(recovery.claim(&token, ADA, Encoding::Proto).map(drop), Err(NoSession::Unknown));
        assert!(recovery.lock().is_empty());
    }
}
