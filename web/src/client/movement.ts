// Prediction of the own character's movement, and its reconciliation with what the server says.
//
// A client says where it is; the server accepts the place (`ack`) or refuses it
// (`world.corrected`). While the server stands on a place the client has sent, both agree. When it
// stands elsewhere (a teleport, a push, a refusal), the prediction moves over there.

import type { Point } from './protocol.js';

interface Sent extends Point {
  seq: number;
}

/** Sent places remembered for comparison: 2 s of movement at 20 Hz. */
const HISTORY = 40;

export class Movement {
  /** The predicted place; fractions are kept so that slow walking adds up. */
  x = 0;
  y = 0;
  #seq = 0;
  #acked = 0;
  /** The correction in force was answered to this and all earlier movements. */
  #correctedUpTo = 0;
  #sent: Sent[] = [];

  /** Number of the last movement sent. */
  get seq(): number {
    return this.#seq;
  }

  /** Movements sent and not yet acknowledged. */
  get pending(): number {
    return this.#sent.filter((sent) => sent.seq > this.#acked).length;
  }

  /** Starts anew at a place the server named. Numbers go on counting, beyond `ack`. */
  reset(at: Point, ack: number): void {
    this.x = at.x;
    this.y = at.y;
    this.#seq = Math.max(this.#seq, ack);
    this.#acked = ack;
    this.#correctedUpTo = this.#seq;
    this.#sent = [{ seq: this.#seq, x: at.x, y: at.y }];
  }

  /** Walks in a direction (any length, 0 stands still) within `bounds`. */
  walk(direction: Point, distance: number, bounds: { width: number; height: number }): void {
    const length = Math.hypot(direction.x, direction.y);
    if (length === 0) return;
    this.x = clamp(this.x + (direction.x / length) * distance, 0, bounds.width);
    this.y = clamp(this.y + (direction.y / length) * distance, 0, bounds.height);
  }

  /** The movement to send now, or none when the place was sent already. */
  next(): Sent | undefined {
    const x = Math.round(this.x);
    const y = Math.round(this.y);
    const last = this.#sent.at(-1);
    if (last && last.x === x && last.y === y) return undefined;
    this.#seq += 1;
    const sent = { seq: this.#seq, x, y };
    this.#sent.push(sent);
    if (this.#sent.length > HISTORY) this.#sent.shift();
    return sent;
  }

  acknowledge(seq: number): void {
    this.#acked = Math.max(this.#acked, seq);
  }

  /** The server shows the own character at `at`. Returns whether the prediction had to move. */
  serverAt(at: Point): boolean {
    if (this.#sent.some((sent) => sent.x === at.x && sent.y === at.y)) return false;
    this.#rebase(at);
    return true;
  }

  /** The server refused movement `seq`. Returns whether the prediction had to move. */
  corrected(seq: number, at: Point): boolean {
    // Movements already under way when the first correction came are refused too: one is enough.
    if (seq <= this.#correctedUpTo) return false;
    this.#rebase(at);
    return true;
  }

  #rebase(at: Point): void {
    this.x = at.x;
    this.y = at.y;
    this.#correctedUpTo = this.#seq;
    this.#sent = [{ seq: this.#seq, x: at.x, y: at.y }];
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
