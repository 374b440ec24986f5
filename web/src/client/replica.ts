// The client's copy of what is in sight, kept by snapshots and deltas. It never guesses: the own
// character's predicted place is in movement.ts.

import type { Delta, Entity, Environment, Happening, OwnState, Snapshot, Zone } from './protocol.js';

/** A world event that runs, and when its stage ends by the clock of `performance.now()`. */
export interface RunningEvent {
  event: Happening;
  endsAt: number;
}

export class Replica {
  readonly entities = new Map<number, Entity>();
  tick = 0;
  /** The own entity, 0 before the first snapshot. */
  you = 0;
  zone: Zone | undefined;
  environment: Environment | undefined;
  /** World events that run in the zone, by name. */
  readonly events = new Map<string, RunningEvent>();
  self: OwnState = { mana: 0, mana_max: 0, energy: 0, energy_max: 0 };

  /** The own entity as the server sees it. */
  get own(): Entity | undefined {
    return this.entities.get(this.you);
  }

  snapshot(snapshot: Snapshot): void {
    this.tick = snapshot.tick;
    this.you = snapshot.you;
    this.zone = snapshot.zone;
    this.environment = snapshot.environment;
    this.self = { ...snapshot.self };
    this.events.clear();
    // A server of an earlier version says nothing of them.
    for (const event of snapshot.world_events ?? []) this.happen(event);
    this.entities.clear();
    for (const entity of snapshot.entities) this.entities.set(entity.id, { ...entity });
  }

  /** A world event began, went on or is over. */
  happen(event: Happening): void {
    if (event.state === 'going') this.events.set(event.name, { event, endsAt: performance.now() + event.ends_in_ms });
    else this.events.delete(event.name);
  }

  /** Returns the entities that left, as they were last seen: events of the same delta name them. */
  delta(delta: Delta): Map<number, Entity> {
    this.tick = delta.tick;
    for (const entity of delta.enter ?? []) this.entities.set(entity.id, { ...entity });
    for (const update of delta.update ?? []) {
      const entity = this.entities.get(update.id);
      // An update of an unknown entity carries too little to be shown; its `enter` will come.
      if (entity) Object.assign(entity, update);
    }
    const left = new Map<number, Entity>();
    for (const id of delta.leave ?? []) {
      const entity = this.entities.get(id);
      if (entity) left.set(id, entity);
      this.entities.delete(id);
    }
    if (delta.self) Object.assign(this.self, delta.self);
    for (const event of delta.events ?? []) {
      if (event.type === 'environment') this.environment = event.environment;
    }
    return left;
  }

  /** Entities that satisfy `wanted`, nearest to `from` first. */
  nearest(from: { x: number; y: number }, wanted: (entity: Entity) => boolean): Entity[] {
    const distance = (entity: Entity) => (entity.x - from.x) ** 2 + (entity.y - from.y) ** 2;
    return [...this.entities.values()].filter(wanted).sort((a, b) => distance(a) - distance(b));
  }

  clear(): void {
    this.entities.clear();
    this.events.clear();
    this.you = 0;
  }
}
