// Loads a model with ONNX Runtime as by default, on one thread, and runs it on many inputs.
// usage: node run_export.js PACKAGES MODEL JOB.json INPUTS.bin
//
// JOB.json: {"loads": number, "samples": [[tensor, ...], ...]}; tensor: {"name", "type": ONNX's
// number, "dims", "offset", "size"} into INPUTS.bin
// Prints {"load_ms", "run_ms": medians, "rss": bytes after the first load, above those before it,
// "digest": of all outputs}.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const [packages, model, jobPath, inputsPath] = process.argv.slice(2);
const ort = require(path.join(packages, 'node_modules', 'onnxruntime-node'));

const kTypes = {
  1: ['float32', Float32Array],
  2: ['uint8', Uint8Array],
  3: ['int8', Int8Array],
  6: ['int32', Int32Array],
  7: ['int64', BigInt64Array],
  9: ['bool', Uint8Array],
  10: ['float16', Uint16Array],
  11: ['float64', Float64Array],
};

function toTensor(input, bytes) {
  const [name, Elements] = kTypes[input.type];
  const copy = new Uint8Array(bytes.subarray(input.offset, input.offset + input.size));
  return new ort.Tensor(name, new Elements(copy.buffer), input.dims);
}

function median(values) {
  values.sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)];
}

const milliseconds = (since) => Number(process.hrtime.bigint() - since) / 1e6;

async function main() {
  const job = JSON.parse(fs.readFileSync(jobPath, 'utf8'));
  const inputs = fs.readFileSync(inputsPath);
  const options = {intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4};
  const before = process.memoryUsage().rss;
  let rss = 0;
  let session = null;
  const loads = [];
  for (let i = 0; i < job.loads; ++i) {
    if (session !== null) await session.release();
    const start = process.hrtime.bigint();
    session = await ort.InferenceSession.create(model, options);
    loads.push(milliseconds(start));
    if (i === 0) rss = process.memoryUsage().rss - before;
  }
  const digest = crypto.createHash('sha256');
  const runs = [];
  for (const sample of job.samples) {
    const feeds = {};
    for (const input of sample) feeds[input.name] = toTensor(input, inputs);
    const start = process.hrtime.bigint();
    const results = await session.run(feeds);
    runs.push(milliseconds(start));
    for (const name of session.outputNames) {
      const data = results[name].data;
      digest.update(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  console.log(JSON.stringify({load_ms: median(loads), run_ms: median(runs), rss,
                              digest: digest.digest('hex')}));
}

main().catch((error) => {
  console.error(String(error.message).split('\n')[0]);
  process.exit(1);
});
