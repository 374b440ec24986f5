//! What is told of duels.

use crate::ids::{CharacterId, DefId, DuelId, EntityId};
use crate::rules::{HitKind, Origin};

/// A duel, as one of the two is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuelState {
    /// Which.
    pub duel: DuelId,
    /// 1 and up.
    pub round: u32,
    /// Who has the turn, [`EntityId::NONE`] once it is over.
    pub actor: EntityId,
    /// Ticks left for it.
    pub turn_ticks: u32,
    /// The challenger first.
    pub sides: [DuelistState; 2],
    /// What who is told can do.
    pub moves: Vec<MoveState>,
    /// The turn before; none at the beginning.
    pub last: Option<DuelBlow>,
    /// Who decided it, or who begins.
    pub origin: Origin,
}

/// One side of a duel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DuelistState {
    pub entity: EntityId,
    pub health: i32,
    pub health_max: i32,
    pub mana: i32,
    pub mana_max: i32,
    pub energy: i32,
    pub energy_max: i32,
    /// Leaves its turns to the script.
    pub auto: bool,
}

/// Something one can do in a duel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveState {
    /// `ability/NAME`.
    pub ability: DefId,
    /// Cost.
    pub mana_cost: u32,
    /// Cost.
    pub energy_cost: u32,
    /// Own turns until it is ready.
    pub cooldown_turns: u32,
    /// Ready, and paid for.
    pub ready: bool,
}

/// What a turn of a duel was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuelBlow {
    /// Whose.
    pub actor: EntityId,
    /// `ability/NAME`; none for a turn that was passed.
    pub ability: DefId,
    /// How a swing ended.
    pub hit: Option<HitKind>,
    /// Health the foe has lost.
    pub amount: i32,
    /// Health the actor has got.
    pub heal: i32,
    /// The time of the turn was over.
    pub timed_out: bool,
    /// Who decided the swing, or the turn if it had none.
    pub origin: Origin,
}

/// A turn of a duel, as one of the two will remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuelEntry {
    /// The own turn, not the other's.
    pub own: bool,
    /// `ability/NAME`; none for a turn that was passed.
    pub ability: DefId,
    /// Health the foe has lost.
    pub amount: i32,
    /// Health the actor has got.
    pub heal: i32,
}

/// Against whom a duel was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opponent {
    /// Another character.
    Character(CharacterId),
    /// `npc/NAME`.
    Npc(DefId),
}

/// How a duel was for one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum DuelResult {
    Won,
    Lost,
    Drawn,
}

impl DuelResult {
    /// On the wire and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Drawn => "drawn",
        }
    }
}

/// Why a challenge or a duel is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DuelEnd {
    /// Somebody has no health left.
    Health,
    /// The script has said so.
    Verdict,
    /// Somebody has given up.
    Surrender,
    /// Somebody has gone away.
    Left,
    /// Somebody has died, outside of the duel.
    Died,
    /// It has lasted too long.
    Time,
    /// The challenge was turned down or taken back.
    Declined,
    /// Nobody has answered the challenge.
    Expired,
    /// There are no duels any more.
    Cancelled,
}

impl DuelEnd {
    /// On the wire and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Verdict => "verdict",
            Self::Surrender => "surrender",
            Self::Left => "left",
            Self::Died => "died",
            Self::Time => "time",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}
