import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { agreedOn, ENCODINGS } from '../src/encoding.js';
import { ProtocolError } from '../src/errors.js';
import type { WorldDelta, WorldSnapshot } from '../src/gen/lore.v1.js';
import { fromJson } from '../src/json.js';
import { Replica } from '../src/replica.js';
import { messageType, paramsOf, resultOf, toldBy } from '../src/schema.js';
import { decode, encode } from '../src/wire.js';
import { binaryFrame } from './support/reference.js';

const { json, proto } = ENCODINGS;
const nothing = () => undefined;

test('calls are written as the server reads them', () => {
  const move = { method: 'world.move', params: { seq: 1, x: -10_500, y: 20_000 } };
  assert.equal(json.encode([{ id: 7, ...move }]), '{"jsonrpc":"2.0","id":7,"method":"world.move","params":{"seq":1,"x":-10500,"y":20000}}');
  assert.equal(json.encode([move, move])[0], '[');
  const bytes = proto.encode([{ id: 7, ...move }, { method: 'chat.send', params: { text: 'hi' } }]);
  assert.ok(bytes instanceof Uint8Array);
  assert.deepEqual(decode('ClientFrame', bytes), { calls: [{ id: 7, ...move }, { method: 'chat.send', params: { text: 'hi' } }] });
});

test('several moves are one call, under the name that the schema gives it', () => {
  const call = { method: 'world.position.batch', params: { moves: [{ seq: 1, x: -5, y: 7 }, { seq: 2, x: 0, y: 7 }] } };
  assert.equal(json.encode([call]), JSON.stringify({ jsonrpc: '2.0', ...call }));
  assert.deepEqual(decode('ClientFrame', proto.encode([call]) as Uint8Array<ArrayBuffer>), { calls: [call] });
});

test('an answer is read by what was asked', () => {
  const methodOf = (id: number) => (id === 4 ? 'shop.buy' : undefined);
  const trade = { price: 2, count: 1 };
  const [asJson, asProto] = [
    json.decode('[{"jsonrpc":"2.0","id":4,"result":{"price":2,"count":1}},{"jsonrpc":"2.0","id":5,"result":{}}]', methodOf),
    proto.decode(encode('ServerFrame', { responses: [{ id: 4, outcome: 'trade', result: trade }, { id: 5, outcome: 'done', result: {} }] }), methodOf),
  ];
  assert.deepEqual(asJson.answers, [{ id: 4, result: trade }], 'nobody waits for 5');
  assert.deepEqual(asProto, asJson);
});

test('a refusal has code, reason, rejection and when to try again', () => {
  const error = { code: -32001, message: 'slow down', data: { reason: 'rate_limited', retry_after_ms: 200 } };
  const answers = [{ id: 4, error }];
  assert.deepEqual(json.decode(JSON.stringify({ jsonrpc: '2.0', id: 4, error }), nothing).answers, answers);
  assert.deepEqual(proto.decode(encode('ServerFrame', { responses: [{ id: 4, outcome: 'error', result: error }] }), nothing).answers, answers);
  assert.equal(json.decode(JSON.stringify({ jsonrpc: '2.0', id: null, error }), nothing).answers[0]?.id, 0);
});

test('a frame that is sent until it is acknowledged has its number, a batch that of its first answer', () => {
  const asked = (id: number) => (id === 4 || id === 5 ? 'chat.send' : undefined);
  const numbers = (frame: string) => json.decode(frame, asked).seq;
  assert.equal(numbers('{"seq":12,"jsonrpc":"2.0","id":4,"result":{}}'), 12);
  assert.equal(numbers('[{"seq":13,"jsonrpc":"2.0","id":4,"result":{}},{"jsonrpc":"2.0","id":5,"result":{}}]'), 13);
  assert.equal(numbers('{"seq":14,"jsonrpc":"2.0","method":"system.message","params":{"text":"hi"}}'), 14);
  assert.equal(numbers('{"jsonrpc":"2.0","method":"world.delta","params":{"tick":5}}'), undefined);
  assert.equal(proto.decode(encode('ServerFrame', { responses: [{ id: 4, outcome: 'done', result: {} }], seq: 12 }), asked).seq, 12);
});

test('a notification of a newer schema is left out', () => {
  const frame = '[{"jsonrpc":"2.0","method":"moon.rises","params":{}},{"jsonrpc":"2.0","method":"system.message","params":{"text":"hi","by":1}}]';
  assert.deepEqual(json.decode(frame, nothing).told.map(({ method }) => method), ['system.message']);
  // Field 500 of a Notification.
  assert.deepEqual(proto.decode(new Uint8Array([0x12, 4, 0xa2, 0x1f, 1, 0]), nothing).told, []);
});

test('frames of the other kind are refused', () => {
  assert.throws(() => json.decode(new ArrayBuffer(2), nothing), ProtocolError);
  assert.throws(() => json.decode('{', nothing), ProtocolError);
  assert.throws(() => json.decode('[1]', nothing), ProtocolError);
  assert.throws(() => proto.decode('{}', nothing), ProtocolError);
});

test('a server that agrees on nothing speaks JSON', () => {
  assert.equal(agreedOn('lore.v1.proto').name, 'proto');
  assert.equal(agreedOn('lore.v1.json').name, 'json');
  assert.equal(agreedOn('').name, 'json');
});

interface Recorded {
  id?: number;
  method?: string;
  frame: string;
}

test('a recorded session is the same in both encodings, and builds the same replica', () => {
  const lines = readFileSync(new URL('../test/recordings/first-steps.jsonl', import.meta.url), 'utf8').trim().split('\n');
  const recorded = lines.map((line) => JSON.parse(line) as Recorded);
  const methods = new Map(recorded.flatMap(({ id, method }) => (id && method ? [[id, method]] : [])));
  const methodOf = (id: number) => methods.get(id);
  const [ofJson, ofProto] = [new Replica(() => 0), new Replica(() => 0)];
  let deltas = 0;
  for (const { frame } of recorded) {
    const asJson = json.decode(frame, methodOf);
    const asProto = proto.decode(binaryFrame(frame, methodOf), methodOf);
    assert.deepEqual(asProto, asJson, frame);
    assert.equal(asJson.answers.length + asJson.told.length, 1, frame);
    for (const [replica, { told }] of [[ofJson, asJson], [ofProto, asProto]] as const) {
      for (const { method, params } of told) {
        if (method === 'world.snapshot') replica.snapshot(params as WorldSnapshot);
        if (method === 'world.delta') replica.delta(params as WorldDelta);
      }
    }
    deltas += Number(asJson.told[0]?.method === 'world.delta');
    assert.deepEqual(ofProto, ofJson);
  }
  assert.ok(deltas > 10 && ofJson.own?.name === 'Ada' && ofJson.ack > 5, `${deltas} deltas`);
});

/** Examples of docs/protocol.md: params and results by method, params by notification. */
function documented(): { calls: [string, string, string][]; told: [string, string][] } {
  const doc = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
  const rows = doc.split('\n## Methods')[1]!.split('\n## ')[0]!.split('\n').filter((row) => row.startsWith('| `'));
  const calls = rows.map((row): [string, string, string] => {
    const [method = '', params = '', result = ''] = row.split(' | ').map((cell) => cell.split('`')[1]);
    return [method, params, result];
  });
  const whole = [...doc.matchAll(/^\{"jsonrpc":"2\.0","method":"([a-z._]+)","params":(.*)\}$/gm)];
  const prose = [...doc.matchAll(/^- `([a-z]+\.[a-z]+)` `(\{.*?\})`/gm)];
  return { calls, told: [...whole, ...prose].map(([, method, params]): [string, string] => [method!, params!]) };
}

/** Shapes by their names stand for something that is there. */
function example(text: string): unknown {
  const shapes: Record<string, string> = { CHARACTER: '{}', ENVIRONMENT: '{}', SELF: '{}', QUEST: '{}', HAPPENING: '{}' };
  const filled = text.replace(/, \.\.\./g, '').replace(/:\.\./g, ':0').replace(/"[^"]*"|[A-Z]{4,}/g, (word) => (word.startsWith('"') ? word : (shapes[word] ?? '{}')));
  return JSON.parse(filled.replace('[{}]', '[]').replace('[{},{}]', '[]'));
}

test('every example of the document is read, and written again as it was', () => {
  const { calls, told } = documented();
  assert.ok(calls.length > 30 && told.length > 12, `${calls.length} calls, ${told.length} notifications`);
  const same = (name: string, json: unknown, what: string) => {
    const value = fromJson(messageType(name), json) as Record<string, unknown>;
    assert.deepEqual(decode(name, encode(name, value)), value, what);
    assert.deepEqual(Object.keys(json as object).filter((member) => !(member in value)), [], `${what}: members that the schema has not`);
  };
  for (const [method, params, result] of calls) {
    const type = paramsOf(method);
    assert.ok(type, `the schema has no ${method}`);
    same(type.name, example(params), method);
    if (result.startsWith('{')) same(resultOf(method)!.name, example(result), `result of ${method}`);
  }
  for (const [method, params] of told) {
    const type = toldBy(method);
    assert.ok(type, `the schema has no ${method}`);
    same(type.name, example(params), method);
  }
});
