import { ApiClient, WorldClient } from '@loreforge/client';
import { WebSocket } from 'ws'; // browsers and Node 22 have their own

const server = process.env['LORE_URL'] ?? 'http://127.0.0.1:7777';
const api = new ApiClient({ baseUrl: server });
await api.guest();
const { id } = await api.createCharacter('Ada', 'warrior');
const world = new WorldClient({
  url: `${server.replace('http', 'ws')}/v1/world/ws`,
  character: id,
  token: async (check) => (check ? api.freshToken() : (api.tokens?.access_token ?? '')),
  webSocket: WebSocket,
});
world.on('chat.message', ({ name, text }) => console.log(`${name}: ${text}`));
world.connect(); // and again, whenever the line breaks
const { zone } = await world.once('world.snapshot', 10_000);
world.walk({ x: 1, y: 0 }, 0.05); // predicted at once, sent, acknowledged, reconciled
await world.call('chat.send', { text: `hello ${zone.title}` });
while (world.movement.pending > 0) await world.once('updated', 10_000);
console.log(`${world.encoding}: ${world.replica.entities.size} in sight, I am at`, world.shown(world.replica.you));
await world.leave();
