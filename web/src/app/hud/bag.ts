// What the character carries and wears: click to wear or use, shift-click or right-click to drop.

import type { v1, WorldClient } from '@loreforge/client';
import { fill, h } from '../dom.js';
import { humanise } from '../words.js';

const SLOTS = 32;
const PLACES = ['main_hand', 'off_hand', 'head', 'chest', 'legs', 'feet'];

/** A slot as far as it is known: updates leave out what does not change with the count. */
type Slot = v1.SlotUpdate & Partial<v1.Slot>;

export class Bag {
  readonly #grid = h('div', { class: 'slots' });
  readonly #worn = h('div', { class: 'worn' });
  readonly #gold = h('span', { class: 'gold' });
  readonly element: HTMLElement;
  readonly #world: WorldClient;
  readonly #failed: (error: unknown) => void;
  readonly #slots = new Map<number, Slot>();
  /** Titles of items seen, because worn ones come by name only. */
  readonly #titles = new Map<string, string>();
  #equipment: Record<string, string> = {};

  constructor(world: WorldClient, failed: (error: unknown) => void) {
    this.#world = world;
    this.#failed = failed;
    const close = h('button', { class: 'close', title: 'Close (I)', onclick: () => this.toggle() }, '×');
    const hint = h('p', { class: 'hint' }, 'Click to wear or use · shift-click to drop');
    this.element = h('section', { class: 'panel window bag', hidden: true }, h('header', {}, h('b', {}, 'Bag'), this.#gold, close), this.#worn, this.#grid, hint);
    world.on('joined', () => void this.#load());
    world.on('inventory.update', (update) => this.#merge(update.slots, update.equipment));
    world.on('character.update', () => this.#showGold());
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
  }

  async #load(): Promise<void> {
    try {
      const inventory = await this.#world.call('inventory.list', {});
      if (this.#world.character) this.#world.character.gold = inventory.gold;
      this.#slots.clear();
      this.#equipment = {};
      this.#merge(inventory.slots, inventory.equipment);
      this.#showGold();
    } catch (error) {
      this.#failed(error);
    }
  }

  #merge(slots: v1.SlotUpdate[], equipment: Record<string, string>): void {
    let unknown = false;
    for (const slot of slots) {
      if (!slot.item) {
        this.#slots.delete(slot.slot);
        continue;
      }
      // An update may leave out what does not change with the count.
      const known = [...this.#slots.values()].find(({ item }) => item === slot.item);
      const merged = { ...(known ? { title: known.title, kind: known.kind, rarity: known.rarity } : {}), ...slot } as Slot;
      unknown ||= merged.kind === undefined;
      this.#slots.set(slot.slot, merged);
      if (merged.title) this.#titles.set(slot.item, merged.title);
    }
    Object.assign(this.#equipment, equipment);
    if (unknown) void this.#load();
    else this.#render();
  }

  #render(): void {
    fill(this.#worn, ...PLACES.map((place) => this.#place(place)));
    fill(this.#grid, ...Array.from({ length: SLOTS }, (_, index) => this.#slot(index)));
  }

  #place(place: string): HTMLElement {
    const item = this.#equipment[place];
    const title = item ? this.#title(item) : humanise(place);
    const button = h('button', { class: item ? 'slot full' : 'slot', title: item ? `${title}\nClick to take off` : title, disabled: !item }, h('span', {}, title));
    button.onclick = () => {
      this.#world.call('inventory.unequip', { from: place }).catch(this.#failed);
    };
    return button;
  }

  #slot(index: number): HTMLElement {
    const slot = this.#slots.get(index);
    if (!slot?.item) return h('div', { class: 'slot' });
    const title = slot.title ?? this.#title(slot.item);
    const button = h(
      'button',
      { class: `slot full ${slot.rarity ?? ''}`, title: describe(title, slot), data: { item: slot.item } },
      h('span', {}, title),
      slot.count > 1 && h('small', {}, slot.count),
    );
    const drop = (event: Event) => {
      event.preventDefault();
      this.#world.call('inventory.drop', { slot: index, count: slot.count }).catch(this.#failed);
    };
    button.oncontextmenu = drop;
    button.onclick = (event) => {
      if (event.shiftKey) drop(event);
      else if (slot.kind === 'equipment') this.#world.call('inventory.equip', { slot: index }).catch(this.#failed);
      else if (slot.kind === 'consumable' || slot.kind === 'quest') this.#world.call('inventory.use', { slot: index }).catch(this.#failed);
    };
    return button;
  }

  #title(item: string): string {
    return this.#titles.get(item) ?? humanise(item);
  }

  #showGold(): void {
    this.#gold.textContent = `${this.#world.character?.gold ?? 0} gold`;
  }
}

function describe(title: string, { kind, rarity, count }: Slot): string {
  const use = kind === 'equipment' ? 'Click to wear' : kind === 'consumable' ? 'Click to use' : '';
  return [title, [rarity, kind].filter(Boolean).join(' '), count > 1 ? `${count} of them` : '', use].filter(Boolean).join('\n');
}
