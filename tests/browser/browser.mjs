// Chromium for the tests of pages: what a page wrote to the console and asked the network for.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// Ends a hang, measures nothing.
const HANG = 300_000;

/** Runs `task` with a headless Chromium; `modules` is the folder that has playwright-core. */
export async function with_chromium(modules, task) {
  const { chromium } = createRequire(pathToFileURL(`${modules}/`))('playwright-core');
  const browser = await chromium.launch({
    timeout: HANG,
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Containers give Chromium no sandbox and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
  try {
    await task(browser);
  } finally {
    await browser.close();
  }
}

/** An empty page in a context of its own. */
export async function new_page(browser, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(HANG);
  return context.newPage();
}

/** Collects what goes wrong in `page`: messages, errors, and requests that `is_allowed` refuses. */
export function faults_of(page, is_allowed) {
  const faults = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      faults.push(`console: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (!is_allowed(request.url())) faults.push(`request: ${request.url().slice(0, 200)}`);
  });
  return faults;
}

/** Texts of `page` whose contrast with what is behind them is under 4.5, as WCAG 2.1 wants (1.4.3). */
export function faint_texts(page) {
  return page.evaluate(() => {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => {
      const linear = (value) => {
        const c = value / 255;
        return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
      };
      return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const ground = (element) => {
      for (let e = element; e; e = e.parentElement) {
        const colour = channels(getComputedStyle(e).backgroundColor);
        if (colour.length < 4 || colour[3] > 0) return colour;
      }
      return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent.trim();
      const element = walker.currentNode.parentElement;
      if (text === '' || element.closest('title, style, script')) continue;
      const style = getComputedStyle(element);
      const colour = element.closest('svg') ? style.fill : style.color;
      const [dark, light] = [luminance(channels(colour)), luminance(ground(element))].sort(
        (a, b) => a - b);
      if ((light + 0.05) / (dark + 0.05) < 4.5) faint.push(text);
    }
    return faint;
  });
}

/** Whether `page` has to be scrolled sideways. */
export function is_too_wide(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
}
