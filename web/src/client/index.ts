// The protocol client of Loreforge: everything a game needs, without a DOM.

export * from './api.js';
export * from './errors.js';
export * from './protocol.js';
export { Movement } from './movement.js';
export { Replica, type RunningEvent } from './replica.js';
export { WorldClient, type ConnectionState, type WorldEvents, type WorldOptions } from './world.js';
export type { Socket, SocketConstructor } from './connection.js';
