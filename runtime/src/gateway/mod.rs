//! The gateway: from a client's socket to its session and its zone, and back. Connections hold
//! no game state: what a character is lives in its zone and in the store. A session may outlive its connection
//! for a while, and go on over another.

pub mod session;

mod connection;
mod conversation;
mod crowd;
mod echo;
mod join;
mod line;
mod linkdead;
mod meter;
mod occasions;
mod placement;
mod presence;
mod recovery;
mod upgrade;

pub use upgrade::router;

use crate::abuse::{Abuse, Bucket, Rate};
use crate::auth::Auth;
use crate::client::Traffic;
use crate::client::frame::Shared;
use crate::client::limits;
use crate::client::roster::Roster;
use crate::client::topics::Topic;
use crate::presence::Presences;
use crate::store::Store;
use crate::zone::{InboxError, Message, ZoneIndex, Zones};
use protocol::v1::notification::Method as Notice;
use protocol::v1::{SystemLevel, SystemMessage};
use sim::content::Content;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What all connections share.
pub struct Gateway {
    zones: Arc<Zones>,
    roster: Roster,
    presences: Presences,
    store: Store,
    auth: Auth,
    abuse: Abuse,
    content: watch::Receiver<Arc<Content>>,
    tick_ms: u32,
    heartbeat: Duration,
    away_after: Duration,
    echoes: bool,
    /// How often the operator speaks, since the gateway began.
    speech: (Mutex<Bucket>, Instant),
    crowd: crowd::Crowd,
    /// Clients are told to go, no new ones are let in.
    draining: CancellationToken,
    /// Connections that are still there are closed.
    closing: CancellationToken,
    /// Connections, and sessions without one.
    connections: TaskTracker,
    /// How long a session waits for its client.
    linkdead: Duration,
    /// Places of the sessions that do.
    absent: linkdead::Places,
    recovery: recovery::Recovery,
    meters: Meters,
}

/// What goes over all sockets.
struct Meters {
    received: Traffic,
    sent: Traffic,
}

/// What operators say to players: each message wakes every connection.
const OPERATOR_MESSAGES: Rate = Rate::per_second(1, 5);

/// What [`Gateway::new`] needs.
pub struct GatewaySetup {
    /// Where commands go.
    pub zones: Arc<Zones>,
    /// Who plays which character.
    pub roster: Roster,
    /// Who is there, and who wants to know.
    pub presences: Presences,
    /// Where characters are loaded from.
    pub store: Store,
    /// Who may come in.
    pub auth: Auth,
    /// How much, and who may not.
    pub abuse: Abuse,
    /// Definitions in force.
    pub content: watch::Receiver<Arc<Content>>,
    /// Milliseconds per tick.
    pub tick_ms: u32,
    /// From one ping to the next; a client that did not answer the last one by then is closed.
    pub heartbeat: Duration,
    /// How long the session of a broken connection waits for its client; zero for not at all.
    pub linkdead: Duration,
    /// How long a player with a connection does nothing before they are shown as away; zero is for ever.
    pub away_after: Duration,
    /// Whether `/debug/ws-echo` is there.
    pub echoes: bool,
}

impl Gateway {
    /// A gateway without connections.
    pub fn new(setup: GatewaySetup) -> Arc<Self> {
        let GatewaySetup {
            zones,
            roster,
            presences,
            store,
            auth,
            abuse,
            content,
            tick_ms,
            heartbeat,
            linkdead,
            away_after,
            echoes,
        } = setup;
        Arc::new(Self {
            zones,
            roster,
            presences,
            store,
            auth,
            abuse,
            content,
            tick_ms,
            heartbeat,
            away_after,
            echoes,
            speech: (Mutex::default(), Instant::now()),
            crowd: crowd::Crowd::default(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            connections: TaskTracker::new(),
            linkdead,
            absent: linkdead::Places::new(limits::LINKDEAD, limits::LINKDEAD_PER_ACCOUNT),
            recovery: recovery::Recovery::default(),
            meters: Meters { received: Traffic::received(), sent: Traffic::sent() },
        })
    }

    /// Tells everybody what the operator says, or, where zones are named, everybody whose character is in one of
    /// them; how many were told. Who does not want to hear the operator is told what is critical.
    ///
    /// # Errors
    /// The operator speaks too often: how long to wait.
    pub async fn announce(
        &self,
        text: String,
        level: SystemLevel,
        zones: &[ZoneIndex],
    ) -> Result<usize, Duration> {
        let (bucket, since) = &self.speech;
        bucket.lock().unwrap_or_else(PoisonError::into_inner).take(OPERATOR_MESSAGES, since.elapsed())?;
        let topic = Some(Topic::Operator.name().to_owned());
        let message = SystemMessage { text, topic, level: Some(level.into()) };
        let shared = Shared::new(Notice::SystemMessage(message));
        let clients = if zones.is_empty() { self.crowd.clients() } else { self.roster.clients_in(zones) };
        let mut told = 0;
        for some in clients.chunks(limits::FAN_OUT) {
            for client in some {
                if level == SystemLevel::Critical || client.topics.hold(Topic::Operator) {
                    client.share(&shared);
                    told += 1;
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(told)
    }

    /// What happens to every connection now and then.
    fn sources(&self) -> occasions::Sources {
        occasions::Sources {
            draining: self.draining.clone(),
            closing: self.closing.clone(),
            heartbeat: self.heartbeat,
            revocations: self.auth.revocations(),
            policy: self.abuse.watch_policy(),
        }
    }

    /// Connections that are open, and sessions that wait for their client.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Whether clients are being sent away.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Tells every client to connect again later, and lets no new one in.
    pub fn announce_shutdown(&self) {
        self.draining.cancel();
    }

    /// Has every zone save its characters and end; their threads end when they are done. Waits for
    /// zones that stand still: give it a time limit.
    pub async fn drain_zones(&self) {
        for (_, zone) in self.zones.iter() {
            let mut message = Message::Drain;
            while let Err((InboxError::Busy, returned)) = zone.submit(message) {
                message = returned;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Closes what is still connected with 1012 and waits for it, at most `patience`.
    pub async fn close_connections(&self, patience: Duration) {
        self.closing.cancel();
        self.connections.close();
        if tokio::time::timeout(patience, self.connections.wait()).await.is_err() {
            tracing::warn!(left = self.connections.len(), "some connections did not end in time");
        }
    }
}
