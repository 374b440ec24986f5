//! The bounds of a connection that buffers are sized by, with their units and reasons. Rates, and whatever else an
//! operator may change, are in `crate::abuse`.

use std::time::Duration;

/// Open sockets in all, whatever the policy: as many accounts and addresses again are remembered that have gone.
pub const SOCKETS: usize = 16_384;
/// Bytes of one message of a client, a batch included. The longest sensible call is a chat line of
/// 500 bytes; 32 of those fit.
pub const MESSAGE_BYTES: usize = 16 * 1024;
/// Bytes of one message to a client: half a second of its share of the line, [`CLIENT_BYTES_PER_SECOND`]. Only the answer
/// to a batch may be longer: it holds as many answers, each of them shorter.
pub const TOLD_BYTES: usize = 64 * 1024;
/// Bytes of the list in one answer; the rest of [`TOLD_BYTES`] is for what is around it.
pub const LIST_BYTES: usize = 60 * 1024;
/// Calls in one batch.
pub const BATCH_CALLS: usize = 32;
/// Moves in one `world.position.batch`: 0.8 s of them, twice what a character can have saved up at full speed.
pub const BATCH_MOVES: usize = 16;
/// Requests of one connection that wait for their answer; more are answered with `busy`. Two
/// seconds of the allowed rate.
pub const PENDING_REQUESTS: usize = 128;
/// Messages that may come at once, whatever the policy: the outbox has room for their answers.
pub const MESSAGES_BURST: u32 = 120;
/// Connections told at once of what the operator says, before other tasks have their turn.
pub const FAN_OUT: usize = 256;
/// Bytes that are read from a socket at once: dozens of calls.
pub const READ_BUFFER: usize = 1024;
/// Bytes of messages that are gathered before they are written, and of what a socket's library has to say.
pub const WRITE_BUFFER: usize = 4 * 1024;
/// Bytes that a socket takes and has not sent, about: beyond it, it is full, and what is to be told waits here, where
/// deltas are put together. A quarter of a second at [`CLIENT_BYTES_PER_SECOND`].
pub const UNSENT_BYTES: u32 = 32 * 1024;
/// Batches that wait for one courier, of which a zone has up to two a tick. Beyond half of it what can be told later is,
/// and a zone that finds no place stands still until there is one.
pub const COURIER_BATCHES: usize = 256;
/// Parcels that a courier delivers before other tasks have their turn: half a millisecond.
pub const COURIER_STRETCH: usize = 64;
/// Frames that wait for one client: three seconds of deltas and speech beside the reserve. Beyond it
/// the client gets no more of those until it has caught up.
pub const OUTBOX_FRAMES: usize = OUTBOX_RESERVE + 64;
/// Places of the outbox that deltas and speech leave free: a client that does all that its other
/// limits allow is answered in one tick without being too slow, and is told of the consequences.
pub const OUTBOX_RESERVE: usize = PENDING_REQUESTS + MESSAGES_BURST as usize + PRIVATE_NOTICES + LATE_DELTAS;
/// Deltas for which there was room when they were made, and is none when a courier brings them.
pub const LATE_DELTAS: usize = 32;
/// Updates of the own character in the ticks a burst takes effect in.
const PRIVATE_NOTICES: usize = 72;
/// Bytes of snapshots and deltas a second, saved up for at most one: a megabit. What is beyond it is told later, the
/// near and dangerous first. A room of 400 who all move takes some 30 KiB on `lore.v1.proto`.
pub const CLIENT_BYTES_PER_SECOND: i64 = 128 * 1024;
/// Bytes on their way to a client that acknowledges frames: beyond it, changes are put together until it has.
pub const FLIGHT_BYTES: usize = 64 * 1024;
/// The same in frames: two seconds of them.
pub const FLIGHT_FRAMES: usize = 40;
/// So many frames may be on their way however large they are: a client that acknowledges every so many would wait for
/// the next one for ever.
pub const FLIGHT_FRAMES_LEAST: usize = 5;
/// A client that could not be sent anything for so long, because it does not read or does not acknowledge, is closed.
pub const SLOW_CLIENT: Duration = Duration::from_secs(5);
/// A single write may take so long; more than [`SLOW_CLIENT`], so that the zone decides first.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client has to answer our close frame.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the token of an open connection is looked at again.
pub const TOKEN_CHECK: Duration = Duration::from_secs(300);
/// Messages that are kept for one client until it acknowledges them: half a minute of a lively fight.
pub const KEPT_MESSAGES: usize = 512;
/// Bytes of them, but for the newest, which is always kept. A client that acknowledges what it hears has a few hundred.
pub const KEPT_BYTES: usize = 64 * 1024;
/// Sessions of one account that wait for their client: as many as it may have sockets by default.
pub const LINKDEAD_PER_ACCOUNT: usize = 4;
/// Such sessions in all: the load that the server is made for, when a proxy in between is started again.
pub const LINKDEAD: usize = 5_000;
/// How long a join waits for the same character to be saved by its former connection, and a client that comes back for
/// its session.
pub const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(10);

// No limit allows what another one punishes.
const _: () = {
    assert!(PENDING_REQUESTS >= MESSAGES_BURST as usize);
    assert!(BATCH_CALLS <= MESSAGES_BURST as usize);
    assert!(OUTBOX_RESERVE >= PENDING_REQUESTS + MESSAGES_BURST as usize);
    assert!(OUTBOX_FRAMES > OUTBOX_RESERVE);
    assert!(KEPT_MESSAGES >= OUTBOX_FRAMES);
    assert!(LIST_BYTES < TOLD_BYTES);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::{Encoding, Frame};
    use crate::client::{Client, Outgoing};
    use protocol::v1::Done;
    use protocol::v1::response::Outcome;
    use sim::RequestId;
    use std::time::Duration;

    #[tokio::test]
    async fn all_that_is_allowed_at_once_is_answered_at_once() {
        let (client, _outbox) = Client::new(Encoding::Json);
        while client.has_room() {
            client.tell(Outgoing::Frame(Frame::Text("delta".into())));
        }
        for request in 1..=PENDING_REQUESTS + MESSAGES_BURST as usize {
            let result = Ok(Box::new(Outcome::Done(Done {})));
            client.tell(Outgoing::Answer { request: RequestId(request as u64), result });
        }
        let closed = tokio::time::timeout(Duration::ZERO, client.closed()).await;
        assert!(closed.is_err(), "closed: {closed:?}");
    }
}
