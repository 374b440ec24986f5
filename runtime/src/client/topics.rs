//! What is told to everybody, and which of it a client wants to hear.

use std::sync::atomic::{AtomicU8, Ordering};

/// What a client can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What the world says by `system.message`: nightfall, a storm, a greeting.
    Announcements,
    /// `world.event`.
    Events,
    /// What the operator says by `system.message`, unless it is critical.
    Operator,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Announcements, Self::Events, Self::Operator];

    /// What it is called on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Announcements => "announcements",
            Self::Events => "events",
            Self::Operator => "operator",
        }
    }

    /// The topic of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The topics that a client is told of: all at first. Written by its socket task, read by whoever tells.
#[derive(Debug)]
pub struct Topics(AtomicU8);

impl Default for Topics {
    fn default() -> Self {
        Self(AtomicU8::new(Topic::ALL.into_iter().fold(0, |all, topic| all | topic.bit())))
    }
}

impl Topics {
    /// Whether the client is told of it.
    pub fn hold(&self, topic: Topic) -> bool {
        self.0.load(Ordering::Relaxed) & topic.bit() != 0
    }

    /// Tells of it from now on, or no longer.
    pub fn set(&self, topic: Topic, on: bool) {
        if on {
            self.0.fetch_or(topic.bit(), Ordering::Relaxed);
        } else {
            self.0.fetch_and(!topic.bit(), Ordering::Relaxed);
        }
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        let held = Topic::ALL.into_iter().filter(|topic| self.hold(*topic));
        held.map(|topic| topic.name().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_told_until_it_is_not_wanted() {
        let topics = Topics::default();
        assert_eq!(topics.names(), ["announcements", "events", "operator"]);
        topics.set(Topic::Events, false);
        topics.set(Topic::Events, false);
        assert_eq!(topics.names(), ["announcements", "operator"]);
        assert!(!topics.hold(Topic::Events) && topics.hold(Topic::Operator));
        topics.set(Topic::Events, true);
        assert_eq!(topics.names().len(), Topic::ALL.len());
        assert_eq!((Topic::named("events"), Topic::named("Events")), (Some(Topic::Events), None));
    }
}
