// Time: the clock that everything here is told by, and what is known of the server's.

/** Timers and a monotonic clock in milliseconds; tests bring their own. */
export interface Clock {
  now(): number;
  /** Returns what cancels it. */
  after(ms: number, action: () => void): () => void;
}

/** 24 days. A timer that is to take longer fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, action) {
    const timer = setTimeout(action, Math.min(ms, LONGEST_MS));
    return () => clearTimeout(timer);
  },
};

/** Round trips remembered: the quickest of them says most about the server's clock. */
const KEPT = 8;
/** Weight of a new round trip, as for TCP (RFC 6298). */
const SMOOTHING = 1 / 8;
const VARIATION_SMOOTHING = 1 / 4;

interface Sample {
  rttMs: number;
  offsetMs: number;
}

/** The server's clock and the way to it, from answered pings. */
export class ServerClock {
  #samples: Sample[] = [];
  #rttMs: number | undefined;
  #variationMs = 0;

  /** A ping left at `sentAt` and its answer, written at `serverTimeMs`, came at `receivedAt`. */
  sample(sentAt: number, receivedAt: number, serverTimeMs: number): void {
    const rttMs = Math.max(0, receivedAt - sentAt);
    this.#samples.push({ rttMs, offsetMs: serverTimeMs - (sentAt + rttMs / 2) });
    if (this.#samples.length > KEPT) this.#samples.shift();
    if (this.#rttMs === undefined) {
      this.#rttMs = rttMs;
      this.#variationMs = rttMs / 2;
    } else {
      this.#variationMs += (Math.abs(rttMs - this.#rttMs) - this.#variationMs) * VARIATION_SMOOTHING;
      this.#rttMs += (rttMs - this.#rttMs) * SMOOTHING;
    }
  }

  /** Smoothed round trip; nothing before the first ping was answered. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** How much round trips differ. */
  get variationMs(): number {
    return this.#variationMs;
  }

  /** What to add to the own clock to have the server's, by the quickest of the last round trips. */
  get offsetMs(): number | undefined {
    const [first, ...others] = this.#samples;
    return others.reduce((best, sample) => (sample.rttMs < best!.rttMs ? sample : best), first)?.offsetMs;
  }

  /** Forgets what was learned on another connection. */
  reset(): void {
    this.#samples = [];
    this.#rttMs = undefined;
    this.#variationMs = 0;
  }
}
