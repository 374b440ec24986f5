//! Who has had to do with whom lately, so that clients are told sooner of those they fight or help.

use sim::EntityId;
use sim::output::{Event, EventKind};
use std::collections::BTreeSet;

/// Ticks that a blow is remembered at least, and half of what it is at most: three seconds at 20 Hz.
const LATELY_TICKS: u64 = 60;

/// Pairs of entities between whom there was a blow, or help, in the whole zone. Two sets take turns, so that nothing
/// has to be looked through to forget what is long ago.
#[derive(Debug, Default)]
pub struct Blows {
    recent: BTreeSet<[EntityId; 2]>,
    before: BTreeSet<[EntityId; 2]>,
    /// First tick of `recent`.
    since: u64,
}

impl Blows {
    /// A tick begins.
    pub fn begin(&mut self, tick: u64) {
        if tick.abs_diff(self.since) >= LATELY_TICKS {
            std::mem::swap(&mut self.recent, &mut self.before);
            self.recent.clear();
            self.since = tick;
        }
    }

    /// Something happened between these two.
    pub fn take(&mut self, actors: [EntityId; 2]) {
        if !actors.contains(&EntityId::NONE) && actors[0] != actors[1] {
            self.recent.insert(sorted(actors));
        }
    }

    /// Whether these two had to do with each other.
    pub fn between(&self, one: EntityId, other: EntityId) -> bool {
        let pair = sorted([one, other]);
        self.recent.contains(&pair) || self.before.contains(&pair)
    }
}

fn sorted([one, other]: [EntityId; 2]) -> [EntityId; 2] {
    [one.min(other), one.max(other)]
}

/// Who did what an event tells, and to whom; [`EntityId::NONE`] where there is nobody.
pub fn actors(event: &Event) -> [EntityId; 2] {
    match event.kind {
        EventKind::Swing { attacker, defender, .. } => [attacker, defender],
        EventKind::Pulse { source, bearer, .. } => [source, bearer],
        EventKind::Heal { source, target, .. } => [source, target],
        EventKind::Death { entity, killer } => [killer, entity],
        EventKind::Chat { .. }
        | EventKind::Environment(_)
        | EventKind::Announcement(_)
        | EventKind::World(_) => [EntityId::NONE; 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blows_are_remembered_for_a_while_by_both() {
        let [ada, bob, eve] = [1, 2, 3].map(EntityId);
        let mut blows = Blows::default();
        blows.begin(1_000);
        blows.take([bob, ada]);
        blows.take([ada, ada]);
        blows.take([EntityId::NONE, eve]);
        assert!(blows.between(ada, bob) && blows.between(bob, ada));
        assert!(!blows.between(ada, eve) && !blows.between(ada, ada) && !blows.between(eve, EntityId::NONE));
        for tick in 1_001..=1_000 + LATELY_TICKS {
            blows.begin(tick);
            assert!(blows.between(ada, bob));
        }
        blows.take([ada, eve]);
        for tick in 1_001 + LATELY_TICKS..=1_000 + 2 * LATELY_TICKS {
            blows.begin(tick);
        }
        assert!(!blows.between(ada, bob), "long ago");
        assert!(blows.between(ada, eve));
    }
}
