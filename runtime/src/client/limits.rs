//! Every bound of a connection, with its unit and reason. `docs/protocol.md` states those a client
//! can run into.

use std::time::Duration;

/// Open sockets of one account: a player in two tabs who reconnects both before the server has
/// noticed that the former sockets are dead.
pub const SOCKETS_PER_ACCOUNT: usize = 4;
/// Open sockets in all: twice the load the server is made for.
pub const SOCKETS: usize = 10_000;
/// Bytes of one message, either way a batch included. The longest sensible call is a chat line of
/// 500 bytes; 32 of those fit.
pub const MESSAGE_BYTES: usize = 16 * 1024;
/// Calls in one batch.
pub const BATCH_CALLS: usize = 32;
/// Requests of one connection that wait for their answer; more are answered with `busy`. Two
/// seconds of the allowed rate.
pub const PENDING_REQUESTS: usize = 128;
/// Messages a second, and how many may come at once.
pub const MESSAGES: Rate = Rate { per_minute: 60 * 60, burst: 120 };
/// `combat.attack`.
pub const ATTACKS: Rate = Rate { per_minute: 2 * 60, burst: 2 };
/// `combat.use_skill`.
pub const SKILLS: Rate = Rate { per_minute: 2 * 60, burst: 2 };
/// `chat.send`.
pub const CHATS: Rate = Rate { per_minute: 30, burst: 5 };
/// `duel.challenge`: nobody is pestered, and who is turned down may ask somebody else.
pub const CHALLENGES: Rate = Rate { per_minute: 10, burst: 5 };
/// `duel.act`: as often as an attack; a turn takes no less than half a second.
pub const TURNS: Rate = Rate { per_minute: 2 * 60, burst: 2 };
/// `quest.accept`.
pub const QUEST_ACCEPTS: Rate = Rate { per_minute: 60, burst: 1 };
/// `inventory.*`, `shop.buy`, `shop.sell` and `craft.make` together.
pub const INVENTORY: Rate = Rate { per_minute: 10 * 60, burst: 10 };
/// `world.join`, which reads the store.
pub const JOINS: Rate = Rate { per_minute: 30, burst: 5 };
/// `state.sync`, which writes all that is in sight.
pub const SYNCS: Rate = Rate { per_minute: 60, burst: 3 };
/// `quest.list`, `inventory.list`, `shop.list` and `craft.list` together.
pub const LISTS: Rate = Rate { per_minute: 2 * 60, burst: 6 };
/// `presence.update`: now and then somebody is disturbed; whoever listens is told each time.
pub const PRESENCE_UPDATES: Rate = Rate { per_minute: 30, burst: 5 };
/// `presence.subscribe`, `presence.unsubscribe`, `presence.query`, `system.subscribe` and `system.unsubscribe`
/// together.
pub const SUBSCRIPTIONS: Rate = Rate { per_minute: 2 * 60, burst: 10 };
/// What operators say to players: each message wakes every connection.
pub const OPERATOR_MESSAGES: Rate = Rate { per_minute: 60, burst: 5 };
/// Connections told at once of what the operator says, before other tasks have their turn.
pub const FAN_OUT: usize = 256;
/// Refused calls within [`FLOOD_WINDOW`] after which the socket is closed.
pub const FLOOD_CALLS: u32 = 500;
/// See [`FLOOD_CALLS`].
pub const FLOOD_WINDOW: Duration = Duration::from_secs(10);
/// Bytes of the buffers of one socket, each way: most frames of a calm zone fit, and a thousand
/// idle sockets cost 8 MiB.
pub const SOCKET_BUFFER: usize = 4 * 1024;
/// Frames that wait for one client: three seconds of deltas and speech beside the reserve. Beyond it
/// the client gets no more of those until it has caught up.
pub const OUTBOX_FRAMES: usize = OUTBOX_RESERVE + 64;
/// Places of the outbox that deltas and speech leave free: a client that does all that its other
/// limits allow is answered in one tick without being too slow, and is told of the consequences.
pub const OUTBOX_RESERVE: usize = PENDING_REQUESTS + MESSAGES.burst as usize + PRIVATE_NOTICES;
/// Updates of the own character in the ticks a burst takes effect in.
const PRIVATE_NOTICES: usize = 72;
/// Bytes of snapshots and deltas a second, saved up for at most one: a megabit. What is beyond it is told later, the
/// near and dangerous first. A room of 400 who all move takes some 30 KiB on `lore.v1.proto`.
pub const CLIENT_BYTES_PER_SECOND: i64 = 128 * 1024;
/// Bytes on their way to a client that acknowledges frames: beyond it, changes are put together until it has.
pub const FLIGHT_BYTES: usize = 64 * 1024;
/// The same in frames: two seconds of them.
pub const FLIGHT_FRAMES: usize = 40;
/// A client that could not be sent anything for so long is closed.
pub const SLOW_CLIENT: Duration = Duration::from_secs(5);
/// A single write may take so long; more than [`SLOW_CLIENT`], so that the zone decides first.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client has to answer our close frame.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the token of an open connection is looked at again.
pub const TOKEN_CHECK: Duration = Duration::from_secs(300);
/// How long a join waits for the same character to be saved by its former connection.
pub const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// A rate of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls a minute in the long run.
    pub per_minute: u32,
    /// Calls at once after a pause.
    pub burst: u32,
}

// No limit allows what another one punishes.
const _: () = {
    assert!(PENDING_REQUESTS >= MESSAGES.burst as usize);
    assert!(BATCH_CALLS <= MESSAGES.burst as usize);
    assert!(OUTBOX_RESERVE >= PENDING_REQUESTS + MESSAGES.burst as usize);
    assert!(OUTBOX_FRAMES > OUTBOX_RESERVE);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::{Encoding, Frame};
    use crate::client::{Client, Outgoing};
    use sim::RequestId;
    use std::time::Duration;

    #[tokio::test]
    async fn all_that_is_allowed_at_once_is_answered_at_once() {
        let (client, _outbox) = Client::new(Encoding::Json);
        while client.has_room() {
            client.tell(Outgoing::Frame(Frame::Text("delta".into())));
        }
        for request in 1..=PENDING_REQUESTS + MESSAGES.burst as usize {
            client.done(RequestId(request as u64));
        }
        let closed = tokio::time::timeout(Duration::ZERO, client.closed()).await;
        assert!(closed.is_err(), "closed: {closed:?}");
    }
}
