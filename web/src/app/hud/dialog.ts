// The window of a conversation.

import type { v1, WorldClient } from '@loreforge/client';
import { fill, h } from '../dom.js';

export class DialogWindow {
  readonly #speaker = h('b');
  readonly #text = h('p');
  readonly #choices = h('ol', { class: 'choices' });
  readonly #stamp = h('small', { class: 'stamp' });
  readonly element: HTMLElement;
  readonly #world: WorldClient;
  readonly #failed: (error: unknown) => void;

  constructor(world: WorldClient, failed: (error: unknown) => void) {
    this.#world = world;
    this.#failed = failed;
    const close = h('button', { class: 'close', title: 'Close (Esc)', onclick: () => this.close() }, '×');
    this.element = h(
      'section',
      { class: 'panel dialog', hidden: true },
      h('header', {}, this.#speaker, close),
      this.#text,
      this.#choices,
      this.#stamp,
    );
    world.on('dialog.show', (dialog) => this.#show(dialog));
    world.on('dialog.end', () => this.#hide());
    world.on('world.zone', () => this.#hide());
    world.on('state', (state) => {
      if (state.kind !== 'joined') this.#hide();
    });
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  /** Says good-bye to the server; the window closes at once. */
  close(): void {
    if (!this.open) return;
    this.#hide();
    this.#world.call('dialog.close', {}).catch(this.#failed);
  }

  /** Chooses by number, from 1. Returns whether there was such a choice. */
  choose(number: number): boolean {
    const button = this.#choices.querySelectorAll('button')[number - 1];
    button?.click();
    return button !== undefined;
  }

  #show(dialog: v1.DialogShow): void {
    this.#speaker.textContent = this.#world.replica.entities.get(dialog.npc)?.name ?? 'Conversation';
    this.#text.textContent = dialog.text;
    this.#stamp.textContent = dialog.by;
    fill(
      this.#choices,
      ...dialog.choices.map(({ id, text }) => {
        const button = h('button', { data: { choice: id } }, text);
        button.onclick = () => this.#answer(id);
        return h('li', {}, button);
      }),
    );
    this.element.hidden = false;
  }

  #answer(choice: string): void {
    const buttons = this.#choices.querySelectorAll('button');
    for (const button of buttons) button.disabled = true;
    this.#world.call('dialog.choose', { choice }).catch((error: unknown) => {
      for (const button of buttons) button.disabled = false;
      this.#failed(error);
    });
  }

  #hide(): void {
    this.element.hidden = true;
  }
}
