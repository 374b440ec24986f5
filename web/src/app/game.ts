// One character's stay in the world: puts the parts together and runs the frame loop.

import { WorldClient, type ApiClient, type CharacterInfo, type Entity } from '@loreforge/client';
import { Combat, isEnemy } from './combat.js';
import { openConsole } from './console.js';
import { Controls } from './controls.js';
import { fill, h, typing } from './dom.js';
import { ActionBar } from './hud/actionbar.js';
import { Bag } from './hud/bag.js';
import { Chat } from './hud/chat.js';
import { DialogWindow } from './hud/dialog.js';
import { DuelPanel } from './hud/duel.js';
import { EventBanner } from './hud/events.js';
import { Frames } from './hud/frames.js';
import { ConnectionVeil, DeathVeil, Toasts } from './hud/notices.js';
import { Quests } from './hud/quests.js';
import { Minimap } from './map/minimap.js';
import { MapView } from './map/view.js';
import { Narrator } from './narrator.js';
import { explain } from './words.js';

/** A frame never counts as longer: a tab that slept does not run off. */
const FRAME_MOST_S = 0.1;
const LATENCY_MS = 1_000;

export class Game {
  readonly #root: HTMLElement;
  readonly #world: WorldClient;
  readonly #controls: Controls;
  readonly #combat: Combat;
  readonly #map: MapView;
  readonly #minimap: Minimap;
  readonly #frames: Frames;
  readonly #actions: ActionBar;
  readonly #dialog: DialogWindow;
  readonly #duel: DuelPanel;
  readonly #quests: Quests;
  readonly #bag: Bag;
  readonly #chat: Chat;
  readonly #toasts = new Toasts();
  readonly #events: EventBanner;
  readonly #death: DeathVeil;
  readonly #connection: ConnectionVeil;
  readonly #narrator: Narrator;
  readonly #latency = h('small', { title: 'Round trip to the server' });
  readonly #abort = new AbortController();
  #exit: () => void = () => {};
  #lastFrame = 0;
  #lastLatency = 0;
  #lastScripts = 0;
  #frame = 0;

  constructor(root: HTMLElement, api: ApiClient, character: CharacterInfo) {
    this.#root = root;
    const socketOrigin = location.origin.replace(/^http/, 'ws');
    this.#world = new WorldClient({
      url: `${socketOrigin}/v1/world/ws`,
      character: character.id,
      // Frames that people can read, for looking at them: `/?encoding=json`.
      encoding: new URLSearchParams(location.search).get('encoding') === 'json' ? 'json' : 'proto',
      token: async (check) => (check ? api.freshToken() : (api.tokens?.access_token ?? '')),
      refreshToken: async () => (await api.refresh()).access_token,
    });
    const failed = (error: unknown) => this.#toasts.show(explain(error), 'bad');
    this.#controls = new Controls(this.#world);
    this.#combat = new Combat(this.#world, this.#controls, failed);
    this.#map = new MapView(this.#world);
    this.#minimap = new Minimap(this.#world);
    this.#duel = new DuelPanel(this.#world, (text) => this.#toasts.show(text), failed);
    this.#frames = new Frames(this.#world, this.#combat, (target) => this.#duel.challenge(target));
    this.#actions = new ActionBar(this.#world, this.#combat);
    this.#dialog = new DialogWindow(this.#world, failed);
    this.#quests = new Quests(this.#world, failed);
    this.#bag = new Bag(this.#world, failed);
    this.#chat = new Chat((text) => void this.#world.call('chat.send', { text }).catch(failed));
    this.#events = new EventBanner(this.#world, this.#toasts);
    this.#death = new DeathVeil(this.#world);
    this.#connection = new ConnectionVeil(this.#world, () => this.#exit());
    this.#narrator = new Narrator(this.#world, this.#map, this.#chat, this.#toasts);
  }

  /** Resolves when the player is back at the characters. */
  async play(): Promise<void> {
    this.#build();
    window.lore = openConsole(this.#world, this.#controls, this.#combat, this.#map, () => this.#quests.all, this.#narrator.provenance);
    const { signal } = this.#abort;
    window.addEventListener('keydown', (event) => this.#key(event), { signal });
    this.#map.canvas.addEventListener('pointerdown', (event) => this.#click(event), { signal });
    this.#map.canvas.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
    this.#world.connect();
    this.#frame = requestAnimationFrame((now) => this.#draw(now));
    await new Promise<void>((resolve) => {
      this.#exit = resolve;
    });
    cancelAnimationFrame(this.#frame);
    this.#abort.abort();
    this.#controls.dispose();
    delete window.lore;
    await this.#world.leave();
  }

  #build(): void {
    const menu = h(
      'nav',
      { class: 'menu' },
      this.#latency,
      button('Quests', 'L', () => this.#quests.toggle()),
      button('Bag', 'I', () => this.#bag.toggle()),
      button('Leave', '', () => this.#exit()),
    );
    fill(
      this.#root,
      h(
        'div',
        { class: 'game' },
        this.#map.canvas,
        h('div', { class: 'top-left' }, this.#frames.own, this.#frames.target),
        h('div', { class: 'top-right' }, menu, this.#minimap.element, this.#quests.tracker),
        h('div', { class: 'windows' }, this.#quests.log, this.#bag.element, this.#duel.element),
        this.#chat.element,
        h('div', { class: 'bottom' }, this.#dialog.element, this.#actions.element, this.#frames.experience),
        this.#events.element,
        this.#death.element,
        this.#toasts.element,
        this.#connection.element,
      ),
    );
  }

  #draw(now: number): void {
    this.#frame = requestAnimationFrame((next) => this.#draw(next));
    const seconds = Math.min(FRAME_MOST_S, Math.max(0, (now - this.#lastFrame) / 1000));
    this.#lastFrame = now;
    this.#controls.update(seconds);
    this.#combat.update();
    this.#map.draw(now, seconds, this.#combat.target, this.#controls.marker);
    this.#minimap.update(now);
    this.#frames.update();
    this.#actions.update();
    this.#duel.update(now);
    this.#events.update(now);
    this.#death.update(now);
    this.#connection.update(now);
    if (now - this.#lastScripts > 1_000) {
      this.#lastScripts = now;
      this.#chat.scripts(this.#narrator.provenance.live, this.#narrator.provenance.fallbacks);
    }
    if (now - this.#lastLatency > LATENCY_MS) {
      this.#lastLatency = now;
      const { rttMs } = this.#world.serverClock;
      this.#latency.textContent = rttMs === undefined ? '' : `${Math.round(rttMs)} ms`;
    }
  }

  #click(event: PointerEvent): void {
    if (!this.#world.placed) return;
    const pixel = this.#map.pixel(event);
    const entity = this.#map.entityAt(pixel);
    if (event.button === 2) {
      this.#combat.select(entity);
    } else if (event.button === 0) {
      if (entity) this.#clicked(entity);
      else {
        this.#combat.attacking = false;
        void this.#controls.walkTo(this.#map.camera.toZone(pixel));
      }
    }
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }

  #clicked(entity: Entity): void {
    if (isEnemy(entity)) this.#combat.attack(entity);
    else if (entity.kind === 'item' || (entity.kind === 'npc' && !entity.hostile)) void this.#combat.interact(entity);
    else this.#combat.select(entity);
  }

  #key(event: KeyboardEvent): void {
    if (typing() || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
    if (digit) {
      if (!this.#dialog.open || !this.#dialog.choose(Number(digit))) void this.#combat.use(Number(digit) - 1);
      return;
    }
    const keys: Record<string, () => void> = {
      Enter: () => this.#chat.focus(),
      Tab: () => this.#combat.nextEnemy(),
      KeyE: () => this.#interactNearest(),
      KeyI: () => this.#bag.toggle(),
      KeyL: () => this.#quests.toggle(),
      Escape: () => (this.#dialog.open ? this.#dialog.close() : this.#combat.select(undefined)),
    };
    const action = keys[event.code];
    // Enter and Tab on a focused button are the button's.
    if (!action || (event.code === 'Enter' && document.activeElement instanceof HTMLButtonElement)) return;
    event.preventDefault();
    action();
  }

  /** Talks to or picks up what is nearest. */
  #interactNearest(): void {
    const near = this.#world.replica.nearest(
      this.#world.movement,
      (entity) => entity.kind === 'item' || (entity.kind === 'npc' && !entity.hostile && entity.hp !== 0),
    )[0];
    if (near) void this.#combat.interact(near);
  }
}

function button(text: string, key: string, action: () => void): HTMLElement {
  const element = h('button', { title: key ? `${text} (${key})` : text }, text, key !== '' && h('kbd', {}, key));
  element.onclick = () => {
    element.blur();
    action();
  };
  return element;
}
