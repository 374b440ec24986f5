import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Replica } from '../src/client/index.js';
import type { Entity, Snapshot } from '../src/client/index.js';

const wolf: Entity = { id: 33, kind: 'npc', name: 'Grey Wolf', template: 'wolf', x: 1000, y: 900, level: 2, hp: 60, hp_max: 60, hostile: true };
const ada: Entity = { id: 12, kind: 'player', name: 'Ada', template: 'warrior', x: 0, y: 0, level: 1, hp: 100, hp_max: 100 };

function snapshot(entities: Entity[]): Snapshot {
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

test('a delta enters, updates and removes entities', () => {
  const replica = new Replica();
  replica.snapshot(snapshot([ada, wolf]));
  const left = replica.delta({
    tick: 346,
    enter: [{ ...wolf, id: 34 }],
    update: [{ id: 34, hp: 40 }, { id: 12, x: 5 }],
    leave: [33],
    self: { mana: 20 },
  });
  assert.equal(replica.tick, 346);
  assert.deepEqual([...replica.entities.keys()], [12, 34]);
  assert.equal(replica.entities.get(34)?.hp, 40);
  assert.equal(replica.entities.get(34)?.name, 'Grey Wolf');
  assert.equal(replica.own?.x, 5);
  assert.equal(left.get(33)?.name, 'Grey Wolf');
  assert.deepEqual(replica.self, { mana: 20, mana_max: 30, energy: 100, energy_max: 100 });
});

test('a snapshot replaces everything that was known', () => {
  const replica = new Replica();
  replica.snapshot(snapshot([ada, wolf]));
  replica.snapshot(snapshot([ada]));
  assert.deepEqual([...replica.entities.keys()], [12]);
});

test('the replica does not share objects with the messages', () => {
  const replica = new Replica();
  const message = snapshot([ada]);
  replica.snapshot(message);
  replica.delta({ tick: 1, update: [{ id: 12, x: 77 }] });
  assert.equal(message.entities[0]?.x, 0);
});

test('an update of an unknown entity is ignored', () => {
  const replica = new Replica();
  replica.snapshot(snapshot([ada]));
  replica.delta({ tick: 1, update: [{ id: 99, hp: 1 }] });
  assert.equal(replica.entities.size, 1);
});

test('an environment event changes the sky', () => {
  const replica = new Replica();
  replica.snapshot(snapshot([ada]));
  const environment = { minute_of_day: 1200, lighting: 'night', weather: 'fog', temperature: 3 } as const;
  replica.delta({ tick: 1, events: [{ type: 'environment', environment }] });
  assert.deepEqual(replica.environment, environment);
});

test('the nearest wanted entity comes first', () => {
  const replica = new Replica();
  replica.snapshot(snapshot([ada, { ...wolf, id: 1, x: 9000 }, { ...wolf, id: 2, x: 4000 }]));
  assert.deepEqual(replica.nearest(ada, (entity) => entity.hostile === true).map((entity) => entity.id), [2, 1]);
});

test('events of the world run until they are over or a snapshot says nothing of them', () => {
  const replica = new Replica();
  const moon = {
    name: 'wolf_moon', title: 'The Wolf Moon', state: 'going' as const, stage: 1, stages: 2, text: 'Drive them off', kills: 0, kills_needed: 8,
    ends_in_ms: 60_000, x: 0, y: 0, radius: 5_000,
  };
  replica.snapshot({ ...snapshot([ada]), world_events: [moon] });
  replica.happen({ ...moon, kills: 3 });
  assert.equal(replica.events.get('wolf_moon')?.event.kills, 3);
  assert.ok((replica.events.get('wolf_moon')?.endsAt ?? 0) > performance.now());
  replica.happen({ ...moon, state: 'success', stage: 0 });
  assert.equal(replica.events.size, 0);
  replica.happen(moon);
  replica.snapshot(snapshot([ada]));
  assert.equal(replica.events.size, 0);
});
