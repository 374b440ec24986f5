// Asks the server for a sign of life, and says when there is none: a half-open socket tells nothing by itself.

import { type Clock, ServerClock } from './clock.js';
import { RpcError } from './errors.js';

export interface HeartbeatOptions {
  everyMs: number;
  /** Pings without an answer after which the connection is given up. */
  mostMissed: number;
}

export class Heartbeat {
  readonly server = new ServerClock();
  readonly #clock: Clock;
  readonly #options: HeartbeatOptions;
  #cancel: (() => void) | undefined;
  #missed = 0;
  /** Counts connections: answers to pings of an earlier one say nothing. */
  #run = 0;

  constructor(clock: Clock, options: HeartbeatOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Begins on a new connection; `ping` resolves with the server's time. */
  start(ping: () => Promise<{ server_time_ms: number }>, dead: () => void): void {
    this.stop();
    this.server.reset();
    this.#missed = 0;
    const run = this.#run;
    const beat = (): void => {
      void this.measure(ping).then(
        () => {
          if (run === this.#run) this.#missed = 0;
        },
        (error: unknown) => {
          if (run !== this.#run) return;
          // A refusal is a sign of life as well.
          this.#missed = error instanceof RpcError ? 0 : this.#missed + 1;
          if (this.#missed >= this.#options.mostMissed) {
            this.stop();
            dead();
          }
        },
      );
      this.#cancel = this.#clock.after(this.#options.everyMs, beat);
    };
    beat();
  }

  stop(): void {
    this.#run += 1;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** One ping; resolves with its round trip in milliseconds. */
  async measure(ping: () => Promise<{ server_time_ms: number }>): Promise<number> {
    const sentAt = this.#clock.now();
    const { server_time_ms } = await ping();
    const receivedAt = this.#clock.now();
    this.server.sample(sentAt, receivedAt, server_time_ms);
    return receivedAt - sentAt;
  }
}
