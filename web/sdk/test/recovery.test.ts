import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EncodingName } from '../src/encoding.js';
import { ConnectionError } from '../src/errors.js';
import { Recovery } from '../src/recovery.js';
import { settled } from './support/fakes.js';
import { TestServer } from './support/server.js';

/** Somebody plays, with a session that can be resumed. */
async function playing(encoding: EncodingName, welcome: object = { recovery: 'first' }) {
  const server = new TestServer({ encoding });
  server.client.connect();
  await server.welcome(welcome);
  await server.join(1);
  assert.equal(server.client.encoding, encoding);
  return server;
}

function inBoth(name: string, run: (encoding: EncodingName) => Promise<void>): void {
  for (const encoding of ['proto', 'json'] as const) test(`${name}, in ${encoding}`, () => run(encoding));
}

inBoth('a session goes on over another socket, and nothing is done twice or lost', async (encoding) => {
  const server = await playing(encoding);
  const texts: string[] = [];
  server.client.on('system.message', ({ text }) => texts.push(text));
  server.tell('system.message', { text: 'two' }, 2);
  const answered = server.client.call('chat.send', { text: 'received' });
  const lost = server.client.call('chat.send', { text: 'not received' });
  const [received] = server.heard();
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  const [resume, ...others] = server.heard();
  assert.deepEqual([resume?.method, resume?.params], ['session.resume', { token: 'first', seq: 2 }]);
  assert.deepEqual(others, [], 'it comes first and alone');

  server.answer(resume?.id, 'resumed', { session: 's', recovery: 'second', character: 7, last_id: received?.id });
  await settled();
  server.tell('world.delta', { tick: 101, leave: [12] });
  assert.ok(server.client.replica.own, 'that was before');
  const [again, ...more] = server.heard();
  assert.deepEqual([again?.method, again?.params, more.length], ['chat.send', { text: 'not received' }, 0]);
  // What was heard before, and what was not.
  server.tell('system.message', { text: 'two' }, 2);
  server.tell('system.message', { text: 'three' }, 3);
  server.answer(received?.id, 'done', {}, 4);
  server.answer(again?.id, 'done', {}, 5);
  server.show(140);
  assert.deepEqual([await answered, await lost], [{}, {}]);
  assert.deepEqual(texts, ['two', 'three']);
  assert.deepEqual(server.states, ['connecting', 'joined', 'waiting', 'connecting', 'resumed']);
  assert.ok(server.client.placed);

  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'third' });
  assert.deepEqual(server.heard()[0]?.params, { token: 'second', seq: 5 }, 'each token is good once');
});

inBoth('a call that is too much for the server does not keep others from being sent', async (encoding) => {
  const server = await playing(encoding);
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  const tooMuch = assert.rejects(server.client.call('chat.send', { text: 'x'.repeat(20_000) }), RangeError);
  void server.client.call('chat.send', { text: 'hi' });
  server.answer(server.heard()[0]?.id, 'resumed', { session: 's', recovery: 'second', character: 7 });
  await tooMuch;
  assert.deepEqual(server.heard().map(({ params }) => params['text']), ['hi']);
  assert.equal(server.states.at(-1), 'resumed');
});

inBoth('calls that are too much for one message together are sent again all the same', async (encoding) => {
  const server = await playing(encoding);
  const texts = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(1_000, '.'));
  const said = texts.map((text) => server.client.call('chat.send', { text }));
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  server.answer(server.heard()[0]?.id, 'resumed', { session: 's', recovery: 'second', character: 7 });
  await settled();
  const calls = server.heard();
  assert.deepEqual(calls.map(({ params }) => parseInt(String(params['text']), 10)), [...texts.keys()]);
  for (const [index, { id }] of calls.entries()) server.answer(id, 'done', {}, index + 2);
  await Promise.all(said);
  assert.equal(server.states.at(-1), 'resumed');
});

inBoth('a call that is made while the session is resumed waits for that, and is sent once', async (encoding) => {
  const server = await playing(encoding);
  const lost = server.client.call('chat.send', { text: 'not received' });
  server.heard();
  server.socket.drop();
  await server.clock.pass(500);
  await settled();
  server.socket.open();
  const early = server.client.call('shop.buy', { npc: 5, item: 'bandage', count: 1, price: 4 });
  await server.welcome({ recovery: 'second' });
  const late = server.client.batch([{ method: 'shop.buy', params: { npc: 5, item: 'bandage', count: 2, price: 8 } }, { method: 'quest.list', params: {} }]);
  const [resume, ...others] = server.heard();
  assert.deepEqual([resume?.method, others], ['session.resume', []], 'it comes first and alone');

  server.answer(resume?.id, 'resumed', { session: 's', recovery: 'second', character: 7 });
  await settled();
  const calls = server.heard();
  assert.deepEqual(calls.map(({ method, params }) => [method, params['count']]), [['chat.send', undefined], ['shop.buy', 1], ['shop.buy', 2], ['quest.list', undefined]]);
  for (const [index, { id, method }] of calls.entries()) server.answer(id, method === 'quest.list' ? 'quests' : 'done', {}, index + 2);
  await Promise.all([lost, early, ...late]);
  void server.client.call('dialog.close', {});
  assert.deepEqual(server.heard().map(({ method }) => method), ['dialog.close'], 'nothing waits any more');
});

inBoth('calls that waited for a session that is over fail with it', async (encoding) => {
  const server = await playing(encoding);
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  const failed = assert.rejects(server.client.call('shop.buy', { npc: 5, item: 'bandage', count: 1, price: 4 }), ConnectionError);
  const [resume, ...others] = server.heard();
  assert.deepEqual(others, []);
  server.answer(resume?.id, 'error', { code: -32000, message: 'too late', data: { reason: 'unauthorized' } });
  await failed;
  const after = server.client.call('quest.list', {});
  const [join, list] = server.heard();
  assert.deepEqual([join?.method, list?.method], ['world.join', 'quest.list'], 'nothing waits any more');
  server.answer(list?.id, 'error', { code: -32003, message: 'join the world first', data: { reason: 'invalid_state' } });
  await assert.rejects(after, /join the world first/);
});

inBoth('a session that is over is begun anew, and its calls fail', async (encoding) => {
  const server = await playing(encoding);
  const call = server.client.call('chat.send', { text: 'hi' });
  server.heard();
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  const failed = assert.rejects(call, ConnectionError);
  server.answer(server.heard()[0]?.id, 'error', { code: -32000, message: 'too late', data: { reason: 'unauthorized' } });
  await failed;
  await server.join(1);
  assert.deepEqual(server.states, ['connecting', 'joined', 'waiting', 'connecting', 'joined']);
  // Numbers begin anew with the session.
  const texts: string[] = [];
  server.client.on('system.message', ({ text }) => texts.push(text));
  server.tell('system.message', { text: 'hello' }, 2);
  assert.deepEqual(texts, ['hello']);
});

inBoth('a resume that is refused, which has no number, is followed by a join at once', async (encoding) => {
  for (const [code, reason] of [[-32000, 'unauthorized'], [-32003, 'invalid_state']] as const) {
    const server = await playing(encoding);
    server.tell('system.message', { text: '' }, 2);
    server.socket.drop();
    await server.clock.pass(500);
    await server.welcome({ recovery: 'second' });
    const [resume] = server.heard();
    assert.deepEqual(resume?.params, { token: 'first', seq: 2 });
    const before = server.clock.now();
    server.answer(resume?.id, 'error', { code, message: 'no', data: { reason } });
    await settled();
    await server.join(1);
    assert.deepEqual([server.clock.now() - before, server.states.slice(-2)], [0, ['connecting', 'joined']], reason);
    // The new session may be come back to, from its own first number on.
    server.socket.drop();
    await server.clock.pass(500);
    await server.welcome({ recovery: 'third' });
    assert.deepEqual(server.heard()[0]?.params, { token: 'second', seq: 1 }, reason);
  }
});

inBoth('a server that gives no token is joined anew', async (encoding) => {
  const server = await playing(encoding, {});
  const call = server.client.call('chat.send', { text: 'hi' });
  const failed = assert.rejects(call, ConnectionError);
  server.socket.drop();
  await failed;
  await server.clock.pass(500);
  await server.welcome();
  assert.deepEqual(server.heard().map(({ method }) => method), ['world.join']);
});

inBoth('when the line breaks again before the answer, both tokens may be the one', async (encoding) => {
  const server = await playing(encoding);
  const tries = () => server.heard().map(({ id, method, params }) => ({ id, asked: [method, params['token'] ?? ''] }));
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  assert.deepEqual(tries().map(({ asked }) => asked), [['session.resume', 'first']]);
  server.socket.drop();
  await server.clock.pass(1_000);
  await server.welcome({ recovery: 'third' });
  for (const token of ['first', 'second']) {
    const [call] = tries();
    assert.deepEqual(call?.asked, ['session.resume', token]);
    server.answer(call?.id, 'error', { code: -32000, message: 'spent', data: { reason: 'unauthorized' } });
    await settled();
  }
  assert.deepEqual(tries().map(({ asked }) => asked), [['world.join', '']], 'its own token is that of its own session');
});

inBoth('a session that the server cannot take back just now is tried again when it says', async (encoding) => {
  const server = await playing(encoding);
  const call = server.client.call('chat.send', { text: 'hi' });
  server.heard();
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  const slow = { code: -32001, message: 'slow down', data: { reason: 'rate_limited', retry_after_ms: 3_000 } };
  server.answer(server.heard()[0]?.id, 'error', slow);
  await settled();
  assert.deepEqual(server.client.state, { kind: 'waiting', inMs: 3_000, reason: 'slow down' });
  await server.clock.pass(3_000);
  await server.welcome({ recovery: 'third' });
  const [resume] = server.heard();
  assert.deepEqual(resume?.params, { token: 'first', seq: 1 });
  server.answer(resume?.id, 'resumed', { session: 's', recovery: 'third', character: 7 });
  await settled();
  const [again] = server.heard();
  server.answer(again?.id, 'done', {}, 2);
  assert.deepEqual(await call, {});
});

inBoth('a join that the server cannot take just now is tried again when it says', async (encoding) => {
  const server = new TestServer({ encoding });
  server.client.connect();
  await server.welcome();
  const busy = { code: -32010, message: 'the zone is busy', data: { reason: 'busy', retry_after_ms: 3_000 } };
  server.answer(server.heard()[0]?.id, 'error', busy);
  await settled();
  assert.deepEqual(server.client.state, { kind: 'waiting', inMs: 3_000, reason: 'the zone is busy' });
});

inBoth('what was of a connection is not asked again on the next', async (encoding) => {
  const server = await playing(encoding);
  server.alive = false;
  server.heard();
  const failed: unknown[] = [];
  const ask = (call: Promise<unknown>) => void call.catch((error: unknown) => failed.push(error));
  ask(server.client.ping());
  ask(server.client.call('auth.refresh', { token: 'newer' }));
  const asked = server.heardAll();
  assert.deepEqual(asked.map(({ method }) => method), ['system.ping', 'auth.refresh']);
  server.socket.drop();
  await settled();
  assert.deepEqual(failed.map((error) => error instanceof ConnectionError), [true, true]);
  for (const wait of [500, 1_000]) {
    await server.clock.pass(wait);
    await server.welcome({ recovery: 'second' });
    // Nor what was asked meanwhile, should that one be lost as well: `session.resume` and this.
    ask(server.client.ping());
    if (wait === 500) server.socket.drop();
  }
  await settled();
  assert.equal(failed.length, 3);
  const [resume, ...others] = server.heardAll();
  assert.deepEqual([resume?.method, others], ['session.resume', []]);
  server.answer(resume?.id, 'resumed', { session: 's', recovery: 'third', character: 7 });
  await settled();
  const after = server.heardAll();
  assert.deepEqual(after.map(({ method }) => method), ['system.ping', 'system.ping'], 'the one that waited, and the first of this connection');
  assert.ok(after.every(({ id }) => id! > resume!.id!), 'none of them is of before');
  assert.equal(server.states.at(-1), 'resumed');
});

inBoth('a session in which nobody is in the world any more is joined', async (encoding) => {
  const server = await playing(encoding);
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  server.answer(server.heard()[0]?.id, 'resumed', { session: 's', recovery: 'second' });
  await settled();
  await server.join(2);
  assert.deepEqual(server.states.slice(-2), ['connecting', 'joined']);
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'third' });
  assert.deepEqual(server.heard()[0]?.params, { token: 'second', seq: 2 }, 'numbers go on');
});

inBoth('who leaves while the session is resumed has left', async (encoding) => {
  const server = await playing(encoding);
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  const [resume] = server.heard();
  await server.client.leave();
  server.answer(resume?.id, 'resumed', { session: 's', recovery: 'second', character: 7 });
  await settled();
  server.socket.drop(1000);
  await server.clock.pass(60_000);
  assert.deepEqual(server.states, ['connecting', 'joined', 'waiting', 'connecting', 'closed']);
  assert.deepEqual([server.sockets.length, server.clock.waiting], [2, 0]);
});

inBoth('a line that breaks right behind the answer is lost, and the session is there to come back to', async (encoding) => {
  const server = await playing(encoding);
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  server.answer(server.heard()[0]?.id, 'resumed', { session: 's', recovery: 'second', character: 7 });
  server.socket.drop();
  await settled();
  assert.equal(server.states.at(-1), 'waiting');
  await server.clock.pass(1_000);
  await server.welcome({ recovery: 'third' });
  assert.deepEqual(server.heard()[0]?.params, { token: 'second', seq: 1 });
});

inBoth('who has left does not come back', async (encoding) => {
  const server = await playing(encoding);
  const left = server.client.leave();
  server.answer(server.heard()[0]?.id, 'done', {});
  await left;
  server.socket.drop();
  await server.clock.pass(60_000);
  assert.equal(server.sockets.length, 1);
});

inBoth('what came is acknowledged together, after a while or when it is much', async (encoding) => {
  const server = await playing(encoding);
  const acked = () => server.heard().filter(({ method }) => method === 'session.ack').map(({ params }) => params['seq']);
  await server.clock.pass(1_000);
  assert.deepEqual(acked(), [1]);
  server.tell('system.message', { text: '' }, 2);
  server.tell('system.message', { text: '' }, 3);
  assert.deepEqual(acked(), []);
  await server.clock.pass(500);
  assert.deepEqual(acked(), [3]);
  for (let seq = 4; seq < 24; seq += 1) server.tell('system.message', { text: '' }, seq);
  assert.deepEqual(acked(), [15]);
  await server.clock.pass(2_000);
  assert.deepEqual(acked(), [23]);
});

inBoth('frames are acknowledged, and packed movement moves others', async (encoding) => {
  const server = await playing(encoding);
  const acked = () => server.heard().filter(({ method }) => method === 'world.ack').map(({ params }) => params['tick']);
  server.tell('world.delta', { tick: 101, enter: [{ id: 33, kind: 'npc', name: 'Wolf', template: 'wolf', x: 5_010, y: 0 }] });
  assert.deepEqual(acked(), [], 'the snapshot of tick 100 was');
  const moved: number[][] = [];
  server.client.on('updated', (updated) => moved.push(updated.moved));
  server.tell('world.delta', { tick: 102, moves: { ids: [33], dx: [5], dy: [-1] } });
  assert.deepEqual(acked(), [102]);
  assert.deepEqual([server.client.replica.entities.get(33)?.x, server.client.replica.entities.get(33)?.y], [5_100, -20]);
  assert.deepEqual(moved, [[33]]);
});

inBoth('the last frame before a silence is acknowledged, and a snapshot at once', async (encoding) => {
  const server = await playing(encoding);
  const acked = () => server.heard().filter(({ method }) => method === 'world.ack').map(({ params }) => params['tick']);
  server.tell('world.delta', { tick: 102 });
  server.tell('world.delta', { tick: 103 });
  assert.deepEqual(acked(), [102]);
  await server.clock.pass(250);
  assert.deepEqual(acked(), [103]);
  server.show(104);
  assert.deepEqual(acked(), [104], 'it may be all that is let through');
  server.tell('world.delta', { tick: 105 });
  server.socket.drop();
  await server.clock.pass(250);
  assert.deepEqual(acked(), [], 'that connection is gone');
});

test('the token that a session began with is kept however often the line breaks', () => {
  const recovery = new Recovery();
  recovery.begin('first');
  recovery.joined();
  for (let attempt = 1; attempt < 10; attempt += 1) recovery.tries(`attempt ${attempt}`);
  const tried = [recovery.params?.token];
  while (recovery.refused('attempt 9')) tried.push(recovery.params?.token);
  assert.deepEqual(tried, ['first', 'attempt 1', 'attempt 2', 'attempt 3']);
});

test('the memory of a session', () => {
  const recovery = new Recovery();
  assert.equal(recovery.params, undefined);
  recovery.begin('token');
  assert.deepEqual([recovery.heard(1), recovery.heard(1), recovery.heard(2)], [true, false, true]);
  assert.equal(recovery.params, undefined, 'nobody is in the world');
  recovery.joined();
  assert.deepEqual(recovery.params, { token: 'token', seq: 2 });
  assert.ok(recovery.owes && !recovery.overdue);
  assert.deepEqual(recovery.ack(), { seq: 2 });
  assert.ok(!recovery.owes);
  recovery.end();
  assert.equal(recovery.params, undefined);
});
