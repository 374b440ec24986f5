// Why a socket was closed, and what to do then.

/** Close codes of the server, and the standard ones that a client meets. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  /** Nobody closed it: the network is gone, or the upgrade was refused. */
  lost: 1006,
  invalidText: 1007,
  policy: 1008,
  tooBig: 1009,
  internalError: 1011,
  restart: 1012,
  unauthorized: 4001,
  heartbeatMissed: 4002,
  tooSlow: 4003,
  joinedElsewhere: 4004,
  banned: 4005,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** `reconnect` as before, `refresh` the token first, or `stop`: another attempt would end the same way. */
export type CloseAction = 'reconnect' | 'refresh' | 'stop';

export interface CloseAdvice {
  action: CloseAction;
  /** For people. */
  reason: string;
}

const NOT_UNDERSTOOD: CloseAdvice = { action: 'stop', reason: 'the server and this client do not understand each other' };

const ADVICE: Readonly<Record<number, CloseAdvice>> = {
  [CloseCode.protocolError]: NOT_UNDERSTOOD,
  [CloseCode.unsupportedData]: NOT_UNDERSTOOD,
  [CloseCode.invalidText]: NOT_UNDERSTOOD,
  [CloseCode.tooBig]: NOT_UNDERSTOOD,
  [CloseCode.policy]: { action: 'stop', reason: 'closed by the server: too many refused calls' },
  [CloseCode.restart]: { action: 'reconnect', reason: 'the server restarts' },
  [CloseCode.unauthorized]: { action: 'refresh', reason: 'the token has expired or was revoked' },
  [CloseCode.heartbeatMissed]: { action: 'reconnect', reason: 'the server heard nothing of this client' },
  [CloseCode.tooSlow]: { action: 'reconnect', reason: 'this client did not read fast enough' },
  [CloseCode.banned]: { action: 'stop', reason: 'banned' },
  [CloseCode.joinedElsewhere]: { action: 'stop', reason: 'this character was joined from elsewhere' },
};

/** What to do after a close; `text` is what the server said with it. */
export function afterClose(code: number, text = ''): CloseAdvice {
  return ADVICE[code] ?? { action: 'reconnect', reason: text || 'the connection was lost' };
}
