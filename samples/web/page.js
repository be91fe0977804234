// The page: people draw, and it shows what a network makes of it.
import {EXAMPLES, draw, picture_of} from './drawing.js';

const element = (id) => document.getElementById(id);
const board = element('board');
const context = board.getContext('2d');

let strokes = [];
/** From a picture to its scores, once there is a network. */
let scores_of;
/** Of the keyboard, in the unit square. */
let pen = [0.5, 0.5];
let penIsDown = false;

export const milliseconds = (time) => `${time.toFixed(1)} ms`;
export const bytes = (count) => `${count.toLocaleString('en')} bytes`;

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

/** A line of the table of what things took. */
export function set_cost(name, value) {
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
  if (scores_of === undefined || strokes.length === 0) return;
  const picture = picture_of(strokes);
  const start = performance.now();
  const scores = await scores_of(picture);
  set_cost('run, for one drawing', milliseconds(performance.now() - start));
  show_scores(scores);
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

/** `open` gives a function from a picture, 28x28 from 0 to 1, to ten scores; both may be promises. */
export async function begin(open) {
  try {
    scores_of = await open();
    element('state').textContent = 'The network is ready.';
    recognise();
  } catch (error) {
    element('state').textContent = `The network cannot be loaded: ${error.message}`;
  }
}
