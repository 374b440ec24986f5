import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../src/backoff.js';
import { afterClose, CloseCode } from '../src/close.js';
import { ServerClock } from '../src/clock.js';
import type { EncodingName } from '../src/encoding.js';
import { ApiError, ConnectionError, RpcError, TimeoutError } from '../src/errors.js';
import { encode } from '../src/wire.js';
import { settled } from './support/fakes.js';
import { WorldClient } from '../src/world.js';
import { TestServer } from './support/server.js';

async function playing(options: { encoding?: EncodingName; heartbeatMs?: number } = {}) {
  const server = new TestServer(options);
  server.client.connect();
  await server.welcome();
  await server.join();
  return server;
}

test('Protocol Buffers are asked for first, JSON is taken too', async () => {
  const server = new TestServer();
  server.client.connect();
  await settled();
  assert.deepEqual(server.socket.offered, ['lore.v1.proto', 'lore.v1.json']);
  assert.equal(server.socket.binaryType, 'arraybuffer');
  server.socket.open('lore.v1.json');
  assert.equal(server.client.encoding, 'json');
});

test('a call that is not answered in time fails, and its late answer is left aside', async () => {
  for (const encoding of ['proto', 'json'] as const) {
    const server = await playing({ encoding });
    const failed = assert.rejects(server.client.call('chat.send', { text: 'hi' }, 300), (error) => {
      assert.ok(error instanceof TimeoutError && error instanceof ConnectionError);
      assert.deepEqual([error.method, error.timeoutMs], ['chat.send', 300]);
      return true;
    });
    await server.clock.pass(300);
    await failed;
    const [late] = server.heard();
    const next = server.client.call('quest.list', {});
    const [list] = server.heard();
    assert.deepEqual([late?.method, list?.method], ['chat.send', 'quest.list']);
    let isAnswered = false;
    void next.then(() => (isAnswered = true));
    server.answer(late?.id, 'done', {});
    server.answer(late?.id, 'error', { code: -32603, message: 'late' });
    await settled();
    assert.deepEqual([server.client.state.kind, isAnswered], ['joined', false], encoding);
    server.answer(list?.id, 'quests', { quests: [] });
    assert.deepEqual((await next).quests, []);
  }
});

test('calls of a batch are one frame with an answer each', async () => {
  const server = await playing();
  const before = server.socket.sent.length;
  const [quests, chat, pong] = server.client.batch([
    { method: 'quest.list', params: {} },
    { method: 'chat.send', params: { text: '' } },
    { method: 'state.sync', params: {} },
  ]);
  assert.equal(server.socket.sent.length, before + 1);
  const ids = server.heard().map(({ id }) => id);
  server.answer(ids[1], 'error', { code: -32011, message: 'no', data: { reason: 'rejected', rejection: 'bad_text' } });
  server.answer(ids[2], 'done', {});
  server.answer(ids[0], 'quests', { quests: [] });
  assert.deepEqual((await quests).quests, []);
  await assert.rejects(chat, (error) => {
    assert.ok(error instanceof RpcError);
    assert.deepEqual([error.code, error.reason, error.rejection, error.stableCode, error.retryAfterMs], [-32011, 'rejected', 'bad_text', 'bad_text', undefined]);
    return true;
  });
  assert.deepEqual(await pong, {});
  assert.throws(() => server.client.batch([]), RangeError);
  assert.throws(() => server.client.batch(Array.from({ length: 33 }, () => ({ method: 'quest.list', params: {} }) as const)), RangeError);
});

test('a message beyond the limit of the server is not sent', async () => {
  const server = await playing();
  const before = server.socket.sent.length;
  await assert.rejects(server.client.call('chat.send', { text: 'x'.repeat(20_000) }), RangeError);
  assert.equal(server.socket.sent.length, before);
});

test('what is not of the protocol ends the connection for good', async () => {
  const server = await playing();
  server.socket.receive('{"jsonrpc":"2.0"}');
  assert.equal(server.client.state.kind, 'closed');
  assert.equal(server.socket.closedWith?.code, 4000);
});

test('every close code has its consequence', () => {
  const actions = Object.values(CloseCode).map((code) => [code, afterClose(code).action]);
  assert.deepEqual(actions, [
    [1000, 'reconnect'], [1001, 'reconnect'], [1002, 'stop'], [1003, 'stop'], [1006, 'reconnect'], [1007, 'stop'], [1008, 'stop'], [1009, 'stop'],
    [1011, 'reconnect'], [1012, 'reconnect'], [4001, 'refresh'], [4002, 'reconnect'], [4003, 'reconnect'], [4004, 'stop'], [4005, 'stop'],
  ]);
  assert.deepEqual(afterClose(4999, 'because'), { action: 'reconnect', reason: 'because' });
});

test('a close is followed by what it asks for', async () => {
  for (const [code, state, checked] of [[1006, 'waiting', false], [4001, 'waiting', true], [4004, 'closed', undefined], [1008, 'closed', undefined]] as const) {
    const server = await playing();
    server.socket.drop(code);
    assert.equal(server.client.state.kind, state, `${code}`);
    await server.clock.pass(600);
    assert.equal(server.tokens[1], checked, `${code}`);
  }
});

test('attempts come later and later, and begin anew after a success', async () => {
  const server = await playing();
  const waits: number[] = [];
  server.client.on('state', (state) => state.kind === 'waiting' && waits.push(state.inMs));
  for (let attempt = 0; attempt < 7; attempt += 1) {
    server.socket.drop();
    await server.clock.pass(10_000);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  await server.welcome();
  await server.join();
  server.socket.drop();
  assert.equal(waits.at(-1), 500);
  server.client.retryNow();
  await settled();
  assert.equal(server.client.state.kind, 'connecting');
});

test('no two clients come back at once, nor before the server wants them', () => {
  const waits = Array.from({ length: 50 }, (_, index) => new Backoff({ firstMs: 100, mostMs: 1_000, random: () => index / 50 }).next());
  assert.equal(new Set(waits).size, 50);
  assert.ok(waits.every((wait) => wait >= 100 && wait < 150));
  assert.equal(new Backoff({ firstMs: 100, mostMs: 1_000, random: () => 0.5 }).next(5_000), 6_250);
});

test('a server that says when it is back is given that time', async () => {
  const server = await playing();
  server.tell('system.reconnect', { reason: 'shutdown', after_ms: 3_000 });
  server.socket.drop(1012);
  assert.deepEqual(server.client.state, { kind: 'waiting', inMs: 3_000, reason: 'the server restarts' });
});

test('a server that does not say anything is given up, and asked again', async () => {
  for (const opens of [false, true]) {
    const server = new TestServer();
    server.client.connect();
    await settled();
    if (opens) server.socket.open();
    await server.clock.pass(9_999);
    assert.equal(server.client.state.kind, 'connecting');
    await server.clock.pass(1);
    assert.deepEqual(server.client.state, { kind: 'waiting', inMs: 500, reason: 'the server does not answer' });
    assert.equal(server.socket.closedWith?.code, 4000);
    await server.clock.pass(500);
    assert.deepEqual(server.tokens, [false, true], 'the token may be the reason');
    await server.welcome();
    const join = await server.join();
    assert.ok(join);
    await server.clock.pass(9_000);
    server.heard();
    assert.equal(server.client.state.kind, 'joined');
  }
});

test('who leaves waits for no welcome', async () => {
  const server = new TestServer();
  server.client.connect();
  await settled();
  assert.equal(server.clock.waiting, 1);
  await server.client.leave();
  assert.equal(server.clock.waiting, 0);
});

test('a join that stays without an answer is tried again, whether or not the server hears the goodbye', async () => {
  const server = new TestServer();
  server.client.connect();
  await server.welcome();
  await server.clock.pass(10_000);
  assert.deepEqual(server.client.state, { kind: 'waiting', inMs: 500, reason: 'the world could not be joined' });
});

test('a socket that cannot be made ends it, and says why', async () => {
  class Broken {
    constructor(url: string) {
      throw new SyntaxError(`no address: ${url}`);
    }
  }
  const client = new WorldClient({ url: 'nowhere', character: 7, token: () => Promise.resolve('t'), webSocket: Broken as never });
  client.connect();
  await settled();
  assert.deepEqual(client.state, { kind: 'closed', reason: 'no address: nowhere?token=...' }, 'a token is not for people to read');
});

test('who leaves while joining has left, whatever is still answered', async () => {
  const server = new TestServer();
  server.client.connect();
  await server.welcome();
  const [join] = server.heard();
  await server.client.leave();
  assert.equal(server.socket.closedWith?.code, 1000);
  server.answer(join?.id, 'joined', { zone: 'downtown', entity: 12, tick: 100, character: { id: 7, name: 'Ada' } });
  await settled();
  server.socket.drop(1000);
  await server.clock.pass(60_000);
  assert.deepEqual([server.states, server.sockets.length, server.clock.waiting], [['connecting', 'closed'], 1, 0]);
});

test('who leaves before the welcome does not join', async () => {
  const server = new TestServer();
  server.client.connect();
  await settled();
  await server.client.leave();
  await server.welcome();
  assert.deepEqual([server.heard(), server.states], [[], ['connecting', 'closed']]);
});

test('who leaves and connects again plays on the new connection alone', async () => {
  for (const isAnswered of [true, false]) {
    const server = await playing();
    const [first] = server.sockets;
    const leaving = server.client.leave();
    const [leave] = server.heard();
    assert.equal(leave?.method, 'world.leave');
    server.client.connect();
    if (isAnswered) first!.receive(encode('ServerFrame', { responses: [{ id: leave.id, outcome: 'done', result: {} }] }).slice().buffer);
    await leaving;
    await server.welcome();
    // What the first one says late is not of this session.
    first!.receive(encode('ServerFrame', { seq: 50, notifications: [{ method: 'system.message', params: { text: 'late' } }] }).slice().buffer);
    const texts: string[] = [];
    server.client.on('system.message', ({ text }) => texts.push(text));
    await server.join(1);
    server.tell('system.message', { text: 'hello' }, 2);
    first!.drop(1000);
    assert.deepEqual(texts, ['hello']);
    assert.deepEqual([first!.closedWith?.code, server.socket.closedWith], [1000, undefined]);
    assert.deepEqual(server.states, ['connecting', 'joined', 'closed', 'connecting', 'joined']);
    await server.clock.pass(2_000);
    assert.equal(server.sockets.length, 2);
  }
});

test('who leaves and connects again while a token is found opens one connection', async () => {
  const give: ((token: string) => void)[] = [];
  const server = new TestServer({ token: () => new Promise((resolve) => give.push(resolve)) });
  server.client.connect();
  void server.client.leave();
  server.client.connect();
  for (const each of give) each('token');
  await settled();
  assert.deepEqual([give.length, server.sockets.length], [2, 1]);
});

test('who leaves as soon as they hear that they have joined has left', async () => {
  const server = new TestServer();
  server.client.on('state', ({ kind }) => kind === 'joined' && void server.client.leave());
  server.client.connect();
  await server.welcome();
  const asked = (await server.join()).filter(({ method }) => method !== 'world.ack');
  assert.deepEqual(asked.map(({ method }) => method), ['world.leave']);
  assert.equal(server.clock.waiting, 1, 'for that answer, not for the next ping');
  server.answer(asked[0]?.id, 'done', {});
  await settled();
  assert.deepEqual([server.client.state.kind, server.clock.waiting], ['closed', 0]);
});

test('calls that are under way when somebody has left fail', async () => {
  const server = await playing();
  const call = assert.rejects(server.client.call('quest.list', {}), ConnectionError);
  const leaving = server.client.leave();
  server.answer(server.heard().find(({ method }) => method === 'world.leave')?.id, 'done', {});
  await Promise.all([leaving, call]);
  assert.equal(server.clock.waiting, 0);
});

test('who is banned is told so, and does not try again', async () => {
  const server = new TestServer({ token: () => Promise.reject(new ApiError(403, 'banned', 'banned for 59m more: insults', 3_540_000)) });
  server.client.connect();
  await settled();
  assert.deepEqual(server.client.state, { kind: 'closed', reason: 'banned for 59m more: insults' });
  await server.clock.pass(4_000_000);
  assert.deepEqual([server.tokens.length, server.sockets.length], [1, 0]);
});

test('a server that does not want to be asked for a token now is given its time', async () => {
  const answers = [new ApiError(429, 'rate_limited', 'too many requests', 7_000), new ApiError(503, 'unavailable', 'the store cannot be reached', 200), new TypeError('fetch failed')];
  const server = new TestServer({ token: () => (answers.length > 0 ? Promise.reject(answers.shift()) : Promise.resolve('token')) });
  const waits: unknown[] = [];
  server.client.on('state', (state) => state.kind === 'waiting' && waits.push([state.inMs, state.reason]));
  server.client.connect();
  await server.clock.pass(6_999);
  assert.equal(server.tokens.length, 1);
  await server.clock.pass(1);
  assert.equal(server.tokens.length, 2);
  await server.clock.pass(5_000);
  assert.deepEqual(waits, [[7_000, 'too many requests'], [1_000, 'the store cannot be reached'], [2_000, 'the server cannot be reached']]);
  assert.equal(server.sockets.length, 1);
});

test('the heartbeat measures the way and the clock of the server', async () => {
  const server = await playing();
  assert.equal(server.client.serverClock.rttMs, 0);
  assert.equal(server.client.serverClock.offsetMs, 1_000_000);
  const before = server.socket.sent.length;
  await server.clock.pass(5_000);
  assert.equal(server.socket.sent.length, before + 1);
});

test('a connection on which nothing answers is given up', async () => {
  const server = await playing({ heartbeatMs: 1_000 });
  const kind = () => server.client.state.kind;
  server.alive = false;
  await server.clock.pass(2_900);
  server.heard();
  assert.equal(kind(), 'joined');
  await server.clock.pass(200);
  assert.equal(kind(), 'waiting');
  assert.equal(server.socket.closedWith?.code, 4000);
  // What a dead socket says later is nobody's business.
  server.socket.drop(4004);
  assert.equal(kind(), 'waiting');
});

test('the quickest round trip knows the time best', () => {
  const clock = new ServerClock();
  assert.deepEqual([clock.rttMs, clock.offsetMs], [undefined, undefined]);
  clock.sample(1_000, 1_100, 51_090);
  clock.sample(2_000, 2_020, 52_010);
  clock.sample(3_000, 3_300, 53_010);
  assert.equal(clock.offsetMs, 50_000);
  assert.equal(clock.rttMs, (100 * 7 + 20) / 8 + (300 - (100 * 7 + 20) / 8) / 8);
  assert.ok(clock.variationMs > 50);
  for (let sent = 10_000; sent < 18_000; sent += 1_000) clock.sample(sent, sent + 40, sent + 20 + 50_007);
  assert.equal(clock.offsetMs, 50_007, 'what was long ago counts no more');
  clock.reset();
  assert.equal(clock.rttMs, undefined);
});

test('others are shown smoothly between frames, oneself at once', async () => {
  const server = await playing();
  const wolf = { id: 33, kind: 'npc', name: 'Wolf', template: 'wolf', x: 0, y: 0 };
  server.tell('world.delta', { tick: 101, enter: [wolf] });
  const shown: number[] = [];
  for (let tick = 102; tick < 112; tick += 1) {
    await server.clock.pass(25);
    shown.push(server.client.shown(33)!.x);
    await server.clock.pass(25);
    server.tell('world.delta', { tick, update: [{ id: 33, x: (tick - 101) * 200 }] });
    shown.push(server.client.shown(33)!.x);
  }
  const steps = shown.slice(8).map((x, index) => x - shown[index + 7]!);
  assert.ok(steps.every((step) => step > 80 && step < 120), `${steps}`);
  assert.ok(server.client.replica.entities.get(33)!.x - shown.at(-1)! >= 300, 'a little in the past');
  server.client.walk({ x: 1, y: 0 }, 0.05);
  assert.deepEqual(server.client.shown(12), { x: 1_500, y: 2_000 });
});
