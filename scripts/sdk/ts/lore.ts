/**
 * What scripts in TypeScript share: ids of definitions, dice from a view's seed, a log. The types of each
 * kind of script are in `lore/KIND`, generated from wit/.
 */

/** Answers every view, in order: the shape of every batched export. */
export function each<View, Answer>(views: View[], answer: (view: View) => Answer): Answer[] {
  return views.map((view) => answer(view));
}

/** The id of a definition: FNV-1a, 32 bit, of its kind and name, such as `npc/wolf`. */
export function defId(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) {
    const unit = name.charCodeAt(at);
    if (unit > 0x7f) throw new Error(`names of definitions are ASCII, ${name} is not`);
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return hash >>> 0;
}

/** Ticks that `ms` milliseconds take, rounded up; `tickMs` is the context's. */
export function ticks(ms: number, tickMs: number): number {
  return Math.ceil(ms / Math.max(1, tickMs));
}

/** `amount` times `permille` / 1000, towards zero: the whole number an answer must be. */
export function share(amount: number, permille: number): number {
  return Math.trunc((amount * permille) / 1000);
}

/** `value`, but at least `least` and at most `most`. */
export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

declare global {
  /** Set by the host's door; absent where the script runs without one. */
  var loreLog: ((level: "debug" | "info" | "warn" | "error", text: string) => void) | undefined;
}

/** Lines for the server's log: at most 64 a call, 1,024 bytes each. */
export const log = {
  debug: (text: string): void => globalThis.loreLog?.("debug", text),
  info: (text: string): void => globalThis.loreLog?.("info", text),
  warn: (text: string): void => globalThis.loreLog?.("warn", text),
  error: (text: string): void => globalThis.loreLog?.("error", text),
};

/**
 * Dice: splitmix64, as in every other language. Make one per view, from its seed, of which the upper 53 bits
 * arrive. In halves of 32 bits, which are plain numbers: several times as fast as BigInt.
 */
export class Rng {
  #high: number;
  #low: number;

  constructor(seed: number) {
    this.#high = Math.floor(seed / 0x100000000) | 0;
    this.#low = seed | 0;
  }

  /** The upper 32 bits of the next number. */
  #next(): number {
    const low = (this.#low >>> 0) + 0x7f4a7c15;
    this.#low = low | 0;
    this.#high = (this.#high + 0x9e3779b9 + (low > 0xffffffff ? 1 : 0)) | 0;
    let [high, under] = mixed(this.#high, this.#low, 30, 0xbf58476d, 0x1ce4e5b9);
    [high, under] = mixed(high, under, 27, 0x94d049bb, 0x133111eb);
    return (high ^ (high >>> 31)) >>> 0;
  }

  /** 0..n, all equally likely; 0 for n = 0. */
  below(n: number): number {
    // Exact: the product may have 64 bits, of which the upper half counts.
    const roll = this.#next();
    const low = (roll & 0xffff) * n;
    return Math.floor(((roll >>> 16) * n + Math.floor(low / 0x10000)) / 0x10000);
  }

  /** 1..=100. */
  d100(): number {
    return 1 + this.below(100);
  }

  /** low..=high; low when they are the wrong way round. */
  between(low: number, high: number): number {
    return high <= low ? low : low + this.below(high - low + 1);
  }

  /** True `permille` times in a thousand. */
  permille(permille: number): boolean {
    return this.below(1000) < permille;
  }
}

/** `(z ^ (z >> shift)) * factor`, 64 bits in halves; `shift` is below 32. */
function mixed(high: number, low: number, shift: number, byHigh: number, byLow: number): [number, number] {
  const h = high ^ (high >>> shift);
  const l = low ^ ((low >>> shift) | (high << (32 - shift)));
  const l0 = l & 0xffff;
  const l1 = l >>> 16;
  const b0 = byLow & 0xffff;
  const b1 = byLow >>> 16;
  const least = l0 * b0;
  const middle = l1 * b0 + l0 * b1 + Math.floor(least / 0x10000);
  const carry = l1 * b1 + Math.floor(middle / 0x10000);
  const upper = (carry + Math.imul(h, byLow) + Math.imul(l, byHigh)) | 0;
  return [upper, ((middle & 0xffff) << 16) | (least & 0xffff)];
}
