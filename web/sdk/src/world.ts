// The player's session in the world: connects, joins, keeps the replica, the predicted movement and the places of
// others, and comes back after a lost connection or a restart of the server.

import { Backoff } from './backoff.js';
import { Calls } from './calls.js';
import { afterClose, CloseCode } from './close.js';
import { systemClock, type Clock, type ServerClock } from './clock.js';
import { Connection, type Closed, type SocketConstructor } from './connection.js';
import { Emitter } from './emitter.js';
import type { EncodingName, Told } from './encoding.js';
import { ApiError, ConnectionError, RpcError } from './errors.js';
import type { Character, CharacterUpdate, Joined, Methods, Notifications, SessionWelcome, WorldDelta, WorldSnapshot } from './gen/lore.v1.js';
import { Heartbeat } from './heartbeat.js';
import { Interpolation, Playout } from './interpolation.js';
import { FrameAcks } from './moves.js';
import { Prediction } from './prediction.js';
import { Recovery } from './recovery.js';
import { Renewal } from './renewal.js';
import { Replica, type Applied, type Point } from './replica.js';

export type Method = keyof Methods;
export type Notification = keyof Notifications;

/** A call by its name, for `batch`. */
export type CallOf<M extends Method = Method> = { [Name in M]: { readonly method: Name; readonly params: Methods[Name]['params'] } }[M];

export type ConnectionState =
  | { kind: 'connecting'; attempt: number }
  /** `resumed`: the session from before goes on, nothing that was said in it is lost. */
  | { kind: 'joined'; resumed: boolean }
  /** Lost; the next attempt comes after `inMs`. */
  | { kind: 'waiting'; inMs: number; reason: string }
  /** For good: `leave` was called, or trying again would not help. */
  | { kind: 'closed'; reason: string };

/** What a listener can hear: every notification of the server, and the client's own news. */
export type WorldEvents = Omit<Notifications, 'world.delta'> & {
  state: ConnectionState;
  joined: Joined;
  /** After the replica took a delta in. */
  updated: { delta: WorldDelta } & Applied;
};

export interface WorldOptions {
  /** `ws://host/v1/world/ws` */
  url: string;
  character: number;
  /** An access token; `check` asks for one that was tried, after an attempt that failed. */
  token: (check: boolean) => Promise<string>;
  /** A newer access token, asked for before the one of an open connection ends; without this the connection ends with it. */
  refreshToken?: () => Promise<string>;
  /** How to write messages; `json` to look at frames. */
  encoding?: EncodingName;
  /** Needed where there is no global `WebSocket` (Node 20). */
  webSocket?: SocketConstructor;
  /** Milliseconds after which an unanswered call fails, and a connection without a welcome is given up. */
  timeoutMs?: number;
  /** Milliseconds before the first new attempt, doubled with every further one. */
  backoffMs?: number;
  /** Milliseconds between two pings of this client. */
  heartbeatMs?: number;
  clock?: Clock;
  /** 0 to 1. */
  random?: () => number;
}

const BACKOFF_MOST_MS = 10_000;
const SEND_INTERVAL_MS = 50;
/** Pings without an answer after which the connection is given up. */
const MISSED_PINGS = 2;
/** Calls that mean nothing on another connection. */
const OF_CONNECTION: ReadonlySet<string> = new Set(['auth.refresh', 'session.resume', 'system.ping']);
/** Reliable messages are acknowledged together. */
const ACK_DELAY_MS = 500;
/** So are frames of the world; the last before a silence is, too, or the server would wait for it for ever. */
const FRAME_ACK_DELAY_MS = 250;

export class WorldClient {
  readonly replica: Replica;
  /** The own character's predicted place. */
  readonly movement: Prediction;
  readonly #events = new Emitter<WorldEvents>();
  readonly #options: WorldOptions;
  readonly #clock: Clock;
  readonly #calls: Calls;
  readonly #backoff: Backoff;
  readonly #heartbeat: Heartbeat;
  readonly #renewal: Renewal | undefined;
  readonly #recovery = new Recovery();
  readonly #frames = new FrameAcks();
  readonly #others = new Interpolation();
  #playout = new Playout({ tickMs: 50 });
  #connection: Connection | undefined;
  /** That the connection was opened with. */
  #token = '';
  #welcome: SessionWelcome | undefined;
  #state: ConnectionState = { kind: 'closed', reason: 'not connected yet' };
  #attempt = 0;
  #cancelRetry = (): void => {};
  #cancelWelcome = (): void => {};
  #cancelAck: (() => void) | undefined;
  #cancelFrameAck: (() => void) | undefined;
  #restartAfterMs: number | undefined;
  #checkToken = false;
  #lastSent = -SEND_INTERVAL_MS;
  /** Between `world.zone` and the snapshot of the new zone there is no place to walk. */
  #placed = false;
  /** Deltas before the first snapshot of a connection are of the time before. */
  #knowsWorld = false;
  character: Character | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const now = () => this.#clock.now();
    this.replica = new Replica(now);
    this.movement = new Prediction(now);
    this.#calls = new Calls(this.#clock);
    const random = options.random ? { random: options.random } : {};
    this.#backoff = new Backoff({ firstMs: options.backoffMs ?? 500, mostMs: BACKOFF_MOST_MS, ...random });
    this.#heartbeat = new Heartbeat(this.#clock, { everyMs: this.#heartbeatMs, mostMissed: MISSED_PINGS });
    if (options.refreshToken) {
      this.#renewal = new Renewal(this.#clock, { fresh: options.refreshToken, use: (token) => this.call('auth.refresh', { token }) });
    }
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether the character stands in a zone and may act. */
  get placed(): boolean {
    return this.#placed;
  }

  /** Name and version of the server. */
  get server(): string {
    return this.#welcome?.server ?? '';
  }

  /** Length of a tick in milliseconds. */
  get tickMs(): number {
    return this.#welcome?.tick_ms ?? 50;
  }

  /** How messages are written on the connection there is. */
  get encoding(): EncodingName | undefined {
    return this.#connection?.encoding.name;
  }

  /** Round trip and the server's time, as the pings tell. */
  get serverClock(): ServerClock {
    return this.#heartbeat.server;
  }

  on<Name extends keyof WorldEvents>(name: Name, listener: (value: WorldEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  once<Name extends keyof WorldEvents>(name: Name, timeoutMs: number): Promise<WorldEvents[Name]> {
    return this.#events.once(name, timeoutMs);
  }

  /** Starts connecting; listen to `state` for what becomes of it. Does nothing when under way. */
  connect(): void {
    if (this.#state.kind !== 'closed') return;
    // Perhaps somebody is still leaving over the one before.
    this.#release('connected again');
    void this.#open();
  }

  /** Skips what is left of the wait for the next attempt. */
  retryNow(): void {
    if (this.#state.kind !== 'waiting') return;
    this.#cancelRetry();
    void this.#open();
  }

  /** Leaves the world; resolves when the server has saved the character, or is out of reach. */
  async leave(): Promise<void> {
    this.#cancelRetry();
    const connection = this.#connection;
    const joined = this.#state.kind === 'joined';
    this.#recovery.end();
    this.#enter({ kind: 'closed', reason: 'left' });
    try {
      if (joined) await this.call('world.leave', {});
    } catch (error) {
      if (!(error instanceof ConnectionError || error instanceof RpcError)) throw error;
      // The server saves the character of a closed socket as well.
    } finally {
      // Another than this one is of somebody who has connected again.
      if (connection === this.#connection) this.#release('left');
    }
  }

  /** Calls a method. Rejects with `RpcError`, `TimeoutError` or `ConnectionError`. */
  call<M extends Method>(method: M, params: Methods[M]['params'], timeoutMs?: number): Promise<Methods[M]['result']> {
    if (!this.#connection) return Promise.reject(new ConnectionError('not connected'));
    return this.#connection.batch([{ method, params }], timeoutMs ?? this.#timeoutMs)[0] as Promise<Methods[M]['result']>;
  }

  /** Calls up to 32 methods in one frame; each has its own answer. */
  batch<const Calls extends readonly CallOf[]>(calls: Calls, timeoutMs?: number): { [Each in keyof Calls]: Promise<Methods[Calls[Each]['method']]['result']> } {
    const promises = this.#connection
      ? this.#connection.batch(calls, timeoutMs ?? this.#timeoutMs)
      : calls.map(() => Promise.reject(new ConnectionError('not connected')));
    return promises as { [Each in keyof Calls]: Promise<Methods[Calls[Each]['method']]['result']> };
  }

  /** Round trip in milliseconds. */
  ping(): Promise<number> {
    return this.#heartbeat.measure(() => this.call('system.ping', {}));
  }

  /** Walks for `seconds` in a direction at full speed and tells the server, at most at 20 Hz. */
  walk(direction: Point, seconds: number): void {
    if (!this.#placed) return;
    this.movement.walk(direction, seconds);
    this.flushMovement();
  }

  /** Sends the predicted place if it is news and the last was sent long enough ago. */
  flushMovement(): void {
    const now = this.#clock.now();
    if (!this.#placed || !this.#connection?.open || now - this.#lastSent < SEND_INTERVAL_MS) return;
    const next = this.movement.next();
    if (!next) return;
    this.#lastSent = now;
    this.#connection.send([{ method: 'world.move', params: next }]);
  }

  /** Where an entity in sight is to be drawn now: smoothly, a little late, and oneself as predicted. */
  shown(id: number): Point | undefined {
    if (id === this.replica.you && this.#placed) return this.movement.shown();
    return this.#others.at(id, this.#playout.at(this.#clock.now())) ?? this.replica.entities.get(id);
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 10_000;
  }

  get #heartbeatMs(): number {
    return this.#options.heartbeatMs ?? 5_000;
  }

  async #open(): Promise<void> {
    this.#attempt += 1;
    this.#enter({ kind: 'connecting', attempt: this.#attempt });
    const state = this.#state;
    let token: string;
    try {
      token = await this.#options.token(this.#checkToken);
    } catch (error) {
      if (this.#state !== state) return;
      if (!(error instanceof ApiError)) this.#later('the server cannot be reached');
      else if (error.status === 401) this.#stop('the session has expired: log in again');
      // Banned, or not let in for another reason: it says which.
      else if (error.status === 403) this.#stop(error.message);
      else this.#later(error.message, error.retryAfterMs);
      return;
    }
    if (this.#state !== state) return; // `leave` was called meanwhile.
    const connection = this.#dial(token);
    if (!connection) return;
    connection.holdsBack = this.#recovery.params !== undefined;
    this.#connection = connection;
    this.#token = token;
    // A refused upgrade looks like a broken one to a browser: try the token before the next attempt.
    this.#checkToken = true;
    this.#cancelWelcome = this.#clock.after(this.#timeoutMs, () => connection.abandon('the server does not answer'));
  }

  /** Nothing where that is not possible, now or later: a wrong address, one that the page may not open, no `WebSocket`. */
  #dial(token: string): Connection | undefined {
    const socketConstructor = this.#options.webSocket ?? (globalThis.WebSocket as unknown as SocketConstructor);
    const query = `token=${encodeURIComponent(token)}`;
    try {
      const connection: Connection = new Connection(`${this.#options.url}?${query}`, socketConstructor, this.#options.encoding ?? 'proto', this.#calls, {
        numbered: (seq) => this.#numbered(seq),
        told: (told) => {
          if (connection === this.#connection) this.#heard(told);
        },
        closed: (closed) => {
          if (connection === this.#connection) this.#lost(closed);
        },
      });
      return connection;
    } catch (error) {
      // Browsers name the whole address, and the reason is for people.
      this.#stop((error as Error).message.replaceAll(query, 'token=...'));
      return undefined;
    }
  }

  #heard({ method, params }: Told): void {
    switch (method) {
      case 'session.welcome':
        this.#begin(params as SessionWelcome);
        break;
      case 'world.snapshot':
        this.#snapshot(params as WorldSnapshot);
        break;
      case 'world.delta':
        this.#delta(params as WorldDelta);
        return;
      case 'world.corrected': {
        const corrected = params as Notifications['world.corrected'];
        this.movement.corrected(corrected.seq, corrected);
        break;
      }
      case 'world.zone':
        this.#placed = false;
        break;
      case 'world.event':
        this.replica.happen((params as Notifications['world.event']).event);
        break;
      case 'character.update':
        this.#progress(params as CharacterUpdate);
        break;
      case 'system.reconnect':
        this.#restartAfterMs = (params as Notifications['system.reconnect']).after_ms;
        break;
    }
    this.#events.emit(method as keyof WorldEvents, params as never);
  }

  /** Notes a frame that the server keeps until it is acknowledged. Returns whether it is news. */
  #numbered(seq: number): boolean {
    const isNews = this.#recovery.heard(seq);
    const acknowledge = () => {
      this.#cancelAck?.();
      this.#cancelAck = undefined;
      if (this.#recovery.owes) this.#connection?.send([{ method: 'session.ack', params: this.#recovery.ack() }]);
    };
    if (this.#recovery.overdue) acknowledge();
    else this.#cancelAck ??= this.#clock.after(ACK_DELAY_MS, acknowledge);
    return isNews;
  }

  #begin(welcome: SessionWelcome): void {
    this.#cancelWelcome();
    this.#welcome = welcome;
    this.#checkToken = false;
    if (this.#connection) this.#connection.maxMessageBytes = welcome.max_message_bytes || Infinity;
    this.#playout = new Playout({ tickMs: this.tickMs });
    this.#knowsWorld = false;
    void this.#arrive(welcome.recovery);
  }

  /** Goes on with the session from before if that is possible, or begins one. */
  async #arrive(token: string | undefined): Promise<void> {
    const connection = this.#connection;
    if (!connection || !this.#isArriving(connection)) return;
    const resumed = await this.#resume(connection, token);
    if (resumed === 'lost') return;
    if (resumed === 'no') {
      this.#calls.fail(new ConnectionError('the connection was lost'));
      connection.holdsBack = false;
      this.#recovery.begin(token);
    }
    if (resumed !== 'yes' && !(await this.#join(connection))) return;
    if (connection !== this.#connection || this.#state.kind !== 'joined') return; // Who was told so has left.
    this.#attempt = 0;
    this.#backoff.reset();
    this.#heartbeat.start(
      () => this.call('system.ping', {}, this.#heartbeatMs),
      () => connection.abandon('the server does not answer'),
    );
    this.#renewal?.start(this.#token);
  }

  /** Whether the way into the world goes over this connection: it may be lost meanwhile, and `leave` called. */
  #isArriving(connection: Connection): boolean {
    return connection === this.#connection && this.#state.kind === 'connecting';
  }

  /** `empty`: the session goes on, but nobody is in the world. */
  async #resume(connection: Connection, token: string | undefined): Promise<'yes' | 'empty' | 'no' | 'lost'> {
    if (this.#recovery.params) this.#recovery.tries(token);
    for (let params = this.#recovery.params; params; params = this.#recovery.params) {
      try {
        const resumed = (await connection.first({ method: 'session.resume', params }, this.#timeoutMs)) as Methods['session.resume']['result'];
        if (this.#state.kind === 'closed') return 'lost';
        this.#recovery.resumed(resumed.recovery);
        if (!this.#isArriving(connection)) return 'lost';
        // What the server has not received is sent again, under the same numbers, and what was held back with it: it is
        // carried out once.
        connection.holdsBack = false;
        connection.resend(this.#calls.unanswered(resumed.last_id ?? 0));
        if (resumed.character === undefined) return 'empty';
        this.#enter({ kind: 'joined', resumed: true });
        return 'yes';
      } catch (error) {
        if (!this.#isArriving(connection)) return 'lost';
        if (!(error instanceof RpcError)) {
          connection.abandon('the session could not be resumed');
          return 'lost';
        }
        if (error.retryAfterMs !== undefined) {
          connection.close(error.message, error.retryAfterMs);
          return 'lost';
        }
        // It may have been resumed before, without this client having heard of it; else it is over.
        if (error.reason !== 'unauthorized' || !this.#recovery.refused(token)) return 'no';
      }
    }
    return 'no';
  }

  /** Returns whether the character is in the world now. */
  async #join(connection: Connection): Promise<boolean> {
    try {
      const joined = await this.call('world.join', { character: this.#options.character });
      if (!this.#isArriving(connection)) return false;
      this.character = joined.character;
      this.#recovery.joined();
      this.#enter({ kind: 'joined', resumed: false });
      this.#events.emit('joined', joined);
      return true;
    } catch (error) {
      if (!this.#isArriving(connection)) return false;
      // What does not end for good ends the connection, and with it comes the next attempt.
      if (!(error instanceof RpcError)) connection.close('the world could not be joined');
      else if (error.retryAfterMs !== undefined || transient(error)) connection.close(error.message, error.retryAfterMs);
      else this.#stop(error.message);
      return false;
    }
  }

  #snapshot(snapshot: WorldSnapshot): void {
    const before = this.replica;
    const resync = this.#placed && before.you === snapshot.you && before.zone?.name === snapshot.zone.name;
    if (!resync) {
      this.#others.clear();
      this.#playout.reset();
      this.#frames.reset();
    }
    this.replica.snapshot(snapshot);
    this.#knowsWorld = true;
    this.#playout.heard(snapshot.tick, this.#clock.now());
    for (const entity of snapshot.entities) this.#track(entity.id);
    this.#acknowledge(snapshot.tick, true);
    const own = this.replica.own;
    this.#placed = own !== undefined;
    if (!own) return;
    if (resync) {
      // Asked for, or the definitions are others now; perhaps in the middle of a walk: go on walking.
      this.movement.acknowledge(snapshot.ack);
      this.movement.serverAt(own);
    } else {
      this.movement.reset(own, snapshot.ack, snapshot.zone);
    }
  }

  #delta(delta: WorldDelta): void {
    if (!this.#knowsWorld) return;
    const applied = this.replica.delta(delta);
    this.#playout.heard(delta.tick, this.#clock.now());
    this.#others.heard(delta.tick);
    for (const id of applied.moved) this.#track(id);
    for (const id of applied.left.keys()) this.#others.remove(id);
    this.#acknowledge(delta.tick, false);
    if (delta.ack !== undefined) this.movement.acknowledge(delta.ack);
    const own = this.replica.own;
    if (own && applied.moved.includes(own.id)) this.movement.serverAt(own);
    this.#events.emit('updated', { delta, ...applied });
  }

  #track(id: number): void {
    const entity = this.replica.entities.get(id);
    if (entity && id !== this.replica.you) this.#others.put(id, this.replica.tick, entity);
  }

  /** Tells the server which frame this client has: `atOnce`, or with the next ones. */
  #acknowledge(tick: number, atOnce: boolean): void {
    this.#frames.heard(tick);
    const acknowledge = () => {
      this.#cancelFrameAck?.();
      this.#cancelFrameAck = undefined;
      const newest = this.#frames.take();
      if (newest !== undefined) this.#connection?.send([{ method: 'world.ack', params: { tick: newest } }]);
    };
    if (atOnce || this.#frames.overdue) acknowledge();
    else this.#cancelFrameAck ??= this.#clock.after(FRAME_ACK_DELAY_MS, acknowledge);
  }

  #progress(update: CharacterUpdate): void {
    const character = this.character;
    if (!character) return;
    character.level = update.level ?? character.level;
    character.experience = update.experience ?? character.experience;
    character.experience_to_next = update.experience_to_next ?? character.experience_to_next;
    character.gold = update.gold ?? character.gold;
  }

  #lost(closed: Closed): void {
    this.#detach();
    const goesOn = this.#state.kind !== 'closed' && this.#recovery.params !== undefined;
    // What is of the connection itself is not asked again on the next.
    this.#calls.fail(new ConnectionError('the connection was lost'), (_, method) => !goesOn || OF_CONNECTION.has(method));
    if (this.#state.kind === 'closed') return;
    const { action, reason } = afterClose(closed.code, closed.reason);
    if (action === 'stop') {
      this.#stop(reason);
      return;
    }
    if (action === 'refresh') this.#checkToken = true;
    const restarting = closed.code === CloseCode.restart || this.#restartAfterMs !== undefined;
    this.#later(restarting ? 'the server restarts' : reason, closed.retryAfterMs);
  }

  /** What was of the connection ends with it. */
  #detach(): void {
    this.#connection = undefined;
    this.#cancelWelcome();
    this.#placed = false;
    this.#heartbeat.stop();
    this.#renewal?.stop();
    this.#cancelAck?.();
    this.#cancelAck = undefined;
    this.#cancelFrameAck?.();
    this.#cancelFrameAck = undefined;
  }

  /** Ends the connection, if there is one, and what was asked for over it. */
  #release(reason: string): void {
    const connection = this.#connection;
    this.#detach();
    this.#calls.fail(new ConnectionError(reason));
    connection?.close(reason);
  }

  /** For good. */
  #stop(reason: string): void {
    this.#recovery.end();
    this.#release(reason);
    this.#enter({ kind: 'closed', reason });
  }

  /** Tries again, in `atLeastMs` at the earliest. */
  #later(reason: string, atLeastMs = 0): void {
    const inMs = this.#backoff.next(Math.max(atLeastMs, this.#restartAfterMs ?? 0));
    this.#restartAfterMs = undefined;
    this.#enter({ kind: 'waiting', inMs, reason });
    this.#cancelRetry = this.#clock.after(inMs, () => void this.#open());
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.#events.emit('state', state);
  }
}

/** Whether joining may work a little later without a `retry_after_ms`. */
function transient(error: RpcError): boolean {
  return error.rejection === 'zone_full' || error.reason === 'session_expired' || error.code === -32603;
}
