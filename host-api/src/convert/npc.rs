//! Minds: `npc.think`.

use super::{Hook, call_export, same_cases, same_id, share};
use crate::bindings::npc::exports::lore::script::npc as wit;
use crate::bulk::{flat, flat_enums};
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::rng::Rng;
use sim::rules::{Decision, NpcState, Perception};
use sim::state::StateValue;
use sim::{DefId, EntityId};

pub(crate) struct Think;

impl Hook for Think {
    const EXPORT: Export = Export::Think;
    type View = Perception;
    type Answer = Decision;
    type Wire = wit::Perception;
    type Reply = wit::Decision;

    call_export!(Npc, lore_script_npc, func_think in bulk);

    fn sample() -> Perception {
        samples::perception()
    }

    fn vary(view: &mut Perception, number: u32, dice: &mut Rng) {
        made_up::perception(view, number, dice);
    }

    fn state(view: &Perception) -> Option<StateValue> {
        Some(StateValue::Npc { template: view.template, memory: view.memory })
    }

    fn set_state(view: &mut Perception, state: StateValue) {
        if let StateValue::Npc { memory, .. } = state {
            view.memory = memory;
        }
    }

    fn forget_state(answer: &mut Decision) {
        answer.memory = 0;
    }

    fn id(view: &Perception) -> u64 {
        view.id.0
    }

    fn subject(view: &Perception) -> DefId {
        view.template
    }

    fn lower(view: &Perception) -> wit::Perception {
        wit::Perception {
            id: view.id.0,
            template: view.template.0,
            level: view.level,
            state: view.state.into(),
            state_ticks: view.state_ticks,
            memory: view.memory,
            health_permille: view.health_permille,
            at: view.at.into(),
            home: view.home.into(),
            distance_home_mm: view.distance_home_mm,
            target: view.target.0,
            target_at: view.target_at.into(),
            target_distance_mm: view.target_distance_mm,
            target_health_permille: view.target_health_permille,
            nearest: view.nearest.0,
            nearest_distance_mm: view.nearest_distance_mm,
            friends_fighting: view.friends_fighting,
            friends_idle: view.friends_idle,
            stunned: view.stunned,
            ready_in_ticks: view.ready_in_ticks,
            aggro_mm: view.aggro_mm,
            leash_mm: view.leash_mm,
            wander_mm: view.wander_mm,
            reach_mm: view.reach_mm,
            flee_below_permille: view.flee_below_permille,
            basic: view.basic.0,
            special: view.special.0,
            special_ready_in_ticks: view.special_ready_in_ticks,
            seed: view.seed,
        }
    }

    fn lift(view: &Perception, reply: wit::Decision) -> Result<Decision, BadOutput> {
        same_id(view.id.0, reply.id)?;
        Ok(Decision {
            id: EntityId(reply.id),
            state: reply.state.into(),
            target: EntityId(reply.target),
            destination: reply.destination.into(),
            speed_permille: reply.speed_permille,
            ability: DefId(reply.ability),
            call_for_help: reply.call_for_help,
            memory: reply.memory,
        })
    }

    fn fallback(view: &Perception) -> Decision {
        Decision::fallback(view)
    }

    fn remembers(answer: &Decision) -> bool {
        answer.memory != 0
    }

    fn measure(answer: &Decision) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("attacking", share(answer.state == NpcState::Attack)),
            ("fleeing", share(answer.state == NpcState::Flee)),
            ("uses ability", share(answer.ability != DefId::NONE)),
        ]
    }
}

same_cases! { NpcState = wit::State { Idle, Wander, Chase, Attack, Flee, ReturnHome } }

flat_enums! { wit::State { Idle, Wander, Chase, Attack, Flee, ReturnHome } }
flat! {
    wit::Perception {
        id, template, level, state, state_ticks, memory, health_permille, at, home, distance_home_mm, target,
        target_at, target_distance_mm, target_health_permille, nearest, nearest_distance_mm, friends_fighting,
        friends_idle, stunned, ready_in_ticks, aggro_mm, leash_mm, wander_mm, reach_mm, flee_below_permille,
        basic, special, special_ready_in_ticks, seed,
    }
    wit::Decision { id, state, target, destination, speed_permille, ability, call_for_help, memory }
}
