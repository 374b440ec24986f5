// Calls that wait for their answer. They outlive a socket: what was asked for on one may be answered on the next.

import type { Clock } from './clock.js';
import type { Answer, OutgoingCall } from './encoding.js';
import { RpcError, TimeoutError } from './errors.js';

interface Waiting {
  readonly method: string;
  readonly params: object;
  resolve(result: unknown): void;
  reject(error: Error): void;
  cancel(): void;
}

export class Calls {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get pending(): number {
    return this.#waiting.size;
  }

  /** Numbers a call, and waits for its answer. */
  open(method: string, params: object, timeoutMs: number): { id: number; answer: Promise<unknown> } {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => {
      const cancel = this.#clock.after(timeoutMs, () => {
        this.#waiting.delete(id);
        reject(new TimeoutError(method, timeoutMs));
      });
      this.#waiting.set(id, { method, params, resolve, reject, cancel });
    });
    return { id, answer };
  }

  methodOf(id: number): string | undefined {
    return this.#waiting.get(id)?.method;
  }

  /** What was asked for after the call `id` and is not answered, in that order. */
  unanswered(id: number): (OutgoingCall & { id: number })[] {
    const later = [...this.#waiting].filter(([each]) => each > id);
    return later.map(([each, { method, params }]) => ({ id: each, method, params }));
  }

  /** An answer to nothing (its call has timed out) is left aside. */
  settle({ id, error, result }: Answer): void {
    const call = this.#take(id);
    if (error) call?.reject(new RpcError(error.code, error.message, error.data));
    else call?.resolve(result);
  }

  /** Those that will not be answered. */
  fail(error: Error, which: (id: number, method: string) => boolean = () => true): void {
    for (const [id, { method }] of [...this.#waiting]) if (which(id, method)) this.#take(id)?.reject(error);
  }

  #take(id: number): Waiting | undefined {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    call?.cancel();
    return call;
  }
}
