// Records what a server sends to somebody who plays for some seconds, and loses the line once:
//
//   node test/support/record.mjs http://127.0.0.1:7777 json > test/recordings/first-steps.jsonl
//   node test/support/record.mjs http://127.0.0.1:7777 proto > test/recordings/first-steps.proto.jsonl
//
// One JSON object a line: the `method` that was called by the `id` of a frame of answers, and the `frame`, in Base64 if it is
// binary. The character is Ada: each recording wants a world of its own. Needs `npm run sdk`.

import { decode, encode } from '@loreforge/client/wire';
import { WebSocket } from 'ws';

const [base, encoding] = process.argv.slice(2);
if (!base || !['json', 'proto'].includes(encoding)) throw new Error('usage: node record.mjs http://127.0.0.1:7777 json|proto');

const post = async (path, body, token) => {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}`, 'Idempotency-Key': path }) };
  const answer = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const { access_token: token } = await post('/v1/auth/guest', {});
const character = await post('/v1/characters', { name: 'Ada', class: 'warrior' }, token);

const called = new Map();
const listeners = new Set();
let socket;
let newest = 0;
let next = 1;

/** What a frame says: messages as they are in JSON, without their envelope. */
const read = (frame) => {
  if (encoding === 'json') return [JSON.parse(frame)].flat();
  const { notifications, responses, seq } = decode('ServerFrame', new Uint8Array(frame));
  return [...notifications, ...responses].map((message) => ({ ...message, seq }));
};
const send = (...calls) => {
  const frames = calls.map((call) => ({ jsonrpc: '2.0', ...call }));
  socket.send(encoding === 'proto' ? encode('ClientFrame', { calls }) : JSON.stringify(frames.length > 1 ? frames : frames[0]));
};
const call = (method, params) => {
  called.set(next, method);
  send({ id: next++, method, params });
  return next - 1;
};
const connect = () => {
  socket = new WebSocket(`${base.replace('http', 'ws')}/v1/world/ws?token=${token}`, `lore.v1.${encoding}`);
  socket.on('message', (frame) => {
    const messages = read(frame);
    const { id } = messages.find((message) => message.id) ?? {};
    console.log(JSON.stringify({ ...(id && { id, method: called.get(id) }), frame: frame.toString(encoding === 'json' ? 'utf8' : 'base64') }));
    newest = Math.max(newest, ...messages.map(({ seq }) => seq ?? 0));
    for (const listener of listeners) messages.forEach(listener);
  });
};
const heard = (wanted) =>
  new Promise((resolve) => {
    const listener = (message) => {
      if (!wanted(message)) return;
      listeners.delete(listener);
      resolve(message);
    };
    listeners.add(listener);
  });
const told = async (wanted) => (await heard(({ method }) => method === wanted)).params;
const answered = (wanted) => heard(({ id }) => id === wanted);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

connect();
const { recovery } = await told('session.welcome');
call('world.join', { character: character.id });
const own = await told('world.snapshot');
const me = own.entities.find(({ id }) => id === own.you);
const mira = own.entities.find(({ template }) => template === 'mira');
const first = [
  ['quest.list', {}], ['inventory.list', {}], ['craft.list', {}], ['chat.send', { text: 'hello' }],
  ['combat.attack', { target: me.id }], ['combat.use_skill', { ability: 'second_wind' }], ['system.ping', { nonce: 5 }],
];
await Promise.all(first.map(([method, params]) => answered(call(method, params))));
send({ method: 'session.ack', params: { seq: newest - 4 } });
const goal = mira ?? me;
for (let step = 1; step <= 60; step += 1) {
  const part = Math.min(1, (step * 900) / Math.hypot(goal.x - me.x, goal.y - me.y));
  const [x, y] = [me.x + (goal.x - me.x) * part, me.y + (goal.y - me.y) * part].map(Math.round);
  if (part < 1) send({ method: 'world.move', params: { seq: step, x, y } });
  await pause(50);
}

// The line breaks after a call: it is answered on the next, and so is what was not acknowledged.
const said = call('chat.send', { text: 'is anybody there?' });
const gone = new Promise((resolve) => socket.once('close', resolve));
socket.terminate();
await gone;
const missed = newest - 2;
connect();
await told('session.welcome');
const again = told('world.snapshot');
const { result } = await answered(call('session.resume', { token: recovery, seq: missed }));
if (result.last_id < said) send({ id: said, method: 'chat.send', params: { text: 'is anybody there?' } });
await again;

await answered(call('npc.interact', { target: goal.id }));
const synced = told('world.snapshot');
call('state.sync', {});
await synced;
await pause(1000);
await answered(call('world.leave', {}));
socket.close();
