// The canvas: draws the zone around the player and finds what a click means.

import type { Entity, Point, WorldClient } from '@loreforge/client';
import { Camera } from './camera.js';
import { Effects, outlined } from './effects.js';
import { drawFigure, nameColour, radius, type Pose } from './figures.js';
import { drawGround } from './ground.js';
import { drawSky } from './sky.js';

/** How an entity is shown between two messages about it. */
interface Shown extends Pose, Point {
  hurtAt: number;
  swingAt: number;
}

/** Farther than this in one frame is a jump, not a walk. */
const JUMP_MM = 2_000;
/** Who is slower, millimetres a second, is only put right and does not turn. */
const STROLL_MM_S = 300;
const FLASH_MS = 260;

export class MapView {
  readonly canvas = document.createElement('canvas');
  readonly camera = new Camera();
  readonly effects = new Effects();
  readonly #context: CanvasRenderingContext2D;
  readonly #world: WorldClient;
  readonly #shown = new Map<number, Shown>();
  /** Under the pointer. */
  hovered: Entity | undefined;

  constructor(world: WorldClient) {
    this.#world = world;
    this.canvas.className = 'map';
    const context = this.canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('this browser has no 2d canvas');
    this.#context = context;
    world.on('world.snapshot', () => {
      this.#shown.clear();
      this.effects.clear();
    });
    this.canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.camera.zoomBy(event.deltaY < 0 ? 1.12 : 1 / 1.12);
    }, { passive: false });
    this.canvas.addEventListener('pointermove', (event) => {
      this.hovered = this.entityAt(this.pixel(event));
      this.canvas.classList.toggle('pointing', this.hovered !== undefined);
    });
  }

  /** Pixels of the canvas under a pointer. */
  pixel(event: MouseEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** The nearest entity that a click on `pixel` can mean; never oneself, the living first. */
  entityAt(pixel: Point): Entity | undefined {
    let best: { entity: Entity; distance: number } | undefined;
    for (const entity of this.#world.replica.entities.values()) {
      if (entity.id === this.#world.replica.you) continue;
      const at = this.camera.toScreen(this.place(entity));
      const reach = Math.max(18, this.camera.length(radius(entity)) * 1.5);
      const distance = Math.hypot(at.x - pixel.x, at.y - pixel.y) + (entity.hp === 0 ? reach : 0);
      if (distance <= reach && distance < (best?.distance ?? Infinity)) best = { entity, distance };
    }
    return best?.entity;
  }

  /** Where an entity is shown now. */
  place(entity: Entity): Point {
    return this.#shown.get(entity.id) ?? entity;
  }

  /** Marks a blow on the figures. */
  struck(attacker: number, defender: number, hurt: boolean): void {
    const now = performance.now();
    const from = this.#shown.get(attacker);
    const to = this.#shown.get(defender);
    if (from) from.swingAt = now;
    if (to && hurt) to.hurtAt = now;
    if (from && to && attacker !== defender) from.facing = Math.atan2(to.y - from.y, to.x - from.x);
  }

  /** One frame. `marker` is where a click sent the player. */
  draw(now: number, seconds: number, target: Entity | undefined, marker: Point | undefined): void {
    this.#resize();
    const { zone, environment, you } = this.#world.replica;
    if (!zone) return;
    this.#settle(now, seconds);
    const own = this.#shown.get(you);
    if (own) {
      this.camera.x = own.x;
      this.camera.y = own.y;
    }
    const context = this.#context;
    drawGround(context, this.camera, zone, now);
    if (marker) this.#drawMarker(marker, now);
    const entities = [...this.#world.replica.entities.values()]
      .filter((entity) => this.#inView(entity))
      .sort((a, b) => order(a) - order(b) || b.y - a.y);
    for (const entity of entities) this.#drawEntity(entity, entity.id === target?.id, now);
    if (environment) drawSky(context, this.camera.width, this.camera.height, environment, now);
    for (const entity of entities) this.#drawLabel(entity, entity.id === target?.id);
    this.effects.draw(context, this.camera, now);
  }

  /** Follows everybody to where they are shown now, and turns them to where they go. */
  #settle(now: number, seconds: number): void {
    const { entities } = this.#world.replica;
    for (const id of this.#shown.keys()) if (!entities.has(id)) this.#shown.delete(id);
    for (const entity of entities.values()) {
      const at = this.#world.shown(entity.id) ?? entity;
      let shown = this.#shown.get(entity.id);
      if (!shown) {
        shown = { x: at.x, y: at.y, facing: -Math.PI / 2, stride: 0, hurt: 0, swing: 0, hurtAt: -FLASH_MS, swingAt: -FLASH_MS };
        this.#shown.set(entity.id, shown);
      }
      const away = { x: at.x - shown.x, y: at.y - shown.y };
      const distance = Math.hypot(away.x, away.y);
      shown.x = at.x;
      shown.y = at.y;
      if (distance > STROLL_MM_S * seconds && distance < JUMP_MM) {
        shown.facing = Math.atan2(away.y, away.x);
        shown.stride += distance / 450;
      }
      shown.hurt = Math.max(0, 1 - (now - shown.hurtAt) / FLASH_MS);
      shown.swing = Math.max(0, 1 - (now - shown.swingAt) / FLASH_MS);
    }
  }

  #drawEntity(entity: Entity, targeted: boolean, now: number): void {
    const shown = this.#shown.get(entity.id);
    if (!shown) return;
    const context = this.#context;
    const at = this.camera.toScreen(shown);
    const size = Math.max(7, this.camera.length(radius(entity)));
    context.save();
    context.translate(at.x, at.y);
    if (targeted || entity.id === this.hovered?.id) {
      context.strokeStyle = nameColour(entity, false);
      context.globalAlpha = targeted ? 0.95 : 0.5;
      context.lineWidth = 2;
      context.setLineDash(targeted ? [size * 0.7, size * 0.35] : []);
      context.lineDashOffset = targeted ? now / 40 : 0;
      context.beginPath();
      context.arc(0, 0, size * 1.55, 0, Math.PI * 2);
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
    }
    if (entity.id === this.#world.replica.you) {
      context.strokeStyle = 'rgba(255, 255, 255, 0.35)';
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(0, 0, size * 1.35, 0, Math.PI * 2);
      context.stroke();
    }
    drawFigure(context, entity, shown, size);
    context.restore();
  }

  #drawLabel(entity: Entity, targeted: boolean): void {
    const shown = this.#shown.get(entity.id);
    if (!shown || entity.hp === 0) return;
    const context = this.#context;
    const at = this.camera.toScreen(shown);
    const own = entity.id === this.#world.replica.you;
    const size = Math.max(7, this.camera.length(radius(entity)));
    let top = at.y - size * 1.5;
    const wounded = entity.hp !== undefined && entity.hp_max !== undefined && (entity.hp < entity.hp_max || targeted || own);
    if (wounded) {
      const width = entity.boss ? 66 : 44;
      const part = Math.max(0, entity.hp! / Math.max(1, entity.hp_max!));
      context.fillStyle = 'rgba(8, 10, 14, 0.8)';
      context.fillRect(at.x - width / 2 - 1, top - 6, width + 2, 6);
      context.fillStyle = entity.hostile ? '#e0574b' : '#5cc46a';
      context.fillRect(at.x - width / 2, top - 5, width * part, 4);
      top -= 8;
    }
    const level = entity.kind === 'item' ? '' : `  ${entity.level ?? ''}`;
    const count = entity.count && entity.count > 1 ? ` ×${entity.count}` : '';
    context.font = entity.kind === 'item' ? '500 11px system-ui, sans-serif' : '600 12px system-ui, sans-serif';
    // The own name stands below, out of the way of the enemy's.
    let below = at.y + size * 1.6 + 10;
    if (own) below += 14;
    outlined(context, `${entity.boss ? '♛ ' : ''}${entity.name}${count}${level}`, at.x, own ? below - 10 : top - 3, nameColour(entity, own));
    const statuses = entity.statuses ?? [];
    if (statuses.length > 0) {
      const text = statuses.map(({ name, stacks }) => (stacks > 1 ? `${name} ×${stacks}` : name)).join(' · ');
      context.font = '500 10.5px system-ui, sans-serif';
      outlined(context, text, at.x, own ? below + 3 : below, '#d6a8ff');
    }
  }

  #drawMarker(marker: Point, now: number): void {
    const at = this.camera.toScreen(marker);
    const context = this.#context;
    context.strokeStyle = 'rgba(227, 176, 98, 0.8)';
    context.lineWidth = 2;
    context.beginPath();
    context.ellipse(at.x, at.y, 7 + 2 * Math.sin(now / 160), 7 + 2 * Math.sin(now / 160), 0, 0, Math.PI * 2);
    context.stroke();
  }

  #inView(entity: Entity): boolean {
    const at = this.camera.toScreen(this.place(entity));
    const margin = 80;
    return at.x > -margin && at.y > -margin && at.x < this.camera.width + margin && at.y < this.camera.height + margin;
  }

  #resize(): void {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (this.camera.width !== width || this.camera.height !== height || this.canvas.width !== Math.round(width * ratio)) {
      this.camera.width = width;
      this.camera.height = height;
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
}

/** The dead and things lie below those who stand. */
function order(entity: Entity): number {
  if (entity.hp === 0) return 0;
  return entity.kind === 'item' ? 1 : 2;
}
