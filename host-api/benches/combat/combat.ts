// The formula of scripts/combat in TypeScript, roll by roll: measured by the bench beside it, held to the
// rules in Rust by tests/formulas.rs.
import { Rng, clamp, each } from 'lore';
import type { Attack, HitKind, Outcome, Resolve } from 'lore/combat';

const CRITICAL_PERMILLE = 1500;
const BLOCKED_PERMILLE = 500;
const VARIANCE_PERMILLE = 200;
const THREAT_OF_A_MISS = 1;
const AMOUNT_MAX = 1_000_000;

export const resolve: Resolve = (_ctx, attacks) => each(attacks, swing);

function hitChance(accuracy: number, evasion: number, distanceMm: number): number {
  const aim = Math.trunc((accuracy - 50) / 2);
  const agility = Math.trunc((evasion - 50) / 2);
  const distance = Math.trunc(Math.trunc(distanceMm / 1000) / 10);
  return clamp(70 + aim - agility - distance, 5, 95);
}

function swing(attack: Attack): Outcome {
  const dice = new Rng(attack.seed);
  if (dice.d100() > hitChance(attack.accuracy, attack.evasion, attack.distanceMm)) {
    return harmless(attack.id, 'miss');
  }
  if (dice.d100() <= attack.dodgeChance) return harmless(attack.id, 'dodge');
  const plain = Math.max(attack.attackPower + attack.weaponDamage, 0);
  const spread = dice.between(-VARIANCE_PERMILLE, VARIANCE_PERMILLE);
  const base = share(share(plain, attack.powerPermille), 1000 + spread);

  const critical = dice.d100() <= attack.criticalChance;
  const raw = critical ? share(base, CRITICAL_PERMILLE) : base;

  const blocked = !critical && dice.d100() <= attack.blockChance;
  const passed = blocked ? share(raw, BLOCKED_PERMILLE) : raw;
  const resistance = clamp(attack.resistancePermille, -1000, 1000);
  const felt = share(passed, 1000 - resistance) - attack.defence;

  const amount = clamp(felt, 1, AMOUNT_MAX);
  const kind = critical ? 'critical' : blocked ? 'block' : 'hit';
  return { id: attack.id, kind, base, raw, amount, threat: amount };
}

function share(amount: number, permille: number): number {
  return clamp(Math.trunc((amount * permille) / 1000), 0, AMOUNT_MAX);
}

function harmless(id: number, kind: HitKind): Outcome {
  return { id, kind, base: 0, raw: 0, amount: 0, threat: THREAT_OF_A_MISS };
}
