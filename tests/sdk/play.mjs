// Plays with the SDK against a running server, over a line that breaks:
//
//   LORE_ADMIN_TOKEN=... node tests/sdk/play.mjs --url http://127.0.0.1:7777 --admin http://127.0.0.1:7778 \
//       [--encoding json] [--timeout 120]
//
// The SDK is the package as npm packs it, in a folder of its own with nothing but its dependencies. Registers and plays
// beside a guest, loses the line and comes back to the same session, outlives its token and a restart of the server, and
// is banned. The server wants a short `access-ttl`: its end is waited for.
//
// Prints `{"wants":"restart"}` when the server is to be ended and started again, and reads a line then: where it is now, as
// `{"url":"http://127.0.0.1:7777","admin":"http://127.0.0.1:7778"}`. Prints what it saw as one more JSON line.
// Exit code 0: all of it happened; 1: it did not, `error` says what; 2: usage.
//
// Needs `npm ci` and `npm run build` in web/.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Line } from './line.mjs';

const WEB = fileURLToPath(new URL('../../web/', import.meta.url));
const { WebSocket } = createRequire(join(WEB, 'package.json'))('ws');
const PATIENCE_MS = 20_000;
const FIRST_WAIT_MS = 100;
const BAN_S = 3_600;
const FRAMES = 12;

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    admin: { type: 'string' },
    encoding: { type: 'string', default: 'proto' },
    timeout: { type: 'string', default: '120' },
  },
});
if (!options.url || !options.admin || !process.env.LORE_ADMIN_TOKEN) {
  console.error('usage: LORE_ADMIN_TOKEN=... node tests/sdk/play.mjs --url http://127.0.0.1:7777 --admin http://127.0.0.1:7778 [--encoding json] [--timeout seconds]');
  process.exit(2);
}

const started = Date.now();
const saw = { ok: false, encoding: options.encoding };
const players = [];
let step = 'packing the SDK';
let watchdog;
const late = new Promise((_, reject) => {
  watchdog = setTimeout(() => reject(new Error(`not done within ${options.timeout} s`)), Number(options.timeout) * 1000);
});
const folder = await mkdtemp(join(tmpdir(), 'lore-sdk-'));
try {
  await Promise.race([play(), late]);
  saw.ok = true;
} catch (error) {
  saw.error = `${step}: ${error.stack}`;
  saw.states = players.map(({ states }) => states);
}
clearTimeout(watchdog);
await rm(folder, { recursive: true, force: true });
saw.seconds = Math.round((Date.now() - started) / 100) / 10;
console.log(JSON.stringify(saw));
process.exit(saw.ok ? 0 : 1);

async function play() {
  const sdk = await installed();
  // The guest's line holds.
  const [line, steady] = await Promise.all([Line.to(options.url), Line.to(options.url)]);
  const [ada, guest] = await arrive(sdk, line, steady);
  const firstToken = guest.api.tokens.access_token;
  await walk(ada, guest);
  await refuse(sdk, ada);
  await loseTheLine(ada, guest);
  await loseItAgain(ada, guest);
  await outliveTheToken(guest, firstToken);
  await outliveTheServer(ada, guest);
  await beBanned(sdk, ada, guest);
  line.close();
  steady.close();
}

/** The SDK as npm would install it. */
async function installed() {
  const run = promisify(execFile);
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: join(WEB, 'sdk') });
  const [{ filename, version }] = JSON.parse(stdout);
  const modules = join(folder, 'node_modules');
  const home = join(modules, '@loreforge/client');
  await mkdir(home, { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', home]);
  const { dependencies } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(WEB, 'node_modules', name), join(modules, name), 'dir');
  }
  const game = join(folder, 'game.mjs');
  await writeFile(game, "export * from '@loreforge/client';\n");
  saw.version = version;
  return import(pathToFileURL(game).href);
}

/** Somebody who registered and logged in, and a guest, both in the world. */
async function arrive({ ApiClient, ApiError, WorldClient }, line, steady) {
  step = 'registering';
  const username = `sdk${letters(9)}`;
  const password = `correct-horse-${letters(6)}`;
  const api = new ApiClient({ baseUrl: line.url });
  await api.register(`${username}@example.test`, username, password);
  await assert.rejects(api.login(username, 'wrong'), (error) => error instanceof ApiError && error.status === 401 && error.code === 'bad_credentials');
  await api.login(username, password);
  assert.deepEqual([(await api.me()).username, (await api.me()).guest], [username, false]);
  const guestApi = new ApiClient({ baseUrl: steady.url });
  await guestApi.guest();
  assert.equal((await guestApi.me()).guest, true);

  step = 'joining';
  const enter = async (from, own) => {
    const { id, name } = await from.createCharacter(capitalised(letters(9)), 'warrior');
    const player = watched(new WorldClient(worldOptions(from, own, id)), { api: from, line: own, id, name });
    player.world.connect();
    await player.world.once('world.snapshot', PATIENCE_MS);
    assert.equal(player.world.replica.own.name, name);
    assert.equal(player.world.encoding, options.encoding);
    return player;
  };
  const ada = await enter(api, line);
  const guest = await enter(guestApi, steady);
  await until(() => guest.world.replica.entities.get(ada.world.replica.you)?.name === ada.name, 'the guest does not see who is there');
  await until(() => ada.world.replica.entities.get(guest.world.replica.you)?.name === guest.name, 'the guest is not seen');
  return [Object.assign(ada, { username, password }), guest];
}

function worldOptions(api, line, character) {
  return {
    url: `${line.url.replace('http', 'ws')}/v1/world/ws`,
    character,
    encoding: options.encoding,
    token: async (check) => (check ? api.freshToken() : api.tokens.access_token),
    refreshToken: async () => (await api.refresh()).access_token,
    webSocket: WebSocket,
    backoffMs: FIRST_WAIT_MS,
  };
}

/** Puts down what happens to a player. */
function watched(world, player) {
  const seen = { states: [], heard: [], left: [], corrected: 0, restarts: [] };
  world.on('state', (state) => seen.states.push(state.kind === 'joined' && state.resumed ? 'resumed' : state.kind));
  world.on('chat.message', ({ name, text }) => seen.heard.push(`${name}: ${text}`));
  world.on('updated', ({ left }) => seen.left.push(...left.keys()));
  world.on('world.corrected', () => (seen.corrected += 1));
  world.on('system.reconnect', (reconnect) => seen.restarts.push(reconnect));
  const all = Object.assign(seen, player, { world });
  players.push(all);
  return all;
}

/** Walks frame by frame, is there at once, and is acknowledged where it went. */
async function walk({ world, ...player }, guest) {
  step = 'walking';
  const from = world.replica.own.x;
  const before = world.movement.seq;
  world.walk({ x: 1, y: 0 }, 0.05);
  assert.ok(world.movement.x > from && world.replica.own.x === from, 'predicted before the server knows');
  for (let frame = 1; frame < FRAMES; frame += 1) {
    await pause(50);
    world.walk({ x: 1, y: 0 }, 0.05);
  }
  await pause(50);
  world.flushMovement();
  await until(() => world.movement.pending === 0, 'the server does not acknowledge');
  assert.ok(world.movement.seq > before && world.replica.ack === world.movement.seq, `${world.replica.ack} of ${world.movement.seq}`);
  const at = Math.round(world.movement.x);
  await until(() => world.replica.own.x === at, 'the server has another place');
  await until(() => guest.world.replica.entities.get(world.replica.you)?.x === at, 'the guest sees another place');
  assert.equal(player.corrected, 0);
  saw.walked_mm = at - from;
}

async function refuse({ RpcError }, { world }) {
  step = 'being refused';
  const [attack, pong] = world.batch([
    { method: 'combat.attack', params: { target: world.replica.you } },
    { method: 'system.ping', params: { nonce: 5 } },
  ]);
  await assert.rejects(attack, (error) => error instanceof RpcError && error.reason === 'rejected' && error.rejection === 'wrong_target');
  assert.equal((await pong).nonce, 5);
}

/** One call whose answer is lost with the line, and one that never reaches the server: both happen, once. */
async function loseTheLine(ada, guest) {
  step = 'losing the line';
  const { world, line, name } = ada;
  const you = world.replica.you;
  const bread = await slotOf(world, 'bread');
  await world.call('chat.send', { text: 'the bridge is down' });
  line.isDeaf = true;
  const unheard = world.call('chat.send', { text: 'mind the gap' });
  await until(() => guest.heard.includes(`${name}: mind the gap`), 'the server did not receive the call');
  const unsent = world.call('inventory.drop', { slot: bread.slot, count: 1 });
  world.walk({ x: -1, y: 0 }, 0.05);
  const again = resumed(ada);
  line.cut();
  await again;
  assert.deepEqual(await Promise.all([unheard, unsent]), [{}, {}]);
  await until(() => world.placed, 'no snapshot came');
  await world.call('chat.send', { text: 'it holds again' });
  assert.equal((await slotOf(world, 'bread')).count, bread.count - 1, 'dropped once');
  const lines = ['the bridge is down', 'mind the gap', 'it holds again'].map((text) => `${name}: ${text}`);
  await until(() => ada.heard.length >= 3 && guest.heard.length >= 3, 'what was said is not heard');
  assert.deepEqual([ada.heard, guest.heard], [lines, lines]);
  assert.equal(world.replica.you, you, 'it stayed in the world');
  await walk(ada, guest);
}

/** The line breaks once more while the session is being resumed. */
async function loseItAgain(ada, guest) {
  step = 'losing the line again';
  const { world, line } = ada;
  const before = ada.states.length;
  const call = world.call('chat.send', { text: 'third time lucky' });
  line.cut();
  await world.once('session.welcome', PATIENCE_MS);
  const again = resumed(ada);
  line.cut();
  await again;
  assert.deepEqual(await call, {});
  await until(() => ada.heard.length >= 4 && guest.heard.length >= 4, 'what was said is not heard');
  assert.deepEqual([ada.heard.length, guest.heard.length], [4, 4]);
  assert.deepEqual(ada.states.slice(before), ['waiting', 'connecting', 'waiting', 'connecting', 'resumed']);
  assert.deepEqual(guest.left.filter((id) => id === world.replica.you), [], 'nobody saw it leave');
  await until(() => world.placed, 'no snapshot came');
  saw.resumed = ada.states.filter((state) => state === 'resumed').length;
}

async function outliveTheToken(guest, token) {
  step = 'outliving the token';
  const knows = async () => (await fetch(`${options.url}/v1/me`, { headers: { Authorization: `Bearer ${token}` } })).status === 200;
  await until(async () => !(await knows()), 'the token does not end: the server wants a short access-ttl', 250);
  await guest.world.ping();
  assert.notEqual(guest.api.tokens.access_token, token);
  assert.deepEqual(guest.states, ['connecting', 'joined'], 'the connection is the first still');
}

async function outliveTheServer(ada, guest) {
  step = 'outliving the server';
  const at = { x: ada.world.replica.own.x, y: ada.world.replica.own.y };
  const reasons = [];
  ada.world.on('state', (state) => state.kind === 'waiting' && reasons.push([state.reason, state.inMs]));
  const snapshots = [ada, guest].map(({ world }) => world.once('world.snapshot', 60_000));
  const { url, admin } = await restarted();
  for (const { line } of [ada, guest]) line.target = url;
  Object.assign(options, { url, admin });
  await Promise.all(snapshots);
  assert.deepEqual([ada, guest].map(({ restarts }) => restarts), [[{ reason: 'shutdown', after_ms: 1_000 }], [{ reason: 'shutdown', after_ms: 1_000 }]]);
  const [[reason, inMs]] = reasons;
  assert.ok(reason === 'the server restarts' && inMs >= 1_000, `${reason} ${inMs}`);
  for (const { states } of [ada, guest]) assert.equal(states.at(-1), 'joined');
  assert.deepEqual({ x: ada.world.replica.own.x, y: ada.world.replica.own.y }, at);
  await walk(ada, guest);
}

async function beBanned({ ApiError, WorldClient, afterClose }, ada, guest) {
  step = 'being banned';
  const you = ada.world.replica.you;
  const ban = await fetch(`${options.admin}/admin/v1/bans?who=story&why=insults`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${process.env.LORE_ADMIN_TOKEN}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ whom: ada.username, for_s: BAN_S }),
  });
  assert.equal(ban.status, 200, await ban.text());
  await until(() => ada.world.state.kind === 'closed', 'a ban does not end it');
  const opened = ada.line.opened;
  assert.equal(ada.world.state.reason, afterClose(4005).reason);
  await until(() => guest.left.includes(you), 'who is banned is still there');

  // Who was away meanwhile is told at the door.
  const { api, line, id, username, password } = ada;
  const asked = [];
  const { token, ...others } = worldOptions(api, line, id);
  const late = watched(new WorldClient({ ...others, token: (check) => (asked.push(check), token(check)) }), {});
  late.world.connect();
  await until(() => late.world.state.kind === 'closed', 'a ban does not end an attempt');
  assert.match(late.world.state.reason, /^banned for .*: insults$/);
  assert.deepEqual([late.states, asked], [['connecting', 'waiting', 'connecting', 'closed'], [false, true]]);
  await assert.rejects(api.login(username, password), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.code], [403, 'banned']);
    assert.ok(error.retryAfterMs > (BAN_S - 60) * 1000 && error.retryAfterMs <= BAN_S * 1000, `${error.retryAfterMs}`);
    return true;
  });
  saw.told = [ada.world.state.reason, late.world.state.reason];

  step = 'leaving';
  await guest.world.leave();
  assert.deepEqual(guest.world.state, { kind: 'closed', reason: 'left' });
  // Longer than either would have waited before trying again.
  await pause(FIRST_WAIT_MS * 8);
  assert.deepEqual([ada.states.at(-1), late.states.at(-1)], ['closed', 'closed']);
  assert.ok(line.opened - opened <= 3, `${line.opened - opened} connections: one socket, and HTTP beside it`);
}

/** Asks whoever has started the server to do it again: where it is then. */
async function restarted() {
  console.log(JSON.stringify({ wants: 'restart' }));
  const lines = createInterface({ input: process.stdin });
  const [line] = await Promise.race([
    new Promise((resolve) => lines.once('line', (told) => resolve([told]))),
    new Promise((resolve) => lines.once('close', () => resolve([]))),
  ]);
  lines.close();
  if (!line) throw new Error('nobody restarts the server');
  return JSON.parse(line);
}

/** The session goes on; whatever else happens first is an error. */
async function resumed({ world }) {
  for (;;) {
    const state = await world.once('state', PATIENCE_MS);
    if (state.kind === 'joined') return assert.equal(state.resumed, true, 'joined anew');
    assert.notEqual(state.kind, 'closed', state.reason);
  }
}

async function slotOf(world, item) {
  const { slots } = await world.call('inventory.list', {});
  const slot = slots.find((each) => each.item === item);
  assert.ok(slot, `no ${item} among ${slots.map((each) => each.item)}`);
  return slot;
}

/** Asks every `everyMs` until the answer is true. */
async function until(condition, complaint, everyMs = 10) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${complaint} (within ${PATIENCE_MS / 1000} s)`);
    await pause(everyMs);
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function letters(count) {
  return Array.from({ length: count }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join('');
}

function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}
