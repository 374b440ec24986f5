// A server that says what a test wants, on fake sockets, in either encoding.

import type { SocketConstructor } from '../../src/connection.js';
import type { EncodingName } from '../../src/encoding.js';
import { WorldClient } from '../../src/world.js';
import { decode, encode } from '../../src/wire.js';
import { FakeClock, FakeSocket, settled } from './fakes.js';

export interface Heard {
  id: number | undefined;
  method: string;
  params: Record<string, unknown>;
}

export const WELCOME = { session: 's', server: 'test/1', tick_ms: 50, account: 1, heartbeat_ms: 30_000, max_message_bytes: 16_384 };
export const ZONE = { name: 'downtown', title: 'Downtown', width: 400_000, height: 400_000, max_speed: 10_000, interest_radius: 100_000, crossings: [] };
export const ADA = { id: 12, kind: 'player', name: 'Ada', template: 'warrior', x: 1_000, y: 2_000, hp: 100, hp_max: 100 };

export class TestServer {
  readonly clock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  readonly states: string[] = [];
  readonly client: WorldClient;
  readonly tokens: boolean[] = [];
  #read = 0;
  /** Answers pings by itself. */
  alive = true;

  constructor(options: { encoding?: EncodingName; heartbeatMs?: number; token?: () => Promise<string>; refreshToken?: () => Promise<string> } = {}) {
    const { token = () => Promise.resolve('token'), ...others } = options;
    const { sockets } = this;
    class Socket extends FakeSocket {
      constructor(url: string, offered: string[]) {
        super(url, offered);
        sockets.push(this);
      }
    }
    this.client = new WorldClient({
      url: 'ws://test/v1/world/ws',
      character: 7,
      token: (check) => {
        this.tokens.push(check);
        return token();
      },
      webSocket: Socket as unknown as SocketConstructor,
      clock: this.clock,
      random: () => 0,
      ...others,
    });
    this.client.on('state', ({ kind, ...rest }) => this.states.push('resumed' in rest && rest.resumed ? 'resumed' : kind));
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** Opens the newest socket and welcomes whoever is there. */
  async welcome(members: object = {}): Promise<void> {
    await settled();
    this.#read = 0;
    this.socket.open();
    this.tell('session.welcome', { ...WELCOME, ...members });
    await settled();
  }

  /** Takes in what the client has sent since the last time; pings are answered and left out. */
  heard(): Heard[] {
    const calls = this.heardAll();
    const pings = calls.filter(({ method }) => method === 'system.ping');
    if (this.alive) for (const { id } of pings) this.answer(id, 'pong', { server_time_ms: 1_000_000 + this.clock.now() });
    return calls.filter((call) => !pings.includes(call));
  }

  /** The same with the pings, which are not answered. */
  heardAll(): Heard[] {
    const frames = this.socket.sent.slice(this.#read);
    this.#read = this.socket.sent.length;
    return frames.flatMap((frame) =>
      typeof frame === 'string' ? ([JSON.parse(frame)].flat() as Heard[]) : (decode('ClientFrame', frame)['calls'] as unknown as Heard[]),
    );
  }

  tell(method: string, params: object, seq?: number): void {
    this.#send(seq, { method, params }, { notifications: [{ method, params }] });
  }

  answer(id: number | undefined, outcome: string, result: object, seq?: number): void {
    this.#send(seq, { id, [outcome === 'error' ? 'error' : 'result']: result }, { responses: [{ id, outcome, result }] });
  }

  #send(seq: number | undefined, asJson: object, asProto: object): void {
    if (this.client.encoding === 'json') this.socket.receive(JSON.stringify({ seq, jsonrpc: '2.0', ...asJson }));
    else this.socket.receive(encode('ServerFrame', { ...asProto, seq }).slice().buffer);
  }

  /** Answers the join that the client has asked for, and shows the world; what it asks for then. */
  async join(seq?: number): Promise<Heard[]> {
    const join = this.heard().find(({ method }) => method === 'world.join');
    if (!join) throw new Error('nobody wants to join');
    this.answer(join.id, 'joined', { zone: 'downtown', entity: 12, tick: 100, character: { id: 7, name: 'Ada' } }, seq);
    this.show();
    await settled();
    return this.heard();
  }

  show(tick = 100, members: object = {}): void {
    this.tell('world.snapshot', { tick, zone: ZONE, you: 12, ack: 0, self: {}, entities: [ADA], ...members });
  }
}
