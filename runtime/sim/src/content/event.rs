//! Definitions of world events.

use super::{Position, Reward};
use crate::ids::DefId;

/// Something that happens at a place for everybody near, in stages, and pays who took part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorldEvent {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// `script/NAME` that conducts it.
    pub script: DefId,
    /// `zone/NAME` it happens in.
    pub zone: DefId,
    /// Its centre.
    pub at: Position,
    /// How far it reaches, and how far around the centre its creatures come, millimetres.
    pub radius_mm: u32,
    /// When it is due, or never by the clock.
    pub schedule: Option<Schedule>,
    /// Which deaths bring it about, or none.
    pub trigger: Option<EventTrigger>,
    /// From its end to the earliest next start, milliseconds.
    pub cooldown_ms: u32,
    /// What happens, in order; never empty.
    pub stages: Vec<Stage>,
    /// `announcement/NAME` for its good end, or none.
    pub on_success: DefId,
    /// `announcement/NAME` for its bad end, or none.
    pub on_failure: DefId,
    /// What one gets who did an equal part of it.
    pub reward: Reward,
}

/// Hours in which an event is due, in minutes of the game's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// From one opening to the next; at least 1.
    pub every_minutes: u32,
    /// The first opening, since midnight of the first day; less than `every_minutes`.
    pub at_minute: u32,
    /// How long it is due; at most `every_minutes`.
    pub lasts_minutes: u32,
}

/// Deaths that bring an event about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventTrigger {
    /// `npc/NAME` of the dead.
    pub npc: DefId,
    /// How many since the event last ended.
    pub count: u32,
}

/// One stage of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// For people: what to do.
    pub text: String,
    /// How long it lasts, milliseconds.
    pub duration_ms: u32,
    /// Creatures of the event to kill; 0 where holding out is all.
    pub kills: u32,
    /// Who comes, in the order of arrival.
    pub creatures: Vec<Creatures>,
    /// `announcement/NAME` for its beginning, or none.
    pub announcement: DefId,
}

/// Some creatures of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Creatures {
    /// `npc/NAME`.
    pub npc: DefId,
    /// How many.
    pub count: u32,
}

impl Schedule {
    /// The minute in which the opening began that `minute` lies in; `None` if it lies in none.
    pub(crate) fn opened(&self, minute: u64) -> Option<u64> {
        let (every, at) = (u64::from(self.every_minutes.max(1)), u64::from(self.at_minute));
        let since = minute.checked_sub(at)? % every;
        (since < u64::from(self.lasts_minutes)).then(|| minute - since)
    }
}

impl Stage {
    /// All who come, together.
    pub fn crowd(&self) -> u32 {
        self.creatures.iter().fold(0, |sum, some| sum.saturating_add(some.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_repeat_and_do_not_begin_before_the_first() {
        let nights = Schedule { every_minutes: 1_440, at_minute: 1_200, lasts_minutes: 120 };
        for (minute, expected) in [
            (480, None),
            (1_199, None),
            (1_200, Some(1_200)),
            (1_319, Some(1_200)),
            (1_320, None),
            (2_640, Some(2_640)),
            (2_700, Some(2_640)),
        ] {
            assert_eq!(nights.opened(minute), expected, "{minute}");
        }
        let always = Schedule { every_minutes: 60, at_minute: 0, lasts_minutes: 60 };
        assert_eq!((always.opened(59), always.opened(60)), (Some(0), Some(60)));
    }
}
