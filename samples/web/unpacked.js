// Fetches digits.qc, decodes it beside the page, and has ONNX Runtime run it.
import * as ort from './onnxruntime-web/ort.wasm.min.mjs';
import {begin, bytes, milliseconds, set_cost} from './page.js';
import {loadInWorker} from './qcompress-web/qcompress.js';

// More threads need headers that few servers send.
ort.env.wasm.numThreads = 1;

begin(async () => {
  const times = [performance.now()];
  let fetched = 0;
  const model = await loadInWorker('digits.qc', {onProgress: (count) => {
    fetched = count;
    times[1] = performance.now();
  }});
  times[2] = performance.now();
  const session = await ort.InferenceSession.create(model, {executionProviders: ['wasm']});
  times[3] = performance.now();
  set_cost('the network, fetched', bytes(fetched));
  set_cost('the same as float32', bytes(model.length));
  set_cost('smaller', `${(model.length / fetched).toFixed(0)} times`);
  set_cost('fetch, decoder included', milliseconds(times[1] - times[0]));
  set_cost('decode', milliseconds(times[2] - times[1]));
  set_cost('start the session', milliseconds(times[3] - times[2]));
  // One picture: named dimensions, such as that of the batch, are 1.
  const shape = session.inputMetadata[0].shape.map((size) => Number.isInteger(size) ? size : 1);
  return async (picture) => {
    const input = new ort.Tensor('float32', picture, shape);
    const outputs = await session.run({[session.inputNames[0]]: input});
    return [...outputs[session.outputNames[0]].data];
  };
});
