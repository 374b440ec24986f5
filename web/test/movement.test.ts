import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Movement } from '../src/client/index.js';

const bounds = { width: 400_000, height: 400_000 };
const east = { x: 1, y: 0 };

function started(ack = 0): Movement {
  const movement = new Movement();
  movement.reset({ x: 1000, y: 2000 }, ack);
  return movement;
}

test('walking is sent once per place, with growing numbers', () => {
  const movement = started(41);
  assert.equal(movement.next(), undefined);
  movement.walk(east, 500, bounds);
  assert.deepEqual(movement.next(), { seq: 42, x: 1500, y: 2000 });
  assert.equal(movement.next(), undefined);
  movement.walk({ x: 0, y: -1 }, 500, bounds);
  assert.deepEqual(movement.next(), { seq: 43, x: 1500, y: 1500 });
  assert.equal(movement.pending, 2);
  movement.acknowledge(43);
  assert.equal(movement.pending, 0);
});

test('a diagonal is not faster', () => {
  const movement = started();
  movement.walk({ x: 1, y: 1 }, 1000, bounds);
  assert.ok(Math.abs(Math.hypot(movement.x - 1000, movement.y - 2000) - 1000) < 0.001);
});

test('the zone ends at its bounds', () => {
  const movement = started();
  movement.walk({ x: -1, y: 0 }, 5000, bounds);
  assert.equal(movement.x, 0);
});

test('the server agreeing late leaves the prediction alone', () => {
  const movement = started();
  for (let step = 0; step < 5; step += 1) {
    movement.walk(east, 500, bounds);
    movement.next();
  }
  movement.acknowledge(2);
  assert.equal(movement.serverAt({ x: 2000, y: 2000 }), false);
  assert.equal(movement.x, 3500);
});

test('a place that was never sent moves the prediction there', () => {
  const movement = started();
  movement.walk(east, 500, bounds);
  movement.next();
  assert.equal(movement.serverAt({ x: 90_000, y: 90_000 }), true);
  assert.deepEqual([movement.x, movement.y], [90_000, 90_000]);
  assert.equal(movement.next(), undefined);
});

test('one refusal moves the prediction once, later movements count on', () => {
  const movement = started();
  for (let step = 0; step < 3; step += 1) {
    movement.walk(east, 9000, bounds);
    movement.next();
  }
  assert.equal(movement.corrected(1, { x: 1000, y: 2000 }), true);
  movement.walk(east, 100, bounds);
  assert.equal(movement.corrected(2, { x: 1000, y: 2000 }), false);
  assert.equal(movement.corrected(3, { x: 1000, y: 2000 }), false);
  assert.equal(movement.x, 1100);
  assert.equal(movement.next()?.seq, 4);
  assert.equal(movement.corrected(4, { x: 1000, y: 2000 }), true);
});
