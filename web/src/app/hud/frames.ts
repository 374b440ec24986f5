// The frames of the own character and of the target, and the experience bar.

import type { Entity, WorldClient } from '@loreforge/client';
import type { Combat } from '../combat.js';
import { fill, h } from '../dom.js';
import { capitalise, humanise } from '../words.js';

export class Bar {
  readonly #fill = h('i');
  readonly #text = h('span');
  readonly element: HTMLElement;
  #last = '';

  constructor(kind: string) {
    this.element = h('div', { class: `bar ${kind}` }, this.#fill, this.#text);
  }

  show(value: number, most: number): void {
    const text = `${value} / ${most}`;
    if (text === this.#last) return;
    this.#last = text;
    this.#fill.style.width = `${(100 * Math.max(0, Math.min(value, most))) / Math.max(1, most)}%`;
    this.#text.textContent = text;
    this.element.hidden = most <= 0;
  }
}

export class Frames {
  readonly #ownName = h('b');
  readonly #ownAbout = h('small');
  readonly #ownStatuses = h('div', { class: 'statuses' });
  readonly #health = new Bar('health');
  readonly #mana = new Bar('mana');
  readonly #energy = new Bar('energy');
  readonly #targetName = h('b');
  readonly #targetAbout = h('small');
  readonly #targetStatuses = h('div', { class: 'statuses' });
  readonly #targetHealth = new Bar('health');
  readonly #challenge = h('button', { class: 'challenge', title: 'Ask for a duel' }, 'Challenge');
  readonly #experienceFill = h('i');
  readonly #experienceText = h('span');
  readonly own = h(
    'section',
    { class: 'panel frame own' },
    h('header', {}, this.#ownName, this.#ownAbout),
    this.#health.element,
    this.#mana.element,
    this.#energy.element,
    this.#ownStatuses,
  );
  readonly target = h(
    'section',
    { class: 'panel frame target', hidden: true },
    h('header', {}, this.#targetName, this.#targetAbout),
    this.#targetHealth.element,
    this.#targetStatuses,
    this.#challenge,
  );
  readonly experience = h('div', { class: 'experience' }, this.#experienceFill, this.#experienceText);
  readonly #world: WorldClient;
  readonly #combat: Combat;

  constructor(world: WorldClient, combat: Combat, challenge: (target: number) => void) {
    this.#world = world;
    this.#combat = combat;
    this.#challenge.onclick = () => {
      this.#challenge.blur();
      if (combat.target) challenge(combat.target.id);
    };
  }

  update(): void {
    const { own, self } = this.#world.replica;
    const character = this.#world.character;
    if (own && character) {
      this.#ownName.textContent = own.name;
      this.#ownAbout.textContent = `Level ${character.level} ${character.class}`;
      this.#health.show(own.hp ?? 0, own.hp_max ?? 0);
      this.#mana.show(self.mana, self.mana_max);
      this.#energy.show(self.energy, self.energy_max);
      showStatuses(this.#ownStatuses, own);
      const { level, experience, experience_to_next: needed } = character;
      this.#experienceFill.style.width = needed > 0 ? `${100 * Math.min(1, experience / needed)}%` : '100%';
      this.#experienceText.textContent = needed > 0 ? `Level ${level} · ${experience} / ${needed} experience` : `Level ${level}, the highest`;
    }
    const target = this.#combat.target;
    this.target.hidden = !target;
    if (!target) return;
    this.target.classList.toggle('hostile', target.hostile === true);
    this.#targetName.textContent = target.name;
    this.#targetAbout.textContent = about(target, this.#combat.attacking);
    this.#targetHealth.show(target.hp ?? 0, target.hp_max ?? 0);
    showStatuses(this.#targetStatuses, target);
    const { you } = this.#world.replica;
    this.#challenge.hidden = target.hostile === true || target.kind === 'item' || target.id === you || target.hp === 0;
  }
}

function about(target: Entity, attacking: boolean): string {
  const what = target.boss ? 'boss' : target.kind === 'player' ? target.template : target.hostile ? 'enemy' : 'friendly';
  const doing = target.hp === 0 ? 'dead' : attacking ? 'fighting' : target.state ? humanise(target.state).toLowerCase() : '';
  return [`Level ${target.level ?? 1} ${what}`, doing].filter(Boolean).join(' · ');
}

function showStatuses(element: HTMLElement, entity: Entity): void {
  const texts = (entity.statuses ?? []).map(({ name, stacks }) => capitalise(humanise(name)) + (stacks > 1 ? ` ×${stacks}` : ''));
  if (element.dataset['shown'] === texts.join('|')) return;
  element.dataset['shown'] = texts.join('|');
  fill(element, ...texts.map((text) => h('span', {}, text)));
}
