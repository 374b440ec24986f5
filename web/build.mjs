// Builds the client into dist/ (committed, embedded by the server), or the unit tests into build/ and sdk/build/.
// Deterministic: the same sources and lock file give the same bytes.

import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, context } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
const mode = process.argv[2] ?? '--once';

const app = {
  absWorkingDir: root,
  entryPoints: { app: 'src/app/main.ts', style: 'src/app/style.css' },
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  target: ['es2022', 'chrome110', 'firefox115', 'safari16'],
  minify: true,
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'info',
};

async function copyStatic() {
  await mkdir(`${root}dist`, { recursive: true });
  for (const file of ['index.html', 'icon.svg']) {
    await copyFile(`${root}src/app/${file}`, `${root}dist/${file}`);
  }
}

/** Unit tests of a folder into its build/. */
async function buildTests(folder) {
  await rm(`${folder}build`, { recursive: true, force: true });
  const files = (await readdir(`${folder}test`)).filter((file) => file.endsWith('.test.ts'));
  await build({
    absWorkingDir: folder,
    entryPoints: files.map((file) => `test/${file}`),
    outdir: 'build',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    external: ['*/dev/mock.mjs'],
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
}

if (mode === '--tests') {
  await buildTests(root);
  await buildTests(`${root}sdk/`);
} else if (mode === '--watch') {
  await copyStatic();
  await (await context({ ...app, minify: false, sourcemap: 'inline' })).watch();
} else {
  await rm(`${root}dist`, { recursive: true, force: true });
  await copyStatic();
  await build(app);
}
