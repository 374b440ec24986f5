// One WebSocket speaking JSON-RPC 2.0: calls matched with answers, notifications handed on. It lives
// as long as the socket; connecting again is the business of world.ts.

import { ConnectionError, RpcError } from './errors.js';
import { SUBPROTOCOL, type Method, type Methods, type Notification, type RpcErrorData } from './protocol.js';

/** What is needed of a WebSocket: the browser's, Node's, or that of the package `ws`. */
export interface Socket {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocol: string) => Socket;

export interface Closed {
  code: number;
  reason: string;
}

interface Call {
  resolve(result: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

interface Frame {
  id?: number | string | null;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: RpcErrorData };
}

const OPEN = 1;

export class Connection {
  readonly #socket: Socket;
  readonly #calls = new Map<number, Call>();
  readonly #timeoutMs: number;
  #nextId = 1;

  constructor(
    url: string,
    socketConstructor: SocketConstructor,
    timeoutMs: number,
    handlers: {
      notification(method: Notification, params: unknown): void;
      closed(closed: Closed): void;
    },
  ) {
    this.#timeoutMs = timeoutMs;
    this.#socket = new socketConstructor(url, SUBPROTOCOL);
    this.#socket.onmessage = (event: { data: unknown }) => {
      if (typeof event.data !== 'string') return;
      let message: Frame | Frame[];
      try {
        message = JSON.parse(event.data) as Frame | Frame[];
      } catch {
        this.#socket.close(1002, 'not JSON');
        return;
      }
      for (const frame of Array.isArray(message) ? message : [message]) {
        if (frame.method !== undefined) handlers.notification(frame.method as Notification, frame.params);
        else this.#answer(frame);
      }
    };
    this.#socket.onerror = () => {}; // `close` follows and says all there is to know.
    this.#socket.onclose = (event: Closed) => {
      this.#failCalls(new ConnectionError('the connection was lost'));
      handlers.closed({ code: event.code, reason: event.reason });
    };
  }

  get open(): boolean {
    return this.#socket.readyState === OPEN;
  }

  call<M extends Method>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    if (!this.open) return Promise.reject(new ConnectionError('not connected'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#calls.delete(id);
        reject(new ConnectionError(`${method} was not answered within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      this.#calls.set(id, { resolve: resolve as (result: unknown) => void, reject, timer });
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  }

  notify<M extends Method>(method: M, params: Methods[M]['params']): void {
    if (this.open) this.#socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  close(): void {
    this.#socket.close(1000, 'bye');
  }

  #answer(frame: Frame): void {
    const call = typeof frame.id === 'number' ? this.#calls.get(frame.id) : undefined;
    if (!call) return; // Answered after its time-out, or an error nobody asked for (id null).
    this.#calls.delete(frame.id as number);
    clearTimeout(call.timer);
    if (frame.error) call.reject(new RpcError(frame.error.code, frame.error.message, frame.error.data ?? {}));
    else call.resolve(frame.result);
  }

  #failCalls(error: Error): void {
    for (const call of this.#calls.values()) {
      clearTimeout(call.timer);
      call.reject(error);
    }
    this.#calls.clear();
  }
}
