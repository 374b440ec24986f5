// What the player wants to do with their feet: keys held down, or a goal to walk to.

import type { Point, WorldClient } from '@loreforge/client';
import { typing } from './dom.js';

const DIRECTIONS: Record<string, Point> = {
  KeyW: { x: 0, y: 1 },
  ArrowUp: { x: 0, y: 1 },
  KeyS: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: -1 },
  KeyA: { x: -1, y: 0 },
  ArrowLeft: { x: -1, y: 0 },
  KeyD: { x: 1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
};

/** Statuses that hold the feet; the server refuses the movement anyway, this avoids the jitter. */
const HOLDS = /stun|root|freeze|frozen/;

export type Arrival = 'arrived' | 'interrupted';

interface Goal {
  /** Where to, asked anew in every frame; `undefined` when it is gone. */
  at: () => Point | undefined;
  /** Millimetres from it that are near enough. */
  within: number;
  done: (arrival: Arrival) => void;
}

export class Controls {
  readonly #held = new Set<string>();
  readonly #world: WorldClient;
  readonly #abort = new AbortController();
  #goal: Goal | undefined;
  /** Whether the last frame moved. */
  walking = false;
  /** Where a click sent the player, to be marked on the ground. */
  marker: Point | undefined;

  constructor(world: WorldClient) {
    this.#world = world;
    const { signal } = this.#abort;
    window.addEventListener('keydown', (event) => {
      if (typing() || event.ctrlKey || event.metaKey || event.altKey || !(event.code in DIRECTIONS)) return;
      event.preventDefault();
      this.#held.add(event.code);
    }, { signal });
    window.addEventListener('keyup', (event) => this.#held.delete(event.code), { signal });
    window.addEventListener('blur', () => this.#held.clear(), { signal });
    world.on('world.zone', () => this.stop());
    world.on('character.died', () => this.stop());
  }

  get following(): boolean {
    return this.#goal !== undefined;
  }

  /** Walks to a place. Resolves on arrival, or when something else took over. */
  walkTo(at: Point): Promise<Arrival> {
    this.marker = at;
    return this.follow(() => at, 50);
  }

  /** Walks after something that may move, until within a distance. */
  follow(at: () => Point | undefined, within: number): Promise<Arrival> {
    if (this.#goal) this.#finish('interrupted', this.marker);
    return new Promise((done) => {
      this.#goal = { at, within, done };
    });
  }

  stop(): void {
    this.#finish('interrupted');
  }

  /** One frame of `seconds`. */
  update(seconds: number): void {
    const { movement, replica } = this.#world;
    const own = replica.own;
    const held = own?.statuses?.some((status) => HOLDS.test(status.name)) ?? false;
    this.walking = false;
    if (own && own.hp !== 0 && !held) {
      const keys = this.#keys();
      if (keys.x !== 0 || keys.y !== 0) {
        this.stop();
        this.#world.walk(keys, seconds);
        this.walking = true;
      } else if (this.#goal) {
        this.#approach(this.#goal, movement, seconds);
      }
    }
    this.#world.flushMovement();
  }

  dispose(): void {
    this.stop();
    this.#abort.abort();
  }

  #keys(): Point {
    const sum = { x: 0, y: 0 };
    for (const code of this.#held) {
      sum.x += DIRECTIONS[code]?.x ?? 0;
      sum.y += DIRECTIONS[code]?.y ?? 0;
    }
    return sum;
  }

  #approach(goal: Goal, from: Point, seconds: number): void {
    const to = goal.at();
    const speed = this.#world.replica.zone?.max_speed ?? 0;
    if (!to || speed === 0) {
      if (!to) this.#finish('interrupted');
      return;
    }
    const away = { x: to.x - from.x, y: to.y - from.y };
    const left = Math.hypot(away.x, away.y) - goal.within;
    if (left > 0) {
      this.#world.walk(away, Math.min(seconds, (left + 10) / speed));
      this.walking = true;
    } else {
      this.#finish('arrived');
    }
  }

  #finish(arrival: Arrival, marker?: Point): void {
    const goal = this.#goal;
    this.#goal = undefined;
    this.marker = marker;
    goal?.done(arrival);
  }
}
