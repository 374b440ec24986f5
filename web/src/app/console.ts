// `window.lore`: the running game for the browser's console and for end-to-end tests. Everything a
// player can do is here as a function; nothing here can do more than a player.

import type { Entity, Point, v1, WorldClient } from '@loreforge/client';
import type { Combat } from './combat.js';
import type { Controls } from './controls.js';
import type { MapView } from './map/view.js';
import type { Provenance } from './provenance.js';

export interface LoreConsole {
  /** The protocol client: `lore.client.call('system.ping', {})`. */
  readonly client: WorldClient;
  /** Name of the zone, level, experience, gold, health, predicted place; undefined before joining. */
  readonly you: (Point & { zone: string; level: number; experience: number; gold: number; hp: number; alive: boolean }) | undefined;
  readonly quests: v1.Quest[];
  readonly abilities: v1.Ability[];
  readonly target: Entity | undefined;
  /** Versions of the scripts that decided last. */
  readonly scripts: string[];
  /** What is in sight, nearest first, perhaps only of one template; the dead included. */
  entities(template?: string): Entity[];
  /** The nearest living one of a template. */
  nearest(template: string): Entity | undefined;
  /** Where an entity is on the page, in CSS pixels, for a mouse; undefined when out of view. */
  screen(id: number): Point | undefined;
  /** Walks in a straight line (millimetres). */
  walkTo(x: number, y: number): Promise<'arrived' | 'interrupted'>;
  /** Walks up to an entity, which may move, until within a distance. */
  approach(id: number, within?: number): Promise<'arrived' | 'interrupted'>;
  /** Walks into the crossing to a zone; resolves with the zone one comes out in. */
  cross(to: string): Promise<string>;
  attack(id: number): void;
  interact(id: number): Promise<void>;
}

declare global {
  interface Window {
    lore?: LoreConsole;
  }
}

const CROSSING_MS = 60_000;

export function openConsole(
  client: WorldClient,
  controls: Controls,
  combat: Combat,
  map: MapView,
  quests: () => v1.Quest[],
  provenance: Provenance,
): LoreConsole {
  const { replica, movement } = client;
  const known = (id: number): Entity => {
    const entity = replica.entities.get(id);
    if (!entity) throw new Error(`entity ${id} is not in sight`);
    return entity;
  };
  const entities = (template?: string) =>
    replica.nearest(movement, (entity) => entity.id !== replica.you && (template === undefined || entity.template === template));
  return {
    client,
    get you() {
      const { own, zone } = replica;
      const { character } = client;
      if (!own || !zone || !character || !client.placed) return undefined;
      const { level, experience, gold } = character;
      const hp = own.hp ?? 0;
      return { x: Math.round(movement.x), y: Math.round(movement.y), zone: zone.name, level, experience, gold, hp, alive: hp > 0 };
    },
    get quests() {
      return quests();
    },
    get abilities() {
      return combat.abilities;
    },
    get target() {
      return combat.target;
    },
    get scripts() {
      return provenance.live.map(({ stamp }) => stamp);
    },
    entities,
    nearest: (template) => entities(template).find(({ hp }) => hp !== 0),
    screen(id) {
      const at = map.camera.toScreen(map.place(known(id)));
      const inside = at.x >= 0 && at.y >= 0 && at.x < map.camera.width && at.y < map.camera.height;
      const box = map.canvas.getBoundingClientRect();
      return inside ? { x: at.x + box.left, y: at.y + box.top } : undefined;
    },
    walkTo: (x, y) => controls.walkTo({ x, y }),
    approach: (id, within = 2_000) => controls.follow(() => replica.entities.get(id), within),
    async cross(to) {
      const { zone } = replica;
      const crossing = zone?.crossings.find((candidate) => candidate.to === to);
      if (!zone || !crossing) throw new Error(`no crossing leads from ${zone?.name ?? 'nowhere'} to ${to}`);
      const arrived = client.once('world.snapshot', CROSSING_MS);
      // The nearest place of the rectangle, half a metre inside.
      const inside = (value: number, least: number, most: number) => Math.round(Math.min(most - 500, Math.max(least + 500, value)));
      void controls.walkTo({ x: inside(movement.x, crossing.x0, crossing.x1), y: inside(movement.y, crossing.y0, crossing.y1) });
      return (await arrived).zone.name;
    },
    attack: (id) => combat.attack(known(id)),
    interact: (id) => combat.interact(known(id)),
  };
}
