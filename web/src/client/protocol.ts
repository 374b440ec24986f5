// The messages of `lore.v1` as types; the reference is docs/protocol.md. No behaviour lives here.

/** Whole millimetres; x to the east, y to the north, origin in the zone's south-west corner. */
export interface Point {
  x: number;
  y: number;
}

export type NpcState = 'idle' | 'wander' | 'chase' | 'attack' | 'flee' | 'return_home';

export interface Status {
  name: string;
  stacks: number;
}

/** Something that stands in a zone. `id` belongs to the zone and is never reused. */
export interface Entity extends Point {
  id: number;
  kind: 'player' | 'npc' | 'item';
  name: string;
  /** Class of a player, definition of an NPC or item. */
  template: string;
  level?: number;
  /** 0 is dead. Items have none. */
  hp?: number;
  hp_max?: number;
  state?: NpcState;
  /** Whom an NPC fights, 0 or null for nobody. */
  target?: number | null;
  hostile?: boolean;
  boss?: boolean;
  statuses?: Status[];
  /** How many, for items. */
  count?: number;
}

/** The changed members of a known entity. */
export type EntityUpdate = Partial<Omit<Entity, 'id'>> & { id: number };

/** What others are not shown of one's own character. */
export interface OwnState {
  mana: number;
  mana_max: number;
  energy: number;
  energy_max: number;
}

export type Lighting = 'sunrise' | 'daylight' | 'sunset' | 'night';
export type Weather = 'clear' | 'cloudy' | 'rain' | 'storm' | 'fog' | 'snow';

export interface Environment {
  /** 0..1440 */
  minute_of_day: number;
  lighting: Lighting;
  weather: Weather;
  /** Degrees Celsius. */
  temperature: number;
}

/** Walking into the rectangle leads to the zone `to`. */
export interface Crossing {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  to: string;
}

export interface Zone {
  name: string;
  title: string;
  width: number;
  height: number;
  /** Millimetres a second. */
  max_speed: number;
  interest_radius: number;
  crossings: Crossing[];
}

export type Hit = 'miss' | 'dodge' | 'block' | 'hit' | 'critical';

/** `by` is the script version that decided it (`combat@0.1.0+1a2b3c4d`), or `fallback`. */
export interface SwingEvent {
  type: 'swing';
  attacker: number;
  defender: number;
  ability: string;
  animation: string;
  duration_ms: number;
  hit: Hit;
  base: number;
  raw: number;
  amount: number;
  element: string;
  by: string;
}

export interface PulseEvent {
  type: 'pulse';
  source: number;
  target: number;
  status: string;
  /** Negative heals. */
  amount: number;
  by: string;
}

export interface HealEvent {
  type: 'heal';
  source: number;
  target: number;
  with: string;
  amount: number;
  by: string;
}

export interface DeathEvent {
  type: 'death';
  entity: number;
  killer: number;
  by: string;
}

export interface EnvironmentEvent {
  type: 'environment';
  environment: Environment;
}

export type WorldEvent = SwingEvent | PulseEvent | HealEvent | DeathEvent | EnvironmentEvent;

/** What happens at a place of the zone for everybody near. */
export interface Happening extends Point {
  name: string;
  title: string;
  state: 'going' | 'success' | 'failure';
  /** From 1; 0 when it is over. */
  stage: number;
  stages: number;
  /** What to do in this stage. */
  text: string;
  kills: number;
  /** 0 where holding out is all. */
  kills_needed: number;
  ends_in_ms: number;
  radius: number;
}

export interface Ability {
  name: string;
  title: string;
  /** Millimetres. */
  range: number;
  cooldown_ms: number;
  mana: number;
  energy: number;
  /** Whom it can be used on. */
  target: 'enemy' | 'ally' | 'caster';
  required_level: number;
}

export interface Character {
  id: number;
  name: string;
  class: string;
  level: number;
  experience: number;
  /** 0 at the highest level. */
  experience_to_next: number;
  gold: number;
  /** Missing in lists. The first is the plain attack. */
  abilities?: Ability[];
  /** Only in lists. */
  zone?: string;
}

export type ItemKind = 'material' | 'equipment' | 'consumable' | 'quest';
export type EquipmentPlace = 'main_hand' | 'off_hand' | 'head' | 'chest' | 'legs' | 'feet';
/** Item by place; an empty name for an empty place. */
export type Equipment = Partial<Record<EquipmentPlace, string>>;

export interface Slot {
  /** 0..31 */
  slot: number;
  /** Null when the slot became empty. */
  /** Missing when the slot is empty. */
  item?: string;
  title?: string;
  count: number;
  kind?: ItemKind;
  rarity?: string;
}

export interface Inventory {
  gold: number;
  slots: Slot[];
  equipment: Equipment;
}

export interface Objective {
  text: string;
  deed: string;
  done: number;
  needed: number;
}

export type QuestState = 'active' | 'complete' | 'turned_in' | 'failed' | 'abandoned';

export interface Quest {
  name: string;
  title: string;
  text: string;
  state: QuestState;
  objectives: Objective[];
}

export interface DialogChoice {
  id: string;
  text: string;
}

export interface Duelist {
  entity: number;
  hp: number;
  hp_max: number;
  mana: number;
  mana_max: number;
  energy: number;
  energy_max: number;
  /** Leaves its turns to the script. */
  auto: boolean;
}

export interface DuelMove {
  ability: string;
  title: string;
  mana: number;
  energy: number;
  /** Own turns until it is ready. */
  cooldown_turns: number;
  ready: boolean;
}

type None = Record<string, never>;

/** Params and result of every method a client can call. */
export interface Methods {
  'world.join': {
    params: { character: number };
    result: { zone: string; entity: number; tick: number; character: Character };
  };
  'world.leave': { params: None; result: None };
  'world.move': { params: { seq: number } & Point; result: None };
  'combat.attack': { params: { target: number }; result: None };
  'combat.use_skill': { params: { ability: string; target?: number }; result: None };
  'npc.interact': { params: { target: number }; result: { kind: 'dialog' | 'greeting' | 'picked_up' } };
  'dialog.choose': { params: { choice: string }; result: None };
  'dialog.close': { params: None; result: None };
  'quest.list': { params: None; result: { quests: Quest[] } };
  'quest.accept': { params: { quest: string }; result: None };
  'quest.turn_in': { params: { quest: string }; result: None };
  'quest.abandon': { params: { quest: string }; result: None };
  'inventory.list': { params: None; result: Inventory };
  'inventory.equip': { params: { slot: number }; result: None };
  'inventory.unequip': { params: { from: EquipmentPlace }; result: None };
  'inventory.use': { params: { slot: number }; result: None };
  'inventory.drop': { params: { slot: number; count: number }; result: None };
  'inventory.move': { params: { from: number; to: number; count: number }; result: None };
  'duel.challenge': { params: { target: number }; result: { duel: number } };
  'duel.accept': { params: { duel: number }; result: None };
  'duel.decline': { params: { duel: number }; result: None };
  'duel.act': { params: { duel: number; ability?: string }; result: None };
  'combat.auto': { params: { on: boolean }; result: None };
  'combat.surrender': { params: None; result: None };
  'chat.send': { params: { text: string }; result: None };
  'state.sync': { params: None; result: None };
  'system.ping': {
    params: { nonce?: number };
    result: { nonce?: number; tick: number; server_time_ms: number };
  };
}

export type Method = keyof Methods;

export interface Snapshot {
  tick: number;
  zone: Zone;
  environment: Environment;
  world_events: Happening[];
  you: number;
  ack: number;
  self: OwnState;
  entities: Entity[];
}

export interface Delta {
  tick: number;
  ack?: number;
  enter?: Entity[];
  update?: EntityUpdate[];
  leave?: number[];
  self?: Partial<OwnState>;
  events?: WorldEvent[];
}

/** Params of every notification the server sends. */
export interface Notifications {
  'session.welcome': {
    session: string;
    server: string;
    tick_ms: number;
    account: number;
    heartbeat_ms: number;
    max_message_bytes: number;
  };
  'world.snapshot': Snapshot;
  'world.delta': Delta;
  'world.corrected': { seq: number } & Point;
  'world.zone': { zone: string };
  'dialog.show': {
    npc: number;
    dialog: string;
    node: string;
    text: string;
    choices: DialogChoice[];
    by: string;
  };
  'dialog.end': None;
  'character.died': { respawn_ms: number };
  'character.respawned': None;
  'duel.challenged': { duel: number; from: number; name: string; answer_ms: number };
  'duel.turn': {
    duel: number;
    round: number;
    /** Missing once the duel is over. */
    actor?: number;
    turn_ms: number;
    /** The challenger first. */
    sides: [Duelist, Duelist];
    /** One's own; the plain attack first. */
    moves: DuelMove[];
    last?: {
      actor: number;
      /** Missing for a turn that was passed. */
      ability?: string;
      hit?: Hit;
      amount: number;
      heal: number;
      timed_out: boolean;
      by: string;
    };
    by: string;
  };
  /** `result` is missing for a challenge that became no duel. */
  'duel.ended': { duel: number; result?: 'won' | 'lost' | 'drawn'; why: string; rounds: number; by: string };
  'chat.message': { channel: string; from?: number; name: string; text: string };
  'character.update': Partial<{
    level: number;
    experience: number;
    experience_to_next: number;
    experience_delta: number;
    gold: number;
    gold_delta: number;
    by: string;
  }>;
  'inventory.update': { slots?: Slot[]; equipment?: Equipment };
  'quest.update': { quest: Quest; by?: string };
  'world.event': { event: Happening; by: string };
  'event.reward': {
    event: string;
    title: string;
    rank: number;
    participants: number;
    points: number;
    experience: number;
    gold: number;
    items: { item: string; title: string; count: number }[];
    by: string;
  };
  'system.message': { text: string };
  'system.reconnect': { reason: string; after_ms: number };
}

export type Notification = keyof Notifications;

/** `error.data` of a failed call. */
export interface RpcErrorData {
  reason?: string;
  /** The stable code of a refusal by the game's rules. */
  rejection?: string;
  retry_after_ms?: number;
}

export const SUBPROTOCOL = 'lore.v1.json';

/** Why the server closed the socket. */
export const CloseCode = {
  normal: 1000,
  policy: 1008,
  restart: 1012,
  unauthorized: 4001,
  heartbeatMissed: 4002,
  tooSlow: 4003,
  joinedElsewhere: 4004,
} as const;
