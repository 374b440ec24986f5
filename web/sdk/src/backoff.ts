// How long to wait before the next attempt: twice as long each time, up to a limit, and never as long as others do.

export interface BackoffOptions {
  firstMs: number;
  mostMs: number;
  /** 0 to 1; tests bring their own. */
  random?: () => number;
}

export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor({ firstMs, mostMs, random = Math.random }: BackoffOptions) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#random = random;
  }

  /** The next wait, no shorter than `atLeastMs`; up to half more, so that not all come back at once. */
  next(atLeastMs = 0): number {
    const backoffMs = Math.min(this.#mostMs, this.#firstMs * 2 ** Math.min(30, this.#attempts));
    this.#attempts += 1;
    return Math.round(Math.max(atLeastMs, backoffMs) * (1 + this.#random() / 2));
  }

  /** An attempt was a success. */
  reset(): void {
    this.#attempts = 0;
  }
}
