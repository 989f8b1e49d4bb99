// The box to write in. Enter sends, Shift+Enter begins a line.
import { h, icon } from './dom.mjs';

const MOST_PX = 180;

/** `send(text)`; `typed(bool)` while somebody types; `upwards()` on the up arrow in an empty box. */
export function composer({ id, label, placeholder, send, typed = () => {}, upwards = () => {} }) {
  const text = h('textarea', { id, 'aria-label': label, placeholder, rows: 1, maxlength: 10000, enterkeyhint: 'send' });
  const button = h('button', { type: 'submit', class: 'send', 'aria-label': 'Send', title: 'Send', disabled: true }, icon('send'));

  function fit() {
    text.style.height = 'auto';
    text.style.height = `${Math.min(text.scrollHeight, MOST_PX)}px`;
    button.disabled = !text.value.trim();
  }

  function submit(event) {
    event?.preventDefault();
    const words = text.value.trim();
    if (!words) return;
    text.value = '';
    fit();
    send(words);
    text.focus();
  }

  text.addEventListener('input', () => {
    fit();
    typed(Boolean(text.value.trim()));
  });
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
    else if (event.key === 'ArrowUp' && !text.value) {
      event.preventDefault();
      upwards();
    }
  });
  text.addEventListener('blur', () => typed(false));
  return { element: h('form', { class: 'composer', onsubmit: submit }, text, button), text, fit };
}
