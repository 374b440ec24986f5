// What lies over everything for a while: toasts, the veil of death, the lost connection.

import type { ConnectionState, WorldClient } from '@loreforge/client';
import { fill, h } from '../dom.js';

const TOAST_MS = 4_500;
const TOASTS = 4;
/** The same words again within this time are not repeated. */
const REPEAT_MS = 1_500;

export class Toasts {
  readonly element = h('div', { class: 'toasts', role: 'status' });
  #last = { text: '', at: 0 };

  show(text: string, tone: 'plain' | 'good' | 'bad' | 'script' = 'plain'): void {
    const now = performance.now();
    if (text === this.#last.text && now - this.#last.at < REPEAT_MS) return;
    this.#last = { text, at: now };
    const toast = h('div', { class: `toast ${tone}` }, text);
    this.element.append(toast);
    while (this.element.childElementCount > TOASTS) this.element.firstElementChild?.remove();
    setTimeout(() => toast.remove(), TOAST_MS);
  }
}

export class DeathVeil {
  readonly #text = h('p');
  readonly element = h('div', { class: 'veil death', hidden: true }, h('h2', {}, 'You have died'), this.#text);
  #until = 0;

  constructor(world: WorldClient) {
    world.on('character.died', ({ respawn_ms }) => {
      this.#until = performance.now() + respawn_ms;
      this.element.hidden = false;
    });
    world.on('character.respawned', () => this.#hide());
    world.on('joined', () => this.#hide());
  }

  update(now: number): void {
    if (this.element.hidden) return;
    const seconds = Math.max(0, Math.ceil((this.#until - now) / 1000));
    this.#text.textContent = seconds > 0 ? `You return in ${seconds} s` : 'You return any moment';
  }

  #hide(): void {
    this.element.hidden = true;
  }
}

export class ConnectionVeil {
  readonly element = h('div', { class: 'veil connection', hidden: true });
  readonly #world: WorldClient;
  readonly #exit: () => void;
  #wait: { text: HTMLElement; until: number } | undefined;

  constructor(world: WorldClient, exit: () => void) {
    this.#world = world;
    this.#exit = exit;
    world.on('state', (state) => this.#show(state));
  }

  update(now: number): void {
    if (!this.#wait) return;
    this.#wait.text.textContent = `Trying again in ${Math.max(0, Math.ceil((this.#wait.until - now) / 1000))} s`;
  }

  #show(state: ConnectionState): void {
    this.#wait = undefined;
    this.element.hidden = state.kind === 'joined';
    const back = h('button', { onclick: this.#exit }, 'Back to the characters');
    if (state.kind === 'connecting') {
      fill(this.element, h('h2', {}, state.attempt > 1 ? 'Connecting again…' : 'Entering the world…'));
    } else if (state.kind === 'waiting') {
      const text = h('p');
      this.#wait = { text, until: performance.now() + state.inMs };
      const now = h('button', { class: 'primary', onclick: () => this.#world.retryNow() }, 'Try now');
      fill(this.element, h('h2', {}, 'Connection lost'), h('p', {}, sentence(state.reason)), text, h('div', { class: 'row' }, now, back));
    } else if (state.kind === 'closed') {
      fill(this.element, h('h2', {}, 'Disconnected'), h('p', {}, sentence(state.reason)), h('div', { class: 'row' }, back));
    }
  }
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
