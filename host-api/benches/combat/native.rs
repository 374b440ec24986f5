//! The yardstick: the formula in Rust, not inlined, so that it is called once per view.

use crate::weigh;
use sim::rules::{Attack, HitKind, Outcome};

/// splitmix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }
}

pub fn pass(attacks: &[Attack]) -> i64 {
    attacks.iter().map(|attack| weigh(&resolve(attack))).sum()
}

#[inline(never)]
fn resolve(attack: &Attack) -> Outcome {
    let mut dice = Dice(attack.seed);
    let mut d100 = |chance: i64| i64::from(dice.below(100)) < chance;
    let harmless = |kind| Outcome { id: attack.id, kind, base: 0, raw: 0, amount: 0, threat: 1 };
    let aim = (i64::from(attack.accuracy) - 50) / 2;
    let agility = (i64::from(attack.evasion) - 50) / 2;
    let distance = i64::from(attack.distance_mm / 1_000) / 10;
    if !d100((70 + aim - agility - distance).clamp(5, 95)) {
        return harmless(HitKind::Miss);
    }
    if d100(attack.dodge_chance.into()) {
        return harmless(HitKind::Dodge);
    }
    let plain = (i64::from(attack.attack_power) + i64::from(attack.weapon_damage)).max(0);
    let variance = 800 + i64::from(dice.below(401));
    let base = share(share(plain, attack.power_permille.into()), variance);
    let mut d100 = |chance: u32| dice.below(100) < chance;
    let critical = d100(attack.critical_chance);
    let raw = if critical { share(base, 1_500) } else { base };
    let blocked = !critical && d100(attack.block_chance);
    let passed = if blocked { share(raw, 500) } else { raw };
    let resistance = i64::from(attack.resistance_permille.clamp(-1_000, 1_000));
    let felt = share(passed, 1_000 - resistance) - i64::from(attack.defence);
    let amount = felt.clamp(1, 1_000_000) as i32;
    let kind = match (critical, blocked) {
        (true, _) => HitKind::Critical,
        (false, true) => HitKind::Block,
        (false, false) => HitKind::Hit,
    };
    Outcome { id: attack.id, kind, base: base as i32, raw: raw as i32, amount, threat: amount }
}

fn share(amount: i64, permille: i64) -> i64 {
    (amount * permille / 1_000).clamp(0, 1_000_000)
}
