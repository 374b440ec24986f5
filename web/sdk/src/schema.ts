// The types of the messages at run time, built from the tables that are generated from the schema. What reads and
// writes by them is in wire.ts and json.ts.

import { tables } from './gen/lore.v1.js';

/** '' always there, '?' perhaps missing, '*' a list, '{}' a map of strings, '|' one of several, of which one is there. */
export type Label = '' | '?' | '*' | '{}' | '|';

/** What `codegen/plugin.mjs` writes. */
export interface Tables {
  /** Fields: number, name, type, label. */
  readonly messages: Readonly<Record<string, readonly (readonly [number, string, string, Label?])[]>>;
  /** Names of values by number. */
  readonly enums: Readonly<Record<string, Readonly<Record<number, string>>>>;
  /** Messages that stand for the list in them. */
  readonly lists: Readonly<Record<string, string>>;
  /** Member that names what was chosen, and member that holds it, if it is not spread out beside. */
  readonly choices: Readonly<Record<string, readonly string[]>>;
  /** Message that a method is answered with. */
  readonly answers: Readonly<Record<string, string>>;
}

export const SCALARS = ['bool', 'double', 'int32', 'int64', 'sint32', 'sint64', 'string', 'uint32', 'uint64'] as const;
export type Scalar = (typeof SCALARS)[number];

export interface Enum {
  readonly names: ReadonlyMap<number, string>;
  readonly numbers: ReadonlyMap<string, number>;
}

export interface Field {
  readonly number: number;
  readonly name: string;
  readonly label: Label;
  /** Exactly one of the three. */
  readonly scalar?: Scalar;
  readonly values?: Enum;
  readonly message?: MessageType;
}

export interface MessageType {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
  /** By name; only those of which one is there. */
  readonly variants: ReadonlyMap<string, Field>;
  /** Name of the field this message stands for. */
  readonly list: string | undefined;
  readonly choice: readonly string[] | undefined;
}

/** Any message, as an object. */
export type Value = Record<string, unknown>;

const enums = new Map<string, Enum>();
for (const [name, values] of Object.entries(tables.enums)) {
  const pairs = Object.entries(values).map(([number, value]) => [Number(number), value] as const);
  enums.set(name, { names: new Map(pairs), numbers: new Map(pairs.map(([number, value]) => [value, number])) });
}

const types = new Map<string, MessageType>();
for (const name of Object.keys(tables.messages)) {
  const [list, choice] = [tables.lists[name], tables.choices[name]];
  types.set(name, { name, list, choice, fields: [], byNumber: new Map(), variants: new Map() });
}
for (const [name, rows] of Object.entries(tables.messages)) {
  const type = messageType(name);
  for (const [number, field, of, label = ''] of rows) {
    const made: Field = { number, name: field, label, ...kind(of) };
    (type.fields as Field[]).push(made);
    (type.byNumber as Map<number, Field>).set(number, made);
    if (label === '|') (type.variants as Map<string, Field>).set(field, made);
  }
}

function kind(of: string): Pick<Field, 'scalar' | 'values' | 'message'> {
  const [message, values] = [types.get(of), enums.get(of)];
  if (message) return { message };
  if (values) return { values };
  return { scalar: of as Scalar };
}

/** The type of that name in the schema. */
export function messageType(name: string): MessageType {
  const type = types.get(name);
  if (!type) throw new Error(`the schema has no message ${name}`);
  return type;
}

/** What a method takes; nothing when this client's schema has no such method. */
export function paramsOf(method: string): MessageType | undefined {
  return messageType('Call').variants.get(method)?.message;
}

/** What a method is answered with. */
export function resultOf(method: string): MessageType | undefined {
  const name = tables.answers[method];
  return name === undefined ? undefined : messageType(name);
}

/** What a notification brings. */
export function toldBy(method: string): MessageType | undefined {
  return messageType('Notification').variants.get(method)?.message;
}

/** A message in which nothing was said: members that are always there have their zeros. */
export function blank(type: MessageType): Value {
  const value: Value = {};
  for (const { name, label, scalar, values, message } of type.fields) {
    if (label === '*') value[name] = [];
    else if (label === '{}') value[name] = {};
    else if (label !== '') continue;
    else if (message) value[name] = message.list === undefined ? blank(message) : [];
    else if (values) value[name] = values.names.get(0);
    else value[name] = scalar === 'string' ? '' : scalar === 'bool' ? false : 0;
  }
  return value;
}
