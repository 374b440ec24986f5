// The quest log, and the short list of what is to be done at the side of the map.

import type { v1, WorldClient } from '@loreforge/client';
import { fill, h } from '../dom.js';
import { humanise } from '../words.js';

const TRACKED = 4;

export class Quests {
  readonly #list = h('div', { class: 'scroll' });
  readonly log: HTMLElement;
  readonly tracker = h('section', { class: 'panel tracker', hidden: true });
  readonly #world: WorldClient;
  readonly #failed: (error: unknown) => void;
  readonly #quests = new Map<string, v1.Quest>();

  constructor(world: WorldClient, failed: (error: unknown) => void) {
    this.#world = world;
    this.#failed = failed;
    const close = h('button', { class: 'close', title: 'Close (L)', onclick: () => this.toggle() }, '×');
    this.log = h('section', { class: 'panel window quests', hidden: true }, h('header', {}, h('b', {}, 'Quests'), close), this.#list);
    world.on('joined', () => void this.#load());
    world.on('quest.update', ({ quest }) => {
      this.#quests.set(quest.name, quest);
      this.#render();
    });
  }

  get all(): v1.Quest[] {
    return [...this.#quests.values()];
  }

  toggle(): void {
    this.log.hidden = !this.log.hidden;
  }

  async #load(): Promise<void> {
    try {
      const { quests } = await this.#world.call('quest.list', {});
      this.#quests.clear();
      for (const quest of quests) this.#quests.set(quest.name, quest);
      this.#render();
    } catch (error) {
      this.#failed(error);
    }
  }

  #render(): void {
    const order = ['complete', 'active', 'failed', 'turned_in', 'abandoned'];
    const sorted = this.all.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
    fill(this.#list, ...sorted.map((quest) => this.#entry(quest)));
    if (sorted.length === 0) fill(this.#list, h('p', { class: 'hint' }, 'No quests yet. Somebody in town may have work.'));
    const open = sorted.filter(({ state }) => state === 'active' || state === 'complete').slice(0, TRACKED);
    this.tracker.hidden = open.length === 0;
    fill(this.tracker, ...open.map((quest) => h('div', { data: { quest: quest.name } }, h('b', {}, quest.title), objectives(quest))));
  }

  #entry(quest: v1.Quest): HTMLElement {
    const act = (method: 'quest.turn_in' | 'quest.abandon') => () => {
      this.#world.call(method, { quest: quest.name }).catch(this.#failed);
    };
    return h(
      'article',
      { class: `quest ${quest.state}`, data: { quest: quest.name } },
      h('h3', {}, quest.title, h('span', { class: 'state' }, humanise(quest.state))),
      h('p', {}, quest.text),
      objectives(quest),
      quest.state === 'complete' && h('button', { class: 'primary small', onclick: act('quest.turn_in') }, 'Turn in'),
      (quest.state === 'active' || quest.state === 'complete') &&
        h('button', { class: 'small', onclick: act('quest.abandon') }, 'Abandon'),
    );
  }
}

function objectives(quest: v1.Quest): HTMLElement {
  return h(
    'ul',
    { class: 'objectives' },
    ...quest.objectives.map(({ text, done, needed }) =>
      h('li', { class: done >= needed ? 'done' : '' }, h('span', {}, text), h('span', { class: 'count' }, `${done}/${needed}`)),
    ),
  );
}
