// Messages as JSON. The objects are those of wire.ts already; what is left is to check them, to fill in what the
// server leaves out, and to look past what a newer schema says.

import { ProtocolError } from './errors.js';
import { blank, type Field, type MessageType, type Value } from './schema.js';

/** A message from its parsed JSON. Throws `ProtocolError` for what is none. */
export function fromJson(type: MessageType, json: unknown): unknown {
  return message(type, json, type.name);
}

function message(type: MessageType, json: unknown, at: string): unknown {
  if (type.list !== undefined) {
    const field = type.fields.find(({ name }) => name === type.list)!;
    return list(field, json, at);
  }
  const members = object(json, at);
  const value = blank(type);
  const [tag, content] = type.choice ?? [];
  const chosen = tag === undefined ? undefined : type.variants.get(String(members[tag]));
  if (chosen) {
    const inner = message(chosen.message!, content === undefined ? members : members[content], at) as Value;
    if (content === undefined) Object.assign(value, inner);
    else value[content] = inner;
    value[tag!] = chosen.name;
  }
  for (const field of type.fields) {
    const member = members[field.name];
    if (field.label === '|' || member === undefined || member === null) continue;
    const path = `${at}.${field.name}`;
    if (field.label === '*') value[field.name] = list(field, member, path);
    else if (field.label === '{}') value[field.name] = map(member, path);
    else value[field.name] = one(field, member, path);
  }
  return value;
}

function one({ scalar, values, message: type }: Field, json: unknown, at: string): unknown {
  if (type) return message(type, json, at);
  // A value that a newer schema has is one that this client cannot tell.
  if (values) return values.numbers.has(json as string) ? json : values.names.get(0);
  const wanted = scalar === 'string' ? 'string' : scalar === 'bool' ? 'boolean' : 'number';
  if (typeof json !== wanted) throw new ProtocolError(`${at} is no ${wanted}`);
  if (wanted === 'number' && scalar !== 'double' && !Number.isSafeInteger(json)) throw new ProtocolError(`${at} is no whole number`);
  return json;
}

function list(field: Field, json: unknown, at: string): unknown[] {
  if (!Array.isArray(json)) throw new ProtocolError(`${at} is no list`);
  return json.map((each, index) => one(field, each, `${at}[${index}]`));
}

function map(json: unknown, at: string): Record<string, string> {
  const members = object(json, at);
  for (const [key, value] of Object.entries(members)) {
    if (typeof value !== 'string') throw new ProtocolError(`${at}.${key} is no string`);
  }
  return members as Record<string, string>;
}

function object(json: unknown, at: string): Value {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new ProtocolError(`${at} is no object`);
  return json as Value;
}
