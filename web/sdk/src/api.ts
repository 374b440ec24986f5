// The HTTP side: accounts and characters. Renews the access token when the server calls it expired.

import { ApiError } from './errors.js';
import type { Ability, Character, Inventory, Quest } from './gen/lore.v1.js';

/** A character as HTTP tells of it: in lists with its zone and without abilities. */
export interface CharacterInfo extends Omit<Character, 'abilities'> {
  abilities?: Ability[];
  zone?: string;
}

export interface Tokens {
  access_token: string;
  token_type: string;
  /** Seconds. */
  expires_in: number;
  refresh_token: string;
  account: number;
  username: string;
}

export interface Me {
  account: number;
  username: string;
  roles: string[];
  guest: boolean;
}

export interface ClassChoice {
  name: string;
  title: string;
}

export interface ApiOptions {
  /** Where the server is, for example `http://127.0.0.1:8080`; empty for the page's own origin. */
  baseUrl?: string;
  /** Tokens of an earlier session. */
  tokens?: Tokens | undefined;
  /** Told whenever the tokens change, `undefined` when they are gone: the place to keep them. */
  onTokens?: (tokens: Tokens | undefined) => void;
  fetch?: typeof fetch;
  /** Milliseconds after which a request is given up. */
  timeoutMs?: number;
}

export class ApiClient {
  readonly #baseUrl: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #onTokens: (tokens: Tokens | undefined) => void;
  #tokens: Tokens | undefined;
  #refreshing: Promise<Tokens> | undefined;

  constructor(options: ApiOptions = {}) {
    this.#baseUrl = options.baseUrl ?? '';
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#onTokens = options.onTokens ?? (() => {});
    this.#tokens = options.tokens;
  }

  get tokens(): Tokens | undefined {
    return this.#tokens;
  }

  register(email: string, username: string, password: string): Promise<Tokens> {
    return this.#signIn('/v1/auth/register', { email, username, password });
  }

  login(login: string, password: string): Promise<Tokens> {
    return this.#signIn('/v1/auth/login', { login, password });
  }

  guest(): Promise<Tokens> {
    return this.#signIn('/v1/auth/guest', {});
  }

  /** Exchanges the refresh token. Concurrent callers share one exchange: a token is good once. */
  refresh(): Promise<Tokens> {
    this.#refreshing ??= this.#exchange().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #exchange(): Promise<Tokens> {
    const refresh_token = this.#tokens?.refresh_token;
    if (!refresh_token) throw new ApiError(401, 'not_logged_in', 'not logged in', undefined);
    try {
      return await this.#signIn('/v1/auth/refresh', { refresh_token });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#keep(undefined);
      throw error;
    }
  }

  /** Revokes the tokens; they are forgotten even if the server cannot be reached. */
  async logout(): Promise<void> {
    try {
      await this.#send('POST', '/v1/auth/logout', undefined, true);
    } finally {
      this.#keep(undefined);
    }
  }

  me(): Promise<Me> {
    return this.#authorized('GET', '/v1/me');
  }

  async classes(): Promise<ClassChoice[]> {
    return (await this.#authorized<{ classes: ClassChoice[] }>('GET', '/v1/classes')).classes;
  }

  async characters(): Promise<CharacterInfo[]> {
    return (await this.#authorized<{ characters: CharacterInfo[] }>('GET', '/v1/characters')).characters;
  }

  createCharacter(name: string, characterClass: string): Promise<CharacterInfo> {
    return this.#authorized('POST', '/v1/characters', { name, class: characterClass });
  }

  character(id: number): Promise<CharacterInfo> {
    return this.#authorized('GET', `/v1/characters/${id}`);
  }

  deleteCharacter(id: number): Promise<void> {
    return this.#authorized('DELETE', `/v1/characters/${id}`);
  }

  inventory(id: number): Promise<Inventory> {
    return this.#authorized('GET', `/v1/characters/${id}/inventory`);
  }

  async quests(id: number): Promise<Quest[]> {
    return (await this.#authorized<{ quests: Quest[] }>('GET', `/v1/characters/${id}/quests`)).quests;
  }

  /** An access token the server accepted just now. */
  async freshToken(): Promise<string> {
    await this.me();
    return this.#tokens?.access_token ?? '';
  }

  async #signIn(path: string, body: object): Promise<Tokens> {
    const tokens = await this.#send<Tokens>('POST', path, body, false);
    this.#keep(tokens);
    return tokens;
  }

  #keep(tokens: Tokens | undefined): void {
    this.#tokens = tokens;
    this.#onTokens(tokens);
  }

  async #authorized<T>(method: string, path: string, body?: object): Promise<T> {
    const used = this.#tokens;
    try {
      return await this.#send<T>(method, path, body, true);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || !this.#tokens) throw error;
      // Another request may have renewed the tokens while this one was under way.
      if (this.#tokens === used) await this.refresh();
      return this.#send<T>(method, path, body, true);
    }
  }

  async #send<T>(method: string, path: string, body: object | undefined, authorize: boolean): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (body) headers['Content-Type'] = 'application/json';
    if (method !== 'GET') headers['Idempotency-Key'] = randomKey();
    if (authorize && this.#tokens) headers['Authorization'] = `Bearer ${this.#tokens.access_token}`;
    const response = await this.#fetch(this.#baseUrl + path, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    if (!response.ok) throw await problem(response);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

async function problem(response: Response): Promise<ApiError> {
  let code = `http_${response.status}`;
  let detail = response.statusText || `the server answered ${response.status}`;
  try {
    const document = (await response.json()) as { code?: string; detail?: string; title?: string };
    code = document.code ?? code;
    detail = document.detail ?? document.title ?? detail;
  } catch {
    // Not a problem document (a proxy's page, perhaps): the status line has to do.
  }
  const retryAfter = Number(response.headers.get('Retry-After'));
  return new ApiError(response.status, code, detail, retryAfter > 0 ? retryAfter * 1000 : undefined);
}

/** 128 random bits. `crypto.randomUUID` exists only in secure contexts, a LAN address is none. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
