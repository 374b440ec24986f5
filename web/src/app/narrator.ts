// Tells the player what happened: turns events into numbers on the map, lines in the log and toasts.

import type { Entity, v1, WorldClient } from '@loreforge/client';
import type { Chat, LogLine } from './hud/chat.js';
import type { Toasts } from './hud/notices.js';
import { elementColour } from './map/effects.js';
import type { MapView } from './map/view.js';
import { Provenance } from './provenance.js';
import { humanise } from './words.js';

export class Narrator {
  readonly provenance = new Provenance();
  readonly #world: WorldClient;
  readonly #map: MapView;
  readonly #chat: Chat;
  readonly #toasts: Toasts;

  constructor(world: WorldClient, map: MapView, chat: Chat, toasts: Toasts) {
    this.#world = world;
    this.#map = map;
    this.#chat = chat;
    this.#toasts = toasts;
    world.on('updated', ({ delta, left }) => this.#delta(delta, left));
    world.on('character.update', (update) => {
      this.#note(update.by);
      const gains = [
        update.experience_delta ? `${signed(update.experience_delta)} experience` : '',
        update.gold_delta ? `${signed(update.gold_delta)} gold` : '',
      ].filter(Boolean);
      if (gains.length > 0) this.#gained(gains.join(', '), update.experience_delta ? '#d9b3ff' : '#f2cf73', update.by);
    });
    world.on('quest.update', ({ quest, by }) => {
      this.#note(by);
      const doing = quest.objectives.find(({ done, needed }) => done < needed);
      if (quest.state === 'active' && doing) this.#toasts.show(`${quest.title}: ${doing.text} ${doing.done}/${doing.needed}`, 'good');
      else this.#toasts.show(`${quest.title}: ${humanise(quest.state).toLowerCase()}`, 'good');
    });
    world.on('dialog.show', ({ by }) => this.#note(by));
    world.on('chat.message', ({ from, name, text }) => {
      this.#chat.said(name, text);
      const speaker = from === undefined ? undefined : world.replica.entities.get(from);
      if (speaker) map.effects.speech(map.place(speaker), text);
    });
    world.on('system.message', ({ text }) => {
      chat.system(text);
      toasts.show(text);
    });
    world.on('system.reconnect', ({ reason }) => chat.system(`The server restarts: ${reason}`));
    world.on('world.snapshot', ({ zone }) => chat.system(`You are in ${zone.title}.`));
  }

  #delta(delta: v1.WorldDelta, left: Map<number, Entity>): void {
    const who = (id: number) => this.#world.replica.entities.get(id) ?? left.get(id);
    for (const update of delta.update) {
      if (update.id === this.#world.replica.you && update.level !== undefined && update.level > 1) {
        this.#toasts.show(`You are level ${update.level} now`, 'good');
      }
    }
    for (const event of delta.events) this.#event(event, who);
  }

  #event(event: v1.Event, who: (id: number) => Entity | undefined): void {
    if (event.type === 'environment') return;
    this.#note(event.by);
    if (event.type === 'swing') {
      this.#swing(event, who(event.attacker), who(event.defender));
    } else if (event.type === 'pulse') {
      const target = who(event.target);
      const hurts = event.amount >= 0;
      if (target) this.#number(target, String(Math.abs(event.amount)), hurts ? '#d6a8ff' : '#8fe39b', 15);
      this.#log({ text: `${name(target)} ${hurts ? 'suffers' : 'recovers'} ${Math.abs(event.amount)} from ${humanise(event.status)}`, by: event.by, tone: 'quiet' }, event.source, event.target);
    } else if (event.type === 'heal') {
      const target = who(event.target);
      if (target) this.#number(target, `+${event.amount}`, '#8fe39b', 17);
      this.#log({ text: `${humanise(event.with)} restores ${event.amount} health to ${name(target)}`, by: event.by, tone: 'good' }, event.source, event.target);
    } else if (event.type === 'death') {
      const killer = who(event.killer);
      this.#log({ text: `${name(who(event.entity))} dies${killer ? `, killed by ${name(killer)}` : ''}`, by: event.by, tone: 'news' });
    }
  }

  #swing(event: v1.Swing, attacker: Entity | undefined, defender: Entity | undefined): void {
    this.#map.struck(event.attacker, event.defender, event.amount > 0);
    if (attacker && defender) {
      this.#map.effects.blow(this.#map.place(attacker), this.#map.place(defender), event.element, event.duration_ms);
    }
    const missed = event.hit === 'miss' || event.hit === 'dodge';
    const mine = event.defender === this.#world.replica.you;
    if (defender) {
      if (missed) this.#number(defender, event.hit, '#b8bfcc', 14);
      else if (event.hit === 'critical') this.#number(defender, `${event.amount}!`, mine ? '#ff6a5a' : '#ffd75e', 24);
      else this.#number(defender, String(event.amount), mine ? '#ff8f80' : elementColour(event.element), 18);
    }
    const text = missed
      ? `${name(attacker)}: ${humanise(event.ability)} — ${name(defender)} ${event.hit === 'miss' ? 'is missed' : 'dodges'}`
      : `${name(attacker)}: ${humanise(event.ability)} hits ${name(defender)} for ${event.amount}${event.hit === 'hit' ? '' : ` (${event.hit})`}`;
    const detail = `${event.hit}: base ${event.base}, raw ${event.raw}, dealt ${event.amount} ${event.element}`;
    const tone = mine ? 'bad' : missed ? 'quiet' : undefined;
    this.#log({ text, detail, by: event.by, ...(tone ? { tone } : {}) }, event.attacker, event.defender);
  }

  /** A line in the log; fights of strangers are left out. */
  #log(line: LogLine, ...involved: number[]): void {
    if (involved.length === 0 || involved.includes(this.#world.replica.you)) this.#chat.log(line);
  }

  #gained(text: string, colour: string, by: string | undefined): void {
    const own = this.#world.replica.own;
    if (own) this.#number(own, text, colour, 15);
    this.#chat.log({ text, by, tone: 'good' });
  }

  #number(entity: Entity, text: string, colour: string, size: number): void {
    this.#map.effects.number(this.#map.place(entity), text, colour, size);
  }

  #note(by: string | undefined): void {
    const noted = this.provenance.note(by);
    if (noted.kind === 'changed') {
      this.#toasts.show(`${noted.live.script} is now ${noted.live.stamp}`, 'script');
      this.#chat.log({ text: `${noted.live.script} went from ${noted.before}`, by: noted.live.stamp, tone: 'news' });
    } else if (noted.kind === 'fallback') {
      this.#toasts.show('A script failed: the fallback decided', 'bad');
    }
  }
}

function name(entity: Entity | undefined): string {
  return entity?.name ?? 'somebody';
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : String(value);
}
