// What a person does with the page, in the page's own words.
import { until } from './browser.mjs';

export class Tab {
  constructor(page) {
    this.page = page;
  }

  static async open(context, url) {
    const page = await context.newPage();
    await page.goto(url);
    return new Tab(page);
  }

  get box() {
    return this.page.getByRole('textbox', { name: 'Message', exact: true });
  }

  channel(title) {
    return this.page.getByRole('navigation', { name: 'Channels' }).locator('li', { hasText: title }).getByRole('button');
  }

  async show(title) {
    await this.channel(title).click();
    await this.page.getByRole('heading', { name: title, level: 2 }).waitFor();
  }

  async send(text) {
    await this.box.fill(text);
    await this.box.press('Enter');
  }

  get log() {
    return this.page.getByRole('log', { name: /^Messages in/ });
  }

  message(text) {
    return this.log.locator('.message', { hasText: text });
  }

  /** The texts of the open channel, top to bottom. */
  texts() {
    return this.log.locator('.words').allInnerTexts();
  }

  async sees(text) {
    await this.message(text).first().waitFor();
  }

  async showsNoMore(text) {
    await until(`"${text}" is gone`, () => this.message(text).count(), (count) => count === 0);
  }

  async tool(text, name) {
    await this.message(text).hover();
    await this.message(text).getByRole('button', { name, exact: true }).click();
  }

  async connection(state) {
    await until(`the page says ${state}`, () => this.page.locator('.connection').innerText(), (text) => text === state);
  }
}
