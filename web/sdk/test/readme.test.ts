import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
// @ts-expect-error plain JavaScript
import { startMock } from '../../dev/mock.mjs';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test('the example of the README is the one that runs', async () => {
  const [readme, example] = await Promise.all([readFile(file('../README.md'), 'utf8'), readFile(file('../examples/first-steps.ts'), 'utf8')]);
  assert.equal(/```ts\n(import [^]*?)```/.exec(readme)?.[1], example);
  const outfile = file('../build/first-steps.example.js');
  await build({ entryPoints: [file('../examples/first-steps.ts')], outfile, packages: 'external', bundle: true, platform: 'node', format: 'esm' });
  const mock = await startMock({ tickMs: 5 });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], { env: { ...process.env, LORE_URL: mock.url }, timeout: 20_000 });
    assert.equal(stdout, 'Ada: hello Downtown\nproto: 4 in sight, I am at { x: 129000, y: 121000 }\n');
  } finally {
    mock.close();
    await rm(outfile, { force: true });
  }
});
