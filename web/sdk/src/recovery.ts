// What is needed to go on with a session on another socket: the token of its welcome, and what was heard last of the
// messages that are sent again until they are acknowledged.

/** Acknowledged at the latest after so many. */
const ACK_EVERY = 12;
/**
 * Tokens that may be the session's: one more with every attempt whose answer was lost. With the join that follows when none
 * is good, they are as many calls as a server takes at once.
 */
const TOKENS = 4;

export class Recovery {
  /** Those that may be good, oldest first. */
  #tokens: string[] = [];
  #joined = false;
  #heard = 0;
  #acked = 0;

  /** Params of `session.resume`; nothing when there is nothing to go on with, or the server gave no token. */
  get params(): { token: string; seq: number } | undefined {
    const [token] = this.#tokens;
    return token === undefined || !this.#joined ? undefined : { token, seq: this.#heard };
  }

  /** A session begins, perhaps one that can be resumed. */
  begin(token: string | undefined): void {
    this.#tokens = token ? [token] : [];
    this.#joined = false;
    this.#heard = 0;
    this.#acked = 0;
  }

  /** A character is in the world: from now on it is worth coming back. */
  joined(): void {
    this.#joined = true;
  }

  /**
   * Resuming is tried on a connection with this token. Until there is an answer, the session may have the one or the other:
   * that of the first attempt that the server received, and the oldest if it received none. So the later ones are what
   * is left out.
   */
  tries(token: string | undefined): void {
    if (token && this.#tokens.length < TOKENS) this.#tokens.push(token);
  }

  /** The oldest token is not good. Returns whether there is another beside `own`, that of the connection itself. */
  refused(own: string | undefined): boolean {
    this.#tokens.shift();
    return this.#tokens.length > 0 && this.#tokens[0] !== own;
  }

  /** The session goes on, under a new token: each is good once. */
  resumed(token: string | undefined): void {
    this.#tokens = token ? [token] : [];
  }

  /** There is nothing to come back to any more. */
  end(): void {
    this.begin(undefined);
  }

  /** A message with a number came. Returns whether it is news: on a new socket some come again. */
  heard(seq: number): boolean {
    if (seq <= this.#heard) return false;
    this.#heard = seq;
    return true;
  }

  /** Whether something heard is not acknowledged yet. */
  get owes(): boolean {
    return this.#heard > this.#acked;
  }

  /** Whether it is high time. */
  get overdue(): boolean {
    return this.#heard - this.#acked >= ACK_EVERY;
  }

  /** What to acknowledge, which is then taken to be done. */
  ack(): { seq: number } {
    this.#acked = this.#heard;
    return { seq: this.#heard };
  }
}
