// A stand-in for the server: enough of `lore.v1` to develop and to test the client without Rust.
// Its rules are toys. Run: node dev/mock.mjs --listen 127.0.0.1:8081

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '@loreforge/client/wire';
import { WebSocketServer } from 'ws';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
/** Which member of a Response a method is answered with, where it is not `done`. */
const OUTCOMES = { 'world.join': 'joined', 'npc.interact': 'interaction', 'quest.list': 'quests', 'inventory.list': 'inventory', 'auth.refresh': 'refreshed', 'system.ping': 'pong' };
const SUBPROTOCOLS = new Set(['lore.v1.json', 'lore.v1.proto']);
const QUEST = 'wolves_at_the_gate';
const ZONES = {
  downtown: zone('downtown', 'Downtown', 20000, [{ x0: 245000, y0: 100000, x1: 250000, y1: 150000, to: 'greywood' }]),
  greywood: zone('greywood', 'Greywood', 10000, [{ x0: 0, y0: 100000, x1: 5000, y1: 150000, to: 'downtown' }]),
};
const CLASSES = [['warrior', 'Warrior'], ['mage', 'Mage'], ['ranger', 'Ranger']];
const ABILITIES = [
  ability('strike', 'Strike', 2500, 0, 0, 'enemy', 1),
  ability('cleave', 'Cleave', 3000, 6000, 25, 'enemy', 1),
  ability('second_wind', 'Second Wind', 0, 20000, 30, 'caster', 1),
  ability('shield_wall', 'Shield Wall', 0, 30000, 0, 'caster', 5),
];

function zone(name, title, max_speed, crossings) {
  return { name, title, width: 250000, height: 250000, max_speed, interest_radius: 100000, crossings };
}
function ability(name, title, range, cooldown_ms, energy, target, required_level) {
  return { name, title, range, cooldown_ms, mana: 0, energy, target, required_level };
}

/** Starts the mock; resolves with its address and the switches tests use. */
export async function startMock({ host = '127.0.0.1', port = 0, tickMs = 50 } = {}) {
  const mock = { refuseTokens: new Set(), dropJoin: 0, version: '0.1.0+1a2b3c4d', weather: 'rain', minute: 1090 };
  const entities = new Map();
  const sessions = new Set();
  const accounts = new Map();
  const characters = new Map();
  let nextId = 1;
  let tick = 0;

  const broadcast = (zoneName, delta) => {
    for (const s of sessions) if (s.entity?.zone === zoneName) merge(s.delta, delta);
  };
  const spawn = (zoneName, fields) => {
    const entity = { id: nextId++, level: 1, statuses: [], ...fields, zone: zoneName };
    entity.home = { x: entity.x, y: entity.y };
    entities.set(entity.id, entity);
    broadcast(zoneName, { enter: [shown(entity)] });
    return entity;
  };
  const npc = (zoneName, template, name, x, y, level, hp, hostile, boss = false) =>
    spawn(zoneName, { kind: 'npc', template, name, x, y, level, hp, hp_max: hp, state: 'idle', target: null, hostile, boss });
  npc('downtown', 'mira', 'Mira the Innkeeper', 118000, 131000, 10, 200, false);
  npc('downtown', 'tobin', 'Tobin', 137000, 116000, 8, 160, false);
  npc('downtown', 'guard', 'City Guard', 150000, 133000, 20, 500, false);
  for (const [i, [x, y]] of [[24, 128], [31, 117], [37, 136], [45, 124], [52, 111]].entries()) {
    npc('greywood', 'wolf', 'Grey Wolf', x * 1000, y * 1000, 1 + (i % 3), 44, true);
  }
  npc('greywood', 'old_fang', 'Old Fang', 60000, 128000, 5, 220, true, true);

  const environment = () => ({ minute_of_day: mock.minute, lighting: mock.minute > 1080 ? 'sunset' : 'daylight', weather: mock.weather, temperature: 12.5 });
  const quest = (s) => ({ name: QUEST, title: 'Wolves at the Gate', text: 'Thin the pack that prowls the Greywood road.', state: s.quest,
    objectives: [{ text: 'Kill grey wolves', deed: 'kill', done: s.kills, needed: 3 }, { text: 'Speak to Mira again', deed: 'talk', done: 0, needed: 1 }] });
  const notify = (s, method, params) => s.socket.send(s.proto ? encode('ServerFrame', { notifications: [{ method, params }] }) : JSON.stringify({ jsonrpc: '2.0', method, params }));
  const snapshot = (s) => {
    s.delta = {};
    notify(s, 'world.snapshot', { tick, zone: ZONES[s.entity.zone], environment: environment(), you: s.entity.id, ack: s.ack, self: s.self,
      entities: [...entities.values()].filter((e) => e.zone === s.entity.zone).map(shown) });
  };
  const change = (entity, fields) => {
    Object.assign(entity, fields);
    broadcast(entity.zone, { update: [{ id: entity.id, ...fields }] });
  };
  const place = (s, zoneName, x, y) => {
    s.entity = spawn(zoneName, { kind: 'player', name: s.character.name, template: s.character.class, x, y, level: s.character.level, hp: s.hp ?? 100, hp_max: 100 });
  };
  const remove = (entity) => {
    entities.delete(entity.id);
    broadcast(entity.zone, { leave: [entity.id] });
  };
  const swing = (attacker, defender, name, power) => {
    const roll = Math.random();
    const hit = roll < 0.1 ? 'miss' : roll < 0.15 ? 'dodge' : roll > 0.85 ? 'critical' : 'hit';
    const base = Math.round(power * (0.8 + Math.random() * 0.4));
    const raw = hit === 'critical' ? Math.round(base * 1.5) : base;
    const amount = hit === 'miss' || hit === 'dodge' ? 0 : Math.max(1, raw - 2);
    const hp = Math.max(0, defender.hp - amount);
    change(defender, { hp });
    const events = [{ type: 'swing', attacker: attacker.id, defender: defender.id, ability: name, animation: 'slash', duration_ms: 400, hit, base, raw, amount, element: 'physical', by: `combat@${mock.version}` }];
    if (hp === 0) events.push({ type: 'death', entity: defender.id, killer: attacker.id, by: `combat@${mock.version}` });
    broadcast(defender.zone, { events });
    return hp === 0;
  };
  const killed = (s, wolf) => {
    const c = s.character;
    c.experience += 80;
    if (c.experience >= c.experience_to_next) Object.assign(c, { level: c.level + 1, experience: c.experience - c.experience_to_next, experience_to_next: 250 });
    if (s.entity.level !== c.level) change(s.entity, { level: c.level });
    notify(s, 'character.update', { level: c.level, experience: c.experience, experience_to_next: c.experience_to_next, experience_delta: 80, gold: (c.gold += 3), gold_delta: 3, by: 'progression@0.1.0+77aa' });
    if (s.quest === 'active' && wolf.template === 'wolf') {
      s.kills = Math.min(3, s.kills + 1);
      notify(s, 'quest.update', { quest: quest(s), by: 'quest@0.1.0+beef' });
    }
    spawn(wolf.zone, { kind: 'item', name: 'Wolf Pelt', template: 'wolf_pelt', x: wolf.x, y: wolf.y, count: 1, level: undefined, statuses: undefined });
    setTimeout(() => remove(wolf), 1500).unref();
  };
  const strike = (s, target, name, power) => {
    const victim = entities.get(target);
    if (!victim || victim.zone !== s.entity.zone) reject('no_target');
    if (!victim.hostile || victim.hp <= 0) reject('wrong_target');
    if (Math.hypot(victim.x - s.entity.x, victim.y - s.entity.y) > 3000) reject('out_of_range');
    if (Date.now() - (s.acted ?? 0) < 500) reject('too_soon');
    s.acted = Date.now();
    change(victim, { target: s.entity.id, state: 'attack' });
    if (swing(s.entity, victim, name, power)) killed(s, victim);
  };
  const talk = (s, npc, text, choices) => notify(s, 'dialog.show', { npc, dialog: 'innkeeper', node: 'n', text, choices, by: 'dialog@0.1.0+f00d' });

  const methods = {
    'world.join': (s, p) => {
      if (mock.dropJoin > 0) { mock.dropJoin -= 1; return s.socket.terminate(); }
      s.character = characters.get(p.character) ?? fail(-32000, 'not your character', { reason: 'unauthorized' });
      Object.assign(s, { ack: s.character.ack ?? 0, kills: 0, quest: undefined, self: { mana: 30, mana_max: 40, energy: 85, energy_max: 100 } });
      s.slots = [['bandage', 'Linen Bandage', 4, 'consumable', 'common'], ['wolf_pelt', 'Wolf Pelt', 2, 'material', 'common'], ['iron_sword', 'Iron Sword', 1, 'equipment', 'uncommon'], ['gate_key', 'Gate Key', 1, 'quest', 'rare']]
        .map(([item, title, count, kind, rarity], slot) => ({ slot, item, title, count, kind, rarity }));
      place(s, 'downtown', 128000, 121000);
      setImmediate(() => snapshot(s));
      return { zone: 'downtown', entity: s.entity.id, tick, character: { ...s.character, abilities: ABILITIES } };
    },
    'world.leave': (s) => { remove(s.entity); s.entity = undefined; return {}; },
    'world.move': (s, { seq, x, y }) => {
      if (seq <= s.ack || s.entity.hp <= 0) return {};
      const now = performance.now();
      const most = (ZONES[s.entity.zone].max_speed * 1.1 * Math.min(2000, now - (s.movedAt ?? now) + 400)) / 1000;
      if (Math.hypot(x - s.entity.x, y - s.entity.y) > most) { notify(s, 'world.corrected', { seq, x: s.entity.x, y: s.entity.y }); return {}; }
      Object.assign(s, { ack: seq, movedAt: now });
      s.character.ack = seq;
      merge(s.delta, { ack: seq });
      change(s.entity, { x, y });
      const crossing = ZONES[s.entity.zone].crossings.find((c) => x >= c.x0 && x <= c.x1 && y >= c.y0 && y <= c.y1);
      if (crossing) {
        remove(s.entity);
        place(s, crossing.to, crossing.to === 'greywood' ? 9000 : 238000, y);
        notify(s, 'world.zone', { zone: crossing.to });
        snapshot(s);
      }
      return {};
    },
    'combat.attack': (s, p) => (strike(s, p.target, 'strike', 14), {}),
    'combat.use_skill': (s, p) => {
      if (p.ability === 'cleave') strike(s, p.target, 'cleave', 26);
      else {
        change(s.entity, { hp: Math.min(100, s.entity.hp + 30) });
        broadcast(s.entity.zone, { events: [{ type: 'heal', source: s.entity.id, target: s.entity.id, with: p.ability, amount: 30, by: `abilities@${mock.version}` }] });
      }
      s.self.energy = Math.max(0, s.self.energy - 25);
      merge(s.delta, { self: { energy: s.self.energy } });
      return {};
    },
    'npc.interact': (s, p) => {
      const other = entities.get(p.target) ?? reject('no_target');
      if (Math.hypot(other.x - s.entity.x, other.y - s.entity.y) > 5000) reject('out_of_range');
      if (other.kind === 'item') { remove(other); return { kind: 'picked_up' }; }
      if (other.template !== 'mira') { notify(s, 'chat.message', { channel: 'zone', from: other.id, name: other.name, text: 'Fine weather for it.' }); return { kind: 'greeting' }; }
      talk(s, other.id, `Welcome to the Lantern, ${s.character.name}. Mind the draught. Folk say the Greywood road is not safe after dusk any more.`,
        [{ id: 'ask_rooms', text: 'What does a room cost?' }, { id: 'ask_wolves', text: 'What is wrong with the road?' }, { id: 'bye', text: 'Good night.' }]);
      return { kind: 'dialog' };
    },
    'dialog.choose': (s, p) => {
      if (p.choice === 'ask_wolves') talk(s, 1, 'Wolves. Grey ones, bold as taxmen. Kill three and I will see you are paid.', [{ id: 'accept_wolves', text: 'I will do it.' }, { id: 'bye', text: 'Not today.' }]);
      else if (p.choice === 'accept_wolves') {
        s.quest = 'active';
        talk(s, 1, 'Good. Mind their teeth.', [{ id: 'back', text: 'Something else.' }]);
        // As after a commit: later than the dialog goes on.
        setTimeout(() => notify(s, 'quest.update', { quest: quest(s), by: 'quest@0.1.0+beef' }), 80).unref();
      } else notify(s, 'dialog.end', {});
      return {};
    },
    'dialog.close': (s) => (notify(s, 'dialog.end', {}), {}),
    'quest.list': (s) => ({ quests: s.quest ? [quest(s)] : [] }),
    'quest.abandon': (s) => { s.quest = 'abandoned'; notify(s, 'quest.update', { quest: quest(s) }); return {}; },
    'inventory.list': (s) => ({ gold: s.character.gold, slots: s.slots, equipment: { main_hand: 'rusty_sword', chest: 'padded_vest' } }),
    'inventory.drop': (s, p) => { notify(s, 'inventory.update', { slots: [{ slot: p.slot, item: null, count: 0 }] }); return {}; },
    'chat.send': (s, p) => { for (const o of sessions) if (o.entity) notify(o, 'chat.message', { channel: 'zone', from: s.entity.id, name: s.character.name, text: p.text }); return {}; },
    'state.sync': (s) => { setImmediate(() => snapshot(s)); return {}; },
    'auth.refresh': () => ({ expires_in_ms: 86_400_000 }),
    'system.ping': (s, p) => ({ ...p, tick, server_time_ms: Date.now() }),
  };

  const answer = (s, call) => {
    const reply = ({ result, error }) => {
      if (call.id === undefined) return;
      const said = error ? { outcome: 'error', result: error } : { outcome: OUTCOMES[call.method] ?? 'done', result };
      s.socket.send(s.proto ? encode('ServerFrame', { responses: [{ id: call.id, ...said }] }) : JSON.stringify({ jsonrpc: '2.0', id: call.id, ...(error ? { error } : { result }) }));
    };
    try {
      const method = methods[call.method] ?? fail(-32601, 'no such method', { reason: 'method_not_found' });
      if (!s.entity && call.method !== 'world.join' && call.method !== 'system.ping') fail(-32003, 'join first', { reason: 'invalid_state' });
      const result = method(s, call.params ?? {});
      if (result) reply({ result });
    } catch (error) {
      reply({ error: { code: error.code ?? -32603, message: error.message, data: error.data ?? { reason: 'internal' } } });
    }
  };

  const routes = {
    'POST /v1/auth/register': (body) => issue(body.username),
    'POST /v1/auth/login': (body) => (accounts.has(body.login) ? issue(body.login) : [401, problem('bad_credentials', 'Wrong name or password.')]),
    'POST /v1/auth/guest': () => issue(`guest-${nextId}`),
    'POST /v1/auth/refresh': (body) => (mock.refuseTokens.has(body.refresh_token) ? [401, problem('bad_refresh_token', 'No longer good.')] : (mock.refuseTokens.add(body.refresh_token), issue('again'))),
    'POST /v1/auth/logout': () => [204],
    'GET /v1/me': () => [200, { account: 1, username: 'ada', roles: ['player'], guest: false }],
    'GET /v1/classes': () => [200, { classes: CLASSES.map(([name, title]) => ({ name, title })) }],
    'GET /v1/characters': () => [200, { characters: [...characters.values()] }],
    'POST /v1/characters': (body) => {
      if ([...characters.values()].some((c) => c.name === body.name)) return [409, problem('name_taken', 'That name is taken.')];
      const character = { id: nextId++, name: body.name, class: body.class, level: 1, experience: 0, experience_to_next: 100, gold: 5, zone: 'downtown' };
      characters.set(character.id, character);
      return [201, character];
    },
  };
  const problem = (code, detail) => ({ type: 'about:blank', title: code, code, detail });
  const issue = (username) => {
    accounts.set(username, true);
    return [201, { access_token: `access-${nextId++}`, token_type: 'Bearer', expires_in: 86400, refresh_token: `refresh-${nextId++}`, account: 1, username }];
  };

  const http = createServer(async (request, response) => {
    const send = (status, body, type = 'application/json') => response.writeHead(status, { 'Content-Type': type, 'Content-Security-Policy': "default-src 'self'" }).end(body);
    const route = routes[`${request.method} ${request.url}`];
    const token = request.headers.authorization?.slice(7);
    if (route) {
      let text = '';
      for await (const chunk of request) text += chunk;
      const open = request.url.startsWith('/v1/auth/');
      const [status, body] = !open && (!token || mock.refuseTokens.has(token)) ? [401, problem('unauthorized', 'Log in.')] : route(text ? JSON.parse(text) : {});
      return send(status, body ? JSON.stringify(body) : undefined);
    }
    const { pathname } = new URL(request.url, 'http://mock');
    const path = pathname === '/' ? '/index.html' : pathname;
    try {
      return send(200, await readFile(DIST + path.replaceAll('..', '')), TYPES[extname(path)]);
    } catch {
      return send(404, JSON.stringify(problem('not_found', path)));
    }
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered].find((each) => SUBPROTOCOLS.has(each)) ?? false });
  http.on('upgrade', (request, socket, head) => {
    const token = new URL(request.url, 'http://mock').searchParams.get('token');
    if (!token || mock.refuseTokens.has(token)) return socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
    return sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const s = { socket: webSocket, proto: webSocket.protocol === 'lore.v1.proto', delta: {} };
      sessions.add(s);
      webSocket.on('message', (frame) => (s.proto ? decode('ClientFrame', frame).calls : [JSON.parse(frame)].flat()).forEach((call) => answer(s, call)));
      webSocket.on('close', () => { sessions.delete(s); if (s.entity) remove(s.entity); });
      notify(s, 'session.welcome', { session: '8f0c', server: 'mock/0.1.0', tick_ms: tickMs, account: 1, heartbeat_ms: 30000, max_message_bytes: 16384 });
    });
  });

  const fight = () => {
    for (const wolf of entities.values()) {
      const s = wolf.hostile && wolf.hp > 0 && [...sessions].find((o) => o.entity?.id === wolf.target);
      if (!s) continue;
      const [dx, dy] = [s.entity.x - wolf.x, s.entity.y - wolf.y];
      const distance = Math.hypot(dx, dy);
      if (distance > 2000) change(wolf, { x: Math.round(wolf.x + (dx / distance) * 300), y: Math.round(wolf.y + (dy / distance) * 300) });
      else if (tick % 24 === wolf.id % 24 && s.entity.hp > 0 && swing(wolf, s.entity, 'bite', 5)) {
        notify(s, 'character.died', { respawn_ms: 3000 });
        setTimeout(() => { change(s.entity, { hp: 100, x: 9000, y: 125000 }); notify(s, 'character.respawned', {}); }, 3000).unref();
      }
    }
  };
  const timer = setInterval(() => {
    tick += 1;
    fight();
    for (const s of sessions) {
      if (!s.entity || Object.keys(s.delta).length === 0) continue;
      notify(s, 'world.delta', { tick, ...s.delta });
      s.delta = {};
    }
  }, tickMs);

  await new Promise((resolve) => http.listen(port, host, resolve));
  const address = `${host}:${http.address().port}`;
  return Object.assign(mock, {
    url: `http://${address}`,
    ws: `ws://${address}/v1/world/ws`,
    entities,
    /** Tells every client, as a restarting server does, and closes with `code`. */
    closeAll: (code, reconnect) => { for (const s of sessions) { if (reconnect) notify(s, 'system.reconnect', reconnect); s.socket.close(code); } },
    notifyAll: (method, params) => { for (const s of sessions) notify(s, method, params); },
    /** Sends every client a frame as it is. */
    send: (frame) => { for (const s of sessions) s.socket.send(frame); },
    encodings: () => [...sessions].map((s) => (s.proto ? 'proto' : 'json')),
    change,
    close: () => { clearInterval(timer); for (const s of sessions) s.socket.terminate(); http.close(); },
  });
}

function shown({ zone: _zone, home: _home, ...entity }) {
  return entity;
}
function merge(delta, more) {
  for (const [key, value] of Object.entries(more)) {
    if (Array.isArray(value)) (delta[key] ??= []).push(...value);
    else delta[key] = typeof value === 'object' ? { ...delta[key], ...value } : value;
  }
}
function fail(code, message, data) {
  throw Object.assign(new Error(message), { code, data });
}
function reject(rejection) {
  return fail(-32011, rejection.replaceAll('_', ' '), { reason: 'rejected', rejection });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [host, port] = (process.argv[process.argv.indexOf('--listen') + 1] || '127.0.0.1:8081').split(':');
  const mock = await startMock({ host, port: Number(port) });
  console.log(mock.url);
}
