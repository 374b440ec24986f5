//! Every bound of presences, with its unit and reason. `docs/protocol.md` states those a client can run into;
//! rates are in [`crate::abuse`].

use std::time::Duration;

/// Characters that one connection listens to: a long list of friends.
pub const SUBSCRIPTIONS: usize = 200;
/// The same for all connections together: some 60 MiB.
pub const SUBSCRIPTIONS_IN_ALL: usize = 500_000;
/// Characters and names in one question.
pub const QUERIED: usize = 200;
/// Presences in one message: with the longest names and words it stays below 64 KiB.
pub const TOLD_AT_ONCE: usize = 100;
/// Bytes of what somebody says of themselves: one short line.
pub const STATUS_BYTES: usize = 100;
/// From the first change to the message that tells it and all that came meanwhile: four messages a second.
pub const GATHER: Duration = Duration::from_millis(250);
