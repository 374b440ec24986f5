// Records what a server sends to somebody who plays for some seconds:
//
//   node test/support/record.mjs http://127.0.0.1:7777 > test/recordings/first-steps.jsonl
//
// One JSON object a line: the `method` that was called by the `id` of a frame of answers, and the `frame`.

import { WebSocket } from 'ws';

const base = process.argv[2];
if (!base) throw new Error('usage: node record.mjs http://127.0.0.1:7777');

const post = async (path, body, token) => {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}`, 'Idempotency-Key': path }) };
  return (await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
};
const { access_token: token } = await post('/v1/auth/guest', {});
const name = `Rec${Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => String.fromCharCode(97 + (byte % 26))).join('')}`;
const character = await post('/v1/characters', { name, class: 'warrior' }, token);

const socket = new WebSocket(`${base.replace('http', 'ws')}/v1/world/ws?token=${token}`, 'lore.v1.json');
const called = new Map();
let own;
let next = 1;
const call = (method, params) => {
  called.set(next, method);
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: next++, method, params }));
};
const heard = (wanted) => new Promise((resolve) => {
  const listen = (frame) => {
    const message = JSON.parse(frame);
    if (!wanted(message)) return;
    socket.off('message', listen);
    resolve(message);
  };
  socket.on('message', listen);
});
socket.on('message', (frame) => {
  const text = String(frame).replaceAll(name, 'Ada');
  const { id } = JSON.parse(text);
  console.log(JSON.stringify({ ...(id && { id, method: called.get(id) }), frame: text }));
});

await heard(({ method }) => method === 'session.welcome');
call('world.join', { character: character.id });
({ params: own } = await heard(({ method }) => method === 'world.snapshot'));
const me = own.entities.find(({ id }) => id === own.you);
const mira = own.entities.find(({ template }) => template === 'mira');
for (const [method, params] of [
  ['quest.list', {}], ['inventory.list', {}], ['craft.list', {}], ['chat.send', { text: 'hello' }],
  ['combat.attack', { target: me.id }], ['combat.use_skill', { ability: 'second_wind' }], ['system.ping', { nonce: 5 }],
]) call(method, params);
const goal = mira ?? me;
for (let step = 1; step <= 60; step += 1) {
  const part = Math.min(1, (step * 900) / Math.hypot(goal.x - me.x, goal.y - me.y));
  const [x, y] = [me.x + (goal.x - me.x) * part, me.y + (goal.y - me.y) * part].map(Math.round);
  if (part < 1) socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'world.move', params: { seq: step, x, y } }));
  await new Promise((resolve) => setTimeout(resolve, 50));
}
call('npc.interact', { target: goal.id });
call('state.sync', {});
await heard(({ method }) => method === 'world.snapshot');
await new Promise((resolve) => setTimeout(resolve, 1000));
call('world.leave', {});
await heard(({ id }) => id === next - 1);
socket.close();
