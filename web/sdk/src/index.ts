// Client of `lore.v1`: everything a game needs, without a DOM.

export * from './api.js';
export { Backoff, type BackoffOptions } from './backoff.js';
export { afterClose, CloseCode, type CloseAction, type CloseAdvice } from './close.js';
export { ServerClock, systemClock, type Clock } from './clock.js';
export type { Socket, SocketConstructor } from './connection.js';
export { ENCODINGS, type Encoding, type EncodingName } from './encoding.js';
export * from './errors.js';
/** Every message of the schema. */
export type * as v1 from './gen/lore.v1.js';
export { Interpolation, Playout, type InterpolationOptions, type PlayoutOptions } from './interpolation.js';
export { STEP_MM, type Moves } from './moves.js';
export { Prediction, type Ground, type SentMove } from './prediction.js';
export { Replica, type Applied, type Entity, type OwnState, type Point, type RunningEvent } from './replica.js';
export {
  WorldClient,
  type CallOf,
  type ConnectionState,
  type Method,
  type Notification,
  type WorldEvents,
  type WorldOptions,
} from './world.js';
