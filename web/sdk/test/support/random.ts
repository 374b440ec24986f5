// Random numbers from a seed (mulberry32), and random messages of the schema.

import { messageType, type Field, type MessageType, type Value } from '../../src/schema.js';

export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 1. */
  part(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Whole, from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.part() * (most - least + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)]!;
  }

  chance(part: number): boolean {
    return this.part() < part;
  }
}

const TEXTS = ['', 'wolf', 'Grey Wolf', 'combat@0.1.0+1a2b', 'Brücke', '狼の牙', '🐺', '"quoted"\n'];

/** Any message of the type: members at their limits, lists, everything that may be missing. */
export function randomMessage(random: Random, name: string): Value {
  return message(random, messageType(name)) as Value;
}

function message(random: Random, type: MessageType): unknown {
  const value: Value = {};
  const plain = type.fields.filter(({ label }) => label !== '|');
  for (const field of plain) {
    if (field.label === '?' && random.chance(0.5)) continue;
    if (field.label === '*') value[field.name] = Array.from({ length: random.between(0, 4) }, () => one(random, field));
    else if (field.label === '{}') value[field.name] = Object.fromEntries(Array.from({ length: random.between(0, 3) }, () => [random.pick(TEXTS.slice(1)), random.pick(TEXTS)]));
    else value[field.name] = one(random, field);
  }
  const chosen = type.variants.size > 0 ? random.pick([...type.variants.values()]) : undefined;
  if (chosen) {
    const [tag = '', content] = type.choice!;
    const inner = one(random, chosen) as Value;
    if (content === undefined) Object.assign(value, inner);
    else value[content] = inner;
    value[tag] = chosen.name;
  }
  return type.list === undefined ? value : value[type.list];
}

function one(random: Random, { scalar, values, message: type }: Field): unknown {
  if (type) return message(random, type);
  if (values) return random.pick([...values.numbers.keys()]);
  switch (scalar) {
    case 'string':
      return random.pick(TEXTS);
    case 'bool':
      return random.chance(0.5);
    case 'double':
      return random.pick([0, -0.5, 12.5, 1e9]);
    case 'uint32':
      return random.pick([0, 1, 127, 128, 2 ** 32 - 1, random.between(0, 1e6)]);
    case 'uint64':
      return random.pick([0, 1, 300, 2 ** 32, Number.MAX_SAFE_INTEGER, random.between(0, 1e6)]);
    case 'int64':
    case 'sint64':
      return random.pick([0, -1, 2 ** 40, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
    default:
      return random.pick([0, -1, 63, -64, 2 ** 31 - 1, -(2 ** 31), random.between(-1e6, 1e6)]);
  }
}
