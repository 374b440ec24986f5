// One WebSocket: frames in either encoding, calls matched with answers, notifications handed on. It lives as long as
// the socket; connecting again is the business of world.ts.

import type { Calls } from './calls.js';
import { CloseCode } from './close.js';
import { ENCODINGS, agreedOn, BATCH_CALLS, type Encoding, type EncodingName, type OutgoingCall, type Told } from './encoding.js';
import { ConnectionError, ProtocolError } from './errors.js';

/** What is needed of a WebSocket: the browser's, Node's, or that of the package `ws`. */
export interface Socket {
  readonly readyState: number;
  /** What the server chose. */
  readonly protocol: string;
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => Socket;

export interface Closed {
  code: number;
  reason: string;
  /** When to try again, if the server said so. */
  retryAfterMs?: number;
}

/** A call of a batch. */
export interface Request {
  readonly method: string;
  readonly params: object;
}

const OPEN = 1;

export class Connection {
  readonly #socket: Socket;
  readonly #calls: Calls;
  readonly #closed: (closed: Closed) => void;
  #encoding: Encoding;
  #isOver = false;
  /** Calls are numbered and wait, for `resend` or to fail: nothing may come before the answer to `session.resume`. */
  holdsBack = false;
  /** Bytes of a message that the server takes. */
  maxMessageBytes = Infinity;

  constructor(
    url: string,
    socketConstructor: SocketConstructor,
    preferred: EncodingName,
    calls: Calls,
    handlers: {
      /** A frame with a number came; whether it is news. */
      numbered(seq: number): boolean;
      told(told: Told): void;
      closed(closed: Closed): void;
    },
  ) {
    this.#calls = calls;
    this.#closed = handlers.closed;
    this.#encoding = ENCODINGS[preferred];
    // The other one is better than none.
    const other = ENCODINGS[preferred === 'json' ? 'proto' : 'json'];
    this.#socket = new socketConstructor(url, [this.#encoding.subprotocol, other.subprotocol]);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => {
      this.#encoding = agreedOn(this.#socket.protocol);
    };
    this.#socket.onmessage = ({ data }: { data: unknown }) => {
      if (this.#isOver) return;
      try {
        const { answers, told, seq } = this.#encoding.decode(data, (id) => calls.methodOf(id));
        if (seq !== undefined && !handlers.numbered(seq)) return;
        for (const answer of answers) calls.settle(answer);
        for (const each of told) handlers.told(each);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#end({ code: CloseCode.protocolError, reason: error.message }, 4000);
      }
    };
    this.#socket.onerror = () => {}; // `close` follows and says all there is to know.
    this.#socket.onclose = ({ code, reason }: Closed) => this.#end({ code, reason });
  }

  get open(): boolean {
    return !this.#isOver && this.#socket.readyState === OPEN;
  }

  /** How messages are written; certain once the socket is open. */
  get encoding(): Encoding {
    return this.#encoding;
  }

  /** Calls in one frame, 1 to 32 of them, each with its own answer. */
  batch(requests: readonly Request[], timeoutMs: number): Promise<unknown>[] {
    return this.#ask(requests, timeoutMs, this.holdsBack);
  }

  /** A call that is not held back. */
  first(request: Request, timeoutMs: number): Promise<unknown> {
    return this.#ask([request], timeoutMs, false)[0]!;
  }

  #ask(requests: readonly Request[], timeoutMs: number, wait: boolean): Promise<unknown>[] {
    if (requests.length === 0 || requests.length > BATCH_CALLS) throw new RangeError(`a batch holds 1 to ${BATCH_CALLS} calls`);
    if (!this.open) return requests.map(() => Promise.reject(new ConnectionError('not connected')));
    const opened = requests.map(({ method, params }) => this.#calls.open(method, params, timeoutMs));
    try {
      if (!wait) this.send(requests.map((request, index) => ({ id: opened[index]!.id, ...request })));
    } catch (error) {
      const ids = new Set(opened.map(({ id }) => id));
      this.#calls.fail(error as Error, (id) => ids.has(id));
    }
    return opened.map(({ answer }) => answer);
  }

  /** Sends calls that are numbered already, or that want no answer. Does nothing on a closed socket. */
  send(calls: readonly OutgoingCall[]): void {
    if (!this.open) return;
    const frame = this.#encoding.encode(calls);
    const bytes = typeof frame === 'string' ? new TextEncoder().encode(frame).length : frame.length;
    if (bytes > this.maxMessageBytes) throw new RangeError(`a message of ${bytes} bytes, the server takes ${this.maxMessageBytes}`);
    this.#socket.send(frame);
  }

  /** Sends calls that wait already, each alone: together they may be too much for a message. */
  resend(calls: readonly (OutgoingCall & { id: number })[]): void {
    for (const call of calls) {
      try {
        this.send([call]);
      } catch (error) {
        this.#calls.fail(error as Error, (id) => id === call.id);
      }
    }
  }

  /** Says goodbye and does not wait for the answer; perhaps the server wants to be asked again later. */
  close(reason: string, retryAfterMs?: number): void {
    this.#end({ code: CloseCode.normal, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) }, CloseCode.normal);
  }

  /** The same where the other side may be gone. */
  abandon(reason: string): void {
    this.#end({ code: CloseCode.lost, reason }, 4000);
  }

  #end(closed: Closed, closeWith?: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // A reason has room for 123 bytes.
    if (closeWith !== undefined) this.#socket.close(closeWith, closed.reason.slice(0, 40));
    this.#closed(closed);
  }
}
