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

test('the package brings its licence, documentation and types', async () => {
  const pack = ['pack', '--ignore-scripts', '--dry-run', '--json'];
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: file('..'), timeout: 60_000 });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const packed = files.map(({ path }) => path);
  for (const needed of ['LICENSE', 'README.md', 'lib/index.js', 'lib/index.d.ts', 'lib/gen/lore.v1.js']) assert.ok(packed.includes(needed), needed);
  assert.equal(await readFile(file('../LICENSE'), 'utf8'), await readFile(file('../../../LICENSE'), 'utf8'));
});
