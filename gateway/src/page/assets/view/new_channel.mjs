// The dialog that makes a channel.
import { idOf } from '../model/text.mjs';
import { avatar } from './avatar.mjs';
import { h, icon } from './dom.mjs';

const KINDS = [
  ['group', 'Group', 'For those you choose'],
  ['public', 'Public', 'For everybody'],
  ['messaging', 'Direct', 'For two'],
];

export async function askForChannel(chat) {
  await chat.loadPeople().catch(() => {});
  const others = chat.people.list().filter((person) => person.id !== chat.me.id && person.id !== 'deleted-user');
  const problem = h('p', { class: 'problem', role: 'alert' });
  const name = h('input', { id: 'channel-name', name: 'name', type: 'text', maxlength: 255, autocomplete: 'off' });
  const nameField = h('div', { class: 'field' }, h('label', { for: 'channel-name' }, 'Name'), name);
  const people = h('fieldset', { class: 'choose' }, h('legend', {}, 'With'));
  const kinds = h('fieldset', { class: 'kinds' }, h('legend', {}, 'Kind'),
    KINDS.map(([kind, label, what], index) => h('label', { class: 'kind' },
      h('input', { type: 'radio', name: 'kind', value: kind, checked: index === 0, onchange: arrange }),
      h('span', {}, h('strong', {}, label), h('small', {}, what)))));
  const chosen = () => form.elements.kind.value;

  function arrange() {
    const kind = chosen();
    nameField.hidden = kind === 'messaging';
    people.hidden = kind === 'public';
    const type = kind === 'messaging' ? 'radio' : 'checkbox';
    people.replaceChildren(h('legend', {}, 'With'),
      ...others.map((person) => h('label', { class: 'pick' },
        h('input', { type, name: 'member', value: person.id }),
        avatar(person.id, person.name, person.online), h('span', {}, person.name))),
      ...(others.length ? [] : [h('p', { class: 'hint' }, 'Nobody else is here yet. Open a second tab as somebody.')]));
  }

  async function create(event) {
    event.preventDefault();
    const type = chosen();
    const memberIds = type === 'public' ? [] : new FormData(form).getAll('member');
    const channel = { type, memberIds };
    if (type !== 'messaging') {
      if (!idOf(name.value)) {
        problem.textContent = 'A channel needs a name.';
        name.focus();
        return;
      }
      channel.name = name.value.trim();
    } else if (memberIds.length !== 1) {
      problem.textContent = 'Choose somebody.';
      return;
    }
    try {
      const id = await chat.create(channel);
      // First, since its end gives the focus back to where it was.
      dialog.close();
      chat.show(id);
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  const form = h('form', { onsubmit: create },
    h('header', { class: 'dialog-head' }, h('h2', { id: 'new-channel' }, 'New channel'),
      h('button', { type: 'button', class: 'round', 'aria-label': 'Close', onclick: () => dialog.close() }, icon('close'))),
    kinds, nameField, people, problem,
    h('div', { class: 'row end' },
      h('button', { type: 'button', class: 'plain-button', onclick: () => dialog.close() }, 'Cancel'),
      h('button', { type: 'submit', class: 'primary' }, 'Create')));
  const dialog = h('dialog', { 'aria-labelledby': 'new-channel', onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  arrange();
  dialog.showModal();
  name.focus();
}
