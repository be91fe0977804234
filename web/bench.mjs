// How fast the package decodes in node, beside inflating the same files: a table in Markdown.
// usage: node web/bench.mjs build/web/dist CONTAINER...
import {readFile} from 'node:fs/promises';
import {basename} from 'node:path';
import {pathToFileURL} from 'node:url';
import {gzipSync} from 'node:zlib';

const ROUNDS = 9;

const [folder, ...containers] = process.argv.slice(2);
const {load} = await import(pathToFileURL(`${folder}/qcompress.js`));

// The medians of both, in milliseconds. They take turns, so that a busy moment hits both alike; the
// first round, in which nothing is compiled yet, does not count.
async function medians(calls) {
  const times = calls.map(() => []);
  for (let round = 0; round <= ROUNDS; ++round) {
    for (const [i, call] of calls.entries()) {
      const start = performance.now();
      await call();
      if (round > 0) times[i].push(performance.now() - start);
    }
  }
  return times.map((of) => of.sort((a, b) => a - b)[ROUNDS >> 1]);
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

const rows = [['model', 'bytes', '.qc', 'gzip -9', '.qc decoded', 'inflated', 'speed']];
for (const path of containers) {
  const packed = await readFile(path);
  const model = await load(packed);
  const zipped = gzipSync(model, {level: 9});
  const [decoding, inflating] = await medians([() => load(packed), () => inflate(zipped)]);
  const speed = (time) => `${(model.length / 1000 / time).toFixed(0)} MB/s`;
  rows.push([basename(path, '.qc'), `${model.length}`, `${packed.length}`, `${zipped.length}`,
    speed(decoding), speed(inflating), (inflating / decoding).toFixed(2)]);
}

const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
const padded = (cell, column) =>
  column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
const line = (row) => `| ${row.map(padded).join(' | ')} |`;
const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`));
console.log([line(rows[0]), `|${rule.join('|')}|`, ...rows.slice(1).map(line)].join('\n'));
