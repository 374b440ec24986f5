// The workload of `lore bench zone_aoi` and `zone_full` as a Colyseus room: players move ten times a second, the room
// checks their speed and sends what changed of those near twenty times a second. Started by `lore bench`:
//
//   node room.mjs WIDTH_MM RADIUS_MM     # radius 0: everybody sees everybody
//
// prints one JSON line with the address, and ends when standard input does.
import { Room, Server } from '@colyseus/core';
import { WebSocketTransport } from '@colyseus/ws-transport';
import { StateView, schema, t } from '@colyseus/schema';
import { createServer } from 'node:http';

const [width, radius] = process.argv.slice(2).map(Number);
const CELL = 20_000;
const FASTEST_MM_S = 200_000;

const Player = schema({ x: t.int32(), y: t.int32(), hp: t.uint16() }, 'Player');
const World = schema({ players: radius > 0 ? t.map(Player).view() : t.map(Player) }, 'World');

class Zone extends Room {
  onCreate() {
    this.maxClients = 10_000;
    this.maxMessagesPerSecond = Infinity;
    this.autoDispose = false;
    this.patchRate = 50;
    this.state = new World();
    this.near = new Map();
    this.onMessage('m', (client, [, x, y]) => this.move(client, x, y));
    if (radius > 0) this.setSimulationInterval(() => this.look(), 50);
  }

  move(client, x, y) {
    const player = this.state.players.get(client.sessionId);
    if (!player || !Number.isInteger(x) || !Number.isInteger(y)) return;
    if (x < 0 || y < 0 || x > width || y > width) return;
    const now = performance.now();
    client.credit = Math.min(client.credit + (now - client.at) * FASTEST_MM_S / 1000, FASTEST_MM_S);
    client.at = now;
    const far = Math.hypot(x - player.x, y - player.y);
    if (far > client.credit) return;
    client.credit -= far;
    player.x = x;
    player.y = y;
  }

  // Gives every client a view of those within the radius, found by a grid.
  look() {
    const cells = new Map();
    const cell = (x, y) => Math.floor(x / CELL) * 100_003 + Math.floor(y / CELL);
    for (const [id, player] of this.state.players) {
      const key = cell(player.x, player.y);
      if (!cells.has(key)) cells.set(key, []);
      cells.get(key).push([id, player]);
    }
    const reach = Math.ceil(radius / CELL);
    for (const client of this.clients) {
      const me = this.state.players.get(client.sessionId);
      const known = this.near.get(client.sessionId);
      if (!me || !known) continue;
      const seen = new Set();
      const column = Math.floor(me.x / CELL);
      const row = Math.floor(me.y / CELL);
      for (let i = column - reach; i <= column + reach; i += 1) {
        for (let j = row - reach; j <= row + reach; j += 1) {
          for (const [id, player] of cells.get(i * 100_003 + j) ?? []) {
            if ((player.x - me.x) ** 2 + (player.y - me.y) ** 2 > radius * radius) continue;
            seen.add(id);
            if (!known.has(id)) {
              known.set(id, player);
              client.view.add(player);
            }
          }
        }
      }
      for (const [id, player] of known) {
        if (seen.has(id)) continue;
        known.delete(id);
        client.view.remove(player);
      }
    }
  }

  onJoin(client) {
    const player = new Player();
    player.x = Math.floor(width / 2);
    player.y = Math.floor(width / 2);
    player.hp = 100;
    client.credit = FASTEST_MM_S;
    client.at = performance.now();
    if (radius > 0) {
      client.view = new StateView();
      this.near.set(client.sessionId, new Map());
    }
    this.state.players.set(client.sessionId, player);
  }

  onLeave(client) {
    this.near.delete(client.sessionId);
    this.state.players.delete(client.sessionId);
  }
}

const http = createServer();
const server = new Server({ greet: false, transport: new WebSocketTransport({ server: http, pingInterval: 0 }) });
server.define('zone', Zone);
await server.listen(0, '127.0.0.1');
process.stdin.on('end', () => process.exit(0)).resume();
console.log(JSON.stringify({ listen: `127.0.0.1:${http.address().port}` }));
