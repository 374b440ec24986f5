// Movement as deltas of `lore.v1.proto` carry it: packed, in steps of a grid.

/** Millimetres of a step. */
export const STEP_MM = 20;

/** Who has moved, and how far since the frame before. */
export interface Moves {
  /** Each as the difference to the one before. */
  ids: readonly number[];
  /** Steps to the east. */
  dx: readonly number[];
  /** Steps to the north. */
  dy: readonly number[];
}

/** The step that a place in millimetres is in. */
export function stepOf(mm: number): number {
  return Math.floor(mm / STEP_MM);
}

/** Whether two places cannot be told apart on the grid. */
export function sameStep(a: { x: number; y: number }, b: { x: number; y: number }): boolean {
  return stepOf(a.x) === stepOf(b.x) && stepOf(a.y) === stepOf(b.y);
}

/** Moves those who are known; returns their ids. */
export function applyMoves(moves: Moves, entities: ReadonlyMap<number, { x: number; y: number }>): number[] {
  const moved: number[] = [];
  let id = 0;
  moves.ids.forEach((difference, index) => {
    id += difference;
    const entity = entities.get(id);
    if (!entity) return;
    entity.x = (stepOf(entity.x) + (moves.dx[index] ?? 0)) * STEP_MM;
    entity.y = (stepOf(entity.y) + (moves.dy[index] ?? 0)) * STEP_MM;
    moved.push(id);
  });
  return moved;
}

/** Which frames the server has to be told of, so that it knows what this client knows. */
export class FrameAcks {
  readonly #everyTicks: number;
  #tick = 0;
  #acked = 0;

  /** So many ticks are acknowledged together. */
  constructor(everyTicks = 2) {
    this.#everyTicks = everyTicks;
  }

  /** A frame was taken in. */
  heard(tick: number): void {
    this.#tick = tick;
  }

  /** Whether it is time to acknowledge. */
  get overdue(): boolean {
    return this.#tick - this.#acked >= this.#everyTicks;
  }

  /** The tick to acknowledge, if that was not done yet; it is then taken to be done. */
  take(): number | undefined {
    if (this.#tick === this.#acked) return undefined;
    this.#acked = this.#tick;
    return this.#tick;
  }

  /** Another connection or zone: ticks begin anew. */
  reset(): void {
    this.#tick = 0;
    this.#acked = 0;
  }
}
