// What can go wrong, one class per cause. Callers tell them apart by `instanceof` and by their codes.

import type { ErrorData } from './gen/lore.v1.js';

/** The server answered an HTTP request with a problem document. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    /** Stable, for example `name_taken`. */
    readonly code: string,
    detail: string,
    readonly retryAfterMs: number | undefined,
  ) {
    super(detail);
  }
}

/** The server answered a call on the socket with an error. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** The stable word for `code`: `rate_limited`, `invalid_state`, `rejected`, ... */
  readonly reason: string;
  /** The game's own code where the reason is `rejected`: `out_of_range`, ... */
  readonly rejection: string | undefined;
  /** When to try again, if that may help. */
  readonly retryAfterMs: number | undefined;

  constructor(
    /** As in JSON-RPC 2.0; the table of errors in docs/protocol.md. */
    readonly code: number,
    message: string,
    data: Partial<ErrorData> = {},
  ) {
    super(message);
    this.reason = data.reason ?? '';
    this.rejection = data.rejection;
    this.retryAfterMs = data.retry_after_ms;
  }

  /** The most exact stable code: the rejection if there is one, else the reason, else the number. */
  get stableCode(): string {
    return this.rejection ?? (this.reason || String(this.code));
  }
}

/** The call was not answered: the socket is not open or was lost. What it asked for may have happened. */
export class ConnectionError extends Error {
  override readonly name: string = 'ConnectionError';
}

/** The call was not answered in time. What it asked for may have happened. */
export class TimeoutError extends ConnectionError {
  override readonly name = 'TimeoutError';

  constructor(
    readonly method: string,
    readonly timeoutMs: number,
  ) {
    super(`${method} was not answered within ${timeoutMs} ms`);
  }
}

/** The other side said something that is not `lore.v1`, or was asked to by this one. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
