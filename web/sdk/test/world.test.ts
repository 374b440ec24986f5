import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { WebSocket } from 'ws';
// @ts-expect-error plain JavaScript
import { startMock } from '../../dev/mock.mjs';
import { ApiClient, ApiError, ConnectionError, RpcError, WorldClient } from '../src/index.js';
import type { EncodingName, Tokens } from '../src/index.js';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanUp.splice(0)) close();
});

async function mockServer() {
  const mock = await startMock({ tickMs: 5 });
  cleanUp.push(() => mock.close());
  return mock;
}

async function player(encoding: EncodingName = 'proto') {
  const mock = await mockServer();
  const kept: (Tokens | undefined)[] = [];
  const api = new ApiClient({ baseUrl: mock.url, onTokens: (tokens) => kept.push(tokens) });
  await api.guest();
  const character = await api.createCharacter('Ada', 'warrior');
  const states: string[] = [];
  const world = new WorldClient({
    url: mock.ws,
    encoding,
    character: character.id,
    token: async (check) => (check ? api.freshToken() : (api.tokens?.access_token ?? '')),
    webSocket: WebSocket,
    backoffMs: 5,
  });
  cleanUp.push(() => void world.leave());
  world.on('state', (state) => states.push(state.kind));
  const placed = () => world.once('world.snapshot', 5000);
  return { mock, api, kept, character, states, world, placed };
}

async function joined(encoding: EncodingName = 'proto') {
  const all = await player(encoding);
  const snapshot = all.placed();
  all.world.connect();
  await snapshot;
  return all;
}

for (const encoding of ['proto', 'json'] as const) {
  test(`joins and knows the own entity, in ${encoding}`, async () => {
    const { world, states, mock } = await joined(encoding);
    assert.deepEqual([world.encoding, mock.encodings()], [encoding, [encoding]]);
    assert.equal(world.replica.own?.name, 'Ada');
    assert.equal(world.replica.zone?.name, 'downtown');
    assert.equal(world.character?.abilities[0]?.name, 'strike');
    assert.deepEqual(states, ['connecting', 'joined']);
    const [pong, inventory] = await Promise.all(world.batch([{ method: 'system.ping', params: { nonce: 5 } }, { method: 'inventory.list', params: {} }]));
    assert.equal(pong.nonce, 5);
    assert.equal(inventory.equipment['main_hand'], 'rusty_sword');
  });
}

test('walking is predicted at once and acknowledged later', async () => {
  const { world } = await joined();
  const x = world.movement.x;
  world.walk({ x: 1, y: 0 }, 0.05);
  assert.equal(world.movement.x, x + 1000);
  while (world.movement.pending > 0) await world.once('updated', 5000);
  assert.equal(world.replica.own?.x, x + 1000);
});

test('an impossible movement is taken back', async () => {
  const { world } = await joined();
  const x = world.movement.x;
  const corrected = world.once('world.corrected', 5000);
  world.walk({ x: 1, y: 0 }, 3);
  await corrected;
  assert.equal(world.movement.x, x);
});

test('a refusal of the rules carries its stable code', async () => {
  const { world } = await joined();
  await assert.rejects(world.call('combat.attack', { target: 9999 }), (error) => {
    assert.ok(error instanceof RpcError);
    assert.deepEqual([error.reason, error.rejection], ['rejected', 'no_target']);
    return true;
  });
});

test('events arrive with the entities they name', async () => {
  const { world, mock } = await joined();
  const own = world.replica.own;
  const updated = world.once('updated', 5000);
  mock.change(mock.entities.get(own?.id), { hp: 7 });
  await updated;
  assert.equal(world.replica.own?.hp, 7);
});

test('comes back after a restart and numbers movements on', async () => {
  const { world, mock, placed, states } = await joined();
  world.walk({ x: 1, y: 0 }, 0.05);
  while (world.movement.pending > 0) await world.once('updated', 5000);
  const again = placed();
  mock.closeAll(1012, { reason: 'shutdown', after_ms: 10 });
  await again;
  assert.deepEqual(states, ['connecting', 'joined', 'waiting', 'connecting', 'joined']);
  assert.equal(world.movement.seq, 1);
  // A place under a number that the server knows would stay without an answer.
  const x = world.movement.x;
  world.on('world.corrected', () => assert.fail('the server does not let it walk there'));
  world.walk({ x: 1, y: 0 }, 0.05);
  // Places are sent 50 ms apart.
  for (let pings = 0; world.movement.seq < 2; pings += 1) {
    assert.ok(pings < 10_000, 'it is sent');
    await world.ping();
    world.flushMovement();
  }
  while (world.movement.pending > 0) await world.once('updated', 5000);
  assert.deepEqual([world.movement.seq, world.replica.own?.x], [2, x + 1000]);
});

test('a call under way fails when the connection is lost', async () => {
  const { world, mock } = await joined();
  const ping = assert.rejects(world.ping(), ConnectionError);
  mock.closeAll(1001);
  await ping;
});

test('a join that is cut off is tried again', async () => {
  const { world, mock, placed } = await player();
  mock.dropJoin = 2;
  const snapshot = placed();
  world.connect();
  await snapshot;
  assert.equal(world.state.kind, 'joined');
});

test('an expired token is renewed, once, and the client connects again', async () => {
  const { world, mock, api, placed, kept } = await joined();
  const old = api.tokens?.access_token;
  mock.refuseTokens.add(old);
  const again = placed();
  mock.closeAll(4001);
  await again;
  assert.notEqual(api.tokens?.access_token, old);
  assert.equal(kept.length, 2);
  assert.equal(world.state.kind, 'joined');
});

test('a revoked session ends for good and says so', async () => {
  const { world, mock, api, states } = await joined();
  mock.refuseTokens.add(api.tokens?.access_token).add(api.tokens?.refresh_token);
  mock.closeAll(4001);
  while (world.state.kind !== 'closed') await world.once('state', 5000);
  assert.match(world.state.reason, /log in again/);
  assert.equal(api.tokens, undefined);
  assert.equal(states.at(-1), 'closed');
});

test('does not come back when the character was joined elsewhere', async () => {
  const { world, mock } = await joined();
  const state = world.once('state', 5000);
  mock.closeAll(4004);
  assert.equal((await state).kind, 'closed');
});

test('leaving is final', async () => {
  const { world, states } = await joined();
  await world.leave();
  assert.equal(states.at(-1), 'closed');
  await assert.rejects(world.call('system.ping', {}), ConnectionError);
});

test('a refused request tells the stable code', async () => {
  const { api } = await player();
  await assert.rejects(api.createCharacter('Ada', 'mage'), (error) => error instanceof ApiError && error.code === 'name_taken');
});

test('concurrent requests share one exchange of the refresh token', async () => {
  const { api, mock, kept } = await player();
  mock.refuseTokens.add(api.tokens?.access_token);
  await Promise.all([api.me(), api.characters(), api.classes()]);
  assert.equal(kept.length, 2);
});
