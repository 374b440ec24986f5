// The box at the bottom left: what people say, what blows do, which script versions decide.

import { fill, h } from '../dom.js';
import type { Live } from '../provenance.js';

const LINES = 200;
/** Bytes of a line the server takes. */
const TEXT_BYTES = 500;

export type Tab = 'chat' | 'combat' | 'scripts';

export interface LogLine {
  text: string;
  /** Script version that decided it. */
  by?: string | undefined;
  /** The sums behind it, shown on hover. */
  detail?: string;
  tone?: 'good' | 'bad' | 'quiet' | 'news';
}

export class Chat {
  readonly #input = h('input', { placeholder: 'Press Enter to speak', maxLength: TEXT_BYTES, autocomplete: 'off' });
  readonly #lists: Record<Tab, HTMLElement> = {
    chat: h('ol', { class: 'lines' }),
    combat: h('ol', { class: 'lines' }),
    scripts: h('ol', { class: 'lines' }),
  };
  readonly #tabs: Record<Tab, HTMLButtonElement>;
  readonly element: HTMLElement;

  constructor(say: (text: string) => void) {
    const tab = (name: Tab, text: string) => h('button', { role: 'tab', type: 'button', onclick: () => this.show(name) }, text);
    this.#tabs = { chat: tab('chat', 'Chat'), combat: tab('combat', 'Combat'), scripts: tab('scripts', 'Scripts') };
    const form = h('form', {}, this.#input);
    form.onsubmit = (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (text) say(text);
      this.#input.value = '';
      this.#input.blur();
    };
    this.#input.onkeydown = (event) => {
      if (event.key === 'Escape') this.#input.blur();
    };
    this.element = h(
      'section',
      { class: 'panel chat' },
      h('div', { class: 'tabs', role: 'tablist' }, ...Object.values(this.#tabs)),
      ...Object.values(this.#lists),
      form,
    );
    this.show('chat');
  }

  focus(): void {
    this.show('chat');
    this.#input.focus();
  }

  show(tab: Tab): void {
    for (const name of Object.keys(this.#lists) as Tab[]) {
      this.#lists[name].hidden = name !== tab;
      this.#tabs[name].ariaSelected = String(name === tab);
    }
    this.#tabs[tab].classList.remove('news');
    this.#lists[tab].scrollTop = this.#lists[tab].scrollHeight;
  }

  said(name: string, text: string): void {
    this.#add('chat', h('li', {}, h('b', {}, name), ` ${text}`));
  }

  system(text: string): void {
    this.#add('chat', h('li', { class: 'news' }, text));
  }

  log(line: LogLine): void {
    const title = [line.detail, line.by && `decided by ${line.by}`].filter(Boolean).join('\n');
    this.#add(
      'combat',
      h('li', { class: line.tone ?? '', title }, h('span', {}, line.text), line.by !== undefined && h('span', { class: 'stamp' }, shortStamp(line.by))),
    );
  }

  /** The versions that decided last, one line per script. */
  scripts(live: Live[], fallbacks: number): void {
    const now = performance.now();
    fill(
      this.#lists.scripts,
      live.length === 0 && h('li', { class: 'quiet' }, 'No script has decided anything yet.'),
      ...live.map(({ script, stamp, decisions, since }) =>
        h(
          'li',
          { title: `${decisions} decisions seen in ${Math.round((now - since) / 1000)} s` },
          h('b', {}, script),
          h('span', { class: 'stamp' }, stamp.slice(script.length + 1) || stamp),
          h('span', { class: 'quiet' }, ` ×${decisions}`),
        ),
      ),
      fallbacks > 0 && h('li', { class: 'bad' }, `${fallbacks} decisions by fallback: a script failed`),
    );
  }

  #add(tab: Tab, line: HTMLElement): void {
    const list = this.#lists[tab];
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 24;
    list.append(line);
    while (list.childElementCount > LINES) list.firstElementChild?.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
    if (list.hidden && tab === 'chat') this.#tabs.chat.classList.add('news');
  }
}

/** `combat@0.1.0+1a2b3c4d` without most of the digest. */
function shortStamp(by: string): string {
  const [version, digest] = by.split('+', 2);
  return digest ? `${version}+${digest.slice(0, 4)}` : by;
}
