// A plugin of the Protocol Buffers compiler: writes the messages of `lore.v1` as TypeScript types, in the shape that
// they have in JSON, and the tables that src/wire.ts reads and writes binary frames by. Run by buf.gen.yaml.
//
// Beside this, proto/build.rs makes the Rust types. Both know the same exceptions from "a message is an object".

import { createEcmaScriptPlugin, getComments, runNodeJs } from '@bufbuild/protoplugin';

/** Messages that are nothing but a list, so that an absent one differs from an empty one. */
const LISTS = { Statuses: 'list' };
/** How a choice stands in JSON: [member that names it] beside its own members, or [name, member that holds it]. */
const CHOICES = { Event: ['type'], Call: ['method', 'params'], Notification: ['method', 'params'], Response: ['outcome', 'result'] };
/** Envelopes: JSON-RPC has its own, so they have no type. */
const ENVELOPES = new Set(['Call', 'ClientFrame', 'Notification', 'Response', 'ServerFrame']);
/** A message in a message is always there, unless the schema calls it `optional`. This one came before that rule. */
const MAY_BE_MISSING = new Set(['Recipe.masterwork']);
/** `world_join` is `world.join`, unless its `json_name` says otherwise. */
const DOTTED = new Set(['Call', 'Notification']);

const SCALARS = {
  1: ['double', 'number'],
  3: ['int64', 'number'],
  4: ['uint64', 'number'],
  5: ['int32', 'number'],
  8: ['bool', 'boolean'],
  9: ['string', 'string'],
  13: ['uint32', 'number'],
  17: ['sint32', 'number'],
  18: ['sint64', 'number'],
};

runNodeJs(createEcmaScriptPlugin({ name: 'lore', version: 'v1', generateTs: generate }));

function generate(schema) {
  const messages = schema.files.flatMap((file) => file.messages);
  const enums = schema.files.flatMap((file) => file.enums);
  const service = schema.files.flatMap((file) => file.services).find(({ name }) => name === 'World');
  const f = schema.generateFile('lore.v1.ts');
  const line = (...text) => f.print(...text);
  line('// Generated from proto/lore/v1 by codegen/plugin.mjs. Do not edit.');
  line();
  line("import type { Tables } from '../schema.js';");
  for (const values of enums) {
    line();
    comment(line, values, '');
    line(`export type ${values.name} = ${values.values.map((value) => `'${valueName(values, value)}'`).join(' | ')};`);
  }
  for (const message of messages.filter(({ name }) => !ENVELOPES.has(name))) {
    line();
    comment(line, message, '');
    declare(line, message);
  }
  methods(line, messages, service);
  tables(line, messages, enums, service);
}

function declare(line, message) {
  if (LISTS[message.name]) {
    line(`export type ${message.name} = ${typeOf(message.fields[0])};`);
  } else if (CHOICES[message.name]) {
    const [tag] = CHOICES[message.name];
    const variants = message.fields.map((field) => `\n  | ({ ${tag}: '${field.name}' } & ${field.message.name})`);
    line(`export type ${message.name} =${variants.join('')};`);
  } else if (message.fields.length === 0) {
    line(`export type ${message.name} = Record<string, never>;`);
  } else {
    line(`export interface ${message.name} {`);
    for (const field of message.fields) {
      comment(line, field, '  ');
      line(`  ${field.name}${label(field) === '?' ? '?' : ''}: ${typeOf(field)};`);
    }
    line('}');
  }
}

/** What each method takes and returns, and what each notification brings. */
function methods(line, messages, service) {
  const envelope = (name) => messages.find((message) => message.name === name);
  line();
  line('/** Params and result of every method. */');
  line('export interface Methods {');
  for (const { name, input, output } of calls(envelope('Call'), service)) {
    line(`  '${name}': { params: ${input}; result: ${output} };`);
  }
  line('}');
  line();
  line('/** Params of every notification. */');
  line('export interface Notifications {');
  for (const field of variants(envelope('Notification'))) line(`  '${dotted(field)}': ${field.message.name};`);
  line('}');
}

/** What src/schema.ts builds the types of the binary frames from. */
function tables(line, messages, enums, service) {
  line();
  line('export const tables: Tables = {');
  line('  messages: {');
  for (const message of messages) {
    line(`    ${message.name}: [${message.fields.map((field) => row(message, field)).join(', ')}],`);
  }
  line('  },');
  line('  enums: {');
  for (const values of enums) {
    const names = values.values.map((value) => `${value.number}: '${valueName(values, value)}'`);
    line(`    ${values.name}: { ${names.join(', ')} },`);
  }
  line('  },');
  line(`  lists: ${literal(LISTS)},`);
  line(`  choices: ${literal(CHOICES)},`);
  line('  answers: {');
  const call = messages.find(({ name }) => name === 'Call');
  for (const { name, output } of calls(call, service)) line(`    '${name}': '${output}',`);
  line('  },');
  line('};');
}

/** `[number, name, type, label]` of a field. */
function row(message, field) {
  const name = DOTTED.has(message.name) && isVariant(message, field) ? dotted(field) : field.name;
  const mark = isVariant(message, field) ? '|' : label(field);
  const type = field.fieldKind === 'map' ? 'string' : bareType(field)[0];
  return `[${field.number}, '${name}', '${type}'${mark ? `, '${mark}'` : ''}]`;
}

function label(field) {
  if (field.fieldKind === 'list') return '*';
  if (field.fieldKind === 'map') return '{}';
  return field.proto.proto3Optional || MAY_BE_MISSING.has(`${field.parent.name}.${field.name}`) ? '?' : '';
}

function isVariant(message, field) {
  return CHOICES[message.name] !== undefined && field.oneof !== undefined;
}

function variants(message) {
  return message.fields.filter((field) => isVariant(message, field));
}

function calls(call, service) {
  return variants(call).map((field) => {
    const rpc = service.methods.find(({ input }) => input.name === field.message.name);
    if (!rpc) throw new Error(`no rpc takes ${field.message.name}`);
    return { name: dotted(field), input: rpc.input.name, output: rpc.output.name };
  });
}

/** Names of a field's type without its list: in the tables and in TypeScript. */
function bareType(field) {
  if (field.message) return [field.message.name, field.message.name];
  if (field.enum) return [field.enum.name, field.enum.name];
  const scalar = SCALARS[field.scalar];
  if (!scalar) throw new Error(`${field.parent.name}.${field.name}: this client does not read fields of its type`);
  return scalar;
}

function typeOf(field) {
  if (field.fieldKind === 'map') {
    if (field.mapKey !== 9 || field.mapKind !== 'scalar' || field.scalar !== 9) throw new Error(`${field.name}: only map<string, string>`);
    return 'Record<string, string>';
  }
  return field.fieldKind === 'list' ? `${bareType(field)[1]}[]` : bareType(field)[1];
}

/** `NPC_STATE_RETURN_HOME` is `return_home`. */
function valueName(values, value) {
  const prefix = `${values.name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}_`;
  if (!value.name.startsWith(prefix)) throw new Error(`${value.name} without ${prefix}`);
  return value.name.slice(prefix.length).toLowerCase();
}

/** Only a name that the schema gives has dots. */
function dotted({ name, jsonName }) {
  return jsonName.includes('.') ? jsonName : name.replace('_', '.');
}

function comment(line, desc, indent) {
  const text = getComments(desc).leading?.trim();
  if (!text) return;
  const lines = text.split('\n').map((each) => each.trim());
  if (lines.length === 1) line(`${indent}/** ${lines[0]} */`);
  else line([`${indent}/**`, ...lines.map((each) => `${indent} * ${each}`), `${indent} */`].join('\n'));
}

function literal(value) {
  return JSON.stringify(value).replaceAll('"', "'");
}
