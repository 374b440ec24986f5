//! A connected client as the rest of the server sees it: somewhere to put frames, and a way to be
//! shown the door; the messages it is sent, and the limits it has. The socket is in `gateway`, all but the end of it that
//! is written to ([`sink`]).

pub mod courier;
pub mod craft;
pub mod frame;
pub mod limits;
pub mod names;
pub mod reliable;
pub mod roster;
pub mod rpc;
pub mod sink;
pub mod topics;
mod traffic;
pub mod wire;

pub use traffic::Traffic;

use frame::{Encoding, Frame, Shared};
use protocol::v1::Joined;
use protocol::v1::notification::Method;
use protocol::v1::response::Outcome;
use rpc::RpcError;
use sim::{CharacterId, RequestId};
use sink::{Sent, Sink};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{Notify, mpsc};
use topics::Topics;

/// Which of the zones of this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneIndex(pub usize);

/// The request id of a notification: nobody waits for the answer.
pub const NO_REQUEST: RequestId = RequestId(0);

/// What goes to a client.
#[derive(Debug)]
pub enum Outgoing {
    /// A finished frame that the next of its kind makes up for: a delta or a snapshot.
    Frame(Frame),
    /// What was left of a frame that the socket did not take whole: to be flushed.
    Rest,
    /// A finished notification that must not be lost, perhaps shared with other clients.
    Told(Frame),
    /// The same for what others say, all of a tick: the first to be left out for a client that is away.
    Speech(Arc<[Frame]>),
    /// The answer to a request; the session knows what the client calls it.
    Answer {
        /// Which request.
        request: RequestId,
        /// The answer, or why there is none.
        result: Result<Box<Outcome>, RpcError>,
    },
    /// The character is in the world; also the answer to `world.join`.
    Joined {
        /// Which request.
        request: RequestId,
        /// Who.
        character: CharacterId,
        /// The answer.
        joined: Box<Joined>,
    },
    /// The join failed, and why.
    NotJoined {
        /// Which request.
        request: RequestId,
        /// Why.
        error: RpcError,
    },
    /// The character was saved and is out of the world; also the answer to `world.leave`.
    Left {
        /// Which request.
        request: RequestId,
    },
    /// Close the connection after all before was sent.
    Close(CloseReason),
}

/// Why the server closes a connection. The numbers are part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client asked for it.
    Normal,
    /// The frames break the WebSocket protocol.
    Protocol,
    /// A frame of the other encoding.
    Unsupported(Encoding),
    /// Text that is not UTF-8.
    InvalidText,
    /// The client floods the server.
    Policy,
    /// A message beyond the limit.
    TooBig,
    /// The server goes down or the zone was restarted.
    Restart,
    /// The token has expired or was revoked.
    Token,
    /// No answer to pings.
    Heartbeat,
    /// The client does not read fast enough.
    TooSlow,
    /// The same character joined, or the session was taken up, on another connection.
    Elsewhere,
    /// The account or the address is banned.
    Banned,
}

impl CloseReason {
    /// Close code and text.
    pub fn code(self) -> (u16, &'static str) {
        match self {
            Self::Normal => (1000, ""),
            Self::Protocol => (1002, "protocol error"),
            Self::Unsupported(Encoding::Json) => (1003, "binary frames are not part of lore.v1.json"),
            Self::Unsupported(Encoding::Proto) => (1003, "text frames are not part of lore.v1.proto"),
            Self::InvalidText => (1007, "invalid UTF-8"),
            Self::Policy => (1008, "too many refused calls or frames"),
            Self::TooBig => (1009, "a message is at most 16384 bytes"),
            Self::Restart => (1012, "the server restarts"),
            Self::Token => (4001, "the token has expired or was revoked"),
            Self::Heartbeat => (4002, "no answer to pings"),
            Self::TooSlow => (4003, "the client does not read fast enough"),
            Self::Elsewhere => (4004, "the character joined elsewhere"),
            Self::Banned => (4005, "banned"),
        }
    }
}

/// The receiving end of a client's outbox, for the task of its socket.
pub struct Outbox {
    receiver: mpsc::Receiver<Outgoing>,
    /// What was taken out and is not written yet.
    taken: u32,
}

impl Outbox {
    /// The next one; `None` when nobody can send one any more. Cancel safe.
    pub async fn recv(&mut self) -> Option<Outgoing> {
        let outgoing = self.receiver.recv().await?;
        self.taken += 1;
        Some(outgoing)
    }

    /// The next one, if there is one.
    ///
    /// # Errors
    /// There is none.
    pub fn try_recv(&mut self) -> Result<Outgoing, mpsc::error::TryRecvError> {
        let outgoing = self.receiver.try_recv()?;
        self.taken += 1;
        Ok(outgoing)
    }

    /// All that was taken out is written, or has no need to be.
    pub fn settle(&mut self, client: &Client) {
        client.backlog.fetch_sub(std::mem::take(&mut self.taken), Ordering::Release);
    }
}

/// One client; it outlives a socket that breaks. Shared by its socket task, the zone its character is in, and the
/// journal.
pub struct Client {
    /// How it is written to.
    pub encoding: Encoding,
    /// What it wants to be told of.
    pub topics: Topics,
    /// Bounded by [`limits::OUTBOX_FRAMES`].
    outbox: mpsc::Sender<Outgoing>,
    /// What was put into the outbox and is not written yet. A delta goes past the outbox only while it is 0.
    backlog: AtomicU32,
    /// Where it is written to past the outbox, and as what it is known to the zone; nobody holds it longer than one write that does not wait.
    sink: Mutex<Option<(u32, Arc<Sink>)>>,
    /// Where its character is; written by the zone that hands it over, read by the socket task.
    zone: AtomicUsize,
    /// Tick of the newest frame that it says it has; 0 for one that never says so.
    acknowledged: AtomicU64,
    /// Even while it has a socket, odd while it has none. Changed by the socket task, and by a courier that has lost a
    /// delta; read by the zone.
    link: AtomicU32,
    /// Its socket is of no use any more; the session may go on over another.
    unplugged: AtomicBool,
    /// Written once, by whoever is first to end the session.
    closing: OnceLock<CloseReason>,
    close: Notify,
    /// Impossible movements since the socket task looked; counted by the zone.
    corrections: AtomicU32,
}

impl Client {
    /// A client and the receiving end of its outbox, for the socket task.
    pub fn new(encoding: Encoding) -> (Self, Outbox) {
        let (outbox, receiver) = mpsc::channel(limits::OUTBOX_FRAMES);
        let client = Self {
            encoding,
            topics: Topics::default(),
            outbox,
            backlog: AtomicU32::new(0),
            sink: Mutex::new(None),
            zone: AtomicUsize::new(0),
            acknowledged: AtomicU64::new(0),
            link: AtomicU32::new(0),
            unplugged: AtomicBool::new(false),
            closing: OnceLock::new(),
            close: Notify::new(),
            corrections: AtomicU32::new(0),
        };
        (client, Outbox { receiver, taken: 0 })
    }

    /// Sends something that must not be lost. A client without room for it is closed, and learns
    /// the truth from the snapshot after its next join.
    pub fn tell(&self, outgoing: Outgoing) {
        self.backlog.fetch_add(1, Ordering::AcqRel);
        match self.outbox.try_send(outgoing) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(_)) => self.close(CloseReason::TooSlow),
        }
    }

    /// A notification in its encoding.
    pub fn frame(&self, method: Method) -> Outgoing {
        Outgoing::Told(frame::notification(self.encoding, method))
    }

    /// Sends it a notification.
    pub fn notify(&self, method: Method) {
        self.tell(self.frame(method));
    }

    fn sink(&self) -> MutexGuard<'_, Option<(u32, Arc<Sink>)>> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deltas for the socket it has may be written to this from now on, past the outbox; to none with `None`, and none is
    /// being written when this returns.
    pub fn set_sink(&self, sink: Option<Arc<Sink>>) {
        let mut known = self.sink();
        *known = self.link().zip(sink);
    }

    /// Sends a delta that was made for this socket. It goes into the socket at once if nothing waits to be written before
    /// it, and into the outbox otherwise.
    fn deliver(&self, link: u32, delta: Frame, sent: &Traffic) {
        if self.link() != Some(link) {
            return;
        }
        if self.backlog.load(Ordering::Acquire) == 0 {
            let tried = match &*self.sink() {
                Some((own, sink)) if *own == link => sink.try_send(&delta),
                _ => Sent::Nothing,
            };
            if tried != Sent::Nothing {
                sent.count(delta.len());
            }
            match tried {
                Sent::Whole => return,
                Sent::Part => return self.tell(Outgoing::Rest),
                Sent::Nothing => {}
            }
        }
        // There was room when it was made.
        if self.outbox.capacity() > limits::OUTBOX_RESERVE - limits::LATE_DELTAS {
            self.tell(Outgoing::Frame(delta));
        } else {
            self.lose(link);
        }
    }

    /// A delta is lost, and with it those that rest on it: to the zone it is as if the client had another socket, which
    /// begins with a snapshot.
    fn lose(&self, link: u32) {
        let mut sink = self.sink();
        let next = link.wrapping_add(2);
        let changed = self.link.compare_exchange(link, next, Ordering::AcqRel, Ordering::Acquire);
        if let (Ok(_), Some((own, _))) = (changed, &mut *sink) {
            *own = next;
        }
    }

    /// Sends it a notification that others are sent too.
    pub fn share(&self, shared: &Shared) {
        self.tell(Outgoing::Told(shared.frame(self.encoding)));
    }

    /// It has taken in the frame of this tick of its zone.
    pub fn acknowledge(&self, tick: u64) {
        self.acknowledged.store(tick, Ordering::Relaxed);
    }

    /// The tick it acknowledged last; 0 if it never did.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Whether the outbox has room for a delta beside what must not be lost.
    pub fn has_room(&self) -> bool {
        self.outbox.capacity() > limits::OUTBOX_RESERVE
    }

    /// Ends the session, and its connection, with the first reason given.
    pub fn close(&self, reason: CloseReason) {
        if self.closing.set(reason).is_ok() {
            self.close.notify_one();
        }
    }

    /// Closes the socket, which nobody reads fast enough; the client may come back over another.
    pub fn unplug(&self) {
        self.unplugged.store(true, Ordering::Release);
        self.close.notify_one();
    }

    /// Waits until somebody closes the socket or the session.
    pub async fn closed(&self) -> CloseReason {
        loop {
            if let Some(reason) = self.closing.get() {
                return *reason;
            }
            if self.unplugged.load(Ordering::Acquire) {
                return CloseReason::TooSlow;
            }
            self.close.notified().await;
        }
    }

    /// The character tried a movement that is impossible.
    pub fn count_correction(&self) {
        self.corrections.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were since the last time.
    pub fn take_corrections(&self) -> u32 {
        self.corrections.swap(0, Ordering::Relaxed)
    }

    /// Waits until somebody closes the session.
    pub async fn ended(&self) -> CloseReason {
        loop {
            if let Some(reason) = self.closing.get() {
                return *reason;
            }
            self.close.notified().await;
        }
    }

    /// Whether the session is closed.
    pub fn has_ended(&self) -> bool {
        self.closing.get().is_some()
    }

    /// Its socket is gone: nothing that is seen needs to be sent.
    pub fn set_away(&self) {
        self.link.fetch_or(1, Ordering::AcqRel);
    }

    /// It has another socket, over which it knows nothing yet.
    pub fn set_back(&self) {
        self.unplugged.store(false, Ordering::Release);
        let next = |link: u32| Some((link | 1).wrapping_add(1));
        // It always gives a next one.
        let _ = self.link.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// Which of its sockets it has, a number that changes with every one, and when it has to begin anew on the same;
    /// `None` while it has none.
    pub fn link(&self) -> Option<u32> {
        let link = self.link.load(Ordering::Acquire);
        link.is_multiple_of(2).then_some(link)
    }

    /// The zone its character is in.
    pub fn zone(&self) -> ZoneIndex {
        ZoneIndex(self.zone.load(Ordering::Acquire))
    }

    /// The character is handed to a zone.
    pub fn set_zone(&self, zone: ZoneIndex) {
        self.zone.store(zone.0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_of_a_client_is_another() {
        let (client, _outbox) = Client::new(Encoding::Json);
        let first = client.link();
        assert!(first.is_some());
        client.set_away();
        client.set_away();
        assert_eq!(client.link(), None);
        client.set_back();
        let second = client.link();
        assert!(second.is_some() && second != first);
        client.set_back();
        assert!(
            client.link().is_some() && client.link() != second,
            "taken over while the other was still there"
        );
    }

    #[tokio::test]
    async fn a_socket_that_is_not_read_does_not_end_the_session() {
        let (client, _outbox) = Client::new(Encoding::Json);
        client.unplug();
        assert_eq!(client.closed().await, CloseReason::TooSlow);
        assert!(!client.has_ended());
        client.set_back();
        client.close(CloseReason::Elsewhere);
        client.ended().await;
        assert_eq!(client.closed().await, CloseReason::Elsewhere);
    }
}
