// Drives the page in two tabs of a headless browser, as two people.
//
//   node check.mjs <api key> <folder for pictures> <url of the page> [<url of the page at another gateway>]
//
// Prints `ok: …` for every step, and `please kill` and `please start` where the server is to go and come back (an
// answer `done` is read from standard input). Exits with 0 if every step went as it must.
import { equal, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { openBrowser, sideBySide, until } from './browser.mjs';
import { Tab } from './page.mjs';
import { Somebody, noMore, please } from './server.mjs';

const [apiKey, pictures, url, otherUrl = url] = process.argv.slice(2);
const { context, complaints, heard, close } = await openBrowser([url, otherUrl].map((one) => new URL(one).host));
const tabs = {};
let alice, bob;

const steps = {
  async 'two people sign in, in two tabs'() {
    const page = context.pages()[0];
    await page.goto(url);
    await page.getByRole('button', { name: 'Alice' }).click();
    alice = new Tab(page);
    const link = page.getByRole('link', { name: 'Open a second tab as Bob' });
    const second = context.waitForEvent('page');
    await link.click();
    bob = new Tab(await second);
    if (otherUrl !== url) await bob.page.goto(`${otherUrl}/?user=bob`);
    Object.assign(tabs, { alice, bob });
    await alice.connection('Connected');
    await bob.connection('Connected');
    equal(await bob.page.getByRole('heading', { level: 1 }).innerText(), 'Bob');
    ok(alice.page.url().includes('user=alice') && bob.page.url().includes('user=bob'));
  },

  async 'one makes a channel for both, and it appears with the other'() {
    const { page } = alice;
    await page.getByRole('button', { name: 'New channel' }).click();
    const dialog = page.getByRole('dialog', { name: 'New channel' });
    await dialog.getByRole('textbox', { name: 'Name' }).fill('Tea house');
    await dialog.getByRole('checkbox', { name: 'Bob' }).check();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.waitFor({ state: 'detached' });
    await until('the box has the focus', () => alice.box.evaluate((box) => box === document.activeElement));
    await bob.channel('Tea house').waitFor();
  },

  async 'a message is unread until it is looked at'() {
    await alice.send('Good morning! Has anybody tried the new oolong?');
    await alice.send('It is in the tin on the left.');
    await bob.channel('Tea house').getByText('2 unread messages').waitFor({ state: 'attached' });
    ok((await bob.page.title()).startsWith('(2)'));
    await bob.show('Tea house');
    await bob.sees('Has anybody tried');
    await bob.channel('Tea house').getByText('unread').waitFor({ state: 'detached' });
    ok((await bob.page.title()).startsWith('Bob'));
    await alice.message('the tin on the left').getByText('Read by Bob').waitFor();
  },

  async 'typing is seen, and ends with the message'() {
    await bob.box.pressSequentially('Just now');
    await alice.page.getByText('Bob is typing…').waitFor();
    await bob.send('Just now, @alice. Very good!');
    await alice.sees('Very good!');
    await until('nobody types', () => alice.page.getByText('Bob is typing…').count(), (count) => count === 0);
    await bob.box.pressSequentially('And');
    await alice.page.getByText('Bob is typing…').waitFor();
    await bob.box.fill('');
    await until('nobody types', () => alice.page.getByText('Bob is typing…').count(), (count) => count === 0);
  },

  async 'a reaction comes and goes'() {
    await alice.tool('Very good!', 'React');
    await alice.message('Very good!').getByRole('button', { name: 'Heart' }).click();
    const seen = bob.message('Very good!').getByRole('button', { name: '❤️, 1: Alice' });
    await seen.waitFor();
    equal(await seen.getAttribute('aria-pressed'), 'false');
    await seen.click();
    const both = alice.message('Very good!').getByRole('button', { name: /❤️, 2: / });
    await both.waitFor();
    equal(await both.getAttribute('aria-pressed'), 'true');
    await both.click();
    await bob.message('Very good!').getByRole('button', { name: '❤️, 1: you' }).waitFor();
  },

  async 'an edit and a deletion reach the other'() {
    await alice.send('It was pikced in April');
    await bob.sees('pikced in April');
    const editor = alice.page.getByRole('textbox', { name: 'Edit the message' });
    // Her own answer may come after Bob has seen it.
    for (let tries = 0; tries < 50 && !(await editor.isVisible()); tries += 1) {
      await alice.box.press('ArrowUp');
      await alice.page.waitForTimeout(100);
    }
    equal(await editor.inputValue(), 'It was pikced in April');
    await editor.fill('It was picked in April');
    await editor.press('Enter');
    await bob.sees('It was picked in April');
    await bob.message('picked in April').getByText('edited').waitFor();
    await alice.send('To be forgotten');
    await bob.sees('To be forgotten');
    await alice.tool('To be forgotten', 'Delete');
    await alice.message('To be forgotten').getByRole('button', { name: 'Delete' }).click();
    await bob.showsNoMore('To be forgotten');
    await alice.showsNoMore('To be forgotten');
    await bob.channel('Tea house').getByText('picked in April').waitFor();
  },

  async 'a thread stands beside the channel'() {
    await bob.tool('picked in April', 'Reply in a thread');
    const thread = bob.page.getByRole('complementary', { name: 'Thread' });
    const reply = thread.getByRole('textbox', { name: 'Reply' });
    await reply.fill('By whom?');
    await reply.press('Enter');
    await alice.message('picked in April').getByRole('button', { name: '1 reply' }).click();
    const beside = alice.page.getByRole('complementary', { name: 'Thread' });
    await beside.getByText('By whom?').waitFor();
    await beside.getByRole('textbox', { name: 'Reply' }).fill('The label does not say.');
    await beside.getByRole('textbox', { name: 'Reply' }).press('Enter');
    await thread.getByText('The label does not say.').waitFor();
    equal((await bob.texts()).includes('By whom?'), false);
    await reply.press('Escape');
    await thread.waitFor({ state: 'hidden' });
    await beside.getByRole('button', { name: 'Close the thread' }).click();
    await beside.waitFor({ state: 'hidden' });
  },

  async 'everything is done with the keyboard alone'() {
    const { page } = bob;
    await page.goto(`${otherUrl}/?user=bob`);
    await bob.connection('Connected');
    const focused = () => page.evaluate(() => {
      const it = document.activeElement;
      return it.getAttribute('aria-label') ?? it.innerText ?? '';
    });
    const tabTo = async (what, key = 'Tab') => {
      for (let presses = 0; presses < 40; presses += 1) {
        await page.keyboard.press(key);
        if (what.test(await focused())) return;
      }
      throw new Error(`no way to ${what} with ${key}; at ${await focused()}`);
    };
    await bob.channel('Tea house').waitFor();
    await tabTo(/Tea house/);
    await page.keyboard.press('Enter');
    await until('the box has the focus', focused, (text) => text === 'Message');
    await page.keyboard.type('By hand');
    await page.keyboard.press('Enter');
    await alice.sees('By hand');
    await alice.send('No mouse?');
    await bob.sees('No mouse?');
    await tabTo(/No mouse\?/, 'Shift+Tab');
    await page.keyboard.press('ArrowUp');
    ok((await focused()).includes('By hand'));
    await page.keyboard.press('ArrowDown');
    await tabTo(/^React$/);
    await page.keyboard.press('Enter');
    await until('the first emoji has the focus', focused, (text) => text === 'Thumbs up');
    await page.keyboard.press('Enter');
    await alice.message('No mouse?').getByRole('button', { name: '👍, 1: Bob' }).waitFor();
    await tabTo(/^Message$/);
  },

  async 'two tabs side by side make a picture'() {
    await alice.box.pressSequentially('I like');
    await bob.page.getByText('Alice is typing…').waitFor();
    const path = join(pictures, 'page-two-tabs.png');
    await sideBySide(context, [alice.page, bob.page], path);
    await alice.box.fill('');
    console.log(`picture: ${path}`);
  },

  async 'regions and controls have names'() {
    await alice.tool('Very good!', 'Reply in a thread');
    for (const [name, { page }] of Object.entries(tabs)) {
      const session = await context.newCDPSession(page);
      const { nodes } = await session.send('Accessibility.getFullAXTree');
      const shown = nodes.filter((node) => !node.ignored).map((node) => [node.role?.value, node.name?.value ?? '']);
      const nameless = shown.filter(([role, text]) => !text.trim()
        && ['button', 'link', 'textbox', 'checkbox', 'radio', 'dialog', 'log', 'navigation', 'complementary', 'region'].includes(role));
      equal(JSON.stringify(nameless), '[]', `${name} has controls without a name`);
      const count = (role) => shown.filter(([one]) => one === role).length;
      equal(count('main'), 1);
      equal(count('navigation'), 1);
      ok(count('button') > 5 && count('textbox') >= 1 && count('heading') >= 3);
      equal(await page.locator('html').getAttribute('lang'), 'en');
      equal(await page.locator('#announcer').getAttribute('aria-live'), 'polite');
    }
    await bob.page.locator('#announcer', { hasText: 'Alice: No mouse?' }).waitFor({ state: 'attached' });
    await alice.page.getByRole('button', { name: 'Close the thread' }).click();
  },

  async 'dark mode and reduced motion are kept to'() {
    const background = () => bob.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await bob.page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    ok(light !== await background());
    await bob.page.screenshot({ path: join(pictures, 'page-dark.png') });
    const moving = await bob.page.evaluate(() => {
      document.querySelector('.connection').dataset.state = 'connecting';
      return document.getAnimations().length;
    });
    equal(moving, 0);
    await bob.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference' });
    const movingNow = await bob.page.evaluate(() => {
      const { length } = document.getAnimations();
      document.querySelector('.connection').dataset.state = 'connected';
      return length;
    });
    equal(movingNow, 1);
  },

  async 'on a phone one thing is shown at a time'() {
    const { page } = bob;
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    await page.setViewportSize({ width: 400, height: 760 });
    ok(await fits());
    await bob.box.waitFor();
    equal(await page.getByRole('navigation', { name: 'Channels' }).isVisible(), false);
    await page.screenshot({ path: join(pictures, 'page-phone.png') });
    await bob.send('From the tram');
    await alice.sees('From the tram');
    await bob.message('From the tram').click();
    const boxes = async () => {
      const buttons = await bob.message('From the tram').getByRole('button').all();
      return Promise.all(buttons.map((button) => button.boundingBox({ timeout: 1000 }).catch(() => null)));
    };
    // What arrives meanwhile draws the message anew.
    for (const box of await until('its buttons are shown', boxes, (all) => all.length > 0 && all.every(Boolean))) {
      ok(box.x >= 0 && box.x + box.width <= 400, `a button is out of sight: ${JSON.stringify(box)}`);
      ok(box.width >= 36 && box.height >= 36, `a button is too small for a thumb: ${JSON.stringify(box)}`);
    }
    await page.getByRole('button', { name: 'Back to the channels' }).click();
    await bob.channel('Tea house').waitFor();
    equal(await bob.box.count(), 0);
    ok(await fits());
    await bob.show('Tea house');
    await page.setViewportSize({ width: 960, height: 720 });
  },

  async 'history comes a page at a time'() {
    const carol = await Somebody.signIn(url, apiKey, 'carol');
    const { id } = await carol.call('POST', '/api/channels', { type: 'group', name: 'Archive', memberIds: ['bob'] });
    for (let number = 1; number <= 120; number += 1) await carol.send(id, `entry ${number}`);
    await bob.show('Archive');
    await bob.sees('entry 120');
    const expected = Array.from({ length: 120 }, (_, at) => `entry ${at + 1}`);
    await until('all of it is there', async () => {
      await bob.log.evaluate((log) => { log.scrollTop = 60; log.scrollTop = 0; });
      return bob.texts();
    }, (texts) => texts.length >= 120);
    equal((await bob.texts()).join(), expected.join());
    await bob.show('Tea house');
  },

  async 'a preview is shown without asking its site, and a text is never markup'() {
    const carol = await Somebody.signIn(url, apiKey, 'carol');
    await Somebody.signIn(url, apiKey, 'frank');
    const { id } = await carol.call('POST', '/api/channels', { type: 'group', name: 'Links', memberIds: ['frank'] });
    const hostile = '<img src=x onerror="throw 1"> <b>bold</b> javascript:alert(1)';
    await carol.send(id, hostile);
    await carol.send(id, 'see https://tea.example/oolong.');
    const page = await context.newPage();
    // The server's answer, with what it knows of the link.
    await page.route(`**/api/channels/${id}/messages?*`, async (route) => {
      const response = await route.fetch();
      const answer = await response.json();
      const preview = { title: 'Oolong <i>tea</i>', description: 'Half-oxidised', siteName: 'Tea', type: 'article', image: 'https://tea.example/x.png' };
      answer.messages.at(-1).linkPreviews = [
        { ...preview, url: 'https://tea.example/oolong' }, { ...preview, url: 'javascript:alert(1)' },
      ];
      await route.fulfill({ response, json: answer });
    });
    await page.goto(`${url}/?user=frank&channel=${id}`);
    const frank = new Tab(page);
    await frank.sees('see https://tea.example');
    const shown = page.getByRole('group', { name: 'Link preview' });
    equal(await shown.count(), 1);
    equal(await shown.getByRole('link').getAttribute('href'), 'https://tea.example/oolong');
    equal(await shown.getByRole('link').innerText(), 'Oolong <i>tea</i>');
    equal((await frank.texts())[0], hostile);
    equal(await frank.log.locator('img').count(), 0);
    equal(await frank.message('see https').locator('.words').getByRole('link').getAttribute('href'), 'https://tea.example/oolong');
    await page.close();
  },

  async 'what was sent while a connection was cut arrives once'() {
    const carol = await Somebody.signIn(url, apiKey, 'dora');
    let cut = () => {};
    let mayConnect = true;
    const page = await context.newPage();
    await page.routeWebSocket('**/connection/websocket', (socket) => {
      if (!mayConnect) {
        socket.close({ code: 1012 });
        return;
      }
      const server = socket.connectToServer();
      cut = () => {
        mayConnect = false;
        server.close();
        socket.close({ code: 1012 });
      };
    });
    await page.goto(`${url}/?user=erin`);
    const erin = new Tab(page);
    await erin.connection('Connected');
    const { id } = await carol.call('POST', '/api/channels', { type: 'group', name: 'Cut off', memberIds: ['erin'] });
    await carol.send(id, 'before');
    await erin.show('Cut off');
    await erin.sees('before');
    cut();
    await erin.connection('Connecting…');
    for (let number = 1; number <= 30; number += 1) await carol.send(id, `missed ${number}`);
    mayConnect = true;
    await erin.connection('Connected');
    await erin.sees('missed 30');
    await carol.send(id, 'after');
    await erin.sees('after');
    const expected = ['before', ...Array.from({ length: 30 }, (_, at) => `missed ${at + 1}`), 'after'];
    equal((await erin.texts()).join(), expected.join());
    await page.close();
  },

  async 'a server that is killed and comes back loses nothing, twice nothing'() {
    await please('kill');
    await alice.connection('Connecting…');
    await bob.connection('Connecting…');
    await alice.send('Is anybody there?');
    await alice.send('Hello?');
    await alice.message('Hello?').getByText('Not sent yet.').waitFor();
    await please('start');
    const carol = await Somebody.signIn(url, apiKey, 'alice');
    await carol.send(await carol.channel('Tea house'), 'By telegraph');
    await alice.connection('Connected');
    await bob.connection('Connected');
    for (const tab of [alice, bob]) for (const text of ['Is anybody there?', 'Hello?', 'By telegraph']) await tab.sees(text);
    await until('nothing is on its way', () => alice.page.locator('.message.sending, .message.failed').count(), (count) => count === 0);
    await bob.send('Here again');
    await alice.sees('Here again');
    const [left, right] = [await alice.texts(), await bob.texts()];
    equal(left.join('|'), right.join('|'));
    for (const text of ['Is anybody there?', 'Hello?', 'By telegraph', 'Here again']) {
      equal(left.filter((one) => one === text).length, 1, text);
    }
    ok(left.indexOf('Is anybody there?') < left.indexOf('Hello?'));
  },

  async 'who leaves is offline, who returns is online'() {
    await alice.page.getByText('2 members, 2 online').waitFor();
    await bob.page.close();
    // Where gateways are processes of their own, connections of those that were killed count for a minute longer.
    await alice.page.getByText('2 members, 1 online').waitFor({ timeout: 90_000 });
    bob = await Tab.open(context, `${otherUrl}/?user=bob`);
    await alice.page.getByText('2 members, 2 online').waitFor();
  },

  async 'nobody but the server was asked, and nothing was thrown'() {
    equal(complaints.join('\n'), '');
  },
};

for (const [step, run] of Object.entries(steps)) {
  try {
    await run();
    console.log(`ok: ${step}`);
  } catch (error) {
    console.error(`FAILED: ${step}\n${error.stack}\n${complaints.join('\n')}\n${heard.slice(-30).join('\n')}`);
    for (const page of context.pages()) {
      const path = join(pictures, `failed-${context.pages().indexOf(page)}.png`);
      await page.screenshot({ path }).then(() => console.error(`picture: ${path}`), () => {});
    }
    await close();
    process.exit(1);
  }
}
await close();
noMore();
