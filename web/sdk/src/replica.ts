// The client's copy of what is in sight, kept by snapshots and deltas. It never guesses: the own character's predicted
// place is in prediction.ts, the places of others between two frames are in interpolation.ts.

import type * as v1 from './gen/lore.v1.js';
import { applyMoves, type Moves } from './moves.js';

/** Whole millimetres; x to the east, y to the north, origin in the zone's south-west corner. */
export interface Point {
  x: number;
  y: number;
}

/**
 * Something that stands in a zone, whole. `id` belongs to the zone and is not used again while it runs; a zone that
 * starts over (close code 1012) counts anew.
 */
export type Entity = v1.Entity & Required<Pick<v1.Entity, 'kind' | 'name' | 'template' | 'x' | 'y'>>;

/** What others are not shown of one's own character. */
export type OwnState = Required<v1.Own>;

/** A world event that runs, and when its stage ends by the clock of the replica. */
export interface RunningEvent {
  event: v1.WorldEvent;
  endsAt: number;
}

/** What a delta did beside what it says itself. */
export interface Applied {
  /** Entities that went out of sight, as they were last seen: events of the same delta name them. */
  left: Map<number, Entity>;
  /** Ids of those that came, or stand elsewhere now. */
  moved: number[];
}

const NOTHING: OwnState = { mana: 0, mana_max: 0, energy: 0, energy_max: 0 };

export class Replica {
  readonly entities = new Map<number, Entity>();
  tick = 0;
  /** The own entity, 0 before the first snapshot. */
  you = 0;
  /** The highest `seq` of a movement that was looked at; one that was refused is followed by `world.corrected`. */
  ack = 0;
  zone: v1.Zone | undefined;
  environment: v1.Environment | undefined;
  /** World events that run in the zone, by name. */
  readonly events = new Map<string, RunningEvent>();
  self: OwnState = { ...NOTHING };
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The own entity as the server sees it. */
  get own(): Entity | undefined {
    return this.entities.get(this.you);
  }

  snapshot(snapshot: v1.WorldSnapshot): void {
    this.tick = snapshot.tick;
    this.you = snapshot.you;
    this.ack = snapshot.ack;
    this.zone = snapshot.zone;
    this.environment = snapshot.environment;
    this.self = { ...NOTHING, ...snapshot.self };
    this.events.clear();
    for (const event of snapshot.world_events) this.happen(event);
    this.entities.clear();
    for (const entity of snapshot.entities) this.#enter(entity);
  }

  /** A world event began, went on or is over. */
  happen(event: v1.WorldEvent): void {
    if (event.state === 'going') this.events.set(event.name, { event, endsAt: this.#now() + event.ends_in_ms });
    else this.events.delete(event.name);
  }

  delta(delta: v1.WorldDelta & { moves?: Moves }): Applied {
    this.tick = delta.tick;
    this.ack = delta.ack ?? this.ack;
    const left = new Map<number, Entity>();
    for (const id of delta.leave) {
      const entity = this.entities.get(id);
      if (entity) left.set(id, entity);
      this.entities.delete(id);
    }
    const moved: number[] = [];
    for (const entity of delta.enter) {
      this.#enter(entity);
      moved.push(entity.id);
    }
    for (const update of delta.update) {
      const entity = this.entities.get(update.id);
      // An update of an unknown entity carries too little to be shown; its `enter` will come.
      if (!entity) continue;
      Object.assign(entity, update);
      if (update.x !== undefined || update.y !== undefined) moved.push(update.id);
    }
    if (delta.moves) moved.push(...applyMoves(delta.moves, this.entities));
    if (delta.self) Object.assign(this.self, delta.self);
    for (const event of delta.events) {
      if (event.type === 'environment') this.environment = event.environment;
    }
    return { left, moved };
  }

  /** Entities that satisfy `wanted`, nearest to `from` first. */
  nearest(from: Point, wanted: (entity: Entity) => boolean): Entity[] {
    const distance = (entity: Entity) => (entity.x - from.x) ** 2 + (entity.y - from.y) ** 2;
    return [...this.entities.values()].filter(wanted).sort((a, b) => distance(a) - distance(b));
  }

  clear(): void {
    this.entities.clear();
    this.events.clear();
    this.you = 0;
  }

  /** What others know of an entity is not changed by what happens to it here. */
  #enter(entity: v1.Entity): void {
    this.entities.set(entity.id, { kind: 'unspecified', name: '', template: '', x: 0, y: 0, ...entity });
  }
}
