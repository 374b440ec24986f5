// What one piece costs whom, what services cost and what comes of crafting.
import { Rng, each, share } from 'lore';
import type { Attempt, Charge, Craft, Crafted, Deal, Fee, Fees, Quote, QuotePrices } from 'lore/economy';

export const quotePrices: QuotePrices = (_ctx, deals) => each(deals, quote);
export const craft: Craft = (_ctx, attempts) => each(attempts, attempt);
export const fees: Fees = (_ctx, charges) => each(charges, fee);

// What the shop's share of the value is, but nothing is sold below its value, and at most half of it is
// paid.
export function quote({ id, side, value, permille }: Deal): Quote {
  const asked = share(value, permille);
  const unit = side === 'buy' ? Math.max(asked, value) : Math.min(asked, Math.trunc(value / 2));
  return { id, agreed: unit > 0, unit: Math.min(unit, 1_000_000_000) };
}

// As many successes and masterworks as their shares in the content are, what is left of one by the dice; of what
// fails half is left over.
export function attempt({ id, count, chancePermille, masterwork, qualityPermille, seed }: Attempt): Crafted {
  const dice = new Rng(seed);
  const some = (of: number, permille: number) => Math.trunc((of * permille + dice.below(1000)) / 1000);
  const successes = some(count, chancePermille);
  const masterworks = masterwork === 0 ? 0 : some(successes, qualityPermille);
  return { id, successes, masterworks, extra: 0, keptPermille: 500 };
}

// What the content says, for everybody.
export function fee({ id, amount }: Charge): Fee {
  return { id, gold: amount };
}
