//! What a beast decides, one perception at a time.

use crate::wit::exports::lore::script::npc::{Decision, Perception, Position, State};
use lore_sdk::ground::{self, Point};
use lore_sdk::{Rng, ticks};

/// Least rest between two strolls, milliseconds.
const REST_MS: u32 = 3_000;
/// Chance to get up per decision after that rest, permille.
const RESTLESS_PERMILLE: u32 = 15;
/// Longest stroll, milliseconds: something may be in the way.
const STROLL_MS: u32 = 10_000;
/// Longest flight, milliseconds.
const FLIGHT_MS: u32 = 3_000;
/// Health below which it calls for help, once per fight, permille.
const HELP_BELOW_PERMILLE: u32 = 500;
/// Close enough to a place to be there, millimetres.
const ARRIVED_MM: u32 = 500;
/// Chance to prefer the special attack when it is ready, permille.
const SPECIAL_PERMILLE: u32 = 400;
const STROLL_SPEED_PERMILLE: u32 = 400;
const FULL_SPEED_PERMILLE: u32 = 1_000;
const HOME_SPEED_PERMILLE: u32 = 1_200;

/// Flags kept in the memory beside the goal of a stroll; all are cleared by going home.
const FLED: u8 = 1;
const CALLED: u8 = 2;

/// One decision.
pub fn think(seen: &Perception, tick_ms: u32) -> Decision {
    if seen.stunned {
        return Decision { speed_permille: 0, ..stay(seen, seen.state) };
    }
    if seen.state == State::ReturnHome {
        return go_home(seen);
    }
    let fights = seen.target != 0;
    if fights && seen.distance_home_mm > seen.leash_mm {
        return go_home(seen);
    }
    if fights {
        return fight(seen, tick_ms);
    }
    if seen.nearest != 0 {
        return notice(seen);
    }
    match seen.state {
        // The enemy is gone or dead.
        State::Chase | State::Attack | State::Flee => go_home(seen),
        _ => while_away(seen, tick_ms),
    }
}

/// Somebody came too close: turn on them. Their place is known from the next decision on.
fn notice(seen: &Perception) -> Decision {
    Decision { target: seen.nearest, memory: 0, ..stay(seen, State::Chase) }
}

fn fight(seen: &Perception, tick_ms: u32) -> Decision {
    let (_, mut flags) = ground::unpack(seen.memory);
    let fleeing = seen.state == State::Flee && seen.state_ticks < ticks(FLIGHT_MS, tick_ms);
    let afraid = seen.health_permille < seen.flee_below_permille && flags & FLED == 0;
    if fleeing || afraid {
        let goal = ground::away(at(&seen.at), at(&seen.target_at), seen.leash_mm.min(10_000));
        return Decision {
            target: seen.target,
            memory: ground::pack((0, 0), flags | FLED),
            ..walk(seen, State::Flee, goal, FULL_SPEED_PERMILLE)
        };
    }
    let call = seen.health_permille < HELP_BELOW_PERMILLE && seen.friends_idle > 0 && flags & CALLED == 0;
    if call {
        flags |= CALLED;
    }
    let memory = ground::pack((0, 0), flags);
    let base = if seen.target_distance_mm > seen.reach_mm {
        walk(seen, State::Chase, at(&seen.target_at), FULL_SPEED_PERMILLE)
    } else {
        Decision { ability: choose_ability(seen), ..stay(seen, State::Attack) }
    };
    Decision { target: seen.target, call_for_help: call, memory, ..base }
}

/// The special attack now and then, the plain one otherwise, nothing while out of breath.
fn choose_ability(seen: &Perception) -> u32 {
    if seen.ready_in_ticks > 0 {
        return 0;
    }
    let ready = seen.special != 0 && seen.special_ready_in_ticks == 0;
    if ready && Rng::new(seen.seed).permille(SPECIAL_PERMILLE) { seen.special } else { seen.basic }
}

fn go_home(seen: &Perception) -> Decision {
    if seen.distance_home_mm <= ARRIVED_MM {
        return Decision { memory: 0, ..stay(seen, State::Idle) };
    }
    Decision { memory: 0, ..walk(seen, State::ReturnHome, at(&seen.home), HOME_SPEED_PERMILLE) }
}

fn while_away(seen: &Perception, tick_ms: u32) -> Decision {
    let mut dice = Rng::new(seen.seed);
    if seen.state == State::Wander {
        let (offset, _) = ground::unpack(seen.memory);
        let goal = (seen.home.x_mm.saturating_add(offset.0), seen.home.y_mm.saturating_add(offset.1));
        let there = ground::distance(at(&seen.at), goal) <= ARRIVED_MM;
        if there || seen.state_ticks > ticks(STROLL_MS, tick_ms) {
            return Decision { memory: 0, ..stay(seen, State::Idle) };
        }
        return walk(seen, State::Wander, goal, STROLL_SPEED_PERMILLE);
    }
    let rested = seen.state_ticks >= ticks(REST_MS, tick_ms);
    if seen.wander_mm > 0 && rested && dice.permille(RESTLESS_PERMILLE) {
        let offset = ground::stroll(&mut dice, seen.wander_mm);
        let goal = (seen.home.x_mm.saturating_add(offset.0), seen.home.y_mm.saturating_add(offset.1));
        let memory = ground::pack(offset, 0);
        return Decision { memory, ..walk(seen, State::Wander, goal, STROLL_SPEED_PERMILLE) };
    }
    Decision { memory: 0, ..stay(seen, State::Idle) }
}

/// Stand still in `state`, fight nobody, keep the memory.
fn stay(seen: &Perception, state: State) -> Decision {
    let target = if seen.stunned { seen.target } else { 0 };
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

fn walk(seen: &Perception, state: State, goal: Point, speed_permille: u32) -> Decision {
    let destination = Position { x_mm: goal.0, y_mm: goal.1 };
    Decision { destination, speed_permille, ..stay(seen, state) }
}

fn at(place: &Position) -> Point {
    (place.x_mm, place.y_mm)
}
