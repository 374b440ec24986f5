//! What happens to a connection now and then, beside its frames: somebody closes it, a timer rings, there is news for
//! all. It waits in streams that are polled only when they have something: thirty frames a second do not ask them.

use super::linkdead::time_until;
use super::recovery::Taker;
use crate::abuse::Policy;
use crate::client::{Client, CloseReason};
use futures_util::StreamExt;
use futures_util::stream::{self, AbortHandle, BoxStream, SelectAll};
use std::collections::VecDeque;
use std::future::pending;
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

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
    /// The token is at its end, or one that was replaced just then.
    Expiry,
    /// The id of a session whose tokens are refused from now on.
    Revocation(Result<Arc<str>, RecvError>),
    /// Another policy holds.
    Policy(Arc<Policy>),
}

/// Where that comes from which happens to all connections.
pub(super) struct Sources {
    /// Clients are told to go.
    pub draining: CancellationToken,
    /// Connections that are still there are closed.
    pub closing: CancellationToken,
    /// From one ping to the next.
    pub heartbeat: Duration,
    /// Ids of sessions whose tokens are refused from now on.
    pub revocations: broadcast::Receiver<Arc<str>>,
    /// The policy that holds.
    pub policy: watch::Receiver<Arc<Policy>>,
}

/// All that a connection, or a session without one, waits for.
pub(super) struct Occasions {
    waiting: SelectAll<BoxStream<'static, Occasion>>,
    put_off: VecDeque<Occasion>,
    /// Ends the wait for the end of a token.
    expiry: Option<AbortHandle>,
}

/// What can happen to any connection, again and again. In one piece: there are many connections.
struct Recurring {
    draining: CancellationToken,
    closing: CancellationToken,
    is_told: bool,
    heartbeat: Interval,
    revocations: broadcast::Receiver<Arc<str>>,
    policy: watch::Receiver<Arc<Policy>>,
    takers: Option<mpsc::Receiver<Taker>>,
}

impl Recurring {
    fn new(sources: Sources, takers: Option<mpsc::Receiver<Taker>>) -> Self {
        let Sources { draining, closing, heartbeat, revocations, mut policy } = sources;
        let mut heartbeat = tokio::time::interval(heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        // Also what was replaced since the connection was let in.
        policy.mark_changed();
        Self { draining, closing, is_told: false, heartbeat, revocations, policy, takers }
    }

    async fn next(&mut self) -> Occasion {
        let taken = async {
            match &mut self.takers {
                Some(takers) => takers.recv().await,
                None => None,
            }
        };
        tokio::select! {
            biased;
            () = self.closing.cancelled() => Occasion::Ending(Ending::Close(CloseReason::Restart)),
            // Without one the token is spent, on somebody who was gone before he got anything.
            Some(taker) = taken => Occasion::Ending(Ending::Taken(taker)),
            () = self.draining.cancelled(), if !self.is_told => {
                self.is_told = true;
                Occasion::Draining
            }
            news = self.revocations.recv() => Occasion::Revocation(news),
            Ok(()) = self.policy.changed() => Occasion::Policy(Arc::clone(&self.policy.borrow_and_update())),
            _ = self.heartbeat.tick() => Occasion::Heartbeat,
        }
    }
}

impl Occasions {
    /// What is the same for all, and who wants to take up the session.
    pub(super) fn new(sources: Sources, takers: Option<mpsc::Receiver<Taker>>) -> Self {
        let mut occasions = Self { waiting: SelectAll::new(), put_off: VecDeque::new(), expiry: None };
        let recurring = stream::unfold(Recurring::new(sources, takers), |mut recurring| async move {
            Some((recurring.next().await, recurring))
        });
        occasions.waiting.push(recurring.boxed());
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

    /// Also waits for the end of this token, and no more for that of the one before.
    pub(super) fn expire(&mut self, unix_seconds: i64) {
        let expiry = async move {
            tokio::time::sleep(time_until(unix_seconds)).await;
            Occasion::Expiry
        };
        let (expiry, handle) = stream::abortable(stream::once(expiry));
        self.waiting.push(expiry.boxed());
        if let Some(before) = self.expiry.replace(handle) {
            before.abort();
        }
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Occasion {
        match self.put_off.pop_front() {
            Some(occasion) => occasion,
            None => self.happened().await,
        }
    }

    /// The next one that ends the connection; others are put off, of each kind the last. Cancel safe.
    pub(super) async fn ending(&mut self) -> Ending {
        loop {
            match self.happened().await {
                Occasion::Ending(ending) => return ending,
                // However many are revoked meanwhile, the own token is looked at once.
                Occasion::Revocation(_) => self.put_off(Occasion::Revocation(Err(RecvError::Lagged(1)))),
                occasion => self.put_off(occasion),
            }
        }
    }

    fn put_off(&mut self, occasion: Occasion) {
        let kind = discriminant(&occasion);
        match self.put_off.iter_mut().find(|known| discriminant(*known) == kind) {
            Some(known) => *known = occasion,
            None => self.put_off.push_back(occasion),
        }
    }

    async fn happened(&mut self) -> Occasion {
        match self.waiting.next().await {
            Some(occasion) => occasion,
            // Nothing is left that could happen.
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::Encoding;
    use crate::store::unix_seconds;
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    /// Longer than any test takes.
    const NEVER: Duration = Duration::from_secs(3_600);

    /// Who makes the occasions.
    struct Server {
        draining: CancellationToken,
        closing: CancellationToken,
        revocations: broadcast::Sender<Arc<str>>,
        policy: watch::Sender<Arc<Policy>>,
    }

    impl Server {
        fn new() -> Self {
            Self {
                draining: CancellationToken::new(),
                closing: CancellationToken::new(),
                revocations: broadcast::Sender::new(8),
                policy: watch::Sender::new(Arc::default()),
            }
        }

        fn sources(&self, heartbeat: Duration) -> Sources {
            Sources {
                draining: self.draining.clone(),
                closing: self.closing.clone(),
                heartbeat,
                revocations: self.revocations.subscribe(),
                policy: self.policy.subscribe(),
            }
        }

        /// Occasions of which the first, the policy, has been taken.
        async fn occasions(&self, takers: Option<mpsc::Receiver<Taker>>) -> Occasions {
            let mut occasions = Occasions::new(self.sources(NEVER), takers);
            assert!(matches!(occasions.next().await, Occasion::Policy(_)));
            occasions
        }

        fn revoke(&self, session: &str) {
            assert!(self.revocations.send(session.into()).is_ok(), "somebody listens");
        }
    }

    fn client() -> Arc<Client> {
        Arc::new(Client::new(Encoding::Json).0)
    }

    fn happens(occasions: &mut Occasions) -> bool {
        occasions.next().now_or_never().is_some()
    }

    fn ends(occasions: &mut Occasions) -> bool {
        occasions.ending().now_or_never().is_some()
    }

    #[tokio::test]
    async fn what_ends_a_connection_comes_at_once_and_the_rest_later_in_its_order() {
        let (server, client) = (Server::new(), client());
        let mut occasions = server.occasions(None).await;
        occasions.watch(&client);
        server.revoke("first");
        assert!(!ends(&mut occasions));
        server.draining.cancel();
        assert!(!ends(&mut occasions));
        server.revoke("last");
        assert!(!ends(&mut occasions));
        client.close(CloseReason::Banned);
        assert!(matches!(occasions.ending().await, Ending::Close(CloseReason::Banned)));

        // As if some had been missed: the token is looked at.
        assert!(matches!(occasions.next().await, Occasion::Revocation(Err(RecvError::Lagged(_)))));
        assert!(matches!(occasions.next().await, Occasion::Draining));
        assert!(!happens(&mut occasions), "all of it once");
        server.revoke("next");
        let Occasion::Revocation(Ok(session)) = occasions.next().await else { panic!("a revocation") };
        assert_eq!(&*session, "next");
    }

    #[tokio::test]
    async fn of_each_kind_the_last_is_put_off() {
        let server = Server::new();
        let mut occasions = server.occasions(None).await;
        let last = Arc::new(Policy::default());
        for number in 0..5 {
            server.revoke(&number.to_string());
            server.policy.send_replace(if number == 4 { Arc::clone(&last) } else { Arc::default() });
            assert!(!ends(&mut occasions));
            assert!(occasions.put_off.len() <= 2);
        }
        let mut told = Vec::new();
        while let Some(occasion) = occasions.next().now_or_never() {
            told.push(occasion);
        }
        assert_eq!(told.len(), 2);
        assert!(told.iter().any(|it| matches!(it, Occasion::Policy(policy) if Arc::ptr_eq(policy, &last))));
    }

    #[tokio::test]
    async fn a_policy_that_was_replaced_before_is_told_too() {
        let server = Server::new();
        let policies = [(); 2].map(|()| Arc::new(Policy::default()));
        server.policy.send_replace(Arc::clone(&policies[0]));
        let mut occasions = Occasions::new(server.sources(NEVER), None);
        let Occasion::Policy(told) = occasions.next().await else { panic!("a policy") };
        assert!(Arc::ptr_eq(&told, &policies[0]));
        assert!(!happens(&mut occasions));
        server.policy.send_replace(Arc::clone(&policies[1]));
        let Occasion::Policy(told) = occasions.next().await else { panic!("a policy") };
        assert!(Arc::ptr_eq(&told, &policies[1]));
    }

    #[tokio::test]
    async fn clients_are_told_to_go_once_and_then_closed() {
        let server = Server::new();
        let mut occasions = server.occasions(None).await;
        server.draining.cancel();
        assert!(matches!(occasions.next().await, Occasion::Draining));
        assert!(!happens(&mut occasions));
        server.closing.cancel();
        assert!(matches!(occasions.ending().await, Ending::Close(CloseReason::Restart)));
        // Who was not told yet has no more use for it.
        let mut others = Occasions::new(server.sources(NEVER), None);
        assert!(matches!(others.next().await, Occasion::Ending(Ending::Close(CloseReason::Restart))));
    }

    #[tokio::test]
    async fn a_token_expires_in_its_time_unless_it_is_replaced() {
        let server = Server::new();
        let mut occasions = server.occasions(None).await;
        occasions.expire(unix_seconds() + 3_600);
        assert!(!happens(&mut occasions));
        occasions.expire(unix_seconds());
        assert!(matches!(occasions.next().await, Occasion::Expiry));
        occasions.expire(unix_seconds());
        occasions.expire(unix_seconds() + 3_600);
        assert!(!happens(&mut occasions));
        let waiting = occasions.waiting.len();
        for _ in 0..1_000 {
            occasions.expire(unix_seconds() + 3_600);
            assert!(!happens(&mut occasions) && occasions.waiting.len() <= waiting);
        }
    }

    #[tokio::test]
    async fn whoever_takes_the_session_up_ends_the_connection() {
        let (server, (ask, takers)) = (Server::new(), mpsc::channel(1));
        let mut occasions = server.occasions(Some(takers)).await;
        assert!(!ends(&mut occasions));
        let (taker, session) = oneshot::channel();
        assert!(ask.try_send(taker).is_ok());
        let Ending::Taken(taker) = occasions.ending().await else { panic!("taken up") };
        drop(session);
        assert!(taker.is_closed(), "it is the one that asked");
        drop(ask);
        assert!(!happens(&mut occasions), "nobody else can ask");
    }

    #[tokio::test]
    async fn a_heart_beats_again_and_again() {
        let server = Server::new();
        let mut occasions = Occasions::new(server.sources(Duration::from_millis(1)), None);
        let mut beats = 0;
        while beats < 3 {
            match occasions.next().await {
                Occasion::Heartbeat => beats += 1,
                Occasion::Policy(_) => {}
                _ => panic!("something else happened"),
            }
        }
    }

    #[tokio::test]
    async fn a_socket_that_is_of_no_use_ends_no_session() {
        let (server, client) = (Server::new(), client());
        let mut occasions = server.occasions(None).await;
        occasions.watch_session(&client);
        client.unplug();
        assert!(!happens(&mut occasions));
        client.close(CloseReason::Elsewhere);
        assert!(matches!(occasions.ending().await, Ending::Close(CloseReason::Elsewhere)));
    }
}
