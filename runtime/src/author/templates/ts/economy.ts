// What one piece costs whom.
import { each, share } from 'lore';
import type { Deal, Quote, QuotePrices } from 'lore/economy';

export const quotePrices: QuotePrices = (_ctx, deals) => each(deals, quote);

// What the shop's share of the value is, but nothing is sold below its value, and at most half of it is
// paid.
export function quote({ id, side, value, permille }: Deal): Quote {
  const asked = share(value, permille);
  const unit = side === 'buy' ? Math.max(asked, value) : Math.min(asked, Math.trunc(value / 2));
  return { id, agreed: unit > 0, unit: Math.min(unit, 1_000_000_000) };
}
