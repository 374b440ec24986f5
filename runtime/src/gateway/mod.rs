//! The gateway: from a client's socket to its session and its zone, and back. Connections hold
//! no game state: what a character is lives in its zone and in the store. A session may outlive its connection
//! for a while, and go on over another.

pub mod session;

mod connection;
mod conversation;
mod join;
mod linkdead;
mod placement;
mod places;
mod rate;
mod recovery;
mod upgrade;

pub use upgrade::router;

use crate::auth::Auth;
use crate::client::limits;
use crate::client::roster::Roster;
use crate::store::Store;
use crate::zone::{InboxError, Message, Zones};
use sim::content::Content;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What all connections share.
pub struct Gateway {
    zones: Arc<Zones>,
    roster: Roster,
    store: Store,
    auth: Auth,
    content: watch::Receiver<Arc<Content>>,
    tick_ms: u32,
    heartbeat: Duration,
    origins: Vec<String>,
    /// Clients are told to go, no new ones are let in.
    draining: CancellationToken,
    /// Connections that are still there are closed.
    closing: CancellationToken,
    /// Connections, and sessions without one.
    connections: TaskTracker,
    places: places::Places,
    /// How long a session waits for its client.
    linkdead: Duration,
    /// Places of the sessions that do.
    absent: places::Places,
    recovery: recovery::Recovery,
}

/// What [`Gateway::new`] needs.
pub struct GatewaySetup {
    /// Where commands go.
    pub zones: Arc<Zones>,
    /// Who plays which character.
    pub roster: Roster,
    /// Where characters are loaded from.
    pub store: Store,
    /// Who may come in.
    pub auth: Auth,
    /// Definitions in force.
    pub content: watch::Receiver<Arc<Content>>,
    /// Milliseconds per tick.
    pub tick_ms: u32,
    /// From one ping to the next; a client that did not answer the last one by then is closed.
    pub heartbeat: Duration,
    /// How long the session of a broken connection waits for its client; zero for not at all.
    pub linkdead: Duration,
    /// Pages that may open a socket, beside those of this server; `*` for all.
    pub origins: Vec<String>,
}

impl Gateway {
    /// A gateway without connections.
    pub fn new(setup: GatewaySetup) -> Arc<Self> {
        let GatewaySetup { zones, roster, store, auth, content, tick_ms, heartbeat, linkdead, origins } = setup;
        Arc::new(Self {
            zones,
            roster,
            store,
            auth,
            content,
            tick_ms,
            heartbeat,
            origins,
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            connections: TaskTracker::new(),
            places: places::Places::new(limits::SOCKETS, limits::SOCKETS_PER_ACCOUNT),
            linkdead,
            absent: places::Places::new(limits::LINKDEAD, limits::LINKDEAD_PER_ACCOUNT),
            recovery: recovery::Recovery::default(),
        })
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
