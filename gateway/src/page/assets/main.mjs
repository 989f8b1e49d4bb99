// Starts the page: whoever `?user=` names signs in; without one the page asks.
// The address holds all that a tab knows of itself, so two tabs can be two people.
import { Api } from './api.mjs';
import { Chat } from './chat.mjs';
import { Live } from './live.mjs';
import { nameOf } from './model/text.mjs';
import { byId } from './view/dom.mjs';
import { showConversation } from './view/conversation.mjs';
import { showSidebar } from './view/sidebar.mjs';
import { showSignIn } from './view/sign_in.mjs';
import { showThread } from './view/thread.mjs';

const key = document.querySelector('meta[name="parlance-api-key"]').content;

async function enter(id, name) {
  const api = new Api(key);
  const me = await api.signIn(id, name);
  const live = new Live(api);
  const chat = new Chat(api, live, me);
  const address = new URL(location);
  address.searchParams.set('user', me.id);
  history.replaceState(null, '', address);
  document.title = `${me.name} – Parlance`;

  byId('sign-in').hidden = true;
  byId('app').hidden = false;
  showSidebar(chat);
  showConversation(chat);
  showThread(chat);
  const notice = byId('notice');
  let gone;
  chat.on('notice', () => {
    notice.textContent = chat.notice;
    clearTimeout(gone);
    gone = setTimeout(() => { notice.textContent = ''; }, 8000);
  });
  chat.on('announcement', () => { byId('announcer').textContent = chat.announcement; });
  chat.on('channels', () => {
    const unread = chat.channels.totalUnread();
    document.title = `${unread ? `(${unread}) ` : ''}${me.name} – Parlance`;
  });
  chat.on('open', () => {
    const here = new URL(location);
    if (chat.openId) here.searchParams.set('channel', chat.openId);
    else here.searchParams.delete('channel');
    history.replaceState(null, '', here);
  });
  await chat.start(address.searchParams.get('channel'));
}

async function begin() {
  const user = new URL(location).searchParams.get('user');
  let why = '';
  if (user) {
    try {
      await enter(user);
      return;
    } catch (error) {
      why = error.message;
    }
  }
  showSignIn({ why, suggested: user ? nameOf(user) : '', enter });
}

begin();
