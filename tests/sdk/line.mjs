// The line between a client and a server, which breaks when a script says so: TCP, handed on byte by byte.

import { connect, createServer } from 'node:net';

export class Line {
  /** `http://HOST:PORT` of the server; another one from the next connection on. */
  target;
  /** `http://HOST:PORT` that clients connect to. */
  url;
  /** What the server says gets lost; the line has to be cut then, for what comes next makes no sense. */
  isDeaf = false;
  /** Connections so far. */
  opened = 0;
  #ends = new Set();
  #server;

  /** A line to the server at `http://HOST:PORT`. */
  static async to(target) {
    const line = new Line();
    line.target = target;
    line.#server = createServer((client) => line.#carry(client));
    await new Promise((resolve, reject) => line.#server.once('error', reject).listen(0, '127.0.0.1', resolve));
    line.url = `http://127.0.0.1:${line.#server.address().port}`;
    return line;
  }

  /** Ends all connections, without a goodbye to either side. New ones are carried again. */
  cut() {
    for (const end of this.#ends) end.destroy();
    this.isDeaf = false;
  }

  close() {
    this.#server.close();
    this.cut();
  }

  #carry(client) {
    this.opened += 1;
    const { hostname, port } = new URL(this.target);
    const server = connect(Number(port), hostname);
    for (const [from, to] of [[client, server], [server, client]]) {
      this.#ends.add(from);
      from.setNoDelay(true);
      from.on('data', (bytes) => {
        if (to === client && this.isDeaf) return;
        to.write(bytes);
      });
      from.on('end', () => to.end());
      // `close` follows.
      from.on('error', () => {});
      from.on('close', () => {
        this.#ends.delete(from);
        to.destroy();
      });
    }
  }
}
