// The schema in the hands of somebody else: the code and the library of the makers of `protoc-gen-es`. What this client
// writes is read by it and written again, and what the server says in JSON becomes the binary frames it would say.

import { createRegistry, fromBinary, fromJson, toBinary, type DescMessage, type JsonObject, type JsonValue, type Registry } from '@bufbuild/protobuf';
import { file_lore_v1_frame } from '../gen/lore/v1/frame_pb.js';

const registry: Registry = createRegistry(file_lore_v1_frame, ...file_lore_v1_frame.dependencies);

function description(name: string): DescMessage {
  const found = registry.getMessage(`lore.v1.${name}`);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

/** Reads a message and writes it again. Throws for what the schema does not allow; unknown members are lost. */
export function again(name: string, bytes: Uint8Array): Uint8Array {
  return toBinary(description(name), fromBinary(description(name), bytes, { readUnknownFields: false }));
}

/** The binary of a message that is given as `lore.v1.json` writes it. */
export function binaryOf(name: string, json: unknown): Uint8Array {
  return toBinary(description(name), fromJson(description(name), official(description(name), json), { registry }));
}

/** A frame of the server, as `lore.v1.proto` writes what stands in a frame of `lore.v1.json`. */
export function binaryFrame(text: string, methodOf: (id: number) => string | undefined): Uint8Array {
  const { id, method, params, result, error, seq } = JSON.parse(text) as Record<string, JsonValue>;
  const numbered: JsonObject = seq === undefined ? {} : { seq };
  const frame = description('ServerFrame');
  if (typeof method === 'string') {
    const member = method.replace('.', '_');
    const told = official(memberOf('Notification', member), params);
    return toBinary(frame, fromJson(frame, { notifications: [{ [member]: told }], ...numbered }));
  }
  const outcome = error === undefined ? outcomeOf(methodOf(Number(id)) ?? '') : 'error';
  const said = official(memberOf('Response', outcome), error ?? result);
  return toBinary(frame, fromJson(frame, { responses: [{ id: Number(id), [outcome]: said }], ...numbered }));
}

function memberOf(envelope: string, name: string): DescMessage {
  const field = description(envelope).fields.find((each) => each.name === name);
  if (!field?.message) throw new Error(`${envelope} has no ${name}`);
  return field.message;
}

/** Which member of a response a method is answered with. */
function outcomeOf(method: string): string {
  const taken = memberOf('Call', method.replace('.', '_'));
  const rpc = registry.getService('lore.v1.World')!.methods.find(({ input }) => input.name === taken.name)!;
  return description('Response').fields.find(({ message }) => message?.name === rpc.output.name)!.name;
}

/** The JSON of this protocol as Protocol Buffers' own: whole names of values, lists and choices in their messages. */
function official(type: DescMessage, json: unknown): JsonObject {
  if (type.name === 'Statuses') return { list: json as JsonValue };
  if (type.name === 'Event') {
    const { type: chosen, ...members } = json as { type: string };
    return { [chosen]: official(memberOf('Event', chosen), members) };
  }
  const members: [string, JsonValue][] = Object.entries(json as Record<string, unknown>).map(([name, value]) => {
    const field = type.fields.find((each) => each.name === name);
    if (!field) throw new Error(`${type.name} has no ${name}`);
    if (field.enum) {
      const named = field.enum.values.find((each) => each.name.toLowerCase().endsWith(`_${String(value)}`));
      return [name, named!.name];
    }
    if (!field.message) return [name, value as JsonValue];
    const of = field.message;
    return [name, Array.isArray(value) && field.fieldKind === 'list' ? value.map((each) => official(of, each)) : official(of, value)];
  });
  return Object.fromEntries(members);
}
