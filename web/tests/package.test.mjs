// The package as its users have it, in node.
// QCOMPRESS_WEB: the folder of the built package; QCOMPRESS_PAIRS: CONTAINER and MODEL in turn, between
// colons, of which the first is complete and the last an update of the model before.
import assert from 'node:assert/strict';
import {readFile, readdir} from 'node:fs/promises';
import {createServer} from 'node:http';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';

const folder = process.env.QCOMPRESS_WEB;
const paths = process.env.QCOMPRESS_PAIRS.split(':');
const qcompress = await import(pathToFileURL(`${folder}/qcompress.js`));
const {Container, QcompressError, load} = qcompress;

const pairs = [];
for (let i = 0; i < paths.length; i += 2) {
  pairs.push({name: paths[i], packed: await readFile(paths[i]), model: await readFile(paths[i + 1])});
}
const update = pairs.pop();
const base = pairs.at(-1).model;
const [{packed, model}] = pairs;

const with_status = (status) => (error) => error instanceof QcompressError && error.status === status;

async function with_server(handler, use) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

for (const pair of pairs) {
  test(`${pair.name} is the model that was packed`, async () => {
    assert.ok(pair.model.equals(await load(pair.packed)));
  });

  test(`tensors of ${pair.name} have the bytes that the model has`, async () => {
    const container = await Container.open(pair.packed);
    assert.ok(container.tensors.length > 0);
    for (const tensor of container.tensors) {
      const elements = container.decode(tensor.name);
      assert.equal(elements.length, tensor.shape.reduce((a, b) => a * b, 1), tensor.name);
      assert.equal(elements.byteLength, tensor.size);
      if (tensor.size > 64) assert.ok(pair.model.includes(new Uint8Array(elements.buffer)), tensor.name);
    }
    container.verify();
    container.close();
  });
}

test('an update wants its base', async () => {
  assert.ok(update.model.equals(await load(update.packed, {base})));
  assert.ok(update.model.equals(await load(update.packed, {base: [base]})));
  const container = await Container.open(update.packed, {base});
  assert.deepEqual(container.baseFiles.map(({size}) => size), [base.length]);
  container.verify();
  container.close();
  const damaged = Uint8Array.from(base);
  damaged[base.length >> 1] ^= 1;
  for (const wrong of [undefined, damaged, base.subarray(1), []]) {
    await assert.rejects(load(update.packed, {base: wrong}), with_status('usage'));
  }
});

test('a container comes as bytes of any kind', async () => {
  const padded = new Uint8Array(packed.length + 9);
  padded.set(packed, 5);
  const exact = new Uint8Array(packed).buffer;
  const sources = [packed, exact, new DataView(padded.buffer, 5, packed.length), new Response(packed)];
  for (const source of sources) assert.ok(model.equals(await load(source)));
});

test('a container is streamed from a server', async () => {
  const half = packed.length >> 1;
  const serve = (request, response) => {
    if (request.url !== '/model.qc') {
      response.writeHead(404).end();
      return;
    }
    response.write(packed.subarray(0, half));
    setImmediate(() => response.end(packed.subarray(half)));
  };
  await with_server(serve, async (address) => {
    const progress = [];
    const loaded = await load(`${address}/model.qc`, {onProgress: (bytes) => progress.push(bytes)});
    assert.ok(model.equals(loaded));
    assert.equal(progress.at(-1), packed.length);
    assert.deepEqual(progress, progress.toSorted((a, b) => a - b));
    await assert.rejects(load(`${address}/none.qc`), with_status('file'));
  });
});

test('a container that ends early is refused', async () => {
  const step = Math.max(1, packed.length >> 6);
  for (let size = 0; size < packed.length; size += step) {
    await assert.rejects(load(packed.subarray(0, size)), QcompressError, `${size} bytes`);
  }
});

test('a bit that has changed is found', async () => {
  const step = Math.max(1, packed.length >> 6);
  for (let at = 0; at < packed.length; at += step) {
    const damaged = Uint8Array.from(packed);
    damaged[at] ^= 1 << at % 8;
    await assert.rejects(load(damaged), QcompressError, `byte ${at}`);
  }
});

test('memory has a limit', async () => {
  await assert.rejects(load(packed, {maxMemory: 1000}), with_status('limit'));
});

test('wrong uses say so', async () => {
  const container = await Container.open(packed);
  assert.throws(() => container.decode('no such tensor'), RangeError);
  assert.equal(container.metadata('no such key'), undefined);
  const {name} = container.tensors[0];
  container.close();
  container.close();
  assert.throws(() => container.decode(name), with_status('usage'));
  await assert.rejects(load(new TextEncoder().encode('no container')), QcompressError);
});

test('the types declare what the module exports', async () => {
  const types = await readFile(`${folder}/qcompress.d.ts`, 'utf8');
  const declared = [...types.matchAll(/^export declare (?:class|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(qcompress).sort());
});

test('a page fetches at most 120 kB of WebAssembly and JavaScript', async () => {
  let size = 0;
  for (const file of await readdir(folder)) {
    if (/\.(js|wasm)$/.test(file)) size += (await readFile(`${folder}/${file}`)).length;
  }
  assert.ok(size > 0 && size <= 120_000, `${size} bytes`);
});
