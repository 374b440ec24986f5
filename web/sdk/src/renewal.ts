// The token of an open connection: replaced by a newer one before it ends, so that the connection does not end with it.

import type { Clock } from './clock.js';
import { RpcError } from './errors.js';

/** Nearer to its end than twice this, a token is left to end. */
const LEAST_MS = 1_000;
/** Between two questions for the end of a token, until there is an answer. */
const PAUSE_MS = 10_000;
/** Timers take no more than 24 days; a token that lasts longer is renewed once a day. */
const MOST_MS = 24 * 60 * 60 * 1_000;

export interface RenewalOptions {
  /** A newer token; may fail, and is asked again. */
  fresh: () => Promise<string>;
  /** The connection goes on with this token: how long it lasts. */
  use: (token: string) => Promise<{ expires_in_ms: number }>;
}

export class Renewal {
  readonly #clock: Clock;
  readonly #options: RenewalOptions;
  #cancel: (() => void) | undefined;
  /** Nothing before the server has told. */
  #endsAt: number | undefined;
  /** Counts connections: what was under way for an earlier one is of no use. */
  #run = 0;

  constructor(clock: Clock, options: RenewalOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Begins on a connection that was opened with this token: to use it once more is to learn when it ends. */
  start(token: string): void {
    this.stop();
    void this.#use(() => Promise.resolve(token));
  }

  stop(): void {
    this.#run += 1;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#endsAt = undefined;
  }

  async #use(find: () => Promise<string>): Promise<void> {
    const run = this.#run;
    let atLeastMs = 0;
    try {
      const token = await find();
      if (run !== this.#run) return;
      const { expires_in_ms } = await this.#options.use(token);
      if (run === this.#run) this.#endsAt = this.#clock.now() + expires_in_ms;
    } catch (error) {
      // Out of reach, or refused: the token in use is good for a while.
      if (error instanceof RpcError) {
        if (this.#endsAt === undefined && isFinal(error)) return;
        atLeastMs = error.retryAfterMs ?? 0;
      }
    }
    if (run !== this.#run) return;
    if (this.#endsAt === undefined) this.#again(Math.max(PAUSE_MS, atLeastMs), find);
    else this.#later(this.#endsAt, atLeastMs);
  }

  /** Half of what is left goes by before each attempt: several have their time before the end. */
  #later(endsAt: number, atLeastMs: number): void {
    const waitMs = Math.min((endsAt - this.#clock.now()) / 2, MOST_MS);
    if (waitMs >= LEAST_MS) this.#again(Math.max(waitMs, atLeastMs), this.#options.fresh);
  }

  #again(inMs: number, find: () => Promise<string>): void {
    this.#cancel = this.#clock.after(inMs, () => void this.#use(find));
  }
}

/** Whether the same question would be refused again: by a server without this method, or one that will not take the token. */
function isFinal(error: RpcError): boolean {
  return error.retryAfterMs === undefined && error.code !== -32603;
}
