// What can go wrong, one class per cause. Callers tell them apart by `instanceof` and `code`.

import type { RpcErrorData } from './protocol.js';

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

  constructor(
    readonly code: number,
    message: string,
    readonly data: RpcErrorData,
  ) {
    super(message);
  }

  /** The most exact stable name: the rejection, else the reason, else the number. */
  get reason(): string {
    return this.data.rejection ?? this.data.reason ?? String(this.code);
  }

  get retryAfterMs(): number | undefined {
    return this.data.retry_after_ms;
  }
}

/** The call was not answered: the socket is not open, was lost, or the answer took too long. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}
