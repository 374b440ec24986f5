// Messages as Protocol Buffers, by the tables of the schema, to and from the same objects that JSON gives.

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ProtocolError } from './errors.js';
import { blank, messageType, type Field, type MessageType, type Scalar, type Value } from './schema.js';

interface ScalarCodec {
  readonly wire: WireType;
  read(reader: BinaryReader): unknown;
  write(writer: BinaryWriter, value: never): void;
}

/** Numbers of 64 bits become numbers; what would not be exact is no message of this protocol. */
function exact(value: bigint | string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new ProtocolError(`${value} is beyond 2^53`);
  return number;
}

const SCALARS: Record<Scalar, ScalarCodec> = {
  bool: { wire: WireType.Varint, read: (reader) => reader.bool(), write: (writer, value) => writer.bool(value) },
  double: { wire: WireType.Bit64, read: (reader) => reader.double(), write: (writer, value) => writer.double(value) },
  int32: { wire: WireType.Varint, read: (reader) => reader.int32(), write: (writer, value) => writer.int32(value) },
  int64: { wire: WireType.Varint, read: (reader) => exact(reader.int64()), write: (writer, value) => writer.int64(value) },
  sint32: { wire: WireType.Varint, read: (reader) => reader.sint32(), write: (writer, value) => writer.sint32(value) },
  sint64: { wire: WireType.Varint, read: (reader) => exact(reader.sint64()), write: (writer, value) => writer.sint64(value) },
  string: { wire: WireType.LengthDelimited, read: (reader) => reader.string(true), write: (writer, value) => writer.string(value) },
  uint32: { wire: WireType.Varint, read: (reader) => reader.uint32(), write: (writer, value) => writer.uint32(value) },
  uint64: { wire: WireType.Varint, read: (reader) => exact(reader.uint64()), write: (writer, value) => writer.uint64(value) },
};

/** Reads a message of the schema by its name. Throws `ProtocolError` for what is none. */
export function decode(name: string, bytes: Uint8Array): Value {
  try {
    return readMessage(messageType(name), new BinaryReader(bytes), bytes.length) as Value;
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new ProtocolError(`no ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Writes a message of the schema. Members that are `undefined` or `null` are left out. */
export function encode(name: string, value: object): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writeMessage(messageType(name), writer, value as Value);
  return writer.finish();
}

function readMessage(type: MessageType, reader: BinaryReader, length: number): unknown {
  const end = reader.pos + length;
  if (end > reader.len) throw new ProtocolError('a message is cut off');
  const value = blank(type);
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = type.byNumber.get(number);
    // What a newer schema says is looked past.
    if (!field || !readField(type, field, wire, reader, value)) reader.skip(wire, number);
  }
  if (reader.pos !== end) throw new ProtocolError('a member runs beyond its message');
  return type.list === undefined ? value : value[type.list];
}

/** Returns whether the field has a value of its type here. */
function readField(type: MessageType, field: Field, wire: WireType, reader: BinaryReader, into: Value): boolean {
  const { name, label, message } = field;
  if (label === '{}') {
    if (wire !== WireType.LengthDelimited) return false;
    const [key, entry] = readEntry(reader);
    (into[name] as Record<string, string>)[key] = entry;
    return true;
  }
  if (label === '*' && !message && wire === WireType.LengthDelimited && wireOf(field) !== wire) {
    const end = reader.uint32() + reader.pos;
    if (end > reader.len) throw new ProtocolError('a list is cut off');
    while (reader.pos < end) (into[name] as unknown[]).push(readOne(field, reader));
    return true;
  }
  if (wire !== wireOf(field)) return false;
  const value = readOne(field, reader);
  if (label === '*') (into[name] as unknown[]).push(value);
  else if (label !== '|') into[name] = value;
  else choose(type, name, value as Value, into);
  return true;
}

/** Names what was chosen, and puts it beside or below. */
function choose(type: MessageType, name: string, value: Value, into: Value): void {
  const [tag = '', content] = type.choice ?? [];
  into[tag] = name;
  if (content === undefined) Object.assign(into, value);
  else into[content] = value;
}

function readOne({ scalar, values, message }: Field, reader: BinaryReader): unknown {
  if (message) return readMessage(message, reader, reader.uint32());
  // A value that a newer schema has is one that this client cannot tell.
  if (values) return values.names.get(reader.int32()) ?? values.names.get(0);
  return SCALARS[scalar!].read(reader);
}

function wireOf({ scalar, message }: Field): WireType {
  if (message) return WireType.LengthDelimited;
  return scalar ? SCALARS[scalar].wire : WireType.Varint;
}

function readEntry(reader: BinaryReader): [key: string, value: string] {
  const end = reader.uint32() + reader.pos;
  const entry: [string, string] = ['', ''];
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    if ((number === 1 || number === 2) && wire === WireType.LengthDelimited) entry[number - 1] = reader.string(true);
    else reader.skip(wire, number);
  }
  return entry;
}

function writeMessage(type: MessageType, writer: BinaryWriter, value: Value): void {
  const members = type.list === undefined ? value : { [type.list]: value };
  const [tag, content] = type.choice ?? [];
  for (const field of type.fields) {
    const { name, label } = field;
    if (label === '|') {
      if (members[tag!] === name) writeOne(field, writer, content === undefined ? members : (members[content] ?? {}));
      continue;
    }
    const member = members[name];
    if (member === undefined || member === null) continue;
    if (label === '*') writeList(field, writer, member as unknown[]);
    else if (label === '{}') writeMap(field, writer, member as Record<string, string>);
    else if (label === '?' || field.message || !isZero(field, member)) writeOne(field, writer, member);
  }
}

function isZero({ values }: Field, value: unknown): boolean {
  return values ? (values.numbers.get(value as string) ?? 0) === 0 : value === 0 || value === '' || value === false;
}

function writeList(field: Field, writer: BinaryWriter, list: unknown[]): void {
  if (list.length === 0) return;
  if (field.message || field.scalar === 'string') {
    for (const value of list) writeOne(field, writer, value);
    return;
  }
  writer.tag(field.number, WireType.LengthDelimited).fork();
  for (const value of list) writePlain(field, writer, value);
  writer.join();
}

function writeMap(field: Field, writer: BinaryWriter, map: Record<string, string>): void {
  for (const [key, value] of Object.entries(map)) {
    writer.tag(field.number, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).string(value);
    writer.join();
  }
}

function writeOne(field: Field, writer: BinaryWriter, value: unknown): void {
  writer.tag(field.number, wireOf(field));
  if (!field.message) {
    writePlain(field, writer, value);
    return;
  }
  writer.fork();
  writeMessage(field.message, writer, value as Value);
  writer.join();
}

function writePlain({ scalar, values }: Field, writer: BinaryWriter, value: unknown): void {
  if (values) writer.int32(values.numbers.get(value as string) ?? 0);
  else SCALARS[scalar!].write(writer, value as never);
}
