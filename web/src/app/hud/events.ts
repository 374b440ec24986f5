// World events that run in the zone: what to do, how far it is, how long it lasts; and what a part was worth.

import type { WorldClient } from '@loreforge/client';
import { fill, h } from '../dom.js';
import type { Toasts } from './notices.js';

export class EventBanner {
  readonly element = h('section', { class: 'events', role: 'status', hidden: true });
  readonly #world: WorldClient;
  #drawnAt = 0;

  constructor(world: WorldClient, toasts: Toasts) {
    this.#world = world;
    world.on('world.event', ({ event }) => {
      if (event.state === 'success') toasts.show(`${event.title}: done`, 'good');
      if (event.state === 'failure') toasts.show(`${event.title}: failed`, 'bad');
      this.#drawnAt = 0;
    });
    world.on('event.reward', ({ title, rank, participants, experience, gold, items }) => {
      const things = items.map((item) => `${item.count} ${item.title}`);
      const what = [experience > 0 && `${experience} experience`, gold > 0 && `${gold} gold`, ...things].filter(Boolean);
      toasts.show(`${title}, place ${rank} of ${participants}: ${what.join(', ')}`, 'good');
    });
  }

  /** Once a second: nothing of it changes faster but by a message. */
  update(now: number): void {
    if (now - this.#drawnAt < 1_000) return;
    this.#drawnAt = now;
    const running = [...this.#world.replica.events.values()];
    this.element.hidden = running.length === 0;
    fill(
      this.element,
      ...running.map(({ event, endsAt }) => {
        const left = Math.max(0, Math.ceil((endsAt - now) / 1000));
        const progress = event.kills_needed > 0 ? `${event.kills}/${event.kills_needed} · ` : '';
        const stage = event.stages > 1 ? ` (${event.stage}/${event.stages})` : '';
        const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
        return h('div', { class: 'panel event' }, h('b', {}, event.title + stage), h('span', {}, event.text), h('small', {}, progress + time));
      }),
    );
  }
}
