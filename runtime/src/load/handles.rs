//! File handles: every connection takes one, and a shell gives a process 1,024 unless it asks for more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

/// Handles beside the connections: threads, standard streams, HTTP connections.
const BESIDE: u64 = 256;

/// The system does not give as many as are needed.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "{needed} file handles are needed, this process may have {allowed}; raise the hard limit (`ulimit -Hn {needed}` as \
     root, or `LimitNOFILE` of the service), or send fewer bots"
)]
pub struct TooFew {
    /// For all connections, and what is beside them.
    pub needed: u64,
    /// The hard limit.
    pub allowed: u64,
}

/// Makes room for so many connections.
///
/// # Errors
/// [`TooFew`] when the hard limit is lower.
pub fn make_room(connections: usize) -> Result<(), TooFew> {
    let (limits, needed) = (getrlimit(Resource::Nofile), connections as u64 + BESIDE);
    let Some(wanted) = raised(limits, needed)? else { return Ok(()) };
    let refused = TooFew { needed, allowed: limits.current.unwrap_or(0) };
    setrlimit(Resource::Nofile, wanted).map_err(|_| refused)
}

/// The limits to ask for; `None` when they are good as they are. A missing limit is none.
fn raised(limits: Rlimit, needed: u64) -> Result<Option<Rlimit>, TooFew> {
    if limits.current.is_none_or(|current| current >= needed) {
        return Ok(None);
    }
    match limits.maximum {
        Some(allowed) if allowed < needed => Err(TooFew { needed, allowed }),
        maximum => Ok(Some(Rlimit { current: Some(needed), maximum })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_and_allowed_is_asked_for() {
        let limits = |current, maximum| Rlimit { current, maximum };
        assert_eq!(raised(limits(Some(1_024), Some(4_096)), 1_000), Ok(None));
        assert_eq!(raised(limits(None, None), 100_000), Ok(None));
        let asked = limits(Some(3_000), Some(4_096));
        assert_eq!(raised(limits(Some(1_024), Some(4_096)), 3_000), Ok(Some(asked)));
        assert_eq!(raised(limits(Some(1_024), None), 3_000), Ok(Some(limits(Some(3_000), None))));
        let refused = raised(limits(Some(1_024), Some(4_096)), 5_000);
        assert_eq!(refused, Err(TooFew { needed: 5_000, allowed: 4_096 }));
    }

    #[test]
    fn there_is_room_for_a_few() {
        assert_eq!(make_room(1), Ok(()));
    }
}
