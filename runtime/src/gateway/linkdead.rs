//! A session whose connection broke. Its character stays in the world, where others see it; what must not be lost is
//! kept; and for a while its client may take it up again.

use super::Gateway;
use super::conversation::Conversation;
use super::recovery::{Registration, Taker};
use crate::auth::Claims;
use crate::client::CloseReason;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// What is left of a connection.
pub(super) struct Absent {
    pub gateway: Arc<Gateway>,
    pub talk: Conversation,
    pub registration: Registration,
    pub claims: Claims,
    pub token: String,
    /// Ids of sessions whose tokens are refused from now on.
    pub revocations: broadcast::Receiver<Arc<str>>,
}

impl Absent {
    /// Waits for the client, if there is a place to wait; without it the character leaves the world.
    pub(super) async fn wait(mut self) {
        // Held until the session is somewhere else or over.
        let place = self.gateway.absent.take(self.claims.account);
        if place.is_ok() {
            metrics::gauge!("websocket_linkdead_sessions").increment(1.0);
            let taker = self.taken_up().await;
            metrics::gauge!("websocket_linkdead_sessions").decrement(1.0);
            if let Some(taker) = taker {
                return hand_over(&self.gateway, self.talk, taker).await;
            }
        }
        // From here on nobody finds it.
        drop(self.registration);
        self.talk.leave(&self.gateway).await;
    }

    /// Waits until the client is back; `None` when that took too long, or the session is over for another reason.
    async fn taken_up(&mut self) -> Option<Taker> {
        self.talk.client.set_away();
        let grace = tokio::time::sleep(self.gateway.linkdead);
        let expiry = tokio::time::sleep(time_until(self.claims.expires_at));
        tokio::pin!(grace, expiry);
        loop {
            tokio::select! {
                taker = self.registration.taken() => return Some(taker),
                () = self.talk.client.ended() => return None,
                () = self.gateway.draining.cancelled() => return None,
                () = &mut grace => return None,
                () = &mut expiry => return None,
                news = self.revocations.recv() => {
                    if revoked(&self.gateway, &self.claims, &self.token, news).is_err() {
                        return None;
                    }
                }
                Some(outgoing) = self.talk.outbox.recv() => self.talk.keep(outgoing),
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
