// The two ways to write the messages of `lore.v1`, behind one interface. Calls and messages are the same objects in both.

import { ProtocolError } from './errors.js';
import type { Error as WireError } from './gen/lore.v1.js';
import { fromJson } from './json.js';
import { blank, messageType, resultOf, toldBy, type Value } from './schema.js';
import { decode, encode } from './wire.js';

export type EncodingName = 'json' | 'proto';

/** A call as it is sent; without an id it is not answered. */
export interface OutgoingCall {
  readonly id?: number;
  readonly method: string;
  readonly params: object;
}

/** The answer to a call. */
export interface Answer {
  readonly id: number;
  readonly error?: WireError;
  readonly result?: unknown;
}

/** What the server tells without being asked. */
export interface Told {
  readonly method: string;
  readonly params: unknown;
}

/** What a frame of the server held. */
export interface Incoming {
  readonly answers: readonly Answer[];
  readonly told: readonly Told[];
  /** Of a frame that is sent again until it is acknowledged. */
  readonly seq: number | undefined;
}

export interface Encoding {
  readonly name: EncodingName;
  readonly subprotocol: string;
  /** One frame with 1 to 32 calls. */
  encode(calls: readonly OutgoingCall[]): string | Uint8Array<ArrayBuffer>;
  /**
   * Reads a frame; `methodOf` says what was called by an id. Messages of a newer schema are left out.
   * Throws `ProtocolError`.
   */
  decode(frame: unknown, methodOf: (id: number) => string | undefined): Incoming;
}

/** Calls in one frame. */
export const BATCH_CALLS = 32;

interface RpcFrame {
  id?: unknown;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: unknown;
  seq?: unknown;
}

const json: Encoding = {
  name: 'json',
  subprotocol: 'lore.v1.json',
  encode(calls) {
    const frames = calls.map(({ id, method, params }) => ({ jsonrpc: '2.0', ...(id === undefined ? {} : { id }), method, params }));
    return JSON.stringify(frames.length === 1 ? frames[0] : frames);
  },
  decode(frame, methodOf) {
    if (typeof frame !== 'string') throw new ProtocolError('a binary frame on lore.v1.json');
    let parsed: unknown;
    try {
      parsed = JSON.parse(frame);
    } catch {
      throw new ProtocolError('not JSON');
    }
    const answers: Answer[] = [];
    const told: Told[] = [];
    let number: number | undefined;
    for (const each of Array.isArray(parsed) ? parsed : [parsed]) {
      if (typeof each !== 'object' || each === null) throw new ProtocolError('not JSON-RPC 2.0');
      const { id, method, params, result, error, seq } = each as RpcFrame;
      number ??= reliable(seq);
      if (method !== undefined) {
        const type = toldBy(String(method));
        if (type) told.push({ method: String(method), params: fromJson(type, params ?? {}) });
      } else if (error !== undefined) {
        answers.push({ id: idOf(id), error: fromJson(messageType('Error'), error) as WireError });
      } else {
        const type = resultOf(methodOf(idOf(id)) ?? '');
        if (type) answers.push({ id: idOf(id), result: fromJson(type, result) });
      }
    }
    return { answers, told, seq: number };
  },
};

/** An error about a frame that could not be read has the id `null`, which no call has. */
function idOf(id: unknown): number {
  return typeof id === 'number' ? id : 0;
}

const proto: Encoding = {
  name: 'proto',
  subprotocol: 'lore.v1.proto',
  encode: (calls) => encode('ClientFrame', { calls }),
  decode(frame, methodOf) {
    if (!(frame instanceof Uint8Array || frame instanceof ArrayBuffer)) throw new ProtocolError('a text frame on lore.v1.proto');
    const { responses, notifications, seq } = decode('ServerFrame', frame instanceof Uint8Array ? frame : new Uint8Array(frame));
    const answers: Answer[] = [];
    for (const response of responses as Value[]) {
      const { outcome, result } = response;
      const id = response['id'] as number;
      const type = resultOf(methodOf(id) ?? '');
      if (outcome === 'error') answers.push({ id, error: result as WireError });
      else if (type) answers.push({ id, result: nameOf(outcome) === type.name ? result : blank(type) });
    }
    const known = (notifications as Value[]).filter(({ method }) => method !== undefined);
    const told = known.map(({ method, params }) => ({ method: String(method), params }));
    return { answers, told, seq: reliable(seq) };
  },
};

/** Of the message that an outcome is. */
function nameOf(outcome: unknown): string | undefined {
  return messageType('Response').variants.get(String(outcome))?.message?.name;
}

/** Most frames have no number. */
function reliable(seq: unknown): number | undefined {
  return typeof seq === 'number' && seq > 0 ? seq : undefined;
}

export const ENCODINGS: Readonly<Record<EncodingName, Encoding>> = { json, proto };

/** The encoding that was agreed on; a server that agrees on none speaks JSON. */
export function agreedOn(subprotocol: string): Encoding {
  return Object.values(ENCODINGS).find((encoding) => encoding.subprotocol === subprotocol) ?? json;
}
