// Before the world: log in, register or come as a guest; choose or create a character.

import { ApiError, type ApiClient, type CharacterInfo } from '@loreforge/client';
import { fill, h } from './dom.js';
import { capitalise, explain } from './words.js';

/** Resolves when `api` has tokens. */
export function signIn(root: HTMLElement, api: ApiClient): Promise<void> {
  return new Promise((resolve) => {
    const problem = h('p', { class: 'problem', role: 'alert' });
    const form = h('form', { class: 'stack' });
    const attempt = busy(problem, resolve);

    const login = h('input', { name: 'login', required: true, autocomplete: 'username', maxLength: 254 });
    const username = h('input', {
      name: 'username',
      required: true,
      autocomplete: 'username',
      maxLength: 24,
      pattern: '[A-Za-z0-9_]{3,24}',
      title: '3 to 24 of A-Z, a-z, 0-9, _',
    });
    const email = h('input', { name: 'email', type: 'email', required: true, autocomplete: 'email', maxLength: 254 });
    const password = h('input', { name: 'password', type: 'password', required: true, maxLength: 128 });

    const tabs = { login: tab('Log in', () => show('login')), register: tab('Register', () => show('register')) };
    function show(mode: 'login' | 'register'): void {
      problem.textContent = '';
      tabs.login.ariaSelected = String(mode === 'login');
      tabs.register.ariaSelected = String(mode === 'register');
      if (mode === 'register') password.minLength = 8;
      else password.removeAttribute('minlength');
      password.autocomplete = mode === 'login' ? 'current-password' : 'new-password';
      const fields =
        mode === 'login'
          ? [field('Username or e-mail', login)]
          : [field('Username', username), field('E-mail', email)];
      const label = mode === 'login' ? 'Log in' : 'Create account';
      fill(form, ...fields, field('Password', password), h('button', { class: 'primary', type: 'submit' }, label));
      form.onsubmit = (event) => {
        event.preventDefault();
        attempt(form, () =>
          mode === 'login'
            ? api.login(login.value.trim(), password.value)
            : api.register(email.value.trim(), username.value.trim(), password.value),
        );
      };
    }
    const guest = h('button', { class: 'wide', data: { action: 'guest' } }, 'Play as a guest');
    guest.onclick = () => attempt(guest, () => api.guest());
    show('login');
    page(
      root,
      h('div', { class: 'tabs', role: 'tablist' }, tabs.login, tabs.register),
      form,
      problem,
      h('div', { class: 'or' }, 'or'),
      guest,
      h('p', { class: 'hint' }, 'No account needed: name a character and play.'),
    );
  });
}

/** Resolves with the character to play, or nothing when the player logged out. */
export async function chooseCharacter(root: HTMLElement, api: ApiClient): Promise<CharacterInfo | undefined> {
  page(root, h('p', { class: 'hint' }, 'One moment…'));
  for (;;) {
    try {
      const [characters, classes] = await Promise.all([api.characters(), api.classes()]);
      return await new Promise((resolve) => {
        const leave = () => void forget(api).then(() => resolve(undefined));
        page(
          root,
          h('h2', {}, characters.length > 0 ? 'Choose a character' : 'Create a character'),
          h('ul', { class: 'characters' }, ...characters.map((character) => characterRow(character, resolve))),
          creation(api, classes, resolve),
          h('p', { class: 'hint' }, `Logged in as ${api.tokens?.username ?? 'nobody'} · `, h('button', { class: 'link', onclick: leave }, 'log out')),
        );
      });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        await forget(api);
        return undefined;
      }
      await new Promise<void>((resolve) => {
        page(root, h('p', { class: 'problem' }, explain(error)), h('button', { class: 'wide', onclick: () => resolve() }, 'Try again'));
      });
    }
  }
}

async function forget(api: ApiClient): Promise<void> {
  try {
    await api.logout();
  } catch (error) {
    // Out of reach, or expired already: the tokens are forgotten here all the same.
    console.warn('the server was not told of the logout:', explain(error));
  }
}

function characterRow(character: CharacterInfo, chosen: (character: CharacterInfo) => void): HTMLElement {
  const about = `Level ${character.level} ${character.class}${character.zone ? `, ${capitalise(character.zone)}` : ''}`;
  const button = h(
    'button',
    { class: 'character', data: { character: String(character.id) } },
    h('span', { class: 'portrait', data: { class: character.class } }, character.name.slice(0, 1)),
    h('span', { class: 'who' }, h('b', {}, character.name), h('small', {}, about)),
    h('span', { class: 'go' }, 'Play'),
  );
  button.onclick = () => chosen(character);
  return h('li', {}, button);
}

function creation(
  api: ApiClient,
  classes: { name: string; title: string }[],
  created: (character: CharacterInfo) => void,
): HTMLElement {
  const problem = h('p', { class: 'problem', role: 'alert' });
  const name = h('input', { name: 'name', required: true, minLength: 2, maxLength: 20, autocomplete: 'off', placeholder: 'Name' });
  const choices = classes.map(({ name: value, title }, index) => {
    const radio = h('input', { type: 'radio', name: 'class', value, required: true, checked: index === 0 });
    return h('label', { class: 'class' }, radio, h('span', {}, title));
  });
  const form = h(
    'form',
    { class: 'stack create' },
    field('A new character', name),
    h('div', { class: 'classes' }, ...choices),
    h('button', { class: 'primary', type: 'submit' }, 'Create and play'),
    problem,
  );
  const attempt = busy(problem, created);
  form.onsubmit = (event) => {
    event.preventDefault();
    const chosen = String(new FormData(form).get('class') ?? '');
    attempt(form, () => api.createCharacter(name.value.trim(), chosen));
  };
  return form;
}

/** Runs one attempt at a time, with the form disabled, and shows what went wrong. */
function busy<T>(problem: HTMLElement, done: (value: T) => void) {
  return (within: HTMLElement, attempt: () => Promise<unknown>): void => {
    const buttons = within instanceof HTMLButtonElement ? [within] : [...within.querySelectorAll('button')];
    for (const button of buttons) button.disabled = true;
    problem.textContent = '';
    attempt()
      .then((value) => done(value as T))
      .catch((error: unknown) => {
        problem.textContent = explain(error);
        for (const button of buttons) button.disabled = false;
      });
  };
}

function page(root: HTMLElement, ...content: HTMLElement[]): void {
  fill(
    root,
    h(
      'div',
      { class: 'landing' },
      h('header', {}, h('h1', {}, 'Loreforge'), h('p', {}, 'A world whose rules change while you play.')),
      h('section', { class: 'card' }, ...content),
    ),
  );
}

function tab(text: string, onclick: () => void): HTMLButtonElement {
  return h('button', { role: 'tab', type: 'button', onclick }, text);
}

function field(label: string, input: HTMLInputElement): HTMLElement {
  return h('label', { class: 'field' }, h('span', {}, label), input);
}
