import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { agreedOn, ENCODINGS, type Incoming } from '../src/encoding.js';
import { ProtocolError } from '../src/errors.js';
import type { Resumed, SessionWelcome, WorldDelta, WorldSnapshot } from '../src/gen/lore.v1.js';
import { fromJson } from '../src/json.js';
import { Recovery } from '../src/recovery.js';
import { Replica } from '../src/replica.js';
import { messageType, paramsOf, resultOf, toldBy } from '../src/schema.js';
import { decode, encode } from '../src/wire.js';
import { again, binaryFrame } from './support/reference.js';

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

/** Frames of a recording, and what was called by an id. */
function recording(name: string): { frames: string[]; methodOf: (id: number) => string | undefined } {
  const lines = readFileSync(new URL(`../test/recordings/${name}`, import.meta.url), 'utf8').trim().split('\n');
  const recorded = lines.map((line) => JSON.parse(line) as Recorded);
  const methods = new Map(recorded.flatMap(({ id, method }) => (id && method ? [[id, method]] : [])));
  return { frames: recorded.map(({ frame }) => frame), methodOf: (id) => methods.get(id) };
}

function show(replica: Replica, { told }: Incoming): void {
  for (const { method, params } of told) {
    if (method === 'world.snapshot') replica.snapshot(params as WorldSnapshot);
    if (method === 'world.delta') replica.delta(params as WorldDelta);
  }
}

/** A session in which somebody walked, lost the line and came back: whole, each message once, and after a snapshot as before. */
function checkSession(frames: readonly Incoming[], methodOf: (id: number) => string | undefined): void {
  const recovery = new Recovery();
  const replica = new Replica(() => 0);
  const news: number[] = [];
  const answered: string[] = [];
  let [deltas, repeated] = [0, 0];
  let welcome: SessionWelcome | undefined;
  let place: unknown;
  for (const incoming of frames) {
    const { answers, told, seq } = incoming;
    assert.equal(answers.length + told.length, 1);
    const [method] = told.map((each) => each.method);
    const [asked] = answers.map(({ id }) => methodOf(id));
    if (seq !== undefined) {
      assert.ok(method !== 'world.snapshot' && method !== 'world.delta');
      if (!recovery.heard(seq)) {
        repeated += 1;
        continue;
      }
      news.push(seq);
    }
    if (method === 'session.welcome') {
      place = replica.own && { x: replica.own.x, y: replica.own.y };
      welcome = told[0]!.params as SessionWelcome;
      assert.ok(welcome.recovery && welcome.linkdead_ms === 30_000);
    }
    if (asked === 'session.resume') {
      const resumed = answers[0]!.result as Resumed;
      assert.deepEqual([resumed.recovery, resumed.zone, methodOf(resumed.last_id!)], [welcome?.recovery, 'downtown', 'chat.send']);
    }
    if (asked) answered.push(asked);
    deltas += Number(method === 'world.delta');
    show(replica, incoming);
  }
  assert.deepEqual(news, news.map((_, index) => index + 1), 'no number is missing');
  assert.ok(repeated > 1, `${repeated} came again`);
  assert.equal(answered.filter((method) => method === 'chat.send').length, 2);
  assert.equal(answered.filter((method) => method === 'session.resume').length, 1);
  assert.ok(deltas > 10 && replica.own?.name === 'Ada' && replica.ack > 5, `${deltas} deltas`);
  assert.deepEqual({ x: replica.own.x, y: replica.own.y }, place, 'who has lost the line stands still');
}

test('a recorded session in JSON is whole', () => {
  const { frames, methodOf } = recording('first-steps.jsonl');
  checkSession(frames.map((frame) => json.decode(frame, methodOf)), methodOf);
});

test('a recorded session in Protocol Buffers is whole, and read as by the reference implementation', () => {
  const { frames, methodOf } = recording('first-steps.proto.jsonl');
  const binary = frames.map((frame) => new Uint8Array(Buffer.from(frame, 'base64')));
  checkSession(binary.map((frame) => proto.decode(frame, methodOf)), methodOf);
  for (const frame of binary) assert.deepEqual(proto.decode(again('ServerFrame', frame), methodOf), proto.decode(frame, methodOf));
});

test('a recorded session is the same in both encodings, and builds the same replica', () => {
  const { frames, methodOf } = recording('first-steps.jsonl');
  const [ofJson, ofProto] = [new Replica(() => 0), new Replica(() => 0)];
  for (const frame of frames) {
    const asJson = json.decode(frame, methodOf);
    const asProto = proto.decode(binaryFrame(frame, methodOf), methodOf);
    assert.deepEqual(asProto, asJson, frame);
    show(ofJson, asJson);
    show(ofProto, asProto);
    assert.deepEqual(ofProto, ofJson);
  }
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
