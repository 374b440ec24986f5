//! What happens to a connection now and then, beside its frames: somebody closes it, a timer rings, there is news for
//! all. Each kind waits in a stream of its own, which is polled only when it has something: thirty frames a second do
//! not ask all of them.

use super::Gateway;
use super::linkdead::time_until;
use super::recovery::Taker;
use crate::abuse::Policy;
use crate::client::{Client, CloseReason};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, SelectAll};
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// Occasions that are put off while a write is waited for; more are left where they wait.
const PUT_OFF: usize = 16;

/// What ends a connection, even in the middle of a write.
pub(super) enum Ending {
    /// The socket is to be closed, or the session.
    Close(CloseReason),
    /// The client is back on another connection.
    Taken(Taker),
}

/// What happens now and then.
pub(super) enum Occasion {
    /// The connection ends.
    Ending(Ending),
    /// Clients are told to go.
    Draining,
    /// It is time for a ping.
    Heartbeat,
    /// A token is at its end, perhaps one that was replaced.
    Expiry,
    /// The id of a session whose tokens are refused from now on.
    Revocation(Result<Arc<str>, RecvError>),
    /// Another policy holds.
    Policy(Arc<Policy>),
}

/// All that a connection, or a session without one, waits for.
pub(super) struct Occasions {
    waiting: SelectAll<BoxStream<'static, Occasion>>,
    put_off: VecDeque<Occasion>,
}

impl Occasions {
    /// What is the same for all, and who wants to take up the session.
    pub(super) fn new(gateway: &Gateway, takers: Option<mpsc::Receiver<Taker>>) -> Self {
        let mut occasions = Self { waiting: SelectAll::new(), put_off: VecDeque::new() };
        let server = (gateway.draining.clone(), gateway.closing.clone(), false);
        let server = stream::unfold(server, |(draining, closing, is_told)| async move {
            tokio::select! {
                biased;
                () = closing.cancelled() => {
                    Some((Occasion::Ending(Ending::Close(CloseReason::Restart)), (draining, closing, true)))
                }
                () = draining.cancelled(), if !is_told => Some((Occasion::Draining, (draining, closing, true))),
            }
        });
        occasions.waiting.push(server.boxed());
        let mut heartbeat = tokio::time::interval(gateway.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let beats = stream::unfold(heartbeat, |mut heartbeat| async move {
            heartbeat.tick().await;
            Some((Occasion::Heartbeat, heartbeat))
        });
        occasions.waiting.push(beats.boxed());
        let revocations = stream::unfold(gateway.auth.revocations(), |mut revocations| async move {
            Some((Occasion::Revocation(revocations.recv().await), revocations))
        });
        occasions.waiting.push(revocations.boxed());
        let mut policy = gateway.abuse.watch_policy();
        // Also what was replaced since the connection was let in.
        policy.mark_changed();
        let policies = stream::unfold(policy, |mut policy| async move {
            policy.changed().await.ok()?;
            let new = Arc::clone(&policy.borrow_and_update());
            Some((Occasion::Policy(new), policy))
        });
        occasions.waiting.push(policies.boxed());
        if let Some(takers) = takers {
            let taken = stream::unfold(takers, |mut takers| async move {
                // Without one the token is spent, on somebody who was gone before he got anything.
                Some((Occasion::Ending(Ending::Taken(takers.recv().await?)), takers))
            });
            occasions.waiting.push(taken.boxed());
        }
        occasions
    }

    fn once(&mut self, occasion: impl Future<Output = Occasion> + Send + 'static) {
        self.waiting.push(stream::once(occasion).boxed());
    }

    /// Also waits until somebody closes this client's socket or session.
    pub(super) fn watch(&mut self, client: &Arc<Client>) {
        let client = Arc::clone(client);
        self.once(async move { Occasion::Ending(Ending::Close(client.closed().await)) });
    }

    /// Also waits until somebody ends this client's session, whatever becomes of its socket.
    pub(super) fn watch_session(&mut self, client: &Arc<Client>) {
        let client = Arc::clone(client);
        self.once(async move { Occasion::Ending(Ending::Close(client.ended().await)) });
    }

    /// Also waits for the end of a token.
    pub(super) fn expire(&mut self, unix_seconds: i64) {
        self.once(async move {
            tokio::time::sleep(time_until(unix_seconds)).await;
            Occasion::Expiry
        });
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Occasion {
        match self.put_off.pop_front() {
            Some(occasion) => occasion,
            None => self.happened().await,
        }
    }

    /// The next one that ends the connection; others are put off. Cancel safe.
    pub(super) async fn ending(&mut self) -> Ending {
        while self.put_off.len() < PUT_OFF {
            match self.happened().await {
                Occasion::Ending(ending) => return ending,
                occasion => self.put_off.push_back(occasion),
            }
        }
        pending().await
    }

    async fn happened(&mut self) -> Occasion {
        match self.waiting.next().await {
            Some(occasion) => occasion,
            // Nothing is left that could happen.
            None => pending().await,
        }
    }
}
