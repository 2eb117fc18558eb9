// A browser on the page of a live cluster: `portico ui` as people start it, Debian's chromium, both gone afterwards.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { portico } from '../scenarios/cluster-fixture.ts';

const START_MS = 60_000;

export interface UiProcess extends AsyncDisposable {
  readonly url: string;
  readonly process: ChildProcess;
}

/** Starts `portico ui`; resolves with the address that it prints. */
export function startUiProcess(flags: readonly string[]): Promise<UiProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(portico, ['ui', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`portico ui printed no address within ${START_MS / 1000} s: ${out}${errors}`));
    }, START_MS);
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const url = /^http:\S+$/m.exec(out)?.[0];
      if (url === undefined) return;
      clearTimeout(limit);
      resolve({
        url,
        process: child,
        [Symbol.asyncDispose]: async () => {
          if (child.exitCode !== null) return;
          const gone = new Promise((done) => child.once('exit', done));
          child.kill('SIGTERM');
          await gone;
        },
      });
    });
    child.once('exit', (code) => {
      clearTimeout(limit);
      reject(new Error(`portico ui ended with ${code}: ${errors}`));
    });
  });
}

// Debian's chromium; another one can be named.
const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export function launchBrowser(): Promise<Browser> {
  // The tests run as root, where chromium has no sandbox; the only page it opens is ours.
  return chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
}

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** Requests that went anywhere but to the page's own server. */
  readonly foreign: readonly string[];
  /** Errors that the page's scripts or its policy reported. */
  readonly complaints: readonly string[];
}

/** Opens the page in a context of its own and waits until the topology is drawn. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const foreign: string[] = [];
  const complaints: string[] = [];
  const { origin } = new URL(url);
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) foreign.push(request.url());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(url);
  await page.locator('[data-node]').first().waitFor();
  return { page, foreign, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/**
 * Texts whose colour is too near to what lies behind them: less than 4.5 to 1 (WCAG 2.2, 1.4.3 AA). What is disabled,
 * or shown faintly on purpose as a whole, does not count.
 */
export function lowContrast(page: Page): Promise<unknown> {
  return page.evaluate(`(() => {
    const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const behind = (e) => {
      for (let at = e; at; at = at.parentElement) {
        const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor);
        if (a === 1) return [r, g, b];
      }
      return [255, 255, 255];
    };
    const faint = (e) => { for (let at = e; at; at = at.parentElement) if (getComputedStyle(at).opacity < 1) return true; };
    const own = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() !== '');
    return [...document.querySelectorAll('body *:not(svg *)')]
      .filter((e) => own(e) && e.checkVisibility() && !e.closest(':disabled') && !faint(e))
      .flatMap((e) => {
        const [a, b] = [luminance(rgb(getComputedStyle(e).color)), luminance(behind(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        return ratio < 4.5 ? [e.outerHTML.slice(0, 80) + ' ' + ratio.toFixed(2)] : [];
      });
  })()`);
}

/** Chooses both ends and presses Trace; resolves when the verdict is shown. */
export async function traceOnPage(page: Page, from: string, to: string): Promise<void> {
  await page.getByLabel('From', { exact: true }).selectOption(from);
  await page.getByLabel('To', { exact: true }).selectOption(to);
  await page.getByRole('button', { name: 'Trace', exact: true }).click();
  const failure = page.locator('.panel [role=alert]');
  await page.locator('[data-verdict]').or(failure).waitFor({ timeout: 30_000 });
  if ((await failure.count()) > 0) throw new Error(`the page says: ${await failure.innerText()}`);
}
