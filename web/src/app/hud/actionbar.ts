// The abilities on the keys 1 to 4, with what they cost and when they are ready.

import type { v1, WorldClient } from '@loreforge/client';
import type { Combat } from '../combat.js';
import { fill, h } from '../dom.js';

const KEYS = 4;

interface Button {
  ability: v1.Ability;
  element: HTMLButtonElement;
  sweep: HTMLElement;
}

export class ActionBar {
  readonly element = h('div', { class: 'actions' });
  readonly #world: WorldClient;
  readonly #combat: Combat;
  #buttons: Button[] = [];

  constructor(world: WorldClient, combat: Combat) {
    this.#world = world;
    this.#combat = combat;
    world.on('joined', () => this.#build());
  }

  #build(): void {
    this.#buttons = this.#combat.abilities.slice(0, KEYS).map((ability, index) => {
      const sweep = h('i', { class: 'sweep' });
      const element = h(
        'button',
        { class: 'action', title: describe(ability), data: { ability: ability.name } },
        h('kbd', {}, index + 1),
        h('span', { class: 'glyph', data: { target: ability.target } }, initials(ability.title)),
        h('span', { class: 'title' }, ability.title),
        sweep,
      );
      element.onclick = () => {
        element.blur();
        void this.#combat.use(index);
      };
      return { ability, element, sweep };
    });
    fill(this.element, ...this.#buttons.map(({ element }) => element));
  }

  update(): void {
    const level = this.#world.character?.level ?? 1;
    const { mana, energy } = this.#world.replica.self;
    for (const [index, { ability, element, sweep }] of this.#buttons.entries()) {
      const left = this.#combat.cooldown(ability);
      sweep.style.setProperty('--left', `${(left * 360).toFixed(0)}deg`);
      sweep.hidden = left === 0;
      const locked = level < ability.required_level;
      element.classList.toggle('locked', locked);
      element.classList.toggle('poor', !locked && (mana < ability.mana || energy < ability.energy));
      element.classList.toggle('active', index === 0 && this.#combat.attacking);
    }
  }
}

function describe(ability: v1.Ability): string {
  const facts = [
    ability.title,
    ability.target === 'enemy' ? `reach ${ability.range / 1000} m` : `on ${ability.target === 'ally' ? 'yourself or an ally' : 'yourself'}`,
    ability.mana > 0 && `${ability.mana} mana`,
    ability.energy > 0 && `${ability.energy} energy`,
    ability.cooldown_ms > 0 && `ready again after ${ability.cooldown_ms / 1000} s`,
    ability.required_level > 1 && `from level ${ability.required_level}`,
  ];
  return facts.filter(Boolean).join('\n');
}

function initials(title: string): string {
  const words = title.split(' ').filter(Boolean);
  return words.length > 1 ? words.slice(0, 2).map((word) => word[0]).join('') : title.slice(0, 2);
}
