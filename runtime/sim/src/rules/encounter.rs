//! What `encounter.direct`, `encounter.open-duels` and `encounter.take-turns` are shown and answer.

use crate::ids::{DefId, EntityId};
use crate::limits;
use borsh::{BorshDeserialize, BorshSerialize};

/// Why a boss is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum BoutOccasion {
    Engaged,
    Going,
    Reset,
    Changed,
}

/// See `encounter.phase` in `wit/encounter.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct PhaseView {
    pub health_below_permille: u32,
    pub after_ticks: u32,
    pub power_permille: u32,
    pub adds: DefId,
    pub adds_count: u32,
    pub ability: DefId,
    pub announcement: DefId,
}

/// See `encounter.bout`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Bout {
    pub id: u32,
    pub encounter: DefId,
    pub boss: EntityId,
    pub template: DefId,
    pub level: u32,
    pub occasion: BoutOccasion,
    pub phase: u32,
    pub phases: Vec<PhaseView>,
    pub phase_ticks: u32,
    pub fight_ticks: u32,
    pub health_permille: u32,
    pub fighters: u32,
    pub adds: u32,
    pub enrage_ticks: u32,
    pub basic: DefId,
    pub special: DefId,
    pub memory: i64,
    pub seed: u64,
}

impl Bout {
    /// Whether the boss may be told to use this ability.
    pub fn knows(&self, ability: DefId) -> bool {
        ability != DefId::NONE
            && (ability == self.basic
                || ability == self.special
                || self.phases.iter().any(|phase| phase.ability == ability))
    }
}

/// See `encounter.direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Direction {
    pub id: u32,
    pub phase: u32,
    pub power_permille: u32,
    pub speed_permille: u32,
    pub summon: u32,
    pub ability: DefId,
    pub heal_permille: u32,
    pub dismiss: bool,
    pub announcement: DefId,
    pub memory: i64,
}

impl Direction {
    /// Fallback: the phase and the memory stay, nothing happens, and the boss fights as the content says.
    pub fn fallback(bout: &Bout) -> Self {
        Self {
            id: bout.id,
            phase: bout.phase,
            power_permille: limits::UNCHANGED_PERMILLE,
            speed_permille: limits::UNCHANGED_PERMILLE,
            summon: 0,
            ability: DefId::NONE,
            heal_permille: 0,
            dismiss: false,
            announcement: DefId::NONE,
            memory: bout.memory,
        }
    }
}

/// See `encounter.duelist`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct DuelistView {
    pub entity: EntityId,
    pub is_npc: bool,
    pub level: u32,
    pub health: i32,
    pub health_max: i32,
    pub mana: i32,
    pub energy: i32,
    pub accuracy: i32,
    pub evasion: i32,
}

/// See `encounter.pairing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Pairing {
    pub id: u32,
    pub challenger: DuelistView,
    pub opponent: DuelistView,
    pub turn_ticks: u32,
    pub seed: u64,
}

/// See `encounter.terms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Terms {
    pub id: u32,
    pub challenger_begins: bool,
    pub turn_ticks: u32,
    pub memory: i64,
}

impl Terms {
    /// Fallback: the opponent begins, and turns take as long as the content says.
    pub fn fallback(pairing: &Pairing) -> Self {
        Self { id: pairing.id, challenger_begins: false, turn_ticks: pairing.turn_ticks, memory: 0 }
    }
}

/// See `encounter.move`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Move {
    pub ability: DefId,
    pub power_permille: u32,
    pub heal: u32,
    pub mana_cost: u32,
    pub energy_cost: u32,
    pub cooldown_ticks: u32,
    pub cooldown_turns: u32,
    pub ready: bool,
}

/// See `encounter.turn`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Turn {
    pub id: u32,
    pub round: u32,
    pub actor: DuelistView,
    pub foe: DuelistView,
    pub chosen: DefId,
    pub auto: bool,
    pub timed_out: bool,
    pub moves: Vec<Move>,
    pub memory: i64,
    pub seed: u64,
}

impl Turn {
    /// The move with this ability, if it may be made now.
    pub fn ready_move(&self, ability: DefId) -> Option<&Move> {
        self.moves.iter().find(|known| known.ability == ability && known.ready)
    }
}

/// Whether a duel goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum DuelVerdict {
    GoOn,
    ActorWins,
    FoeWins,
    Draw,
}

/// See `encounter.act`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Act {
    pub id: u32,
    pub ability: DefId,
    pub power_permille: u32,
    pub cooldown_turns: u32,
    pub again: bool,
    pub verdict: DuelVerdict,
    pub memory: i64,
}

impl Act {
    /// Fallback: what was chosen, if it can be done, at its own power; else the turn passes.
    pub fn fallback(turn: &Turn) -> Self {
        Self {
            id: turn.id,
            ability: turn.ready_move(turn.chosen).map_or(DefId::NONE, |chosen| chosen.ability),
            power_permille: limits::UNCHANGED_PERMILLE,
            cooldown_turns: 0,
            again: false,
            verdict: DuelVerdict::GoOn,
            memory: turn.memory,
        }
    }
}
