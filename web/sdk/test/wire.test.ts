import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtocolError } from '../src/errors.js';
import { tables } from '../src/gen/lore.v1.js';
import { fromJson } from '../src/json.js';
import { messageType } from '../src/schema.js';
import { decode, encode } from '../src/wire.js';
import { Random, randomMessage } from './support/random.js';
import { again, binaryOf } from './support/reference.js';

/** Messages that stand for a list are only ever in others. */
const names = Object.keys(tables.messages).filter((name) => !tables.lists[name]);

test('every message comes back as it was, also through the reference implementation', () => {
  for (const name of names) {
    for (let seed = 0; seed < 60; seed += 1) {
      const value = randomMessage(new Random(seed), name);
      const bytes = encode(name, value);
      assert.deepEqual(decode(name, bytes), value, `${name}, seed ${seed}`);
      assert.deepEqual(decode(name, again(name, bytes)), value, `${name} read and written by the reference, seed ${seed}`);
    }
  }
});

test('JSON and Protocol Buffers are the same objects', () => {
  for (const name of names.filter((each) => !['Call', 'ClientFrame', 'Notification', 'Response', 'ServerFrame'].includes(each))) {
    for (let seed = 0; seed < 30; seed += 1) {
      const value = randomMessage(new Random(seed), name);
      const json: unknown = JSON.parse(JSON.stringify(value));
      assert.deepEqual(fromJson(messageType(name), json), value, `${name}, seed ${seed}`);
      assert.deepEqual(decode(name, binaryOf(name, json)), value, `${name} written by the reference, seed ${seed}`);
    }
  }
});

test('what is left out has its zero, what may be missing is missing', () => {
  const empty = { tick: 0, enter: [], update: [], leave: [], events: [] };
  assert.deepEqual(decode('WorldDelta', new Uint8Array()), empty);
  assert.deepEqual(fromJson(messageType('WorldDelta'), {}), empty);
  assert.deepEqual(decode('Entity', new Uint8Array()), { id: 0 });
  assert.deepEqual((decode('WorldSnapshot', new Uint8Array())['zone'] as { crossings: unknown }).crossings, []);
});

test('what a newer schema says is looked past', () => {
  // Field 200 with a message, field 201 with a number, then `text`.
  const newer = new Uint8Array([0xc2, 0x0c, 1, 0, 0xc8, 0x0c, 5, 0x0a, 2, 0x68, 0x69]);
  assert.deepEqual(decode('ChatSend', newer), { text: 'hi' });
  assert.deepEqual(fromJson(messageType('ChatSend'), { text: 'hi', volume: 3 }), { text: 'hi' });
  assert.deepEqual(decode('Entity', new Uint8Array([8, 1, 0x50, 99])), { id: 1, state: 'unspecified' });
  assert.deepEqual(fromJson(messageType('Entity'), { id: 1, state: 'asleep' }), { id: 1, state: 'unspecified' });
  assert.deepEqual(decode('Event', new Uint8Array([0xc2, 0x0c, 1, 0])), {});
});

test('what is no message is refused', () => {
  const refused = (name: string, bytes: number[]) => assert.throws(() => decode(name, new Uint8Array(bytes)), ProtocolError, bytes.join());
  refused('ChatSend', [0x0a, 9, 0x68]);
  refused('ChatSend', [0x0a, 1, 0xff]);
  refused('ServerFrame', [0xff, 0xff]);
  refused('WorldDelta', [8, ...Array<number>(9).fill(0xff), 1]);
  refused('WorldDelta', [0x1a, 2, 8]);
  for (const json of [null, 5, [], { tick: '1' }, { tick: 1.5 }, { leave: 3 }, { leave: ['a'] }, { enter: [null] }]) {
    assert.throws(() => fromJson(messageType('WorldDelta'), json), ProtocolError, JSON.stringify(json));
  }
});

test('broken bytes are refused or read, and nothing else', () => {
  for (let seed = 0; seed < 2_000; seed += 1) {
    const random = new Random(seed);
    const bytes = encode('ServerFrame', randomMessage(random, 'ServerFrame'));
    for (let hit = 0; hit <= seed % 3; hit += 1) bytes[random.between(0, bytes.length)] = random.between(0, 255);
    try {
      decode('ServerFrame', bytes.subarray(0, random.between(0, bytes.length)));
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `seed ${seed}: ${String(error)}`);
    }
  }
});
