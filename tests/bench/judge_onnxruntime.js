// Compares models with a reference on many samples, with ONNX Runtime alone.
// usage: node judge_onnxruntime.js PACKAGES JOB.json INPUTS.bin
//
// JOB.json: {"models": [path, ...], "samples": [[tensor, ...], ...], "output": number, "axis"}; the
//           first model is the reference. tensor: {"name", "type": ONNX's number, "dims", "offset",
//           "size"} into INPUTS.bin
// Prints a JSON array with an object for each other model: of that output "agreement" (fraction of
// the positions whose largest element along the axis is the same; null without an axis) and "snr"
// (dB, null where nothing differs).
'use strict';
const fs = require('fs');
const path = require('path');

const [packages, jobPath, inputsPath] = process.argv.slice(2);
const ort = require(path.join(packages, 'node_modules', 'onnxruntime-node'));

const kTypes = {
  1: ['float32', Float32Array],
  2: ['uint8', Uint8Array],
  6: ['int32', Int32Array],
  7: ['int64', BigInt64Array],
};

function toTensor(input, file) {
  const [name, Elements] = kTypes[input.type];
  const bytes = Buffer.alloc(input.size);
  fs.readSync(file, bytes, 0, input.size, input.offset);
  const copy = new Uint8Array(bytes);
  return new ort.Tensor(name, new Elements(copy.buffer), input.dims);
}

// The place of the largest element along an axis, of every position.
function argMax({data, dims}, axis) {
  const at = axis < 0 ? axis + dims.length : axis;
  const classes = dims[at];
  const inner = dims.slice(at + 1).reduce((a, b) => a * b, 1);
  const places = [];
  for (let i = 0; i < data.length / classes; ++i) {
    const first = Math.floor(i / inner) * classes * inner + (i % inner);
    let best = 0;
    for (let c = 1; c < classes; ++c) {
      if (data[first + c * inner] > data[first + best * inner]) best = c;
    }
    places.push(best);
  }
  return places;
}

async function main() {
  const job = JSON.parse(fs.readFileSync(jobPath, 'utf8'));
  const file = fs.openSync(inputsPath, 'r');
  const sessions = [];
  for (const model of job.models) {
    sessions.push(await ort.InferenceSession.create(model, {intraOpNumThreads: 2, logSeverityLevel: 4}));
  }
  const sums = job.models.map(() => ({agreeing: 0, positions: 0, signal: 0, noise: 0}));
  for (const sample of job.samples) {
    const feeds = {};
    for (const input of sample) feeds[input.name] = toTensor(input, file);
    let reference = null;
    for (let i = 0; i < sessions.length; ++i) {
      const results = await sessions[i].run(feeds);
      const output = results[sessions[i].outputNames[job.output]];
      if (i === 0) {
        reference = output;
        continue;
      }
      if (job.axis !== null) {
        const expected = argMax(reference, job.axis);
        argMax(output, job.axis).forEach((place, k) => {
          sums[i].agreeing += place === expected[k] ? 1 : 0;
          ++sums[i].positions;
        });
      }
      for (let k = 0; k < reference.data.length; ++k) {
        const error = reference.data[k] - output.data[k];
        sums[i].signal += reference.data[k] * reference.data[k];
        sums[i].noise += error * error;
      }
    }
  }
  console.log(JSON.stringify(sums.slice(1).map((sum) => ({
    agreement: sum.positions > 0 ? sum.agreeing / sum.positions : null,
    snr: sum.noise > 0 ? 10 * Math.log10(sum.signal / sum.noise) : null,
  }))));
}

main().catch((error) => {
  console.error(String(error.message).split('\n')[0]);
  process.exit(1);
});
