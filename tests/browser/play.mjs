// Plays the first minutes of the game in a real browser against a running server:
//
//   node tests/browser/play.mjs --url http://127.0.0.1:8080 --screenshot play.png [--timeout 120] [--encoding json]
//
// Registers, creates a warrior, walks by key, loses the line and comes back to the same session, talks to the innkeeper,
// accepts the quest in the dialog, walks over the crossing, kills a wolf by mouse and key, and sees experience and quest
// progress.
// Prints one JSON line. Exit code 0: all of it happened; 1: it did not, `error` says what; 2: usage.
//
// Needs `npm ci` in web/ and Chromium (`CHROMIUM`, default /usr/bin/chromium).

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { Line } from '../sdk/line.mjs';

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))('playwright-core');

const INNKEEPER = 'mira';
const QUEST = 'wolves_at_the_gate';
const HUNTING_GROUND = 'greywood';
const PREY = 'wolf';
/** What a wolf-hunter says, best first; at night one has to knock. */
const WISHES = [/accept/i, /wol[fv]/i, /work|job|quest/i, /help/i, /come_in|knock|hello/i];
const TALK_STEPS = 8;
const CROSSINGS = 8;
const FIGHTS = 6;

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    screenshot: { type: 'string' },
    timeout: { type: 'string', default: '120' },
    encoding: { type: 'string', default: 'proto' },
  },
});
if (!options.url) {
  console.error('usage: node tests/browser/play.mjs --url http://127.0.0.1:8080 [--screenshot out.png] [--timeout seconds] [--encoding json]');
  process.exit(2);
}

const started = Date.now();
const deadline = started + Number(options.timeout) * 1000;
const saw = { ok: false };
let step = 'starting the browser';

const line = await Line.to(options.url);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.setDefaultTimeout(20_000);
const pageErrors = [];
page.on('pageerror', (error) => pageErrors.push(String(error)));

let watchdog;
const late = new Promise((_, reject) => {
  watchdog = setTimeout(() => reject(new Error(`not done within ${options.timeout} s`)), deadline - Date.now());
});
try {
  await Promise.race([play(), late]);
  saw.ok = true;
} catch (error) {
  saw.error = `${step}: ${error.message.split('\n')[0]}`;
  if (pageErrors.length > 0) saw.page_errors = pageErrors;
}
if (options.screenshot) {
  try {
    await page.screenshot({ path: options.screenshot });
    saw.screenshot = options.screenshot;
  } catch (error) {
    saw.screenshot_error = error.message.split('\n')[0];
  }
}
clearTimeout(watchdog);
saw.seconds = Math.round((Date.now() - started) / 100) / 10;
console.log(JSON.stringify(saw));
await Promise.race([browser.close(), new Promise((resolve) => setTimeout(resolve, 5_000))]);
process.exit(saw.ok ? 0 : 1);

async function play() {
  await register();
  await createWarrior();
  await walkByKey();
  await loseTheLine();
  await acceptQuest();
  await travel(HUNTING_GROUND);
  await hunt();
  step = 'checking for errors of the page';
  if (pageErrors.length > 0) throw new Error(pageErrors.join('; '));
}

async function register() {
  step = 'registering';
  await page.goto(options.encoding === 'proto' ? line.url : `${line.url}/?encoding=${options.encoding}`);
  await page.getByRole('tab', { name: 'Register' }).click();
  const username = `e2e${letters(8)}`;
  await page.fill('input[name=username]', username);
  await page.fill('input[name=email]', `${username}@example.test`);
  await page.fill('input[name=password]', `correct-horse-${letters(6)}`);
  await page.getByRole('button', { name: 'Create account' }).click();
  await noProblem(() => page.isVisible('form.create'));
  saw.username = username;
}

async function createWarrior() {
  step = 'creating a warrior';
  const name = capitalised(letters(8));
  await page.fill('form.create input[name=name]', name);
  await page.check('input[name=class][value=warrior]', { force: true });
  await page.getByRole('button', { name: 'Create and play' }).click();
  await noProblem(async () => (await you()) !== undefined);
  saw.character = name;
  saw.start = await you();
  saw.encoding = await page.evaluate(() => window.lore.client.encoding);
}

/** Holds a key and sees the server acknowledge the new place. */
async function walkByKey() {
  step = 'walking by key';
  const before = await you();
  const { width } = await page.evaluate(() => window.lore.client.replica.zone);
  const key = before.x < width / 2 ? 'KeyD' : 'KeyA';
  await page.keyboard.down(key);
  await until(async () => Math.abs((await you()).x - before.x) > 3000, 10, 'the character did not move');
  await page.keyboard.up(key);
  await until(
    () =>
      page.evaluate(() => {
        const { replica, movement } = window.lore.client;
        return movement.pending === 0 && Math.abs(replica.own.x - movement.x) < 1000;
      }),
    10,
    'the server did not acknowledge the movement',
  );
  saw.walked_mm = Math.abs((await you()).x - before.x);
}

/** Every connection of the page breaks; it says so, and goes on with the session. */
async function loseTheLine() {
  step = 'losing the line';
  const before = await you();
  await page.evaluate(() => {
    window.states = [];
    window.lore.client.on('state', (state) => window.states.push(state.kind === 'joined' && state.resumed ? 'resumed' : state.kind));
  });
  line.cut();
  await page.getByText('Connection lost').waitFor();
  await until(async () => (await you()) !== undefined && (await page.evaluate(() => window.lore.client.placed)), 20, 'the page did not come back');
  const states = await page.evaluate(() => window.states);
  if (states.join() !== 'waiting,connecting,resumed') throw new Error(`not the same session: ${states.join(', ')}`);
  const after = await you();
  if (after.zone !== before.zone || Math.hypot(after.x - before.x, after.y - before.y) > 1000) throw new Error('the character is somewhere else');
  saw.resumed = true;
}

async function acceptQuest() {
  step = `finding ${INNKEEPER}`;
  const innkeeper = await find(INNKEEPER);
  step = `talking to ${innkeeper.name}`;
  await page.evaluate((id) => window.lore.approach(id, 3000), innkeeper.id);
  await clickOn(innkeeper.id);
  const said = new Set();
  saw.dialog = [];
  for (let turn = 0; turn < TALK_STEPS && !(await quest()); turn += 1) {
    await until(async () => (await choices()).length > 0, 10, 'no dialog window with choices opened');
    const offered = await choices();
    const choice = WISHES.flatMap((wish) => offered.filter(({ id, text }) => !said.has(id + text) && (wish.test(id) || wish.test(text))))[0];
    if (!choice) throw new Error(`nothing to accept among: ${offered.map(({ id }) => id).join(', ')}`);
    said.add(choice.id + choice.text);
    saw.dialog.push(choice.id);
    const before = JSON.stringify(offered);
    await page.click(`.dialog [data-choice="${choice.id}"]`);
    // The conversation goes on at once, the quest follows when it is durable.
    const accepted = /accept/i.test(choice.id);
    const answered = async () => (await quest()) || (!accepted && JSON.stringify(await choices()) !== before);
    await until(answered, 10, `choosing ${choice.id} changed nothing`);
  }
  if ((await quest())?.state !== 'active') throw new Error(`${QUEST} is not active after ${saw.dialog.join(', ')}`);
  saw.quest_accepted = await quest();
  await page.keyboard.press('Escape');
  await until(() => page.isHidden('.dialog'), 5, 'the dialog window did not close');
}

/** Walks from zone to zone until in `wanted`, over crossings not yet taken. */
async function travel(wanted) {
  step = `walking to ${wanted}`;
  const been = new Set();
  saw.way ??= [];
  for (let crossed = 0; crossed < CROSSINGS; crossed += 1) {
    const { zone } = await you();
    been.add(zone);
    if (zone === wanted) return;
    const exits = await page.evaluate(() => window.lore.client.replica.zone.crossings.map(({ to }) => to));
    const next = exits.includes(wanted) ? wanted : exits.find((to) => !been.has(to));
    if (!next) throw new Error(`no way on from ${zone}; crossings lead to ${exits.join(', ') || 'nowhere'}`);
    saw.way.push(await page.evaluate((to) => window.lore.cross(to), next));
    await until(async () => (await you()) !== undefined, 10, 'the character did not come out of the crossing');
  }
  throw new Error(`not there after ${CROSSINGS} crossings: ${saw.way.join(', ')}`);
}

async function hunt() {
  const before = await you();
  for (let fight = 0; fight < FIGHTS; fight += 1) {
    await travel(HUNTING_GROUND);
    step = `fighting a ${PREY}`;
    const prey = await find(PREY);
    const outcome = await fightOnce(prey);
    saw.fights = fight + 1;
    if (outcome === 'won' && (await rose(before))) break;
    await until(async () => (await you())?.alive, 30, 'the character did not come back to life');
  }
  step = 'seeing the reward';
  await until(() => rose(before), 5, 'experience did not rise after the fights');
  await until(async () => (await quest()).objectives.some(({ done }) => done > 0), 5, 'the quest did not progress');
  const after = await you();
  Object.assign(saw, {
    zone: after.zone,
    before: { level: before.level, experience: before.experience, gold: before.gold },
    after: { level: after.level, experience: after.experience, gold: after.gold },
    quest: await quest(),
    scripts: await page.evaluate(() => window.lore.scripts),
  });
  if (options.screenshot) await poseInCombat();
}

/** Clicks the prey, presses ability 1 and fights until one of both is dead. */
async function fightOnce(prey) {
  await page.evaluate((id) => window.lore.approach(id, 9000), prey.id);
  await clickOn(prey.id);
  await page.keyboard.press('Digit1');
  let outcome;
  await until(
    async () => {
      const state = await page.evaluate((id) => ({ prey: window.lore.client.replica.entities.get(id), target: window.lore.target?.id, you: window.lore.you }), prey.id);
      if (!state.you?.alive) outcome = 'lost';
      else if (!state.prey || state.prey.hp === 0) outcome = 'won';
      else {
        // Fled out of reach, or the click went beside it.
        if (state.target !== prey.id) await clickOn(prey.id);
        await page.keyboard.press('Digit2');
      }
      return outcome;
    },
    45,
    'the fight did not end',
    400,
  );
  return outcome;
}

/** Engages the next one, so that the picture shows a fight. Only for the picture: may fail. */
async function poseInCombat() {
  try {
    await until(async () => page.evaluate((prey) => window.lore.nearest(prey) !== undefined, PREY), 3, '');
    const prey = await page.evaluate((template) => window.lore.nearest(template), PREY);
    await page.evaluate((id) => window.lore.approach(id, 4000), prey.id);
    await page.evaluate((id) => window.lore.attack(id), prey.id);
    await until(() => page.evaluate((id) => {
      const entity = window.lore.client.replica.entities.get(id);
      return !entity || entity.hp < entity.hp_max;
    }, prey.id), 6, '', 30);
  } catch {
    saw.note = 'no second fight for the picture';
  }
}

/** The nearest living entity of a template; looks around the zone when none is in sight. */
async function find(template) {
  const inSight = () => page.evaluate((wanted) => window.lore.nearest(wanted), template);
  const zone = await page.evaluate(() => window.lore.client.replica.zone);
  const places = [];
  for (let x = 1; x < 8; x += 2) for (let y = 1; y < 8; y += 2) places.push({ x: (zone.width * x) / 8, y: (zone.height * y) / 8 });
  for (;;) {
    const entity = await inSight();
    if (entity) return entity;
    const here = await you();
    places.sort((a, b) => Math.hypot(a.x - here.x, a.y - here.y) - Math.hypot(b.x - here.x, b.y - here.y));
    const next = places.shift();
    if (!next) throw new Error(`no living ${template} anywhere in ${zone.name}`);
    // Looks about on the way, and stops as soon as it is seen.
    void page.evaluate(({ x, y }) => void window.lore.walkTo(x, y), next);
    await until(async () => (await inSight()) || (await near(next)), 60, `could not walk to ${next.x}, ${next.y}`, 250);
  }
}

async function near(place) {
  const here = await you();
  return !here || Math.hypot(here.x - place.x, here.y - place.y) < 1000;
}

async function clickOn(id) {
  const at = await page.evaluate((entity) => (window.lore.client.replica.entities.has(entity) ? window.lore.screen(entity) : undefined), id);
  if (at) await page.mouse.click(at.x, at.y);
}

function you() {
  return page.evaluate(() => window.lore?.you);
}

function quest() {
  return page.evaluate((name) => window.lore.quests.find((candidate) => candidate.name === name), QUEST);
}

function choices() {
  return page.$$eval('.dialog:not([hidden]) [data-choice]:enabled', (buttons) => buttons.map((button) => ({ id: button.dataset.choice, text: button.textContent })));
}

async function rose(before) {
  const now = await you();
  return now !== undefined && (now.level > before.level || now.experience > before.experience);
}

/** Waits for `condition`, or for the page to show a problem, which is then the error. */
async function noProblem(condition) {
  await until(
    async () => {
      if (await condition()) return true;
      const problem = await page.$$eval('.problem', (elements) => elements.map((element) => element.textContent).join(' ').trim());
      if (problem) throw new Error(problem);
      return false;
    },
    20,
    'the page did not go on',
  );
}

/** Asks every `everyMs` until the answer is true. */
async function until(condition, seconds, complaint, everyMs = 100) {
  const end = Math.min(deadline, Date.now() + seconds * 1000);
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${complaint} (within ${seconds} s)`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

function letters(count) {
  return Array.from({ length: count }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join('');
}

function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}
