// A duel: the question whether to have one, and its panel with both sides and the moves of one's own.

import type { v1, WorldClient } from '@loreforge/client';
import { fill, h } from '../dom.js';
import { humanise } from '../words.js';
import { Bar } from './frames.js';

const OUTCOMES: Record<string, string> = { won: 'You have won the duel', lost: 'You have lost the duel', drawn: 'Nobody has won the duel' };
const ENDS: Record<string, string> = {
  declined: 'The challenge was declined',
  expired: 'The challenge was not answered',
  left: 'The challenger has gone',
};

export class DuelPanel {
  readonly #question = h('p');
  readonly #asked = h('section', { class: 'panel duel asked', hidden: true });
  readonly #round = h('b');
  readonly #whose = h('small');
  readonly #names = [h('span'), h('span')];
  readonly #health = [new Bar('health'), new Bar('health')];
  readonly #mana = new Bar('mana');
  readonly #energy = new Bar('energy');
  readonly #moves = h('div', { class: 'moves' });
  readonly #last = h('small', { class: 'stamp' });
  readonly #auto = h('input', { type: 'checkbox' });
  readonly #panel: HTMLElement;
  readonly element: HTMLElement;
  readonly #world: WorldClient;
  readonly #failed: (error: unknown) => void;
  readonly #told: (text: string) => void;
  #duel = 0;
  #until = 0;

  constructor(world: WorldClient, told: (text: string) => void, failed: (error: unknown) => void) {
    this.#world = world;
    this.#told = told;
    this.#failed = failed;
    const auto = h('label', {}, this.#auto, 'Auto');
    this.#auto.onchange = () => void world.call('combat.auto', { on: this.#auto.checked }).catch(failed);
    const pass = h('button', { onclick: () => this.#act(undefined) }, 'Pass');
    const surrender = h('button', { onclick: () => void world.call('combat.surrender', {}).catch(failed) }, 'Surrender');
    fill(
      this.#asked,
      this.#question,
      h('button', { onclick: () => this.#answer('duel.accept') }, 'Accept'),
      h('button', { onclick: () => this.#answer('duel.decline') }, 'Decline'),
    );
    this.#panel = h(
      'section',
      { class: 'panel duel', hidden: true },
      h('header', {}, this.#round, this.#whose),
      ...[0, 1].flatMap((side) => [this.#names[side]!, this.#health[side]!.element]),
      this.#mana.element,
      this.#energy.element,
      this.#moves,
      h('footer', {}, auto, pass, surrender),
      this.#last,
    );
    this.element = h('div', { class: 'duels' }, this.#asked, this.#panel);
    world.on('duel.challenged', (challenge) => this.#challenged(challenge));
    world.on('duel.turn', (turn) => this.#turn(turn));
    world.on('duel.ended', (ended) => this.#ended(ended));
    world.on('world.zone', () => this.#hide());
    world.on('state', (state) => {
      if (state.kind !== 'joined') this.#hide();
    });
  }

  /** Asks somebody for a duel. */
  challenge(target: number): void {
    this.#world.call('duel.challenge', { target }).then(() => this.#told('The challenge is made'), this.#failed);
  }

  /** Counts the time of the turn down. */
  update(now: number): void {
    if (this.#panel.hidden) return;
    const seconds = Math.max(0, Math.ceil((this.#until - now) / 1000));
    const text = this.#whose.dataset['who'] === 'own' ? `Your turn, ${seconds} s` : `Their turn, ${seconds} s`;
    if (this.#whose.textContent !== text) this.#whose.textContent = text;
  }

  #challenged({ duel, name }: v1.DuelChallenged): void {
    this.#duel = duel;
    this.#question.textContent = `${name} challenges you to a duel.`;
    this.#asked.hidden = false;
  }

  #answer(method: 'duel.accept' | 'duel.decline'): void {
    this.#asked.hidden = true;
    this.#world.call(method, { duel: this.#duel }).catch(this.#failed);
  }

  #act(ability: string | undefined): void {
    const choice = ability === undefined ? {} : { ability };
    this.#world.call('duel.act', { duel: this.#duel, ...choice }).catch(this.#failed);
  }

  #turn(turn: v1.DuelTurn): void {
    const { you } = this.#world.replica;
    this.#duel = turn.duel;
    this.#asked.hidden = true;
    this.#panel.hidden = false;
    this.#until = performance.now() + turn.turn_ms;
    this.#whose.dataset['who'] = turn.actor === you ? 'own' : 'other';
    this.#round.textContent = `Round ${turn.round}`;
    // Oneself first, whoever has challenged.
    const sides = turn.sides[0]?.entity === you ? turn.sides : turn.sides.toReversed();
    sides.forEach((side, index) => {
      this.#names[index]!.textContent = this.#name(side);
      this.#health[index]!.show(side.hp, side.hp_max);
    });
    const own = sides[0]!;
    this.#mana.show(own.mana, own.mana_max);
    this.#energy.show(own.energy, own.energy_max);
    this.#auto.checked = own.auto;
    fill(this.#moves, ...turn.moves.map((move) => this.#button(move, turn.actor === you)));
    this.#last.textContent = turn.last ? this.#describe(turn.last) : turn.by;
  }

  #button(move: v1.DuelMove, mine: boolean): HTMLElement {
    const rests = move.cooldown_turns > 0 ? ` (${move.cooldown_turns})` : '';
    const button = h('button', { data: { move: move.ability } }, move.title + rests);
    button.disabled = !mine || !move.ready;
    button.onclick = () => this.#act(move.ability);
    return button;
  }

  #name(side: v1.Duelist): string {
    return this.#world.replica.entities.get(side.entity)?.name ?? 'Opponent';
  }

  #describe(last: v1.DuelBlow): string {
    const name = this.#world.replica.entities.get(last.actor)?.name ?? 'Opponent';
    if (!last.ability) return `${name} ${last.timed_out ? 'lets time pass' : 'passes'} · ${last.by}`;
    const what = last.heal > 0 ? `+${last.heal}` : `${last.hit ?? ''} ${last.amount}`;
    return `${name}: ${humanise(last.ability)}, ${what} · ${last.by}`;
  }

  #ended({ result, why }: v1.DuelEnded): void {
    this.#hide();
    this.#told(!result ? (ENDS[why] ?? 'There is no duel') : (OUTCOMES[result] ?? 'The duel is over'));
  }

  #hide(): void {
    this.#asked.hidden = true;
    this.#panel.hidden = true;
  }
}
