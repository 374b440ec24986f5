import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from './support/fakes.js';
import { TestServer, type Heard } from './support/server.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Somebody plays, and what they asked for as they came in. The app has tokens `newer-1`, `newer-2` and so on. */
async function playing(fresh?: () => Promise<string>) {
  let count = 0;
  const refreshToken = fresh ?? (() => Promise.resolve(`newer-${(count += 1)}`));
  const server = new TestServer({ heartbeatMs: 1000 * DAY_MS, refreshToken });
  server.client.connect();
  await server.welcome({ recovery: 'first' });
  const asked = await server.join();
  return { server, asked };
}

const tokens = (asked: Heard[]) => asked.filter(({ method }) => method === 'auth.refresh').map(({ params }) => params['token']);

/** The server takes what it was asked to go on with. */
async function taken(server: TestServer, asked: Heard[], expires_in_ms: number) {
  const refresh = asked.find(({ method }) => method === 'auth.refresh');
  server.answer(refresh?.id, 'refreshed', { expires_in_ms });
  await settled();
}

test('a token is renewed before it ends, again and again', async () => {
  const { server, asked } = await playing();
  assert.deepEqual(tokens(asked), ['token'], 'the one in use is asked for its end');
  await taken(server, asked, 10 * MINUTE_MS);
  for (const newer of ['newer-1', 'newer-2']) {
    await server.clock.pass(5 * MINUTE_MS - 1);
    assert.deepEqual(server.heard(), []);
    await server.clock.pass(1);
    const asked = server.heard();
    assert.deepEqual(tokens(asked), [newer]);
    await taken(server, asked, 10 * MINUTE_MS);
  }
});

test('what fails is tried again while there is time, and no longer', async () => {
  let attempts = 0;
  const { server, asked } = await playing(() => {
    attempts += 1;
    return attempts === 2 ? Promise.resolve('refused') : Promise.reject(new Error('out of reach'));
  });
  await taken(server, asked, 16_000);
  await server.clock.pass(8_000);
  assert.deepEqual([attempts, tokens(server.heard())], [1, []]);
  await server.clock.pass(4_000);
  const [refresh] = server.heard();
  server.answer(refresh?.id, 'error', { code: -32000, message: 'of another account', data: { reason: 'unauthorized' } });
  await server.clock.pass(60_000);
  assert.equal(attempts, 4, 'after 8, 12, 14 and 15 seconds');
  assert.deepEqual(server.heard(), []);
});

test('a token that lasts for months is renewed once a day', async () => {
  const { server, asked } = await playing();
  await taken(server, asked, 90 * DAY_MS);
  await server.clock.pass(DAY_MS - 1);
  assert.deepEqual(server.heard(), []);
  await server.clock.pass(1);
  assert.deepEqual(tokens(server.heard()), ['newer-1']);
});

test('each connection begins with its own token, and what was under way for another is left aside', async () => {
  let give = (_: string): void => {};
  const { server, asked } = await playing(() => new Promise((resolve) => (give = resolve)));
  await taken(server, asked, 10 * MINUTE_MS);
  await server.clock.pass(5 * MINUTE_MS);
  server.socket.drop();
  await server.clock.pass(500);
  await server.welcome({ recovery: 'second' });
  give('late');
  const [resume, ...others] = server.heard();
  assert.deepEqual([resume?.method, others], ['session.resume', []]);
  server.answer(resume?.id, 'resumed', { session: 's', recovery: 'second', character: 7 });
  await settled();
  assert.deepEqual(tokens(server.heard()), ['token']);
});

test('a first question that fails is asked again, and the token renewed as if nothing had been', async () => {
  const failures: [string, number, (server: TestServer, id: number | undefined) => void][] = [
    ['no answer', 20_000, () => {}],
    ['a defect', 10_000, (server, id) => server.answer(id, 'error', { code: -32603, message: 'a defect', data: { reason: 'internal' } })],
    ['busy', 10_000, (server, id) => server.answer(id, 'error', { code: -32010, message: 'busy', data: { reason: 'busy', retry_after_ms: 100 } })],
    ['too often', 25_000, (server, id) => server.answer(id, 'error', { code: -32001, message: 'slow down', data: { reason: 'rate_limited', retry_after_ms: 25_000 } })],
  ];
  for (const [name, waitMs, fail] of failures) {
    const { server, asked } = await playing();
    fail(server, asked.find(({ method }) => method === 'auth.refresh')?.id);
    await server.clock.pass(waitMs - 1);
    assert.deepEqual(tokens(server.heard()), [], name);
    await server.clock.pass(1);
    const again = server.heard();
    assert.deepEqual(tokens(again), ['token'], name);
    await taken(server, again, 10 * MINUTE_MS);
    await server.clock.pass(5 * MINUTE_MS);
    assert.deepEqual(tokens(server.heard()), ['newer-1'], name);
  }
});

test('a token that the server will not take is not offered again', async () => {
  const { server, asked } = await playing();
  server.answer(asked.find(({ method }) => method === 'auth.refresh')?.id, 'error', { code: -32000, message: 'revoked', data: { reason: 'unauthorized' } });
  await server.clock.pass(DAY_MS);
  assert.deepEqual(tokens(server.heard()), []);
});

test('nothing is renewed on a server that does not know how, nor after the end', async () => {
  const { server, asked } = await playing();
  server.answer(asked.find(({ method }) => method === 'auth.refresh')?.id, 'error', { code: -32601, message: 'no such method', data: { reason: 'method_not_found' } });
  await server.clock.pass(DAY_MS);
  assert.deepEqual(tokens(server.heard()), []);

  const { server: left, asked: first } = await playing();
  await taken(left, first, 10 * MINUTE_MS);
  const leaving = left.client.leave();
  left.answer(left.heard()[0]?.id, 'done', {});
  await leaving;
  assert.equal(left.clock.waiting, 0);
});

test('an app that has no newer tokens asks for nothing', async () => {
  const server = new TestServer();
  server.client.connect();
  await server.welcome();
  assert.deepEqual(tokens(await server.join()), []);
});
