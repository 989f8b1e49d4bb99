// A headless Chromium with a profile of its own, whose pages may ask nobody but the servers under test.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const PROGRAM = process.env.CHROMIUM || '/usr/bin/chromium';
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
/** How long a condition may take to come true. */
export const PATIENCE_MS = 30_000;

/**
 * One browser; every page is a tab of it. `complaints` gathers what no page may do: ask another host, throw, break
 * the policy of its own page. `heard` is what came over sockets, to be read after a failure.
 */
export async function openBrowser(hosts, options = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'parlance-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: PROGRAM, headless: true, args: FLAGS, locale: 'en-GB', viewport: { width: 960, height: 720 }, ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  const heard = [];
  const isOurs = (url) => ['data:', 'about:', 'blob:'].includes(new URL(url).protocol) || hosts.includes(new URL(url).host);
  await context.route('**/*', (route) => {
    const url = route.request().url();
    if (isOurs(url)) return route.continue();
    complaints.push(`asked another host: ${url}`);
    return route.abort();
  });
  const watch = (page) => {
    page.on('pageerror', (error) => complaints.push(`threw: ${error.stack}`));
    page.on('websocket', (socket) => {
      if (!isOurs(socket.url())) complaints.push(`opened a socket to another host: ${socket.url()}`);
      socket.on('framereceived', ({ payload }) => heard.push(`${page.url()} heard ${String(payload).slice(0, 400)}`));
    });
    page.on('console', (message) => {
      // A server that is away is what some steps are about.
      const isAway = /Failed to load resource|WebSocket connection to/.test(message.text());
      if (message.type() === 'error' && !isAway) complaints.push(`logged: ${message.text()}`);
    });
  };
  context.pages().forEach(watch);
  context.on('page', watch);
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { context, complaints, heard, close };
}

/** Asks until the answer is what `isIt` wants; fails with the last one otherwise. */
export async function until(what, ask, isIt = Boolean) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await ask();
    if (isIt(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`waited until ${what}; last seen: ${JSON.stringify(seen)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Two tabs as one picture, side by side. */
export async function sideBySide(context, pages, path) {
  const pictures = [];
  for (const page of pages) {
    await page.bringToFront();
    pictures.push((await page.screenshot()).toString('base64'));
  }
  const table = await context.newPage();
  await table.setViewportSize({ width: 1960, height: 760 });
  await table.setContent(`<body style="margin:20px;display:flex;gap:20px;background:#8a8aa8">${
    pictures.map((one) => `<img style="width:950px;border-radius:12px" src="data:image/png;base64,${one}">`).join('')}</body>`);
  await table.evaluate(() => Promise.all([...document.images].map((one) => one.decode())));
  await table.screenshot({ path, clip: { x: 0, y: 0, width: 1960, height: 752 } });
  await table.close();
}
