import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prediction } from '../src/prediction.js';
import { Random } from './support/random.js';

const ground = { width: 400_000, height: 400_000, max_speed: 10_000 };
const start = { x: 1_000, y: 2_000 };
const east = { x: 1, y: 0 };

/** A prediction and its time in milliseconds. */
function started(ack = 0) {
  const time = { now: 0 };
  const movement = new Prediction(() => time.now);
  movement.reset(start, ack, ground);
  return { movement, time };
}

test('walking is sent once per place, with growing numbers', () => {
  const { movement } = started(41);
  assert.equal(movement.next(), undefined);
  movement.walk(east, 0.05);
  assert.deepEqual(movement.next(), { seq: 42, x: 1500, y: 2000 });
  assert.equal(movement.next(), undefined);
  movement.walk({ x: 0, y: -1 }, 0.05);
  assert.deepEqual(movement.next(), { seq: 43, x: 1500, y: 1500 });
  assert.equal(movement.pending, 2);
  movement.acknowledge(43);
  assert.equal(movement.pending, 0);
});

test('a diagonal is not faster, and the zone ends at its bounds', () => {
  const { movement } = started();
  movement.walk({ x: 1, y: 1 }, 0.1);
  assert.ok(Math.abs(Math.hypot(movement.x - 1000, movement.y - 2000) - 1000) < 0.001);
  movement.walk({ x: -1, y: 0 }, 5);
  assert.equal(movement.x, 0);
});

test('the server agreeing late leaves the prediction alone', () => {
  const { movement } = started();
  for (let step = 0; step < 5; step += 1) {
    movement.walk(east, 0.05);
    movement.next();
  }
  movement.acknowledge(2);
  assert.equal(movement.serverAt({ x: 2_000, y: 2_000 }), false);
  assert.equal(movement.x, 3_500);
  assert.equal(movement.pending, 3);
});

test('a place known in steps of the grid is the place that was sent', () => {
  const { movement } = started();
  movement.walk({ x: 3, y: 1 }, 0.0333);
  const sent = movement.next()!;
  assert.equal(movement.serverAt({ x: Math.floor(sent.x / 20) * 20, y: Math.floor(sent.y / 20) * 20 }), false);
  assert.equal(movement.serverAt({ x: Math.floor(sent.x / 20) * 20 - 20, y: sent.y }), true);
});

test('put elsewhere, wishes that were not answered are played again from there', () => {
  const { movement, time } = started();
  for (let step = 0; step < 3; step += 1) {
    movement.walk(east, 0.05);
    movement.next();
  }
  movement.walk(east, 0.02);
  movement.acknowledge(1);
  assert.equal(movement.serverAt({ x: 90_000, y: 90_000 }), true);
  // Two movements of 500 mm, and 200 mm that were not sent yet.
  assert.deepEqual([movement.x, movement.y], [91_200, 90_000]);
  assert.deepEqual(movement.next(), { seq: 4, x: 91_200, y: 90_000 });
  assert.deepEqual(movement.shown(), { x: 91_200, y: 90_000 }, 'so far away is a jump');
  assert.equal(time.now, 0);
});

test('what is played again stays in the zone', () => {
  const { movement } = started();
  movement.walk(east, 0.05);
  movement.next();
  movement.serverAt({ x: 399_900, y: 0 });
  assert.deepEqual([movement.x, movement.y], [400_000, 0]);
});

test('a refusal moves the prediction once and slows it for a while', () => {
  const { movement, time } = started();
  for (let step = 0; step < 3; step += 1) {
    movement.walk(east, 0.05);
    movement.next();
  }
  assert.equal(movement.corrected(1, start), true);
  // The two under way are asked for again, at half the pace.
  assert.equal(movement.x, 1_500);
  assert.equal(movement.corrected(2, start), false);
  assert.equal(movement.corrected(3, start), false);
  assert.equal(movement.x, 1_500);
  movement.walk(east, 0.05);
  assert.equal(movement.x, 1_750);
  assert.equal(movement.next()?.seq, 4);
  time.now = 1_001;
  movement.walk(east, 0.05);
  assert.equal(movement.x, 2_250);
  movement.next();
  assert.equal(movement.corrected(4, start), true, 'a new one is news');
});

test('a movement that the server takes after all is known', () => {
  const { movement } = started();
  for (let step = 0; step < 2; step += 1) {
    movement.walk(east, 0.05);
    movement.next();
  }
  movement.corrected(1, start);
  assert.equal(movement.serverAt({ x: 2_000, y: 2_000 }), false);
});

test('what is shown slides to where the prediction was put', () => {
  const { movement, time } = started();
  movement.walk(east, 0.1);
  movement.next();
  movement.acknowledge(1);
  movement.serverAt({ x: 2_400, y: 2_000 });
  assert.equal(movement.x, 2_400);
  assert.deepEqual(movement.shown(), { x: 2_000, y: 2_000 }, 'not a millimetre at once');
  time.now = 80;
  assert.ok(Math.abs(movement.shown().x - (2_400 - 400 / Math.E)) < 0.01);
  time.now = 1_000;
  assert.ok(Math.abs(movement.shown().x - 2_400) < 0.01);
});

test('a new zone starts anew, and numbers go on', () => {
  const { movement } = started();
  movement.walk(east, 0.05);
  movement.next();
  movement.reset({ x: 5, y: 5 }, 0, ground);
  assert.equal(movement.pending, 0);
  assert.equal(movement.corrected(1, start), false, 'that was elsewhere');
  movement.walk(east, 0.05);
  assert.equal(movement.next()?.seq, 2);
});

/** A server as docs/protocol.md has it: takes what is near enough, names the place of what is not. */
class Server {
  at = { ...start };
  ack = 0;
  credit = 0;

  constructor(readonly speed: number) {}

  tick(moves: { seq: number; x: number; y: number }[]): { seq: number; x: number; y: number }[] {
    this.credit = Math.min(this.speed * 0.44, this.credit + this.speed * 0.055);
    const corrections = [];
    for (const { seq, x, y } of moves) {
      this.ack = seq;
      const distance = Math.hypot(x - this.at.x, y - this.at.y);
      if (distance > this.credit) corrections.push({ seq, ...this.at });
      else [this.credit, this.at] = [this.credit - distance, { x, y }];
    }
    return corrections;
  }
}

test('whatever the network and the server do, both end at the same place', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = new Random(seed);
    const { movement, time } = started();
    const server = new Server(random.pick([10_000, 10_000, 6_000]));
    const up: { due: number; move: { seq: number; x: number; y: number } }[] = [];
    const down: { due: number; deliver: () => void }[] = [];
    const lag = () => random.between(1, 4);
    let [lastUp, lastDown] = [0, 0];
    let direction = east;
    for (let tick = 1; tick <= 400; tick += 1) {
      time.now += 50;
      if (random.chance(0.1)) direction = { x: random.between(-1, 1), y: random.between(-1, 1) };
      if (tick <= 340) movement.walk(direction, 0.05);
      const move = movement.next();
      // Frames come late, but never out of order.
      if (move) up.push({ due: (lastUp = Math.max(lastUp, tick + lag())), move });
      const before = { ...server.at };
      if (tick < 300 && random.chance(0.01)) server.at = { x: random.between(0, 400_000), y: random.between(0, 400_000) };
      const arrived = up.splice(0, up.filter(({ due }) => due <= tick).length).map(({ move: each }) => each);
      const corrections = server.tick(arrived);
      const { ack, at } = server;
      const moved = at.x !== before.x || at.y !== before.y;
      lastDown = Math.max(lastDown, tick + lag());
      down.push({
        due: lastDown,
        deliver: () => {
          for (const { seq, x, y } of corrections) movement.corrected(seq, { x, y });
          movement.acknowledge(ack);
          if (moved) movement.serverAt({ x: Math.floor(at.x / 20) * 20, y: Math.floor(at.y / 20) * 20 });
        },
      });
      for (const { deliver } of down.splice(0, down.filter(({ due }) => due <= tick).length)) deliver();
    }
    const away = Math.hypot(movement.x - server.at.x, movement.y - server.at.y);
    assert.ok(away < 30 && movement.pending === 0, `seed ${seed}: ${away} mm apart, ${movement.pending} pending`);
  }
});
