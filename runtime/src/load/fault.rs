//! Conduct of the server that `docs/protocol.md` does not allow, in words.

use thiserror::Error;

/// Something the protocol does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON, not JSON-RPC, or a member is missing or of the wrong type.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// Method of the notification, or what kind of message.
        what: String,
        /// What the decoder said.
        why: String,
    },
    /// A notification that the protocol does not know.
    #[error("unknown notification {0:?}")]
    UnknownNotification(String),
    /// A response to nothing that was asked, or a second one.
    #[error("response to {0} which was not asked")]
    UnaskedResponse(u64),
    /// A message that must not be lost is missing before this one.
    #[error("message {seq} after {heard}")]
    Gap {
        /// The last one before it.
        heard: u64,
        /// Its number.
        seq: u64,
    },
    /// A delta before any snapshot, or between crossing over and its snapshot.
    #[error("delta of tick {0} without a snapshot before it")]
    DeltaWithoutSnapshot(u64),
    /// A tick number that did not grow.
    #[error("tick went from {from} to {to}")]
    TickBackwards {
        /// Newest tick heard before.
        from: u64,
        /// The tick of the frame.
        to: u64,
    },
    /// An acknowledgement that fell or was never sent.
    #[error("acknowledged {ack} after {before}, newest sent is {sent}")]
    WrongAck {
        /// What the frame said.
        ack: u64,
        /// The acknowledgement before it.
        before: u64,
        /// The newest sequence number sent.
        sent: u64,
    },
    /// A changed or leaving entity that is not in sight.
    #[error("{what} of entity {id} which is not in sight")]
    UnknownEntity {
        /// `update`, `move` or `leave`.
        what: &'static str,
        /// Which.
        id: u64,
    },
    /// An entity that enters twice.
    #[error("entity {0} entered twice")]
    EnteredTwice(u64),
}

/// What cannot be read, and what the decoder said.
pub(super) fn malformed(what: &str, why: &dyn std::fmt::Display) -> Fault {
    Fault::Malformed { what: what.chars().take(64).collect(), why: why.to_string() }
}
