// Opens pages of `inspect --html` and `run --html` in Chromium, in the light and the dark theme, as wide
// as a screen and as a phone, and as they print.
// usage: node check_report.mjs MODULES FOLDER-FOR-SCREENSHOTS PAGE...
import assert from 'node:assert/strict';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { faint_texts, faults_of, is_too_wide, new_page, with_chromium } from './browser.mjs';

const [modules, folder, ...files] = process.argv.slice(2);

async function check(browser, file, theme, width) {
  const url = pathToFileURL(resolve(file)).href;
  const page = await new_page(browser, { colorScheme: theme, viewport: { width, height: 800 } });
  const faults = faults_of(page, (asked) => asked === url || asked.startsWith('data:'));
  await page.goto(url);
  assert.deepEqual(faults, [], `${file}, ${theme}`);
  assert.deepEqual(await faint_texts(page), [], `faint texts of ${file}, ${theme}`);
  assert.equal(await is_too_wide(page), false, `${file} is wider than ${width} pixels`);
  const unnamed = await page.locator('img:not([alt]), svg:not([aria-label])').count();
  assert.equal(unnamed, 0, 'pictures without a text');
  const broken = await page.evaluate(
    () => [...document.images].filter((image) => image.naturalWidth === 0).length);
  assert.equal(broken, 0, 'pictures that cannot be decoded');
  const name = basename(file, '.html');
  await page.screenshot({ path: `${folder}/${name}-${theme}-${width}.png`, fullPage: true });
  if (theme === 'dark') {
    await page.emulateMedia({ media: 'print' });
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(ground, 'rgb(255, 255, 255)', 'paper is white');
    assert.deepEqual(await faint_texts(page), [], 'faint texts on paper');
    await page.pdf({ path: `${folder}/${name}.pdf`, format: 'A4' });
  }
  await page.context().close();
}

await with_chromium(modules, async (browser) => {
  for (const file of files) {
    for (const theme of ['light', 'dark']) {
      for (const width of [1100, 360]) await check(browser, file, theme, width);
    }
  }
});
console.log(`${files.length} pages checked`);
