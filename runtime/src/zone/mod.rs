//! Zones at run time: threads that own worlds, and the handles by which everybody else reaches
//! them. *Async ends at the inbox.* Game rules do not live here (`sim`, scripts), nor do sockets.

mod blows;
mod changes;
mod encode;
mod events;
mod format;
mod journal;
mod outcome;
mod replicate;
mod room;
mod rules;
mod schedule;
mod speech;
mod state;
mod stats;
mod view;

pub use journal::{Commit, JOURNAL_QUEUE, JournalError, journal_loop};
pub use room::{Room, RoomSetup};
pub use rules::ZoneRules;
pub use schedule::{SimThread, spawn};
pub use state::{owner, split};
pub use stats::{Phase, TickSummary, ZoneStats};

pub use crate::client::ZoneIndex;

use crate::client::Client;
use sim::content::{Content, Position};
use sim::input::{CharacterState, Command};
use sim::state::{Migrated, OldState, Schemas};
use sim::{DefId, RequestId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use tokio::sync::oneshot;

/// Messages that wait for one zone: two ticks of [`sim::limits::INPUTS_PER_TICK`].
pub const INBOX: usize = 2 * sim::limits::INPUTS_PER_TICK;

/// What a client asks of the zone its character is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Something the world must carry out.
    Command(Command),
    /// `world.position.batch`: where the character goes, one place after the other, each with its number.
    Moves(Vec<(u32, Position)>),
    /// An answer in the open conversation, by name; the zone knows which conversation.
    Choose(String),
    /// Something to be made, by the name of its recipe; the zone knows which there are.
    Craft {
        /// Its name.
        recipe: String,
        /// Tries.
        count: u32,
    },
    /// `craft.list`.
    Recipes,
    /// `quest.list`.
    Quests,
    /// `inventory.list`.
    Inventory,
    /// `state.sync`.
    Snapshot,
}

/// What enters a zone.
pub enum Message {
    /// A character comes in.
    Enter(Box<Arrival>),
    /// Its client leaves, or is gone.
    Leave {
        /// Whose character.
        client: Arc<Client>,
        /// Who.
        character: sim::CharacterId,
        /// To answer; [`crate::client::NO_REQUEST`] if the client is gone.
        request: RequestId,
    },
    /// A client asks for something.
    Ask {
        /// Whose character.
        client: Arc<Client>,
        /// Who.
        character: sim::CharacterId,
        /// To answer.
        request: RequestId,
        /// What.
        ask: Ask,
    },
    /// A new generation, applied between two ticks.
    Swap(Box<Swap>),
    /// What the scripts have cost in this zone.
    Inspect(oneshot::Sender<Vec<host_api::ExportStats>>),
    /// What one module was asked lately in this zone.
    Recordings {
        /// Kind of the module.
        kind: host_api::Kind,
        /// Which of them.
        script: sim::DefId,
        /// Views of each function at most.
        most: usize,
        /// Who asks.
        answer: oneshot::Sender<host_api::Recording>,
    },
    /// What the zone holds that is not written in these schemas.
    States {
        /// By script.
        schemas: Schemas,
        /// Who asks.
        answer: oneshot::Sender<Vec<OldState>>,
    },
    /// Everybody leaves and is saved, then the zone ends.
    Drain,
}

/// A character on its way into a zone.
pub struct Arrival {
    /// Whose.
    pub client: Arc<Client>,
    /// All of it.
    pub state: CharacterState,
    /// Its place in the zone's population.
    pub seat: Seat,
    /// Its last acknowledged movement.
    pub last_seq: u32,
    /// The `world.join` to answer; `None` when it walked over from another zone.
    pub request: Option<RequestId>,
}

/// A generation for one zone, prepared off the tick.
pub struct Swap {
    /// Instantiated for this zone alone.
    pub rules: Box<dyn ZoneRules>,
    /// Definitions, if they changed.
    pub content: Option<Arc<Content>>,
    /// Number of the generation.
    pub generation: u64,
    /// State in the schemas of the rules, migrated on a copy.
    pub migrated: Vec<Migrated>,
    /// Whether it has to happen whatever becomes of state that cannot be migrated.
    pub forced: bool,
    /// Told when it is live, or that it is not.
    pub applied: oneshot::Sender<Result<Applied, Unready>>,
}

/// Why a zone did not swap: state could not be migrated in time. It runs what it ran before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unready(pub String);

/// A swap that has happened.
pub struct Applied {
    /// First tick with the new generation.
    pub tick: u64,
    /// To be dropped off the tick.
    pub old: Box<dyn ZoneRules>,
}

/// Why a zone did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// The inbox is full: try again in a tick or two.
    #[error("the zone's inbox is full")]
    Busy,
    /// The zone has ended.
    #[error("the zone has ended")]
    Gone,
}

/// The clonable front of one zone.
#[derive(Clone)]
pub struct ZoneHandle {
    /// `zone/NAME`.
    pub id: DefId,
    /// Its name.
    pub name: Arc<str>,
    inbox: SyncSender<Message>,
    population: Arc<Population>,
    /// What can be read about it from outside.
    pub stats: Arc<ZoneStats>,
}

/// Counts the characters that are in a zone or on their way into it.
struct Population {
    taken: AtomicUsize,
    cap: AtomicUsize,
}

/// A place in a zone's population, given back when dropped.
pub struct Seat(Arc<Population>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl ZoneHandle {
    /// Takes a place in the zone; `None` if it is full.
    pub fn reserve(&self) -> Option<Seat> {
        let cap = self.population.cap.load(Ordering::Relaxed);
        self.population
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| (taken < cap).then_some(taken + 1))
            .ok()
            .map(|_| Seat(Arc::clone(&self.population)))
    }

    /// Puts a message into the zone's inbox. Never waits.
    ///
    /// # Errors
    /// [`InboxError`], with the message.
    pub fn submit(&self, message: Message) -> Result<(), (InboxError, Message)> {
        self.inbox.try_send(message).map_err(|error| match error {
            TrySendError::Full(message) => (InboxError::Busy, message),
            TrySendError::Disconnected(message) => (InboxError::Gone, message),
        })
    }

    /// Characters in the zone or on their way into it.
    pub fn population(&self) -> usize {
        self.population.taken.load(Ordering::Relaxed)
    }

    fn set_cap(&self, cap: u32) {
        self.population.cap.store(cap as usize, Ordering::Relaxed);
    }
}

/// All zones of this server. The set is fixed while it runs.
pub struct Zones {
    handles: Vec<ZoneHandle>,
    by_id: BTreeMap<DefId, ZoneIndex>,
}

impl Zones {
    fn new(handles: Vec<ZoneHandle>) -> Self {
        let by_id = handles.iter().enumerate().map(|(index, handle)| (handle.id, ZoneIndex(index))).collect();
        Self { handles, by_id }
    }

    /// The zone `zone/NAME`.
    pub fn find(&self, id: DefId) -> Option<ZoneIndex> {
        self.by_id.get(&id).copied()
    }

    /// A zone; indices come from [`Zones::find`] and [`Zones::iter`] and are always good.
    pub fn handle(&self, index: ZoneIndex) -> &ZoneHandle {
        &self.handles[index.0]
    }

    /// All zones.
    pub fn iter(&self) -> impl Iterator<Item = (ZoneIndex, &ZoneHandle)> {
        self.handles.iter().enumerate().map(|(index, handle)| (ZoneIndex(index), handle))
    }
}
