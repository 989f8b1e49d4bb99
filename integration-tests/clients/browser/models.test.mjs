// The pure parts of the page: node --test
import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const page = new URL('../../../gateway/src/page/assets/', import.meta.url);
const { Channels } = await import(new URL('model/channels.mjs', page));
const { Timeline } = await import(new URL('model/timeline.mjs', page));
const { Typing } = await import(new URL('model/typing.mjs', page));
const { People } = await import(new URL('model/people.mjs', page));
const text = await import(new URL('model/text.mjs', page));

const message = (seq, more = {}) => ({
  id: `m${seq}`, channelId: 'c', userId: 'bob', seq, text: `text ${seq}`, reactions: [], createdAt: `2026-01-01T00:00:0${seq % 10}Z`, ...more,
});
const texts = (timeline) => timeline.list().map((one) => one.text);

test('messages stand in the order of the server, each once, however they arrive', () => {
  const timeline = new Timeline('alice');
  for (const seq of [3, 1, 2, 3, 1]) timeline.put(message(seq));
  timeline.putPage({ messages: [message(2, { text: 'edited' }), message(4)], maxSeq: 9 });
  deepEqual(texts(timeline), ['text 1', 'edited', 'text 3', 'text 4']);
  equal(timeline.maxSeq, 9);
  equal(timeline.newest().seq, 4);
});

test('a tombstone takes its message away and counts as seen', () => {
  const timeline = new Timeline('alice');
  timeline.put(message(1));
  timeline.put(message(1, { deleted: true, text: null }));
  timeline.put(message(2, { deleted: true, text: null }));
  deepEqual(texts(timeline), []);
  equal(timeline.maxSeq, 2);
});

test('what was on its way gives place to what arrived, by either id and only of its sender', () => {
  for (const arrived of [{ clientMsgId: 'x' }, { id: 'x' }]) {
    const timeline = new Timeline('alice');
    timeline.addWaiting({ clientMsgId: 'x', text: 'hello' });
    timeline.put(message(1, arrived));
    equal(timeline.waiting().length, 1, 'of somebody else');
    timeline.put(message(2, { ...arrived, userId: 'alice' }));
    equal(timeline.waiting().length, 0);
  }
});

test('what waits stands at the end and keeps why it was refused', () => {
  const timeline = new Timeline('alice');
  timeline.addWaiting({ clientMsgId: 'x', text: 'mine' });
  timeline.put(message(7));
  timeline.mark('x', 'failed', 'too long');
  deepEqual(texts(timeline), ['text 7', 'mine']);
  deepEqual([timeline.waiting()[0].state, timeline.waiting()[0].why], ['failed', 'too long']);
  timeline.drop('x');
  deepEqual(texts(timeline), ['text 7']);
});

const by = (id) => ({ type: '👍', userId: id, user: { id, name: id } });

test('a reaction counts once, however often it is told, and goes when the last one is taken back', () => {
  const timeline = new Timeline('alice');
  timeline.put(message(1));
  for (const id of ['bob', 'bob', 'alice', 'alice']) ok(timeline.react('m1', by(id), true));
  deepEqual(timeline.get('m1').reactions.map(({ count, own }) => [count, own]), [[2, true]]);
  for (const id of ['alice', 'alice']) ok(timeline.react('m1', by(id), false));
  deepEqual(timeline.get('m1').reactions.map(({ count, own }) => [count, own]), [[1, false]]);
  ok(timeline.react('m1', by('bob'), false));
  deepEqual(timeline.get('m1').reactions, []);
});

test('a group of reactions that is shown in part is asked about', () => {
  const timeline = new Timeline('alice');
  const users = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, name: id }));
  timeline.put(message(1, { reactions: [{ type: '👍', count: 7, own: true, users }] }));
  equal(timeline.react('m1', by('z'), true), false);
  equal(timeline.get('m1').reactions[0].count, 7);
  // An event says `own: false` to everybody.
  timeline.put(message(1, { reactions: [{ type: '👍', count: 8, own: false, users }] }));
  equal(timeline.get('m1').reactions[0].own, true);
  timeline.put(message(1, { reactions: [{ type: '👍', count: 5, own: false, users }] }));
  equal(timeline.get('m1').reactions[0].own, false);
});

test('the first unread message is one of somebody else', () => {
  const timeline = new Timeline('alice');
  [message(1), message(2, { userId: 'alice' }), message(3)].forEach((one) => timeline.put(one));
  equal(timeline.firstUnread(1).seq, 3);
  equal(timeline.firstUnread(3), undefined);
  timeline.reads = new Map([['bob', 2], ['alice', 3], ['carol', 3]]);
  deepEqual(timeline.readersOf(message(3)), ['carol']);
});

test('channels stand by their newest message, and sum up what is unread', () => {
  const channels = new Channels();
  const channel = (id, createdAt, more = {}) => ({ id, createdAt, unreadCount: 0, ...more });
  channels.replace([channel('a', '1'), channel('b', '2', { unreadCount: 2, members: [{ id: 'bob' }] }), channel('c', '3')]);
  deepEqual(channels.list().map(({ id }) => id), ['c', 'b', 'a']);
  channels.noteMessage(message(5, { channelId: 'a', createdAt: '9' }));
  channels.noteMessage(message(4, { channelId: 'a', createdAt: '8' }));
  channels.noteMessage(message(6, { channelId: 'a', createdAt: '9', parentId: 'm1' }));
  channels.noteMessage(message(1, { channelId: 'unknown' }));
  deepEqual(channels.list().map(({ id }) => id), ['a', 'c', 'b']);
  equal(channels.get('a').lastMessage.seq, 5);
  channels.change('a', { unreadCount: 3 });
  channels.change('unknown', { unreadCount: 3 });
  equal(channels.totalUnread(), 5);
  channels.put(channel('b', '2'));
  deepEqual(channels.get('b').members, [{ id: 'bob' }], 'what an event leaves out stays');
});

test('typing ends by itself', () => {
  const typing = new Typing();
  typing.start('c', { id: 'bob', name: 'Bob' }, 1000);
  typing.start('c', { id: 'carol', name: 'Carol' }, 2000);
  deepEqual(typing.names('c', 3000), ['Bob', 'Carol']);
  deepEqual(typing.names('c', 8500), ['Carol']);
  typing.stop('c', 'carol');
  deepEqual(typing.names('c', 3000), ['Bob']);
  deepEqual(typing.names('elsewhere', 3000), []);
});

test('people are known by what was heard last, those who are there first', () => {
  const people = new People();
  people.put({ id: 'bob', name: 'Bob', online: false });
  people.put({ id: 'zoe', name: 'Zoe', online: true });
  people.put({ id: 'bob', name: 'Robert' });
  people.setOnline('nobody', true);
  deepEqual(people.list().map(({ name }) => name), ['Zoe', 'Robert']);
  people.setOnline('bob', true);
  deepEqual(people.list().map(({ name }) => name), ['Robert', 'Zoe']);
  equal(people.name('nobody'), 'nobody');
});

test('a text is cut into pieces and nothing of it is lost', () => {
  for (const [whole, links, mentions] of [
    ['see https://example.com/a?b=1, or not', ['https://example.com/a?b=1'], []],
    ['(http://example.com/x)', ['http://example.com/x'], []],
    ['@bob. mail a@b.example, @mary-ann!', [], ['@bob', '@mary-ann']],
    ['javascript:alert(1) https:// <b>', [], []],
    ['', [], []],
  ]) {
    const pieces = text.pieces(whole);
    equal(pieces.map((piece) => piece.text).join(''), whole);
    deepEqual(pieces.filter((piece) => piece.url).map((piece) => piece.url), links);
    deepEqual(pieces.filter((piece) => piece.mention).map((piece) => piece.text), mentions);
  }
});

test('names and ids follow from each other', () => {
  equal(text.nameOf('mary-ann'), 'Mary Ann');
  equal(text.idOf('  Mary Ann! '), 'mary-ann');
  equal(text.idOf('Zoë'), 'zoe');
  equal(text.idOf('!?'), '');
  equal(text.initials('Mary Ann Smith'), 'MS');
  equal(text.listed(['a', 'b', 'c', 'd', 'e']), 'a, b and 3 others');
  equal(text.dayOf('2026-01-02T12:00:00', new Date('2026-01-03T01:00:00')), 'Yesterday');
});

test('texts have enough contrast in light and in dark', async () => {
  const css = await readFile(new URL('style.css', page), 'utf8');
  const dark = css.slice(css.indexOf('prefers-color-scheme: dark'));
  const colours = (source) => Object.fromEntries([...source.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]));
  const light = colours(css.slice(0, css.indexOf('prefers-color-scheme: dark')));
  for (const [name, scheme] of [['light', light], ['dark', { ...light, ...colours(dark) }]]) {
    for (const [front, backs] of [
      ['text', ['back', 'back-side', 'back-raised', 'back-hover', 'back-chosen', 'bubble', 'bubble-own']],
      ['text-soft', ['back', 'back-side', 'back-raised', 'back-hover', 'back-chosen', 'bubble', 'bubble-own']],
      ['accent-strong', ['back', 'back-side', 'back-raised', 'back-hover', 'back-chosen', 'bubble', 'bubble-own']],
      ['on-accent', ['accent', 'accent-strong']],
      ['bad', ['back', 'back-raised']],
      ['new', ['back']],
    ]) {
      for (const back of backs) {
        const ratio = contrast(scheme[front], scheme[back]);
        ok(ratio >= 4.5, `${name}: ${front} on ${back} has ${ratio.toFixed(2)}`);
      }
    }
    ok(contrast(scheme['line-strong'], scheme.back) >= 3, `${name}: borders of fields`);
  }
});

/** The contrast of two colours as WCAG 2 defines it. */
function contrast(one, other) {
  const [brighter, darker] = [one, other].map((colour) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }).sort((a, b) => b - a);
  return (brighter + 0.05) / (darker + 0.05);
}
