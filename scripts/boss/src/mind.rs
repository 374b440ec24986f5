//! What a boss decides.
//!
//! | phase | health | special attack when ready | speed |
//! |---|---|---|---|
//! | calm | above 50 % | one time in five | 1000 permille |
//! | roused | 50 % and below; calls for help once | one time in two | 1150 permille |
//! | enraged | 25 % and below | always | 1400 permille |
//!
//! The memory is the highest phase reached in this fight, so that healing does not calm it.

use crate::wit::exports::lore::script::npc::{Decision, Perception, Position, State};
use lore_sdk::Rng;

/// Close enough to home to be there, millimetres.
const ARRIVED_MM: u32 = 500;
const HOME_SPEED_PERMILLE: u32 = 1_500;

/// How angry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// At first.
    Calm,
    /// From half health on.
    Roused,
    /// From a quarter on.
    Enraged,
}

impl Phase {
    /// By health alone.
    pub fn at_health(permille: u32) -> Self {
        match permille {
            0..=250 => Self::Enraged,
            251..=500 => Self::Roused,
            _ => Self::Calm,
        }
    }

    fn remembered(memory: i64) -> Self {
        match memory {
            2 => Self::Enraged,
            1 => Self::Roused,
            _ => Self::Calm,
        }
    }

    fn special_permille(self) -> u32 {
        match self {
            Self::Calm => 200,
            Self::Roused => 500,
            Self::Enraged => 1_000,
        }
    }

    fn speed_permille(self) -> u32 {
        match self {
            Self::Calm => 1_000,
            Self::Roused => 1_150,
            Self::Enraged => 1_400,
        }
    }
}

/// One decision.
pub fn think(seen: &Perception) -> Decision {
    if seen.stunned {
        return stay(seen, seen.state, seen.target);
    }
    let too_far = seen.target != 0 && seen.distance_home_mm > seen.leash_mm;
    if seen.state == State::ReturnHome || too_far {
        return go_home(seen);
    }
    if seen.target != 0 {
        return fight(seen);
    }
    if seen.nearest != 0 {
        return Decision { memory: 0, ..stay(seen, State::Chase, seen.nearest) };
    }
    go_home(seen)
}

fn fight(seen: &Perception) -> Decision {
    let before = Phase::remembered(seen.memory);
    let phase = before.max(Phase::at_health(seen.health_permille));
    let call_for_help = before == Phase::Calm && phase > Phase::Calm;
    let base = if seen.target_distance_mm > seen.reach_mm {
        walk(seen, State::Chase, seen.target_at, phase.speed_permille())
    } else {
        Decision { ability: choose_ability(seen, phase), ..stay(seen, State::Attack, seen.target) }
    };
    Decision { target: seen.target, call_for_help, memory: phase as i64, ..base }
}

fn choose_ability(seen: &Perception, phase: Phase) -> u32 {
    if seen.ready_in_ticks > 0 {
        return 0;
    }
    let ready = seen.special != 0 && seen.special_ready_in_ticks == 0;
    let wants = Rng::new(seen.seed).permille(phase.special_permille());
    if ready && wants { seen.special } else { seen.basic }
}

fn go_home(seen: &Perception) -> Decision {
    if seen.distance_home_mm <= ARRIVED_MM {
        return Decision { memory: 0, ..stay(seen, State::Idle, 0) };
    }
    Decision { memory: 0, ..walk(seen, State::ReturnHome, seen.home, HOME_SPEED_PERMILLE) }
}

fn stay(seen: &Perception, state: State, target: u64) -> Decision {
    Decision {
        id: seen.id,
        state,
        target,
        destination: seen.at,
        speed_permille: 0,
        ability: 0,
        call_for_help: false,
        memory: seen.memory,
    }
}

fn walk(seen: &Perception, state: State, destination: Position, speed_permille: u32) -> Decision {
    Decision { destination, speed_permille, ..stay(seen, state, 0) }
}
