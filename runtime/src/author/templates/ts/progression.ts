// What characters become, what a kill is worth and what a death costs.
import { clamp, each, share } from 'lore';
import type { Fall, Gain, Grown, Growth, Kill, Requirement, Step, Toll } from 'lore/progression';
import type { GrowStats, PunishDeaths, RequireExperience, RewardKills } from 'lore/progression';

export const requireExperience: RequireExperience = (_ctx, steps) => each(steps, require);
export const growStats: GrowStats = (_ctx, growths) => each(growths, grow);
export const rewardKills: RewardKills = (_ctx, kills) => each(kills, reward);
export const punishDeaths: PunishDeaths = (_ctx, falls) => each(falls, punish);

// The ladder of the content.
export function require({ id, experience }: Step): Requirement {
  return { id, experience };
}

// Health and attack grow with every level; all else is as at the first.
export function grow({ id, level, base, perLevel }: Growth): Grown {
  const levels = clamp(level, 1, 60) - 1;
  const grown = (first: number, more: number) => clamp(first + more * levels, -1_000_000, 1_000_000);
  const health = grown(base.health, perLevel.health);
  return { id, stats: { ...base, health, attack: grown(base.attack, perLevel.attack) } };
}

// By how much each did; nothing for prey of less than half one's level.
export function reward({ id, level, npcLevel, experience, sharePermille }: Kill): Gain {
  const tooEasy = npcLevel * 2 < level;
  return { id, experience: tooEasy ? 0 : share(experience, Math.min(sharePermille, 1000)) };
}

// Time, but no experience.
export function punish({ id, respawnTicks }: Fall): Toll {
  return { id, experience: 0, respawnTicks };
}
