// Fetches digits.qc, decodes it beside the page, and runs it on what is drawn.
import * as ort from './onnxruntime-web/ort.wasm.min.mjs';
import {loadInWorker} from './qcompress-web/qcompress.js';
import {EXAMPLES, draw, picture_of} from './drawing.js';

const MODEL = 'digits.qc';

// More threads need headers that few servers send.
ort.env.wasm.numThreads = 1;

const element = (id) => document.getElementById(id);
const board = element('board');
const context = board.getContext('2d');

let strokes = [];
let session;
/** Of the keyboard, in the unit square. */
let pen = [0.5, 0.5];
let penIsDown = false;

const milliseconds = (time) => `${time.toFixed(1)} ms`;
const bytes = (count) => `${count.toLocaleString('en')} bytes`;

function row(table, cells) {
  const line = table.insertRow();
  cells.forEach((cell, i) => {
    const place = i === 0 ? document.createElement('th') : line.insertCell();
    if (i === 0) {
      place.scope = 'row';
      line.append(place);
    }
    place.append(cell);
  });
}

function set_cost(name, value) {
  const table = element('costs');
  const known = [...table.rows].find((line) => line.cells[0].textContent === name);
  if (known) known.cells[1].textContent = value;
  else row(table, [name, value]);
}

function show_board() {
  context.clearRect(0, 0, board.width, board.height);
  context.strokeStyle = getComputedStyle(board).color;
  draw(context, strokes, 18, ([x, y]) => [x * board.width, y * board.height]);
  if (document.activeElement === board && board.matches(':focus-visible')) {
    context.lineWidth = 2;
    context.beginPath();
    context.arc(pen[0] * board.width, pen[1] * board.height, penIsDown ? 5 : 9, 0, 2 * Math.PI);
    context.stroke();
  }
}

function show_scores(scores) {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b);
  const table = element('scores');
  table.replaceChildren();
  powers.forEach((power, digit) => {
    const share = 100 * power / sum;
    const bar = document.createElement('span');
    bar.className = 'bar';
    bar.style.width = `${share}%`;
    row(table, [String(digit), `${share.toFixed(1)} %`, bar]);
  });
  element('digit').textContent = String(scores.indexOf(largest));
}

async function recognise() {
  show_board();
  if (session === undefined || strokes.length === 0) return;
  // One picture: named dimensions, such as that of the batch, are 1.
  const shape = session.inputMetadata[0].shape.map((size) => Number.isInteger(size) ? size : 1);
  const input = new ort.Tensor('float32', picture_of(strokes), shape);
  const start = performance.now();
  const outputs = await session.run({[session.inputNames[0]]: input});
  set_cost('run, for one drawing', milliseconds(performance.now() - start));
  show_scores([...outputs[session.outputNames[0]].data]);
}

function clear() {
  strokes = [];
  penIsDown = false;
  element('digit').textContent = '…';
  element('scores').replaceChildren();
  element('pen').textContent = '';
  show_board();
}

function place_of(event) {
  const frame = board.getBoundingClientRect();
  return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
}

board.addEventListener('pointerdown', (event) => {
  board.setPointerCapture(event.pointerId);
  strokes.push([place_of(event)]);
  show_board();
});
board.addEventListener('pointermove', (event) => {
  if (!board.hasPointerCapture(event.pointerId)) return;
  strokes.at(-1).push(place_of(event));
  show_board();
});
board.addEventListener('pointerup', recognise);
board.addEventListener('pointercancel', recognise);

const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
board.addEventListener('keydown', (event) => {
  const step = STEPS[event.key];
  if (step !== undefined) {
    pen = pen.map((value, axis) => Math.min(0.95, Math.max(0.05, value + 0.05 * step[axis])));
    if (penIsDown) strokes.at(-1).push(pen);
  } else if (event.key === ' ') {
    penIsDown = !penIsDown;
    if (penIsDown) strokes.push([pen]);
  } else {
    return;
  }
  event.preventDefault();
  const [column, line] = pen.map((value) => Math.round(20 * value));
  element('pen').textContent =
    `The pen is ${penIsDown ? 'down' : 'up'}, at column ${column} and line ${line} of 20.`;
  recognise();
});
board.addEventListener('focus', show_board);
board.addEventListener('blur', show_board);

element('clear').addEventListener('click', clear);
EXAMPLES.forEach((_, digit) => element('example').add(new Option(String(digit), String(digit))));
element('example').addEventListener('change', ({target}) => {
  if (target.value === '') return;
  clear();
  strokes = EXAMPLES[Number(target.value)];
  recognise();
  // A drawing that goes on is one's own.
  strokes = strokes.map((stroke) => [...stroke]);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show_board);

try {
  const times = [performance.now()];
  let fetched = 0;
  const model = await loadInWorker(MODEL, {onProgress: (count) => {
    fetched = count;
    times[1] = performance.now();
  }});
  times[2] = performance.now();
  session = await ort.InferenceSession.create(model, {executionProviders: ['wasm']});
  times[3] = performance.now();
  set_cost('the network, fetched', bytes(fetched));
  set_cost('the same as float32', bytes(model.length));
  set_cost('smaller', `${(model.length / fetched).toFixed(0)} times`);
  set_cost('fetch, decoder included', milliseconds(times[1] - times[0]));
  set_cost('decode', milliseconds(times[2] - times[1]));
  set_cost('start the session', milliseconds(times[3] - times[2]));
  element('state').textContent = 'The network is ready.';
  recognise();
} catch (error) {
  element('state').textContent = `The network cannot be loaded: ${error.message}`;
}
