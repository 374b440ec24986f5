// What every script in TypeScript is run with: what it must not use, its log, and errors that say where.
import log from "__LOG__";

// Time and chance are in the views: an answer that depends on anything else could not be repeated.
const absent = (what, instead) => {
  const refuse = function () {
    throw new Error(`a script has no ${what}: ${instead}`);
  };
  refuse.now = refuse;
  return refuse;
};
Math.random = absent("chance of its own", "take dice from the seed of the view");
globalThis.Date = absent("clock", "take the time from the context");
globalThis.performance = undefined;

globalThis.loreLog = (level, text) => log.write(level, String(text));

// The author's line of a place in the bundle, if it is one.
function locate(line, column) {
  const { files, lines } = globalThis.lorePlaces;
  const places = lines[line] ?? [];
  let found;
  for (let at = 0; at < places.length && (at === 0 || places[at] < column); at += 3) {
    found = [places[at + 1], places[at + 2]];
  }
  return found !== undefined && found[0] >= 0 ? `${files[found[0]]}:${found[1]}` : undefined;
}

function describe(name, thrown) {
  let where = "";
  for (const frame of String(thrown?.stack ?? "").split("\n")) {
    const at = /:(\d+)(?::(\d+))?\)?\s*$/.exec(frame);
    const place = at === null ? undefined : locate(Number(at[1]), Number(at[2] ?? 1));
    if (place !== undefined) {
      where = ` at ${place}`;
      break;
    }
  }
  return `${name}: ${thrown}${where}`;
}

// An exported function as the host calls it: what is thrown, and what is no answer, goes to the log first.
export function door(name, decide, take, check) {
  if (typeof decide !== "function") {
    throw new TypeError(`script.ts must export a function \`${name}\``);
  }
  return (...views) => {
    take(views);
    try {
      return check(decide(...views), "the answer");
    } catch (thrown) {
      log.write("error", describe(name, thrown));
      throw thrown;
    }
  };
}

const shown = (value) => {
  switch (typeof value) {
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "a list" : "an object";
    default:
      return typeof value === "string" ? JSON.stringify(value) : String(value);
  }
};

function wrong(where, value, expected) {
  throw new TypeError(`${where} is ${shown(value)}, expected ${expected}`);
}

// Each of these says what is wrong with a value, or returns it as the engine hands it on: a copy, because
// the author's own may be a constant.
export const whole = (least, most) => (value, where) => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    wrong(where, value, `a whole number ${least}..=${most}`);
  }
  return value;
};
const u32 = whole(0, 4294967295);
// The engine cuts numbers of 32 bits off at 2^31, but reads negative ones as what they stand for.
export const unsigned = (value, where) => u32(value, where) | 0;
export const is = (type) => (value, where) => {
  if (typeof value !== type) wrong(where, value, `a ${type}`);
  return value;
};
export const oneOf = (...names) => {
  const known = new Set(names);
  return (value, where) => {
    if (!known.has(value)) wrong(where, value, `one of ${names.join(", ")}`);
    return value;
  };
};
export const list = (check) => (value, where) => {
  if (!Array.isArray(value)) wrong(where, value, "a list");
  const made = new Array(value.length);
  let at = 0;
  try {
    for (; at < value.length; at++) made[at] = check(value[at], "");
  } catch (thrown) {
    throw new TypeError(`${where}[${at}]${thrown.message}`);
  }
  return made;
};
export const record = (fields) => {
  const checks = Object.entries(fields).map(([name, check]) => [name, `.${name}`, check]);
  return (value, where) => {
    if (typeof value !== "object" || value === null) wrong(where, value, "an object");
    const made = {};
    try {
      for (const [name, place, check] of checks) made[name] = check(value[name], place);
    } catch (thrown) {
      throw new TypeError(`${where}${thrown.message}`);
    }
    return made;
  };
};
export const option = (check) => (value, where) =>
  value === null || value === undefined ? null : check(value, where);
export const variant = (cases) => (value, where) => {
  const check = cases[value?.tag];
  if (check === undefined) wrong(where, value?.tag, `a tag of ${Object.keys(cases).join(", ")}`);
  return { tag: value.tag, val: check(value.val, `${where}.val`) };
};
export const nothing = (value) => value;
