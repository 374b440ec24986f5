import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENCODINGS } from '../src/encoding.js';
import type { Event, WorldDelta, WorldSnapshot } from '../src/gen/lore.v1.js';
import { applyMoves, FrameAcks, sameStep, type Moves } from '../src/moves.js';
import { Replica, type Entity } from '../src/replica.js';
import { Random, randomMessage } from './support/random.js';
import { binaryFrame } from './support/reference.js';

const wolf: Entity = { id: 33, kind: 'npc', name: 'Grey Wolf', template: 'wolf', x: 1000, y: 900, level: 2, hp: 60, hp_max: 60, hostile: true };
const ada: Entity = { id: 12, kind: 'player', name: 'Ada', template: 'warrior', x: 0, y: 0, level: 1, hp: 100, hp_max: 100 };

function snapshot(entities: Entity[]): WorldSnapshot {
  return {
    tick: 345,
    zone: { name: 'downtown', title: 'Downtown', width: 400000, height: 400000, max_speed: 20000, interest_radius: 100000, crossings: [] },
    environment: { minute_of_day: 615, lighting: 'daylight', weather: 'rain', temperature: 12.5 },
    world_events: [],
    you: 12,
    ack: 0,
    self: { mana: 30, mana_max: 30, energy: 100, energy_max: 100 },
    entities,
  };
}

function delta(members: Partial<WorldDelta> & { moves?: Moves }): WorldDelta {
  return { tick: 346, enter: [], update: [], leave: [], events: [], ...members };
}

function replicaOf(...entities: Entity[]): Replica {
  const replica = new Replica(() => 0);
  replica.snapshot(snapshot(entities));
  return replica;
}

test('a delta enters, updates and removes entities', () => {
  const replica = replicaOf(ada, wolf);
  const { left, moved } = replica.delta(
    delta({ ack: 7, enter: [{ ...wolf, id: 34 }], update: [{ id: 34, hp: 40 }, { id: 12, x: 5 }], leave: [33], self: { mana: 20 } }),
  );
  assert.deepEqual([replica.tick, replica.ack], [346, 7]);
  assert.deepEqual([...replica.entities.keys()], [12, 34]);
  assert.equal(replica.entities.get(34)?.hp, 40);
  assert.equal(replica.entities.get(34)?.name, 'Grey Wolf');
  assert.equal(replica.own?.x, 5);
  assert.equal(left.get(33)?.name, 'Grey Wolf');
  assert.deepEqual(moved, [34, 12]);
  assert.deepEqual(replica.self, { mana: 20, mana_max: 30, energy: 100, energy_max: 100 });
});

test('a snapshot replaces everything that was known', () => {
  const replica = replicaOf(ada, wolf);
  replica.snapshot(snapshot([ada]));
  assert.deepEqual([...replica.entities.keys()], [12]);
});

test('the replica does not share objects with the messages', () => {
  const message = snapshot([ada]);
  const replica = new Replica(() => 0);
  replica.snapshot(message);
  replica.delta(delta({ update: [{ id: 12, x: 77 }] }));
  assert.equal(message.entities[0]?.x, 0);
});

test('an update of an unknown entity is ignored', () => {
  const replica = replicaOf(ada);
  assert.deepEqual(replica.delta(delta({ update: [{ id: 99, x: 1 }], leave: [98] })), { left: new Map(), moved: [] });
  assert.equal(replica.entities.size, 1);
});

test('an environment event changes the sky', () => {
  const replica = replicaOf(ada);
  const environment = { minute_of_day: 1200, lighting: 'night', weather: 'fog', temperature: 3 };
  replica.delta(delta({ events: [{ type: 'environment', environment }] }));
  assert.deepEqual(replica.environment, environment);
});

test('the nearest wanted entity comes first', () => {
  const replica = replicaOf(ada, { ...wolf, id: 1, x: 9000 }, { ...wolf, id: 2, x: 4000 });
  assert.deepEqual(replica.nearest(ada, (entity) => entity.hostile === true).map((entity) => entity.id), [2, 1]);
});

test('events of the world run until they are over or a snapshot says nothing of them', () => {
  const replica = replicaOf(ada);
  const moon = {
    name: 'wolf_moon', title: 'The Wolf Moon', state: 'going', stage: 1, stages: 2, text: 'Drive them off', kills: 0, kills_needed: 8,
    ends_in_ms: 60_000, x: 0, y: 0, radius: 5_000,
  };
  replica.snapshot({ ...snapshot([ada]), world_events: [moon] });
  replica.happen({ ...moon, kills: 3 });
  assert.equal(replica.events.get('wolf_moon')?.event.kills, 3);
  assert.equal(replica.events.get('wolf_moon')?.endsAt, 60_000);
  replica.happen({ ...moon, state: 'success', stage: 0 });
  assert.equal(replica.events.size, 0);
  replica.happen(moon);
  replica.snapshot(snapshot([ada]));
  assert.equal(replica.events.size, 0);
});

test('packed movement is told in steps from the step an entity was in', () => {
  const replica = replicaOf({ ...ada, x: 1_019, y: -1 }, { ...wolf, x: 40, y: 0 });
  const moves = { ids: [12, 21, 5], dx: [1, -2, 9], dy: [0, 3, 9] };
  const { moved } = replica.delta(delta({ moves }));
  assert.deepEqual(moved, [12, 33], 'nobody knows 38');
  const place = (id: number) => [replica.entities.get(id)?.x, replica.entities.get(id)?.y];
  // 1019 is in step 50, -1 in step -1.
  assert.deepEqual(place(12), [1_020, -20]);
  assert.deepEqual(place(33), [0, 60]);
});

test('a way in packed movement ends where it ended, to a step', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const random = new Random(seed);
    const real = Array.from({ length: 5 }, (_, index) => ({ id: index * 3 + 1, x: random.between(-5_000, 5_000), y: random.between(-5_000, 5_000) }));
    const known = new Map(real.map((entity) => [entity.id, { ...entity }]));
    for (let tick = 0; tick < 100; tick += 1) {
      const before = real.map((entity) => ({ ...entity }));
      const walking = real.filter(() => random.chance(0.6));
      for (const entity of walking) Object.assign(entity, { x: entity.x + random.between(-700, 700), y: entity.y + random.between(-700, 700) });
      const was = (id: number) => before.find((entity) => entity.id === id)!;
      const step = (mm: number) => Math.floor(mm / 20);
      const ids = walking.map(({ id }, index) => id - (walking[index - 1]?.id ?? 0));
      applyMoves({ ids, dx: walking.map(({ id, x }) => step(x) - step(was(id).x)), dy: walking.map(({ id, y }) => step(y) - step(was(id).y)) }, known);
      for (const entity of real) assert.ok(sameStep(known.get(entity.id)!, entity), `seed ${seed}, tick ${tick}`);
    }
  }
});

test('frames are acknowledged every other tick, the newest alone, and the last of them', () => {
  const acks = new FrameAcks(2);
  const due = (tick: number) => {
    acks.heard(tick);
    return acks.overdue ? acks.take() : undefined;
  };
  assert.deepEqual([10, 11, 12, 15, 16, 17].map(due), [10, undefined, 12, 15, undefined, 17]);
  assert.equal(acks.take(), undefined, 'nothing is left');
  assert.equal(due(18), undefined);
  assert.deepEqual([acks.take(), acks.take()], [18, undefined], 'nothing came after it');
  acks.reset();
  assert.equal(due(3), 3);
});

/** JSON as the server writes it: these lists are left out when they are empty. */
function asServer(message: WorldDelta): object {
  const left = Object.entries(message).filter(([name, value]) => !(['enter', 'update', 'leave', 'events'].includes(name) && (value as unknown[]).length === 0));
  return Object.fromEntries(left);
}

test('random frames in both encodings build the same replica, and the one that was meant', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = new Random(seed);
    const truth = new Map<number, Entity>();
    const [ofJson, ofProto] = [new Replica(() => 0), new Replica(() => 0)];
    let next = 1;
    const whole = (): Entity => ({
      ...(randomMessage(random, 'Entity') as unknown as Entity), kind: random.pick(['npc', 'player', 'item']), id: next++, name: 'N', template: 't', x: random.between(0, 1e6), y: random.between(0, 1e6),
    });
    const tell = (method: string, params: object) => {
      const frame = JSON.stringify({ jsonrpc: '2.0', method, params: method === 'world.delta' ? asServer(params as WorldDelta) : params });
      for (const [replica, { told }] of [
        [ofJson, ENCODINGS.json.decode(frame, () => undefined)],
        [ofProto, ENCODINGS.proto.decode(binaryFrame(frame, () => undefined), () => undefined)],
      ] as const) {
        if (method === 'world.snapshot') replica.snapshot(told[0]!.params as WorldSnapshot);
        else replica.delta(told[0]!.params as WorldDelta);
      }
    };
    for (let tick = 1; tick <= 60; tick += 1) {
      if (tick === 1 || random.chance(0.05)) {
        truth.clear();
        for (let count = 0; count < 5; count += 1) {
          const entity = whole();
          truth.set(entity.id, entity);
        }
        tell('world.snapshot', { ...snapshot([...truth.values()]), tick, you: [...truth.keys()][0] });
        continue;
      }
      const leave = [...truth.keys()].filter(() => random.chance(0.1));
      for (const id of leave) truth.delete(id);
      const update = [...truth.keys()].filter(() => random.chance(0.4)).map((id) => {
        const { kind: _kind, ...members } = randomMessage(random, 'Entity');
        return { ...members, id };
      });
      for (const members of update) truth.set(members.id, { ...truth.get(members.id)!, ...members });
      const enter = Array.from({ length: random.between(0, 2) }, whole);
      for (const entity of enter) truth.set(entity.id, entity);
      const events = Array.from({ length: random.between(0, 2) }, () => randomMessage(random, 'Event') as unknown as Event);
      tell('world.delta', { tick, leave, update, enter, events, ...(random.chance(0.3) ? { ack: tick } : {}) });
    }
    assert.deepEqual(ofProto, ofJson, `seed ${seed}`);
    assert.deepEqual(new Map([...ofProto.entities].sort()), new Map([...truth].sort()), `seed ${seed}`);
  }
});
