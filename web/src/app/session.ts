// The tokens of this browser tab: they survive a reload, and two tabs can be two players.

import { ApiClient, type Tokens } from '@loreforge/client';

const KEY = 'loreforge.tokens';

export function openApi(): ApiClient {
  return new ApiClient({ tokens: stored(), onTokens: store });
}

function stored(): Tokens | undefined {
  try {
    const text = sessionStorage.getItem(KEY);
    return text ? (JSON.parse(text) as Tokens) : undefined;
  } catch {
    return undefined; // Storage is forbidden or damaged: the player logs in again.
  }
}

function store(tokens: Tokens | undefined): void {
  try {
    if (tokens) sessionStorage.setItem(KEY, JSON.stringify(tokens));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is forbidden: the tokens live as long as the page.
  }
}
