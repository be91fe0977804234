// How fast the package decodes in node, beside inflating the same files: a table in Markdown.
// usage: node web/bench.mjs build/web/dist CONTAINER...
import {readFile} from 'node:fs/promises';
import {basename} from 'node:path';
import {pathToFileURL} from 'node:url';
import {gzipSync} from 'node:zlib';

const RUNS = 7;

const [folder, ...containers] = process.argv.slice(2);
const {load} = await import(pathToFileURL(`${folder}/qcompress.js`));

async function median(run) {
  const times = [];
  for (let i = 0; i < RUNS; ++i) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[RUNS >> 1];
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

console.log('| model | float bytes | .qc | gzip -9 | .qc decoded | inflated |');
console.log('|-------|------------:|----:|--------:|------------:|---------:|');
for (const path of containers) {
  const packed = await readFile(path);
  const model = await load(packed);
  const zipped = gzipSync(model, {level: 9});
  const speed = (time) => `${(model.length / 1000 / time).toFixed(0)} MB/s`;
  const decoding = await median(() => load(packed));
  const inflating = await median(() => inflate(zipped));
  console.log(`| ${basename(path)} | ${model.length} | ${packed.length} | ${zipped.length} ` +
    `| ${speed(decoding)} | ${speed(inflating)} |`);
}
