// Runs models with ONNX Runtime.
// usage: node run_onnxruntime.js PACKAGES JOBS.json INPUTS.bin RESULTS.json OUTPUTS.bin
//
// JOBS.json:    [{"model": path, "inputs": [tensor], "optimized": bool}], one job for each model
// RESULTS.json: [{"outputs": [tensor]} or {"error": text}], in the same order
// tensor:       {"name", "type": ONNX's number, "dims", "offset", "size"} into the .bin file beside
'use strict';
const fs = require('fs');
const path = require('path');

const [packages, jobsPath, inputsPath, resultsPath, outputsPath] = process.argv.slice(2);
const ort = require(path.join(packages, 'node_modules', 'onnxruntime-node'));

const kTypes = {
  1: ['float32', Float32Array],
  2: ['uint8', Uint8Array],
  3: ['int8', Int8Array],
  5: ['int16', Int16Array],
  6: ['int32', Int32Array],
  7: ['int64', BigInt64Array],
  9: ['bool', Uint8Array],
  10: ['float16', Uint16Array],
  11: ['float64', Float64Array],
};

function typeNumber(name) {
  const found = Object.keys(kTypes).find((number) => kTypes[number][0] === name);
  if (found === undefined) throw new Error(`an output of type ${name}`);
  return Number(found);
}

function toTensor(input, bytes) {
  if (!(input.type in kTypes)) throw new Error(`an input of type ${input.type}`);
  const [name, Elements] = kTypes[input.type];
  const copy = new Uint8Array(bytes.subarray(input.offset, input.offset + input.size));
  return new ort.Tensor(name, new Elements(copy.buffer), input.dims);
}

async function run(job, inputs, outputs) {
  // As written, node by node, unless told otherwise: fused operators would round otherwise.
  const options = {
    graphOptimizationLevel: job.optimized ? 'all' : 'disabled',
    extra: {session: {disable_quant_qdq: '1'}},
    intraOpNumThreads: 2,
    logSeverityLevel: 4,
  };
  const session = await ort.InferenceSession.create(job.model, options);
  const feeds = {};
  for (const input of job.inputs) feeds[input.name] = toTensor(input, inputs);
  const results = await session.run(feeds);
  const described = session.outputNames.map((name) => {
    const tensor = results[name];
    const data = tensor.data;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const offset = outputs.size;
    outputs.parts.push(Buffer.from(bytes));
    outputs.size += bytes.length;
    return {name, type: typeNumber(tensor.type), dims: Array.from(tensor.dims), offset,
            size: bytes.length};
  });
  await session.release();
  return described;
}

async function main() {
  const inputs = fs.readFileSync(inputsPath);
  const outputs = {parts: [], size: 0};
  const results = [];
  for (const job of JSON.parse(fs.readFileSync(jobsPath, 'utf8'))) {
    try {
      results.push({outputs: await run(job, inputs, outputs)});
    } catch (error) {
      results.push({error: String(error.message).split('\n')[0]});
    }
  }
  fs.writeFileSync(outputsPath, Buffer.concat(outputs.parts));
  fs.writeFileSync(resultsPath, JSON.stringify(results));
}

main();
