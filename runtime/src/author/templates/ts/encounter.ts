// Bosses and duels. Encounters of the content, and `[duel]`, use it with `script = "__NAME__"`.
import { each } from 'lore';
import type { Act, Bout, Direct, Direction, OpenDuels, Pairing, TakeTurns, Terms, Turn } from 'lore/encounter';

export const direct: Direct = (_ctx, bouts) => each(bouts, lead);
export const openDuels: OpenDuels = (_ctx, pairings) => each(pairings, open);
export const takeTurns: TakeTurns = (_ctx, turns) => each(turns, takeTurn);

// A phase begins when the boss is hurt enough, with its adds and its announcement.
export function lead({ id, occasion, phase, phases, healthPermille, memory }: Bout): Direction {
  const hurt = phases.map(({ healthBelowPermille }) => healthBelowPermille > 0 && healthPermille <= healthBelowPermille);
  const next = Math.max(hurt.lastIndexOf(true) + 1, phase);
  const now = phases[next - 1];
  const news = next > phase ? now : undefined;
  const reset = occasion === 'reset';
  return {
    id,
    phase: reset ? 0 : Math.min(next, phases.length),
    powerPermille: now?.powerPermille ?? 1000,
    speedPermille: 1000,
    summon: reset ? 0 : (news?.addsCount ?? 0),
    ability: news?.ability ?? 0,
    healPermille: 0,
    dismiss: false,
    announcement: news?.announcement ?? 0,
    memory,
  };
}

// Who challenges begins.
export function open({ id, turnTicks }: Pairing): Terms {
  return { id, challengerBegins: true, turnTicks, memory: 0 };
}

// What was chosen is done; who leaves it to the script strikes, who dreams passes. Turns alternate.
export function takeTurn({ id, round, auto, chosen, moves, memory }: Turn): Act {
  const wanted = auto ? (moves[0]?.ability ?? 0) : chosen;
  const ready = moves.some((move) => move.ability === wanted && move.ready);
  return {
    id,
    ability: ready ? wanted : 0,
    powerPermille: 1000,
    cooldownTurns: 0,
    again: false,
    verdict: round > 50 ? 'draw' : 'go-on',
    memory,
  };
}
