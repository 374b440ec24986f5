// Where others are shown between two frames: a little in the past, so that the next frame is there when it is needed.

import type { Point } from './replica.js';

export interface PlayoutOptions {
  /** Length of a tick. */
  tickMs: number;
  /** Ticks behind the newest frame, at least and at most. */
  leastTicks?: number;
  mostTicks?: number;
}

/** Weight of a new frame in what is known of their arrival. */
const SMOOTHING = 1 / 16;
/** Deviations of the arrival that the buffer takes. */
const SAFETY = 3;
/** Part by which shown time may run faster or slower to come to its delay. */
const SLEW = 0.1;
/** Ticks off its place after which shown time jumps. */
const LOST_TICKS = 10;

/** Decides which tick is shown when: steadily, in spite of frames that come unsteadily. */
export class Playout {
  readonly #tickMs: number;
  readonly #least: number;
  readonly #most: number;
  /** When tick 0 would have come, smoothed, and how much frames differ from that. */
  #origin: number | undefined;
  #deviationMs = 0;
  #shown = 0;
  #shownAt = 0;

  constructor({ tickMs, leastTicks = 2, mostTicks = 6 }: PlayoutOptions) {
    this.#tickMs = tickMs;
    this.#least = leastTicks;
    this.#most = mostTicks;
  }

  /** How far behind the newest frame the shown tick is to be. */
  get delayTicks(): number {
    return Math.min(this.#most, Math.max(this.#least, 1 + (SAFETY * this.#deviationMs) / this.#tickMs));
  }

  /** A frame came. */
  heard(tick: number, now: number): void {
    const origin = now - tick * this.#tickMs;
    if (this.#origin === undefined || Math.abs(origin - this.#origin) > LOST_TICKS * this.#tickMs) {
      this.#origin = origin;
      this.#deviationMs = 0;
      this.#shown = this.#goal(now);
      this.#shownAt = now;
      return;
    }
    this.#deviationMs += (Math.abs(origin - this.#origin) - this.#deviationMs) * SMOOTHING;
    this.#origin += (origin - this.#origin) * SMOOTHING;
  }

  /** The tick to show now, with its fraction. Never runs backwards. */
  at(now: number): number {
    const passed = Math.max(0, now - this.#shownAt) / this.#tickMs;
    const off = this.#goal(now) - (this.#shown + passed);
    if (Math.abs(off) > LOST_TICKS) this.#shown = Math.max(this.#shown, this.#goal(now));
    else this.#shown += passed + Math.min(passed * SLEW, Math.max(-passed * SLEW, off));
    this.#shownAt = Math.max(this.#shownAt, now);
    return this.#shown;
  }

  reset(): void {
    this.#origin = undefined;
    this.#shown = 0;
  }

  #goal(now: number): number {
    return (now - (this.#origin ?? now)) / this.#tickMs - this.delayTicks;
  }
}

interface Place extends Point {
  tick: number;
}

interface Track {
  places: Place[];
  /** Ticks between two of its places while it moves. */
  usual: number;
}

export interface InterpolationOptions {
  /** Ticks that somebody goes on walking of whom nothing is heard. */
  extrapolateTicks?: number;
}

/** Places remembered of everybody: more than the delay can be. */
const PLACES = 12;
/** Ticks without news after which somebody has stood still, rather than come slowly. */
const REST_TICKS = 4;
/** A longer way between two places is a jump. */
const JUMP_MM = 8_000;

/** The places of everybody, and where they are at a tick between them. */
export class Interpolation {
  readonly #extrapolate: number;
  readonly #tracks = new Map<number, Track>();
  #heard = 0;

  constructor({ extrapolateTicks = 1 }: InterpolationOptions = {}) {
    this.#extrapolate = extrapolateTicks;
  }

  /** A frame came, whoever it told of: who is not named in it has not moved. */
  heard(tick: number): void {
    this.#heard = Math.max(this.#heard, tick);
  }

  /** Somebody was at a place at a tick. */
  put(id: number, tick: number, { x, y }: Point): void {
    this.heard(tick);
    const place = { tick, x, y };
    const track = this.#tracks.get(id);
    const last = track?.places.at(-1);
    if (!track || !last || Math.hypot(x - last.x, y - last.y) > JUMP_MM) {
      this.#tracks.set(id, { places: [place], usual: 1 });
      return;
    }
    const gap = tick - last.tick;
    if (gap <= 0) {
      Object.assign(last, { x, y });
      return;
    }
    // Nobody slides for as long as they have stood: they stood until just now.
    if (gap > REST_TICKS) track.places.push({ ...last, tick: tick - track.usual });
    else track.usual = gap;
    track.places.push(place);
    track.places.splice(0, track.places.length - PLACES);
  }

  remove(id: number): void {
    this.#tracks.delete(id);
  }

  /** Where somebody is to be shown at a tick. */
  at(id: number, tick: number): Point | undefined {
    const places = this.#tracks.get(id)?.places;
    const last = places?.at(-1);
    if (!places || !last) return undefined;
    if (tick >= last.tick) return this.#beyond(places.at(-2), last, tick);
    const index = places.findIndex((place) => place.tick > tick);
    const [from, to] = [places[index - 1], places[index]!];
    return from ? between(from, to, (tick - from.tick) / (to.tick - from.tick)) : { x: to.x, y: to.y };
  }

  clear(): void {
    this.#tracks.clear();
    this.#heard = 0;
  }

  /**
   * After the last place known: while frames are missing it goes on for a while, then comes back to what is certain.
   * When a frame came since, without a word of it, it stands.
   */
  #beyond(before: Place | undefined, last: Place, tick: number): Point {
    const silent = this.#heard <= last.tick && before !== undefined;
    const limit = this.#extrapolate;
    const over = tick - last.tick;
    if (!silent || over >= 2 * limit) return { x: last.x, y: last.y };
    const further = Math.min(over, 2 * limit - over);
    return between(before, last, 1 + further / (last.tick - before.tick));
  }
}

function between(from: Point, to: Point, part: number): Point {
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
