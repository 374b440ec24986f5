// What may be done, what it costs and what it sets in motion.
import { each } from 'lore';
import type { Cast, Plan, PlanCasts, Pulse, PulseOutcome, PulseStatuses, Verdict } from 'lore/ability';

export const planCasts: PlanCasts = (_ctx, casts) => each(casts, plan);
export const pulseStatuses: PulseStatuses = (_ctx, pulses) => each(pulses, pulse);

// What the content says, for whoever is near enough, ready and not stunned.
export function plan(cast: Cast): Plan {
  return {
    id: cast.id,
    verdict: verdict(cast),
    manaCost: cast.manaCost,
    energyCost: cast.energyCost,
    cooldownTicks: cast.cooldownTicks,
    powerPermille: cast.powerPermille,
    element: cast.element,
    status: cast.status,
    statusTicks: cast.statusTicks,
    statusStacks: 1,
    heal: cast.heal,
  };
}

function verdict(cast: Cast): Verdict {
  if (cast.stunned) return 'stunned';
  if (cast.cooldownLeftTicks > 0) return 'on-cooldown';
  if (cast.sinceLastActionTicks < 10) return 'too-soon';
  if (cast.distanceMm > cast.rangeMm) return 'out-of-range';
  if (cast.mana < cast.manaCost) return 'not-enough-mana';
  if (cast.energy < cast.energyCost) return 'not-enough-energy';
  return 'allow';
}

// Every stack hurts (or, with a negative strength, heals) by the strength of the content.
export function pulse({ id, strength, stacks }: Pulse): PulseOutcome {
  return { id, damage: strength * stacks, expire: false };
}
