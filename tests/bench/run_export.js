// Loads models with ONNX Runtime as by default, on one thread, or runs them.
// usage: node run_export.js PACKAGES JOB.json INPUTS.bin
//
// JOB.json {"load": MODEL, "times": number}
// Prints {"load_ms": median, "rss": bytes after the first load, above those before it}.
//
// JOB.json {"run": [MODEL, ...], "limit_ms": number, "least": number, "samples": [[tensor, ...]]}
// tensor: {"name", "type": ONNX's number, "dims", "offset", "size"} into INPUTS.bin. The models take
// turns on every sample, until none is left or, after the least number, the time is spent.
// Prints {"runs": number of samples, "models": [{"run_ms": median, "equal": whether all outputs had
// the bits of the first model's}, ...]}.
//
// Where a model is refused there is {"error": text} instead.
'use strict';
const fs = require('fs');
const path = require('path');

const [packages, jobPath, inputsPath] = process.argv.slice(2);
const ort = require(path.join(packages, 'node_modules', 'onnxruntime-node'));
const kOptions = {intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4};

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
const bytesOf = ({data}) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const failure = (error) => ({error: String(error.message).split('\n')[0]});

async function load(job) {
  const before = process.memoryUsage().rss;
  let rss = 0;
  let session = null;
  const loads = [];
  for (let i = 0; i < job.times; ++i) {
    if (session !== null) await session.release();
    const start = process.hrtime.bigint();
    session = await ort.InferenceSession.create(job.load, kOptions);
    loads.push(milliseconds(start));
    if (i === 0) rss = process.memoryUsage().rss - before;
  }
  return {load_ms: median(loads), rss};
}

async function open(model) {
  try {
    return {session: await ort.InferenceSession.create(model, kOptions), times: [], equal: true};
  } catch (error) {
    return failure(error);
  }
}

// Gives the bytes of the outputs, by their names.
async function runOnce(model, sample, inputs) {
  const feeds = {};
  for (const input of sample) feeds[input.name] = toTensor(input, inputs);
  const start = process.hrtime.bigint();
  const results = await model.session.run(feeds);
  model.times.push(milliseconds(start));
  return model.session.outputNames.map((name) => [name, bytesOf(results[name])]);
}

const same = (some, others) => some.length === others.length &&
    some.every(([name, bytes], i) => name === others[i][0] && bytes.equals(others[i][1]));

async function run(job) {
  const inputs = fs.readFileSync(inputsPath);
  const models = await Promise.all(job.run.map(open));
  const begin = process.hrtime.bigint();
  let runs = 0;
  for (const sample of job.samples) {
    if (runs >= job.least && milliseconds(begin) > job.limit_ms) break;
    // Whoever is first finds colder caches.
    const outputs = [];
    for (let i = 0; i < models.length; ++i) {
      const at = (runs + i) % models.length;
      if (!models[at].error) outputs[at] = await runOnce(models[at], sample, inputs);
    }
    models.forEach((model, at) => {
      if (!model.error) model.equal &&= same(outputs[at], outputs[0]);
    });
    ++runs;
  }
  const text = ({error, times, equal}) => error ? {error} : {run_ms: median(times), equal};
  return {runs, models: models.map(text)};
}

const job = JSON.parse(fs.readFileSync(jobPath, 'utf8'));
(job.load ? load(job) : run(job)).catch(failure).then((result) => {
  console.log(JSON.stringify(result));
});
