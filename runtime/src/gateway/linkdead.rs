//! A session whose connection broke. Its character stays in the world, where others see it; what must not be lost is
//! kept; and for a while its client may take it up again.

use super::Gateway;
use super::conversation::Conversation;
use super::occasions::{Ending, Occasion, Occasions};
use super::recovery::{Registration, Taker};
use crate::abuse::Watch;
use crate::auth::Claims;
use crate::client::CloseReason;
use crate::store::AccountId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast::error::RecvError;

/// How many sessions wait, in all and by account. A mutex, because nobody holds it longer than a map access.
#[derive(Clone)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
    most_by_account: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_account: HashMap<i64, usize>,
}

/// A place to wait, given back when dropped.
struct Place {
    places: Places,
    account: i64,
}

impl Places {
    /// So many in all, and so many of one account.
    pub(super) fn new(most: usize, most_by_account: usize) -> Self {
        Self { taken: Arc::default(), most, most_by_account }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, if the account and the server have one.
    fn take(&self, account: AccountId) -> Option<Place> {
        let mut taken = self.lock();
        let mine = taken.by_account.get(&account.0).copied().unwrap_or(0);
        if taken.all >= self.most || mine >= self.most_by_account {
            return None;
        }
        taken.by_account.insert(account.0, mine + 1);
        taken.all += 1;
        Some(Place { places: self.clone(), account: account.0 })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(mine) = taken.by_account.get_mut(&self.account) {
            *mine -= 1;
            if *mine == 0 {
                taken.by_account.remove(&self.account);
            }
        }
    }
}

/// What is left of a connection.
pub(super) struct Absent {
    pub gateway: Arc<Gateway>,
    pub talk: Conversation,
    pub registration: Registration,
    pub claims: Claims,
    pub token: String,
    pub occasions: Occasions,
    /// Who is banned meanwhile is not waited for.
    pub watch: Watch,
}

impl Absent {
    /// Waits for the client, if there is a place to wait; without it the character leaves the world.
    pub(super) async fn wait(mut self) {
        // Held until the session is somewhere else or over.
        let place = self.gateway.absent.take(self.claims.account);
        if place.is_some() {
            metrics::gauge!("websocket_linkdead_sessions").increment(1.0);
            let taker = self.taken_up().await;
            metrics::gauge!("websocket_linkdead_sessions").decrement(1.0);
            if let Some(taker) = taker {
                drop(self.occasions);
                return hand_over(&self.gateway, self.talk, taker).await;
            }
        }
        // From here on nobody finds it, and no ban needs to.
        drop((self.registration, self.occasions, self.watch));
        self.talk.leave(&self.gateway).await;
    }

    /// Waits until the client is back; `None` when that took too long, or the session is over for another reason.
    async fn taken_up(&mut self) -> Option<Taker> {
        self.talk.client.set_away();
        self.talk.lose_client();
        self.occasions.watch_session(&self.talk.client);
        let grace = tokio::time::sleep(self.gateway.linkdead);
        tokio::pin!(grace);
        loop {
            let occasion = tokio::select! {
                occasion = self.occasions.next() => occasion,
                () = &mut grace => return None,
                Some(outgoing) = self.talk.outbox.recv() => {
                    self.talk.keep(outgoing);
                    // It may have been a join that was under way.
                    self.talk.lose_client();
                    continue;
                }
            };
            match occasion {
                Occasion::Ending(Ending::Taken(taker)) => return Some(taker),
                Occasion::Ending(Ending::Close(_)) if self.talk.client.has_ended() => return None,
                Occasion::Draining => return None,
                Occasion::Expiry if time_until(self.claims.expires_at).is_zero() => return None,
                Occasion::Revocation(news) => {
                    revoked(&self.gateway, &self.claims, &self.token, news).ok()?;
                }
                // Nobody is there to be pinged.
                Occasion::Heartbeat => check_token(&self.gateway, &self.token).ok()?,
                Occasion::Policy(policy) => self.talk.session.allowance().set_policy(policy),
                // The socket may be closed as it likes, and a token may end that was replaced.
                Occasion::Ending(Ending::Close(_)) | Occasion::Expiry => {}
            }
        }
    }
}

/// Gives a session to the connection that its client is back on. If that is gone too, the character leaves the world.
pub(super) async fn hand_over(gateway: &Gateway, talk: Conversation, taker: Taker) {
    talk.client.set_away();
    if let Err(mut talk) = taker.send(Box::new(talk)) {
        talk.leave(gateway).await;
    }
}

/// # Errors
/// The token is no good any more.
pub(super) fn check_token(gateway: &Gateway, token: &str) -> Result<(), CloseReason> {
    gateway.auth.verify(token).map(drop).map_err(|_| CloseReason::Token)
}

/// Takes the news of a session whose tokens are revoked.
///
/// # Errors
/// It is this one, or there will be no more news.
pub(super) fn revoked(
    gateway: &Gateway,
    claims: &Claims,
    token: &str,
    news: Result<Arc<str>, RecvError>,
) -> Result<(), CloseReason> {
    match news {
        Ok(session) if *session == *claims.session => Err(CloseReason::Token),
        Ok(_) => Ok(()),
        // Some were missed: ask.
        Err(RecvError::Lagged(_)) => check_token(gateway, token),
        Err(RecvError::Closed) => Err(CloseReason::Restart),
    }
}

/// From now to that moment.
pub(super) fn time_until(unix_seconds: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0)).saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_places_and_gives_them_back() {
        let places = Places::new(5, 4);
        let mut mine: Vec<Place> = (0..4).map(|_| places.take(AccountId(1)).expect("a place")).collect();
        assert!(places.take(AccountId(1)).is_none(), "the account has enough");
        assert!(places.take(AccountId(2)).is_some());
        mine.pop();
        assert!(places.take(AccountId(1)).is_some());
        mine.push(places.take(AccountId(2)).expect("a place"));
        mine.push(places.take(AccountId(3)).expect("a place"));
        assert!(places.take(AccountId(4)).is_none(), "the server has enough");
    }
}
