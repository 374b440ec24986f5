// What the dead leave.
import { Rng, each } from 'lore';
import type { Haul, Piece, Roll, Spoils } from 'lore/loot';

export const roll: Roll = (_ctx, deaths) => each(deaths, haul);

// Some gold, what is guaranteed, and every other item of the NPC's own table one time in ten.
export function haul(spoils: Spoils): Haul {
  const dice = new Rng(spoils.seed);
  const gold = dice.between(spoils.goldLeast, spoils.goldMost);
  const pieces: Piece[] = [];
  spoils.rows.forEach((entry, row) => {
    const drops = entry.guaranteed || dice.permille(100);
    if (drops && entry.table === 0 && entry.item !== 0 && pieces.length < 64) {
      pieces.push({ row, count: Math.max(entry.most, 1) });
    }
  });
  return { id: spoils.id, gold, pieces };
}
