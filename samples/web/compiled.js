// Fetches digits.wasm, which is the network: what `qcompress compile` makes of it and recognise.c.
import {begin, bytes, milliseconds, set_cost} from './page.js';

const CLASSES = 10;

begin(async () => {
  const times = [performance.now()];
  const response = await fetch('digits.wasm');
  if (!response.ok) throw new Error(`digits.wasm: status ${response.status}`);
  const code = await response.arrayBuffer();
  times[1] = performance.now();
  const {instance} = await WebAssembly.instantiate(code);
  times[2] = performance.now();
  set_cost('the network, as a program', bytes(code.byteLength));
  set_cost('fetch', milliseconds(times[1] - times[0]));
  set_cost('start the program', milliseconds(times[2] - times[1]));
  const {memory, picture, scores, recognise} = instance.exports;
  return (pixels) => {
    new Float32Array(memory.buffer, picture(), pixels.length).set(pixels);
    if (recognise() !== 0) throw new Error('the program does not run');
    return [...new Float32Array(memory.buffer, scores(), CLASSES)];
  };
});
