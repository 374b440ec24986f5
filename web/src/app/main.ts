// Entry point: the way from the landing page into the world and back.

import { openApi } from './session.js';
import { Game } from './game.js';
import { chooseCharacter, signIn } from './landing.js';

async function run(root: HTMLElement): Promise<void> {
  const api = openApi();
  for (;;) {
    if (!api.tokens) await signIn(root, api);
    const character = await chooseCharacter(root, api);
    if (!character) continue; // Logged out, or the session has expired.
    await new Game(root, api, character).play();
  }
}

const root = document.getElementById('app');
if (root) void run(root);
