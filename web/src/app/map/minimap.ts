// The whole zone in a corner: where one is, who is near, where the crossings are.

import type { WorldClient } from '@loreforge/client';
import { isEnemy } from '../combat.js';
import { h } from '../dom.js';
import { capitalise, clock } from '../words.js';

const SIDE = 150;

export class Minimap {
  readonly #title = h('b');
  readonly #sky = h('small');
  readonly #canvas = h('canvas', { width: SIDE, height: SIDE });
  readonly element = h('section', { class: 'panel minimap' }, h('header', {}, this.#title, this.#sky), this.#canvas);
  readonly #world: WorldClient;
  #drawnAt = 0;

  constructor(world: WorldClient) {
    this.#world = world;
  }

  /** Redraws five times a second: more cannot be seen at this size. */
  update(now: number): void {
    const { zone, environment, entities, you } = this.#world.replica;
    const context = this.#canvas.getContext('2d');
    if (!zone || !context || now - this.#drawnAt < 200) return;
    this.#drawnAt = now;
    this.#title.textContent = zone.title;
    this.#sky.textContent = environment
      ? `${clock(environment.minute_of_day)} · ${capitalise(environment.weather)} · ${environment.temperature.toFixed(0)}°`
      : '';
    const scale = SIDE / Math.max(zone.width, zone.height);
    context.clearRect(0, 0, SIDE, SIDE);
    context.fillStyle = 'rgba(255, 255, 255, 0.05)';
    context.fillRect(0, SIDE - zone.height * scale, zone.width * scale, zone.height * scale);
    context.fillStyle = '#e3b062';
    for (const { x0, y0, x1, y1 } of zone.crossings) {
      context.fillRect(x0 * scale, SIDE - y1 * scale, Math.max(3, (x1 - x0) * scale), Math.max(3, (y1 - y0) * scale));
    }
    context.strokeStyle = '#c79bff';
    for (const { event } of this.#world.replica.events.values()) {
      context.beginPath();
      context.arc(event.x * scale, SIDE - event.y * scale, Math.max(5, event.radius * scale), 0, Math.PI * 2);
      context.stroke();
    }
    for (const entity of entities.values()) {
      if (entity.id === you || entity.kind === 'item') continue;
      context.fillStyle = entity.kind === 'player' ? '#7fb0ff' : isEnemy(entity) ? '#e0574b' : '#7fd08a';
      if (entity.hp !== 0) context.fillRect(entity.x * scale - 1.5, SIDE - entity.y * scale - 1.5, 3, 3);
    }
    const { x, y } = this.#world.movement;
    context.strokeStyle = 'rgba(255, 255, 255, 0.25)';
    context.beginPath();
    context.arc(x * scale, SIDE - y * scale, zone.interest_radius * scale, 0, Math.PI * 2);
    context.stroke();
    context.fillStyle = '#ffffff';
    context.beginPath();
    context.arc(x * scale, SIDE - y * scale, 3, 0, Math.PI * 2);
    context.fill();
  }
}
