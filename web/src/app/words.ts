// Names and codes turned into words for people.

import { ApiError, ConnectionError, RpcError } from '@loreforge/client';

const REFUSALS: Record<string, string> = {
  dead: 'You are dead',
  no_target: 'No target',
  wrong_target: 'That cannot be done to this target',
  out_of_range: 'Too far away',
  unknown_ability: 'You do not have that ability yet',
  on_cooldown: 'Not ready yet',
  too_soon: 'Not ready yet',
  not_enough_mana: 'Not enough mana',
  not_enough_energy: 'Not enough energy',
  stunned: 'You are stunned',
  silenced: 'You are silenced',
  ability_refused: 'That does not work now',
  unknown_quest: 'There is no such quest',
  quest_state: 'Not possible in this state of the quest',
  quest_limit: 'Too many active quests',
  no_dialog: 'Nobody is listening',
  unknown_choice: 'That is no longer on offer',
  empty_slot: 'There is nothing there',
  wrong_item: 'That item cannot be used that way',
  requirement: 'Your level or class does not allow it',
  inventory_full: 'Your bag is full',
  bad_text: 'That line is empty or too long',
  zone_full: 'The zone is full',
  no_duel: 'There is no such duel',
  not_your_turn: 'It is not your turn',
  duel_busy: 'One of you has a challenge or a duel already',
  rate_limited: 'Slow down a little',
  busy: 'The zone is busy, try again',
  unavailable: 'The store cannot be reached, nothing was changed',
};

/** What to tell a player about something that went wrong. */
export function explain(error: unknown): string {
  if (error instanceof RpcError) return REFUSALS[error.stableCode] ?? error.message;
  if (error instanceof ApiError || error instanceof ConnectionError) return error.message;
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'The server did not answer in time';
  if (error instanceof TypeError) return 'The server cannot be reached';
  return String(error);
}

/** `rusty_sword` as `Rusty Sword`. */
export function humanise(name: string): string {
  return name.replace(/_/g, ' ').replace(/(^|\s)\p{L}/gu, (letter) => letter.toUpperCase());
}

/** Minute of the day as `18:05`. */
export function clock(minute: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${two(minute / 60)}:${two(minute % 60)}`;
}

export function capitalise(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
