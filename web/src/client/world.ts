// The player's session in the world: connects, joins, keeps the replica and the predicted movement,
// and comes back after a lost connection or a restart of the server.

import { Connection, type Closed, type SocketConstructor } from './connection.js';
import { Emitter } from './emitter.js';
import { ApiError, ConnectionError, RpcError } from './errors.js';
import { Movement } from './movement.js';
import {
  CloseCode,
  type Character,
  type Delta,
  type Entity,
  type Method,
  type Methods,
  type Notification,
  type Notifications,
  type Point,
  type Snapshot,
} from './protocol.js';
import { Replica } from './replica.js';

export type ConnectionState =
  | { kind: 'connecting'; attempt: number }
  | { kind: 'joined' }
  /** Lost; the next attempt comes after `inMs`. */
  | { kind: 'waiting'; inMs: number; reason: string }
  /** For good: `leave` was called, or trying again would not help. */
  | { kind: 'closed'; reason: string };

/** What a listener can hear: every notification of the server, and the client's own news. */
export type WorldEvents = Omit<Notifications, 'world.delta'> & {
  state: ConnectionState;
  joined: Methods['world.join']['result'];
  /** After the replica took a delta in; `left` are the entities that went out of sight. */
  updated: { delta: Delta; left: Map<number, Entity> };
};

export interface WorldOptions {
  /** `ws://host/v1/world/ws` */
  url: string;
  character: number;
  /** An access token; `check` asks for one that was tried, after an attempt that failed. */
  token: (check: boolean) => Promise<string>;
  /** Needed where there is no global `WebSocket` (Node 20). */
  webSocket?: SocketConstructor;
  /** Milliseconds after which an unanswered call fails. */
  timeoutMs?: number;
  /** Milliseconds before the first new attempt, doubled with every further one. */
  backoffMs?: number;
}

const BACKOFF_MOST_MS = 10_000;
const SEND_INTERVAL_MS = 50;
/** After a refusal the client walks slower for a while: it may be slowed without knowing how much. */
const CAUTION_MS = 1_000;
const CAUTIOUS_PACE = 0.5;

/** Closings after which a new attempt would end the same way. */
const FINAL: Record<number, string> = {
  1002: 'the server did not understand this client',
  1003: 'the server did not understand this client',
  1007: 'the server did not understand this client',
  1009: 'the server did not understand this client',
  [CloseCode.policy]: 'closed by the server: too many refused calls',
  [CloseCode.joinedElsewhere]: 'this character was joined from elsewhere',
};

export class WorldClient {
  readonly replica = new Replica();
  readonly movement = new Movement();
  readonly #events = new Emitter<WorldEvents>();
  readonly #options: WorldOptions;
  #connection: Connection | undefined;
  #state: ConnectionState = { kind: 'closed', reason: 'not connected yet' };
  #attempt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #restartAfterMs: number | undefined;
  #checkToken = false;
  #lastSent = 0;
  #correctedAt = -CAUTION_MS;
  /** Between `world.zone` and the snapshot of the new zone there is no place to walk. */
  #placed = false;
  character: Character | undefined;
  /** Length of a tick in milliseconds. */
  tickMs = 50;
  server = '';

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether the character stands in a zone and may act. */
  get placed(): boolean {
    return this.#placed;
  }

  on<Name extends keyof WorldEvents>(name: Name, listener: (value: WorldEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  once<Name extends keyof WorldEvents>(name: Name, timeoutMs: number): Promise<WorldEvents[Name]> {
    return this.#events.once(name, timeoutMs);
  }

  /** Starts connecting; listen to `state` for what becomes of it. Does nothing when under way. */
  connect(): void {
    if (this.#state.kind === 'closed') void this.#open();
  }

  /** Skips what is left of the wait for the next attempt. */
  retryNow(): void {
    if (this.#state.kind !== 'waiting') return;
    clearTimeout(this.#retry);
    void this.#open();
  }

  /** Leaves the world; resolves when the server has saved the character, or is out of reach. */
  async leave(): Promise<void> {
    clearTimeout(this.#retry);
    const joined = this.#state.kind === 'joined';
    this.#enter({ kind: 'closed', reason: 'left' });
    try {
      if (joined) await this.call('world.leave', {});
    } catch (error) {
      if (!(error instanceof ConnectionError || error instanceof RpcError)) throw error;
      // The server saves the character of a closed socket as well.
    } finally {
      this.#connection?.close();
    }
  }

  /** Calls a method. Rejects with `RpcError` or `ConnectionError`. */
  call<M extends Method>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    if (!this.#connection) return Promise.reject(new ConnectionError('not connected'));
    return this.#connection.call(method, params);
  }

  /** Round trip in milliseconds. */
  async ping(): Promise<number> {
    const start = performance.now();
    await this.call('system.ping', {});
    return performance.now() - start;
  }

  /** Walks for `seconds` in a direction at full speed and tells the server, at most at 20 Hz. */
  walk(direction: Point, seconds: number): void {
    const zone = this.replica.zone;
    if (!zone || !this.#placed) return;
    const pace = performance.now() - this.#correctedAt < CAUTION_MS ? CAUTIOUS_PACE : 1;
    this.movement.walk(direction, zone.max_speed * pace * seconds, zone);
    this.flushMovement();
  }

  /** Sends the predicted place if it is news and the last was sent long enough ago. */
  flushMovement(): void {
    const now = performance.now();
    if (!this.#placed || !this.#connection?.open || now - this.#lastSent < SEND_INTERVAL_MS) return;
    const next = this.movement.next();
    if (!next) return;
    this.#lastSent = now;
    this.#connection.notify('world.move', next);
  }

  async #open(): Promise<void> {
    this.#attempt += 1;
    this.#enter({ kind: 'connecting', attempt: this.#attempt });
    let token: string;
    try {
      token = await this.#options.token(this.#checkToken);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.#enter({ kind: 'closed', reason: 'the session has expired: log in again' });
      } else {
        this.#later('the server cannot be reached');
      }
      return;
    }
    if (this.#state.kind !== 'connecting') return; // `leave` was called meanwhile.
    const socketConstructor = this.#options.webSocket ?? (globalThis.WebSocket as unknown as SocketConstructor);
    const url = `${this.#options.url}?token=${encodeURIComponent(token)}`;
    const connection: Connection = new Connection(url, socketConstructor, this.#options.timeoutMs ?? 10_000, {
      notification: (method, params) => {
        if (connection === this.#connection) this.#heard(method, params);
      },
      closed: (closed) => {
        if (connection === this.#connection) this.#lost(closed);
      },
    });
    this.#connection = connection;
    // A refused upgrade looks like a broken one to a browser: try the token before the next attempt.
    this.#checkToken = true;
  }

  #heard(method: Notification, params: unknown): void {
    switch (method) {
      case 'session.welcome': {
        const welcome = params as Notifications['session.welcome'];
        this.tickMs = welcome.tick_ms;
        this.server = welcome.server;
        this.#checkToken = false;
        void this.#join();
        break;
      }
      case 'world.snapshot':
        this.#snapshot(params as Snapshot);
        break;
      case 'world.delta':
        this.#delta(params as Delta);
        return;
      case 'world.corrected': {
        const corrected = params as Notifications['world.corrected'];
        if (this.movement.corrected(corrected.seq, corrected)) this.#correctedAt = performance.now();
        break;
      }
      case 'world.zone':
        this.#placed = false;
        break;
      case 'world.event':
        this.replica.happen((params as Notifications['world.event']).event);
        break;
      case 'character.update':
        this.#progress(params as Notifications['character.update']);
        break;
      case 'system.reconnect':
        this.#restartAfterMs = (params as Notifications['system.reconnect']).after_ms;
        break;
    }
    this.#events.emit(method as keyof WorldEvents, params as never);
  }

  async #join(): Promise<void> {
    const connection = this.#connection;
    try {
      const joined = await this.call('world.join', { character: this.#options.character });
      if (connection !== this.#connection) return;
      this.character = joined.character;
      this.#attempt = 0;
      this.#enter({ kind: 'joined' });
      this.#events.emit('joined', joined);
    } catch (error) {
      if (error instanceof RpcError && error.retryAfterMs === undefined && !transient(error)) {
        this.#enter({ kind: 'closed', reason: error.message });
      }
      // Anything else ends the connection, and with it comes the next attempt.
      connection?.close();
    }
  }

  #snapshot(snapshot: Snapshot): void {
    const before = this.replica;
    const resync = this.#placed && before.you === snapshot.you && before.zone?.name === snapshot.zone.name;
    this.replica.snapshot(snapshot);
    const own = this.replica.own;
    this.#placed = own !== undefined;
    if (!own) return;
    if (resync) {
      // Sent because this client fell behind, perhaps in the middle of a walk: go on walking.
      this.movement.acknowledge(snapshot.ack);
      this.movement.serverAt(own);
    } else {
      this.movement.reset(own, snapshot.ack);
    }
  }

  #delta(delta: Delta): void {
    const left = this.replica.delta(delta);
    if (delta.ack !== undefined) this.movement.acknowledge(delta.ack);
    const own = this.replica.own;
    const moved = delta.update?.some((update) => update.id === this.replica.you && ('x' in update || 'y' in update));
    const entered = delta.enter?.some((entity) => entity.id === this.replica.you);
    if (own && (moved || entered)) this.movement.serverAt(own);
    this.#events.emit('updated', { delta, left });
  }

  #progress(update: Notifications['character.update']): void {
    const character = this.character;
    if (!character) return;
    character.level = update.level ?? character.level;
    character.experience = update.experience ?? character.experience;
    character.experience_to_next = update.experience_to_next ?? character.experience_to_next;
    character.gold = update.gold ?? character.gold;
  }

  #lost(closed: Closed): void {
    this.#connection = undefined;
    this.#placed = false;
    if (this.#state.kind === 'closed') return;
    const final = FINAL[closed.code];
    if (final) {
      this.#enter({ kind: 'closed', reason: final });
      return;
    }
    if (closed.code === CloseCode.unauthorized) this.#checkToken = true;
    const restarting = closed.code === CloseCode.restart || this.#restartAfterMs !== undefined;
    this.#later(restarting ? 'the server restarts' : closed.reason || 'the connection was lost');
  }

  #later(reason: string): void {
    const first = this.#options.backoffMs ?? 500;
    const backoff = Math.min(BACKOFF_MOST_MS, first * 2 ** Math.min(10, Math.max(0, this.#attempt - 1)));
    // Up to half more, so that the players of a restarted server do not all come at once.
    const inMs = Math.round(Math.max(this.#restartAfterMs ?? 0, backoff) * (1 + Math.random() / 2));
    this.#restartAfterMs = undefined;
    this.#enter({ kind: 'waiting', inMs, reason });
    this.#retry = setTimeout(() => void this.#open(), inMs);
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.#events.emit('state', state);
  }
}

/** Whether joining may work a little later without a `retry_after_ms`. */
function transient(error: RpcError): boolean {
  return error.data.rejection === 'zone_full' || error.data.reason === 'session_expired' || error.code === -32603;
}
