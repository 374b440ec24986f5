// What may be said. Content names it in `[chat]`: `script = "__NAME__"`.
import { each } from 'lore';
import type { Judge, Judgement, Line } from 'lore/chat';

export const judge: Judge = (_ctx, lines) => each(lines, ruleOn);

// Lines with a listed word that is more than rude are not heard; each is a strike.
export function ruleOn({ id, hits, strikes }: Line): Judgement {
  const bad = hits.some((hit) => hit.severity > 1);
  return bad
    ? { id, ruling: { tag: 'block', val: 'profanity' }, strikes: Math.min(strikes + 1, 1000) }
    : { id, ruling: { tag: 'pass' }, strikes: Math.min(strikes, 1000) };
}
