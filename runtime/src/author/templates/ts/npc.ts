// The mind of an NPC. NPCs of the content use it with `script = "__NAME__"`.
import { each } from 'lore';
import type { Decision, Perception, Think } from 'lore/npc';

export const think: Think = (_ctx, perceptions) => each(perceptions, decide);

// Fights who hurt it, as far as its leash, and else stays at home.
export function decide(seen: Perception): Decision {
  const atHome: Decision = {
    id: seen.id,
    state: 'idle',
    target: 0,
    destination: seen.home,
    speedPermille: 1000,
    ability: 0,
    callForHelp: false,
    memory: seen.memory,
  };
  if (seen.target === 0 || seen.distanceHomeMm > seen.leashMm) return atHome;
  if (seen.targetDistanceMm > seen.reachMm) {
    return { ...atHome, state: 'chase', target: seen.target, destination: seen.targetAt };
  }
  const ability = seen.readyInTicks === 0 ? seen.basic : 0;
  return { ...atHome, state: 'attack', target: seen.target, destination: seen.at, ability };
}
