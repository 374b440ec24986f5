//! How a swing is resolved.
//!
//! Whole numbers only; every division rounds towards zero. The steps, in this order, each with
//! its own roll of the swing's dice (a step that ends the swing rolls no further):
//!
//! 1. **Miss**: the d100 is over [`hit_chance`].
//! 2. **Dodge**: the d100 is at most the dodge chance.
//! 3. **Variance**: `(attack + weapon) * power / 1000`, then 800..=1200 permille of it: `base`.
//! 4. **Critical**: the d100 is at most the critical chance; `raw` is `base` times
//!    [`CRITICAL_PERMILLE`], otherwise `raw` is `base`.
//! 5. **Block**: not on a critical hit, which breaks through. The d100 is at most the block
//!    chance; [`BLOCKED_PERMILLE`] of the damage are left.
//! 6. **Resistance** to the element, permille; a negative one adds damage.
//! 7. **Defence** is subtracted. A swing that landed takes at least 1: `amount`.

use crate::wit::exports::lore::script::combat::{Attack, HitKind, Outcome};
use lore_sdk::Rng;

/// Damage of a critical hit, permille of a plain one.
pub const CRITICAL_PERMILLE: i64 = 1_500;
/// Damage that passes a block, permille.
pub const BLOCKED_PERMILLE: i64 = 500;
/// Variance either way, permille.
pub const VARIANCE_PERMILLE: i32 = 200;
/// Threat of a swing that took nothing: enough to be noticed.
pub const THREAT_OF_A_MISS: i32 = 1;
/// Most damage of one swing; the host accepts no more.
pub const AMOUNT_MAX: i64 = 1_000_000;

/// Percent of swings that are no miss:
/// `clamp(70 + (accuracy - 50) / 2 - (evasion - 50) / 2 - distance / 10, 5, 95)` with the distance
/// in units of 1,000 mm.
pub fn hit_chance(accuracy: i32, evasion: i32, distance_mm: u32) -> u32 {
    let aim = (i64::from(accuracy) - 50) / 2;
    let agility = (i64::from(evasion) - 50) / 2;
    let distance = i64::from(distance_mm / 1_000) / 10;
    (70 + aim - agility - distance).clamp(5, 95) as u32
}

/// One swing.
pub fn resolve(attack: &Attack) -> Outcome {
    let mut dice = Rng::new(attack.seed);
    if dice.d100() > hit_chance(attack.accuracy, attack.evasion, attack.distance_mm) {
        return harmless(attack.id, HitKind::Miss);
    }
    if dice.d100() <= attack.dodge_chance {
        return harmless(attack.id, HitKind::Dodge);
    }
    let plain = (i64::from(attack.attack_power) + i64::from(attack.weapon_damage)).max(0);
    let spread = i64::from(dice.between(-VARIANCE_PERMILLE, VARIANCE_PERMILLE));
    let base = share(share(plain, i64::from(attack.power_permille)), 1_000 + spread);

    let critical = dice.d100() <= attack.critical_chance;
    let raw = if critical { share(base, CRITICAL_PERMILLE) } else { base };

    let blocked = !critical && dice.d100() <= attack.block_chance;
    let passed = if blocked { share(raw, BLOCKED_PERMILLE) } else { raw };
    let resistance = i64::from(attack.resistance_permille.clamp(-1_000, 1_000));
    let felt = share(passed, 1_000 - resistance) - i64::from(attack.defence);

    let amount = felt.clamp(1, AMOUNT_MAX) as i32;
    let kind = match (critical, blocked) {
        (true, _) => HitKind::Critical,
        (false, true) => HitKind::Block,
        (false, false) => HitKind::Hit,
    };
    Outcome { id: attack.id, kind, base: base as i32, raw: raw as i32, amount, threat: amount }
}

/// `permille` of `amount`, at most [`AMOUNT_MAX`].
fn share(amount: i64, permille: i64) -> i64 {
    (amount.saturating_mul(permille) / 1_000).clamp(0, AMOUNT_MAX)
}

fn harmless(id: u32, kind: HitKind) -> Outcome {
    Outcome { id, kind, base: 0, raw: 0, amount: 0, threat: THREAT_OF_A_MISS }
}
