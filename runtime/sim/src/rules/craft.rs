//! What is asked about crafting and fees, and what may be answered. Mirrors `wit/economy.wit` field by field.

use crate::content::Rarity;
use crate::ids::{DefId, EntityId};
use crate::limits::UNCHANGED_PERMILLE;
use crate::rng::Rng;
use borsh::{BorshDeserialize, BorshSerialize};

/// See `economy.service`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Service {
    Crafting,
    Respawn,
}

impl Service {
    /// As the journal has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crafting => "crafting",
            Self::Respawn => "respawn",
        }
    }
}

/// See `economy.charge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Charge {
    pub id: u32,
    pub service: Service,
    pub character: EntityId,
    pub level: u32,
    pub subject: DefId,
    pub count: u32,
    pub amount: u32,
    pub balance: u32,
}

/// See `economy.fee`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Fee {
    pub id: u32,
    pub gold: u32,
}

impl Fee {
    /// Fallback: as the content has it.
    pub fn fallback(charge: &Charge) -> Self {
        Self { id: charge.id, gold: charge.amount }
    }
}

/// See `economy.attempt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Attempt {
    pub id: u32,
    pub character: EntityId,
    pub level: u32,
    pub recipe: DefId,
    pub required_level: u32,
    pub product: DefId,
    pub rarity: Rarity,
    pub pieces: u32,
    pub masterwork: DefId,
    pub chance_permille: u32,
    pub quality_permille: u32,
    pub count: u32,
    pub seed: u64,
}

/// See `economy.crafted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Crafted {
    pub id: u32,
    pub successes: u32,
    pub masterworks: u32,
    pub extra: u32,
    pub kept_permille: u32,
}

impl Crafted {
    /// Fallback: as many successes and masterworks as the content's shares of them are, what is left of one by the
    /// dice; nothing on top, nothing left over.
    pub fn fallback(attempt: &Attempt) -> Self {
        let mut dice = Rng(attempt.seed);
        let mut share = |of: u32, permille: u32| {
            let exact = u64::from(of) * u64::from(permille.min(UNCHANGED_PERMILLE));
            ((exact + u64::from(dice.below(UNCHANGED_PERMILLE))) / u64::from(UNCHANGED_PERMILLE)) as u32
        };
        let successes = share(attempt.count, attempt.chance_permille);
        let has_better = attempt.masterwork != DefId::NONE;
        let masterworks = if has_better { share(successes, attempt.quality_permille) } else { 0 };
        Self { id: attempt.id, successes, masterworks, extra: 0, kept_permille: 0 }
    }

    /// What of it is accepted as an answer to `attempt`.
    #[must_use]
    pub fn within(self, attempt: &Attempt) -> Self {
        let successes = self.successes.min(attempt.count);
        let most = if attempt.masterwork == DefId::NONE { 0 } else { successes };
        let masterworks = self.masterworks.min(most);
        let plain = (successes - masterworks).saturating_mul(attempt.pieces);
        let (extra, kept_permille) = (self.extra.min(plain), self.kept_permille.min(UNCHANGED_PERMILLE));
        Self { id: self.id, successes, masterworks, extra, kept_permille }
    }
}
