//! What characters and NPCs can do, and what stays on whom it was done to.

use super::Element;
use crate::ids::DefId;

/// Whom an ability can be used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbilityTarget {
    /// Somebody of the other side.
    Enemy,
    /// Oneself.
    Caster,
    /// Oneself or somebody of the same side.
    Ally,
}

/// Something one can do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ability {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// Name of the animation a client plays.
    pub animation: String,
    /// How long that animation takes, milliseconds.
    pub animation_ms: u32,
    /// Whom it can be used on.
    pub target: AbilityTarget,
    /// Reach, millimetres.
    pub range_mm: u32,
    /// Cost.
    pub mana_cost: u32,
    /// Cost.
    pub energy_cost: u32,
    /// From use to ready, milliseconds.
    pub cooldown_ms: u32,
    /// Power of its swing; 0 for no swing.
    pub power_permille: u32,
    /// How it hurts.
    pub element: Element,
    /// Health it gives.
    pub heal: u32,
    /// Status it puts on the target, and for how many milliseconds.
    pub status: Option<(DefId, u32)>,
    /// Level a character needs.
    pub required_level: u32,
}

/// Something that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// Milliseconds between pulses; 0 for a status that only lasts.
    pub period_ms: u32,
    /// Damage per pulse and stack; negative heals.
    pub strength: i32,
    /// How it hurts.
    pub element: Element,
    /// Most stacks.
    pub max_stacks: u32,
    /// The bearer can neither act nor move.
    pub stun: bool,
    /// The bearer cannot use abilities that cost mana.
    pub silence: bool,
    /// Speed of the bearer, permille; 1000 is unchanged, 0 is rooted.
    pub speed_permille: u32,
    /// Helpful (may be put on friends) or harmful.
    pub helpful: bool,
}
