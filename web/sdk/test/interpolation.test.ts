import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interpolation, Playout } from '../src/interpolation.js';
import { Random } from './support/random.js';

const TICK = 50;

test('somebody who walks is between their last two places', () => {
  const others = new Interpolation();
  for (const tick of [10, 11, 12]) others.put(1, tick, { x: tick * 100, y: 0 });
  assert.deepEqual(others.at(1, 10.5), { x: 1_050, y: 0 });
  assert.deepEqual(others.at(1, 11.25), { x: 1_125, y: 0 });
  assert.deepEqual(others.at(1, 3), { x: 1_000, y: 0 }, 'not before they came');
  assert.equal(others.at(2, 11), undefined);
});

test('who has stood does not slide for as long', () => {
  const others = new Interpolation();
  others.put(1, 10, { x: 0, y: 0 });
  others.put(1, 100, { x: 300, y: 0 });
  assert.deepEqual(others.at(1, 55), { x: 0, y: 0 });
  assert.deepEqual(others.at(1, 99.5), { x: 150, y: 0 });
});

test('who is told of every other tick moves evenly', () => {
  const others = new Interpolation();
  for (const tick of [10, 12, 14]) others.put(1, tick, { x: tick * 100, y: 0 });
  assert.deepEqual(others.at(1, 13), { x: 1_300, y: 0 });
});

test('a jump is one', () => {
  const others = new Interpolation();
  others.put(1, 10, { x: 0, y: 0 });
  others.put(1, 11, { x: 50_000, y: 0 });
  assert.deepEqual(others.at(1, 10.5), { x: 50_000, y: 0 });
});

test('while frames are missing they walk on for a tick, and come back when none come', () => {
  const others = new Interpolation();
  others.put(1, 10, { x: 1_000, y: 0 });
  others.put(1, 11, { x: 1_100, y: 0 });
  const x = (tick: number) => Math.round(others.at(1, tick)!.x);
  assert.deepEqual([11, 11.5, 12, 12.5, 13, 50].map(x), [1_100, 1_150, 1_200, 1_150, 1_100, 1_100]);
});

test('a frame that does not name them says that they stand', () => {
  const others = new Interpolation();
  others.put(1, 10, { x: 1_000, y: 0 });
  others.put(1, 11, { x: 1_100, y: 0 });
  others.heard(12);
  assert.deepEqual(others.at(1, 11.5), { x: 1_100, y: 0 });
});

test('who is out of sight is forgotten', () => {
  const others = new Interpolation();
  others.put(1, 10, { x: 0, y: 0 });
  others.remove(1);
  assert.equal(others.at(1, 10), undefined);
});

/** Frames of 20 s with that much jitter; what was shown every 16 ms, and what was wanted but had not come. */
function played(jitterMs: number, seed: number) {
  const random = new Random(seed);
  const playout = new Playout({ tickMs: TICK });
  const frames: { at: number; tick: number }[] = [];
  for (let tick = 100, last = 0; tick < 500; tick += 1) {
    last = Math.max(last, tick * TICK + 80 + random.part() * jitterMs);
    frames.push({ at: last, tick });
  }
  const shown: number[] = [];
  let [newest, starved, delay] = [0, 0, 0];
  for (let now = 100 * TICK + 200; now < 500 * TICK; now += 16) {
    for (; frames[0] && frames[0].at <= now; frames.shift()) {
      playout.heard(frames[0].tick, frames[0].at);
      newest = frames[0].tick;
    }
    if (newest === 0) continue;
    shown.push(playout.at(now));
    if (now > 200 * TICK) {
      starved += Number(shown.at(-1)! > newest);
      delay = Math.max(delay, newest - shown.at(-1)!);
    }
  }
  return { shown, starved, delay, playout };
}

test('on a steady line others are two to three ticks late, and no frame is missed', () => {
  const { starved, delay, playout } = played(0, 1);
  assert.equal(starved, 0);
  assert.equal(playout.delayTicks, 2);
  assert.ok(delay < 3.1, `${delay}`);
});

test('on an unsteady line the buffer grows, up to its limit', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { shown, starved, playout } = played(100, seed);
    assert.ok(playout.delayTicks > 2 && playout.delayTicks <= 6, `seed ${seed}: ${playout.delayTicks}`);
    assert.ok(starved < shown.length / 50, `seed ${seed}: ${starved} of ${shown.length}`);
  }
});

test('shown time runs steadily and never backwards', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { shown } = played(150, seed);
    const steps = shown.slice(1).map((tick, index) => tick - shown[index]!);
    const usual = 16 / TICK;
    assert.ok(steps.every((step) => step > usual * 0.89 && step < usual * 1.11), `seed ${seed}: ${Math.min(...steps)} to ${Math.max(...steps)}`);
  }
});

test('another zone or a long silence begins anew', () => {
  const playout = new Playout({ tickMs: TICK });
  playout.heard(1_000, 0);
  assert.ok(Math.abs(playout.at(0) - 998) < 1e-9);
  playout.heard(7, 100);
  assert.ok(Math.abs(playout.at(100) - 5) < 1e-9);
  assert.ok(Math.abs(playout.at(150) - 6) < 1e-9);
});
