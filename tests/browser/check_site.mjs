// Opens the page of samples/web as people would: draws digits with a mouse and with the keyboard, and
// reads what the page says. Then decodes containers in the page and compares them with their models.
// usage: node check_site.mjs MODULES SITE FOLDER-FOR-SCREENSHOTS [CONTAINER MODEL]...
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { faint_texts, faults_of, is_too_wide, new_page, with_chromium } from './browser.mjs';

const [modules, site, folder, ...files] = process.argv.slice(2);
const { EXAMPLES } = await import(pathToFileURL(resolve(site, 'drawing.js')));

const TYPES = {
  '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml', '.wasm': 'application/wasm' };

// Files of the site, and under /pairs/ those of the command line.
async function serve(request, response) {
  const path = normalize(new URL(request.url, 'http://localhost').pathname);
  const pair = /^\/pairs\/(\d+)$/.exec(path);
  try {
    const bytes = await readFile(
      pair ? files[Number(pair[1])] : join(site, path === '/' ? 'index.html' : path));
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': path === '/' ? TYPES['.html'] : type }).end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}

async function open(browser, address, options) {
  const page = await new_page(browser, options);
  const faults = faults_of(page, (url) => url.startsWith(address) || url.startsWith('blob:'));
  await page.goto(address);
  await page.getByText('The network is ready.').waitFor();
  return { page, faults };
}

const answer = (page, digit) => page.locator('#digit', { hasText: new RegExp(`^${digit}$`) }).waitFor();

async function draw_with_mouse(page, strokes) {
  const frame = await page.locator('#board').boundingBox();
  for (const stroke of strokes) {
    for (const [i, [x, y]] of stroke.entries()) {
      await page.mouse.move(frame.x + x * frame.width, frame.y + y * frame.height, { steps: 4 });
      if (i === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }
}

async function check_digits(page) {
  for (const [digit, strokes] of EXAMPLES.entries()) {
    await page.getByRole('button', { name: 'Clear' }).click();
    await draw_with_mouse(page, strokes);
    await answer(page, digit);
  }
  for (const digit of EXAMPLES.keys()) {
    await page.getByLabel('Example').selectOption(String(digit));
    await answer(page, digit);
  }
}

async function check_keyboard(page) {
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.locator('#board').focus();
  for (let i = 0; i < 8; ++i) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Space');
  for (let i = 0; i < 16; ++i) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await answer(page, 1);
  await page.getByText('The pen is up').waitFor();
}

async function check_containers(page) {
  for (let i = 0; i < files.length; i += 2) {
    const decoded = await page.evaluate(async (index) => {
      const { load, loadInWorker } = await import('./qcompress-web/qcompress.js');
      const digest = async (bytes) =>
        Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
          (byte) => byte.toString(16).padStart(2, '0')).join('');
      const url = `pairs/${index}`;
      return [await digest(await load(url)), await digest(await loadInWorker(url))];
    }, i);
    const expected = createHash('sha256').update(await readFile(files[i + 1])).digest('hex');
    assert.deepEqual(decoded, [expected, expected], files[i]);
  }
}

const server = createServer(serve);
await new Promise((ready) => server.listen(0, 'localhost', ready));
const address = `http://localhost:${server.address().port}/`;
try {
  await with_chromium(modules, async (browser) => {
    for (const colorScheme of ['light', 'dark']) {
      for (const width of [800, 360]) {
        const { page, faults } = await open(
          browser, address, { colorScheme, viewport: { width, height: 800 } });
        await page.getByLabel('Example').selectOption('5');
        await answer(page, 5);
        assert.deepEqual(await faint_texts(page), [], colorScheme);
        assert.equal(await is_too_wide(page), false, `wider than ${width} pixels`);
        await page.screenshot({ path: `${folder}/site-${colorScheme}-${width}.png`, fullPage: true });
        assert.deepEqual(faults, []);
      }
    }
    const { page, faults } = await open(browser, address, {});
    await check_digits(page);
    await check_keyboard(page);
    await check_containers(page);
    assert.deepEqual(faults, []);
    for (const row of await page.locator('#costs tr').all()) {
      console.log(`  ${(await row.locator('th, td').allInnerTexts()).join(': ')}`);
    }
  });
} finally {
  server.closeAllConnections();
  server.close();
}
const packed = files.length > 0 ? `, and ${files.length / 2} containers are as they were packed` : '';
console.log(`the page answers${packed}`);
