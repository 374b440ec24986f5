// Whom the player fights and with what: the target, the repeated plain attack, cooldowns.

import { RpcError, type Entity, type v1, type WorldClient } from '@loreforge/client';
import type { Controls } from './controls.js';

/** Between two plain attacks: the server allows two a second, this leaves room for jitter. */
const PACE_MS = 560;
/** Between two looks whether a fleeing target is in reach again. */
const RETRY_MS = 200;
/** How often an ability is tried that was pressed within the pause after the last action. */
const SKILL_TRIES = 3;
const SKILL_RETRY_MS = 300;
/** Farther away, an enemy is not picked without being asked for, millimetres. */
const PICK_MM = 30_000;
/** Part of an ability's reach to walk up to, so that a step of the target does not break it. */
const REACH = 0.8;
/** Reach of talking and picking up, millimetres. */
const TALK_MM = 3_500;

export class Combat {
  readonly #world: WorldClient;
  readonly #controls: Controls;
  readonly #refused: (error: unknown) => void;
  readonly #ready = new Map<string, { from: number; until: number }>();
  #target = 0;
  #nextAttack = 0;
  #busy = false;
  #casting = false;
  #chasing = false;
  attacking = false;

  constructor(world: WorldClient, controls: Controls, refused: (error: unknown) => void) {
    this.#world = world;
    this.#controls = controls;
    this.#refused = refused;
    world.on('world.zone', () => this.select(undefined));
    world.on('character.died', () => {
      this.attacking = false;
    });
  }

  get target(): Entity | undefined {
    return this.#world.replica.entities.get(this.#target);
  }

  get abilities(): v1.Ability[] {
    return this.#world.character?.abilities ?? [];
  }

  select(entity: Entity | undefined): void {
    if (entity?.id !== this.#target) this.attacking = false;
    this.#target = entity?.id ?? 0;
  }

  attack(entity: Entity): void {
    this.select(entity);
    this.attacking = true;
  }

  /** Selects the nearest enemy, or the next one when it is selected already. */
  nextEnemy(): void {
    const enemies = this.#enemies();
    const current = enemies.findIndex((enemy) => enemy.id === this.#target);
    this.select(enemies[(current + 1) % Math.max(1, enemies.length)]);
  }

  /** Walks up to somebody or something and talks to it or picks it up. */
  async interact(entity: Entity): Promise<void> {
    if (entity.kind === 'npc') this.select(entity);
    this.attacking = false;
    const arrival = await this.#controls.follow(() => this.#world.replica.entities.get(entity.id), TALK_MM);
    if (arrival === 'arrived') await this.#try(() => this.#world.call('npc.interact', { target: entity.id }));
  }

  /** The ability on key `index + 1`. The first is the plain attack, which goes on by itself. */
  async use(index: number): Promise<void> {
    const ability = this.abilities[index];
    if (!ability || (this.#world.character?.level ?? 1) < ability.required_level || this.cooldown(ability) > 0) return;
    if (ability.target !== 'enemy') {
      const friend = this.target?.kind === 'player' && ability.target === 'ally' ? { target: this.#target } : {};
      await this.#skill(ability, friend);
      return;
    }
    const enemy = isEnemy(this.target) ? this.target : this.#enemies(PICK_MM)[0];
    if (!enemy) {
      this.#refused(new RpcError(-32011, 'No target', { reason: 'rejected', rejection: 'no_target' }));
      return;
    }
    this.attack(enemy);
    if (index > 0 && (await this.#inReach(ability, enemy))) await this.#skill(ability, { target: enemy.id });
  }

  /** Part of the cooldown that is left, 1 to 0. */
  cooldown(ability: v1.Ability): number {
    const ready = this.#ready.get(ability.name);
    if (!ready) return 0;
    return Math.max(0, (ready.until - performance.now()) / (ready.until - ready.from));
  }

  /** One frame: chases the target and repeats the plain attack. */
  update(): void {
    const target = this.target;
    const own = this.#world.replica.own;
    if (!this.attacking || !own || own.hp === 0) return;
    if (!isEnemy(target)) {
      this.attacking = false;
      return;
    }
    const range = this.abilities[0]?.range ?? 2_500;
    const { x, y } = this.#world.movement;
    if (Math.hypot(target.x - x, target.y - y) > range) this.#chase(target, range * REACH);
    else if (!this.#busy && !this.#casting && performance.now() >= this.#nextAttack) void this.#strike(target.id);
  }

  #chase(target: Entity, within: number): void {
    // A player who walks away by key or click means it: only a standing one chases.
    if (this.#controls.walking || this.#controls.following || this.#chasing) return;
    this.#chasing = true;
    const at = () => (this.attacking && this.#target === target.id ? this.target : undefined);
    void this.#controls.follow(at, within).finally(() => {
      this.#chasing = false;
    });
  }

  async #strike(target: number): Promise<void> {
    this.#busy = true;
    this.#nextAttack = performance.now() + PACE_MS;
    try {
      await this.#world.call('combat.attack', { target });
      this.#nextAttack = Math.max(this.#nextAttack, performance.now() + (this.abilities[0]?.cooldown_ms ?? 0));
    } catch (error) {
      const reason = error instanceof RpcError ? error.stableCode : '';
      const later = error instanceof RpcError && reason !== 'dead' ? error.retryAfterMs : undefined;
      if (later !== undefined) this.#nextAttack = performance.now() + later;
      else if (reason === 'out_of_range' || reason === 'too_soon' || reason === 'on_cooldown' || reason === 'stunned') {
        this.#nextAttack = performance.now() + RETRY_MS;
      } else {
        this.attacking = false;
        this.#refused(error);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Walks into reach of an ability; false when something else took over. */
  async #inReach(ability: v1.Ability, enemy: Entity): Promise<boolean> {
    const { x, y } = this.#world.movement;
    if (Math.hypot(enemy.x - x, enemy.y - y) <= ability.range) return true;
    const at = () => (this.#target === enemy.id ? this.target : undefined);
    return (await this.#controls.follow(at, ability.range * REACH)) === 'arrived';
  }

  async #skill(ability: v1.Ability, target: { target?: number }): Promise<void> {
    const use = async () => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.#world.call('combat.use_skill', { ability: ability.name, ...target });
        } catch (error) {
          const early = error instanceof RpcError && (error.stableCode === 'too_soon' || error.stableCode === 'rate_limited');
          if (!early || attempt >= SKILL_TRIES) throw error;
          await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? SKILL_RETRY_MS));
        }
      }
    };
    if (this.#casting) return;
    this.#casting = true;
    this.#nextAttack = Math.max(this.#nextAttack, performance.now() + PACE_MS);
    const done = await this.#try(use);
    this.#casting = false;
    const now = performance.now();
    if (done && ability.cooldown_ms > 0) this.#ready.set(ability.name, { from: now, until: now + ability.cooldown_ms });
    // An ability is an action as well: the plain attack waits for its turn.
    if (done) this.#nextAttack = Math.max(this.#nextAttack, now + PACE_MS);
  }

  async #try(call: () => Promise<unknown>): Promise<boolean> {
    try {
      await call();
      return true;
    } catch (error) {
      this.#refused(error);
      return false;
    }
  }

  #enemies(within = Infinity): Entity[] {
    const { x, y } = this.#world.movement;
    return this.#world.replica
      .nearest({ x, y }, isEnemy)
      .filter((enemy) => Math.hypot(enemy.x - x, enemy.y - y) <= within);
  }
}

export function isEnemy(entity: Entity | undefined): entity is Entity & { hostile: true } {
  return entity?.kind === 'npc' && entity.hostile === true && (entity.hp ?? 0) > 0;
}
