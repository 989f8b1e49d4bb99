// Who are you? Some names to choose from, or one's own.
import { idOf } from '../model/text.mjs';
import { avatar } from './avatar.mjs';
import { byId, fill, h } from './dom.mjs';

const SUGGESTED = ['Alice', 'Bob', 'Carol'];

/** `enter(id, name)` signs in; `why` says why nobody is yet. */
export function showSignIn({ why, suggested, enter }) {
  const place = byId('sign-in');
  const problem = h('p', { class: 'problem', role: 'alert' }, why);
  const input = h('input', {
    id: 'name', name: 'name', type: 'text', maxlength: 60, autocomplete: 'off', required: true, placeholder: 'Your name',
    value: suggested,
  });

  async function choose(name) {
    const id = idOf(name);
    if (!id) {
      problem.textContent = 'A name needs a letter or a digit.';
      return;
    }
    problem.textContent = '';
    try {
      await enter(id, name.trim());
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  fill(place, h('div', { class: 'card' },
    h('img', { class: 'logo', src: '/page/icon.svg', alt: '', width: 56, height: 56 }),
    h('h1', {}, 'Parlance'),
    h('p', { class: 'lead' }, 'A small chat to try your server with. Nobody asks for a password here: choose who you are.'),
    h('ul', { class: 'faces', 'aria-label': 'Suggestions' }, SUGGESTED.map((name) => h('li', {},
      h('button', { type: 'button', class: 'face', onclick: () => choose(name) }, avatar(idOf(name), name), name)))),
    h('form', { class: 'own-name', onsubmit: (event) => { event.preventDefault(); choose(input.value); } },
      h('label', { for: 'name' }, 'Or somebody else'),
      h('div', { class: 'row' }, input, h('button', { type: 'submit', class: 'primary' }, 'Enter'))),
    problem));
  place.hidden = false;
}
