// Which version of each script decided last. Every decision carries `script@version+digest`; a new
// stamp means that a designer's change went live in front of the player's eyes.

export interface Live {
  script: string;
  stamp: string;
  /** Decisions seen since this version went live. */
  decisions: number;
  /** `performance.now()` of the first of them. */
  since: number;
}

export type Noted = { kind: 'same' } | { kind: 'fallback' } | { kind: 'changed'; live: Live; before: string };

/** Stamps kept; there are about a dozen scripts, a hostile server must not fill the memory. */
const MOST = 64;

export class Provenance {
  readonly #live = new Map<string, Live>();
  fallbacks = 0;

  /** All versions seen live, by name. */
  get live(): Live[] {
    return [...this.#live.values()].sort((a, b) => a.script.localeCompare(b.script));
  }

  note(by: string | undefined): Noted {
    if (!by) return { kind: 'same' };
    if (by === 'fallback') {
      this.fallbacks += 1;
      return { kind: 'fallback' };
    }
    const script = by.split('@', 1)[0] ?? by;
    const known = this.#live.get(script);
    if (known?.stamp === by) {
      known.decisions += 1;
      return { kind: 'same' };
    }
    if (!known && this.#live.size >= MOST) return { kind: 'same' };
    const live = { script, stamp: by, decisions: 1, since: performance.now() };
    this.#live.set(script, live);
    return known ? { kind: 'changed', live, before: known.stamp } : { kind: 'same' };
  }
}
