// What the schema is about to say of resuming, acknowledging and packed movement, for as long as it does not: import
// this before anything else. Does nothing once it does.

import { tables } from '../../src/gen/lore.v1.js';

type Row = [number, string, string, string?];
const messages = tables.messages as unknown as Record<string, Row[]>;

function add(message: string, ...rows: Row[]): void {
  const have = (messages[message] ??= []);
  for (const row of rows) if (!have.some(([, name]) => name === row[1])) have.push(row);
}

add('SessionWelcome', [7, 'recovery', 'string', '?']);
add('SessionResume', [1, 'token', 'string'], [2, 'seq', 'uint64']);
add('SessionAck', [1, 'seq', 'uint64']);
add('Resumed', [1, 'session', 'string'], [2, 'recovery', 'string'], [3, 'character', 'int64', '?'], [5, 'last_id', 'uint64', '?']);
add('Moves', [1, 'ids', 'uint64', '*'], [2, 'dx', 'sint32', '*'], [3, 'dy', 'sint32', '*']);
add('WorldAck', [1, 'tick', 'uint64']);
add('WorldDelta', [8, 'moves', 'Moves', '?']);
add('Call', [40, 'session.resume', 'SessionResume', '|'], [41, 'session.ack', 'SessionAck', '|'], [60, 'world.ack', 'WorldAck', '|']);
add('Response', [20, 'resumed', 'Resumed', '|']);
add('ServerFrame', [3, 'seq', 'uint64']);
Object.assign(tables.answers, { 'session.resume': 'Resumed', 'session.ack': 'Done', 'world.ack': 'Done' });
