// Prediction of the own character's movement, and its reconciliation with what the server says.
//
// The player's wish (a direction, for some time) moves the character here at once. The place that comes of it is sent
// with a number; the server takes it or not. While the server stands on a place that was sent, both agree. When it
// stands elsewhere (a teleport, a push, a refusal), the prediction moves over there, wishes that the server has not
// answered are played again from there, and what is shown slides over instead of jumping.

import { sameStep } from './moves.js';
import type { Point } from './replica.js';

/** What of a zone limits movement. */
export interface Ground {
  width: number;
  height: number;
  /** Millimetres a second. */
  max_speed: number;
}

/** A movement as it was sent. */
export interface SentMove extends Point {
  seq: number;
}

/** A movement, and the wish behind it: seconds at full speed to the east and to the north. */
interface Input extends SentMove {
  east: number;
  north: number;
}

/** Sent movements remembered for comparison: 2 s at 20 Hz. */
const HISTORY = 40;
/** After a refusal the client walks slower for a while: it may be slowed without knowing how much. */
const CAUTION_MS = 1_000;
const CAUTIOUS_PACE = 0.5;
/** Time in which a correction of what is shown shrinks to a third. */
const SLIDE_MS = 80;
/** Farther than this a correction is a jump, and is shown as one. */
const JUMP_MM = 8_000;

export class Prediction {
  /** The predicted place; fractions are kept so that slow walking adds up. */
  x = 0;
  y = 0;
  readonly #now: () => number;
  #ground: Ground = { width: 0, height: 0, max_speed: 0 };
  #seq = 0;
  #acked = 0;
  /** The correction in force was answered to this and all earlier movements. */
  #correctedUpTo = 0;
  #inputs: Input[] = [];
  /** The wish since the last movement that was sent. */
  #unsent = { east: 0, north: 0 };
  #cautiousUntil = -Infinity;
  /** How far what is shown was from the prediction at the last correction. */
  #slide = { x: 0, y: 0, since: -Infinity };

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Number of the last movement sent. */
  get seq(): number {
    return this.#seq;
  }

  /** Movements sent and not yet acknowledged. */
  get pending(): number {
    return this.#seq - this.#acked;
  }

  /** Part of the full speed that is walked at. */
  get pace(): number {
    return this.#now() < this.#cautiousUntil ? CAUTIOUS_PACE : 1;
  }

  /** Where the character is shown: the prediction, while corrections slide into it. */
  shown(): Point {
    const rest = Math.exp(-(this.#now() - this.#slide.since) / SLIDE_MS);
    return { x: this.x + this.#slide.x * rest, y: this.y + this.#slide.y * rest };
  }

  /** Starts anew at a place the server named. Numbers go on counting, beyond `ack`. */
  reset(at: Point, ack: number, ground: Ground): void {
    this.#ground = ground;
    this.#seq = Math.max(this.#seq, ack);
    // What was under way elsewhere will not be answered here.
    this.#acked = this.#seq;
    this.#slide = { x: 0, y: 0, since: -Infinity };
    this.#inputs = [];
    this.#stand(at, { east: 0, north: 0 });
  }

  /** Walks in a direction (any length, 0 stands still) for `seconds`. */
  walk(direction: Point, seconds: number): void {
    const length = Math.hypot(direction.x, direction.y);
    if (length === 0 || seconds <= 0) return;
    const wish = (seconds * this.pace) / length;
    this.#unsent.east += direction.x * wish;
    this.#unsent.north += direction.y * wish;
    this.#step(direction.x * wish, direction.y * wish);
  }

  /** The movement to send now, or none when the place was sent already. */
  next(): SentMove | undefined {
    const x = Math.round(this.x);
    const y = Math.round(this.y);
    const last = this.#inputs.at(-1);
    if (last && last.x === x && last.y === y) return undefined;
    this.#seq += 1;
    this.#inputs.push({ seq: this.#seq, x, y, ...this.#unsent });
    this.#unsent = { east: 0, north: 0 };
    if (this.#inputs.length > HISTORY) this.#inputs.shift();
    return { seq: this.#seq, x, y };
  }

  acknowledge(seq: number): void {
    this.#acked = Math.min(this.#seq, Math.max(this.#acked, seq));
  }

  /** The server shows the own character at `at`. Returns whether the prediction had to move. */
  serverAt(at: Point): boolean {
    if (this.#inputs.some((input) => sameStep(input, at))) return false;
    this.#rebase(at, this.#acked, 1);
    return true;
  }

  /** The server refused movement `seq`. Returns whether the prediction had to move. */
  corrected(seq: number, at: Point): boolean {
    // Movements already under way when the first correction came are refused too: one is enough.
    if (seq <= this.#correctedUpTo) return false;
    this.acknowledge(seq);
    this.#cautiousUntil = this.#now() + CAUTION_MS;
    this.#rebase(at, seq, CAUTIOUS_PACE);
    return true;
  }

  /** Stands at `at`, and plays the wishes again that movements after `seq` and nothing yet were sent for. */
  #rebase(at: Point, seq: number, pace: number): void {
    const before = this.shown();
    const wish = { ...this.#unsent };
    // Their places are remembered, in case that the server takes one of them after all.
    this.#inputs = this.#inputs.filter((input) => input.seq > seq);
    for (const input of this.#inputs) {
      wish.east += input.east;
      wish.north += input.north;
      input.east = 0;
      input.north = 0;
    }
    this.#stand(at, { east: wish.east * pace, north: wish.north * pace });
    const away = { x: before.x - this.x, y: before.y - this.y };
    const jumps = Math.hypot(away.x, away.y) > JUMP_MM;
    this.#slide = jumps ? { x: 0, y: 0, since: -Infinity } : { ...away, since: this.#now() };
  }

  #stand(at: Point, wish: { east: number; north: number }): void {
    this.x = at.x;
    this.y = at.y;
    this.#correctedUpTo = this.#seq;
    this.#inputs.push({ seq: this.#seq, x: at.x, y: at.y, east: 0, north: 0 });
    this.#unsent = wish;
    this.#step(wish.east, wish.north);
  }

  #step(east: number, north: number): void {
    const { width, height, max_speed } = this.#ground;
    this.x = clamp(this.x + east * max_speed, 0, width);
    this.y = clamp(this.y + north * max_speed, 0, height);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
