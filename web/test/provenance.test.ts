import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Provenance } from '../src/app/provenance.js';

test('a new stamp of a known script is a change, its first one is not', () => {
  const provenance = new Provenance();
  assert.equal(provenance.note('combat@0.1.0+aa').kind, 'same');
  assert.equal(provenance.note('quests@0.1.0+bb').kind, 'same');
  assert.equal(provenance.note('combat@0.1.0+aa').kind, 'same');
  const changed = provenance.note('combat@0.1.1+cc');
  assert.ok(changed.kind === 'changed');
  assert.equal(changed.before, 'combat@0.1.0+aa');
  assert.equal(changed.live.stamp, 'combat@0.1.1+cc');
  assert.deepEqual(provenance.live.map(({ stamp }) => stamp), ['combat@0.1.1+cc', 'quests@0.1.0+bb']);
});

test('a fallback is counted and is no version', () => {
  const provenance = new Provenance();
  assert.equal(provenance.note('fallback').kind, 'fallback');
  assert.equal(provenance.fallbacks, 1);
  assert.deepEqual(provenance.live, []);
  assert.equal(provenance.note(undefined).kind, 'same');
});
