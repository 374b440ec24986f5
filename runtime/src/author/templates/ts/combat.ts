// What becomes of a swing.
import { Rng, clamp, each } from 'lore';
import type { Attack, Outcome, Resolve } from 'lore/combat';

export const resolve: Resolve = (_ctx, attacks) => each(attacks, swing);

// Three swings in four land, for what attack and weapon give, less the defence.
export function swing(attack: Attack): Outcome {
  const dice = new Rng(attack.seed);
  if (dice.d100() > 75) {
    return { id: attack.id, kind: 'miss', base: 0, raw: 0, amount: 0, threat: 1 };
  }
  const base = attack.attackPower + attack.weaponDamage + dice.between(-3, 3);
  const amount = clamp(base - attack.defence, 1, 1_000_000);
  return { id: attack.id, kind: 'hit', base, raw: base, amount, threat: amount };
}
