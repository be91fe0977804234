// A drawing as strokes of points in the unit square, and as the picture that the network reads.

/** Digits as the example list draws them. */
export const EXAMPLES = [
  [[[.5, .15], [.33, .22], [.26, .5], [.33, .78], [.5, .86], [.67, .78], [.74, .5], [.67, .22], [.5, .15]]],
  [[[.42, .25], [.54, .14], [.52, .86]]],
  [[[.28, .3], [.38, .17], [.55, .14], [.69, .25], [.66, .42], [.45, .63], [.27, .84], [.75, .83]]],
  [[[.3, .2], [.5, .13], [.67, .22], [.66, .38], [.46, .47], [.67, .56], [.71, .73], [.52, .87], [.28, .8]]],
  [[[.38, .14], [.3, .55], [.72, .53]], [[.62, .3], [.58, .88]]],
  [[[.7, .15], [.38, .16], [.34, .45], [.55, .42], [.7, .55], [.67, .76], [.48, .86], [.28, .8]]],
  [[[.6, .13], [.42, .32], [.33, .6], [.4, .82], [.57, .86], [.68, .73], [.6, .57], [.42, .6], [.34, .7]]],
  [[[.27, .18], [.73, .16], [.58, .5], [.46, .87]]],
  [[[.62, .25], [.5, .14], [.37, .25], [.42, .42], [.6, .56], [.66, .73], [.52, .87], [.36, .76], [.4, .6],
    [.58, .42], [.62, .25]]],
  [[[.66, .3], [.52, .15], [.37, .25], [.38, .42], [.54, .47], [.66, .3], [.65, .55], [.58, .87]]],
];

/** Sides of the network's picture, and of what MNIST's digits were fitted into. */
const SIDE = 28;
const FITTED = 20;
/** Of a line in that picture. */
const PEN = 2.4;

/** Draws strokes on a context, each point by `place`. */
export function draw(context, strokes, width, place) {
  context.lineWidth = width;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const stroke of strokes) {
    context.beginPath();
    stroke.forEach((point, i) => {
      const [x, y] = place(point);
      if (i === 0) context.moveTo(x, y);
      context.lineTo(x, y);
    });
    context.stroke();
  }
}

function rendered(strokes, place) {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = '#fff';
  draw(context, strokes, PEN, place);
  const rgba = context.getImageData(0, 0, SIDE, SIDE).data;
  return Float32Array.from({length: SIDE * SIDE}, (_, i) => rgba[4 * i] / 255);
}

/**
 * The strokes as MNIST has its digits: white on black, fitted into 20x20, with the centre of mass in the
 * middle of 28x28; values from 0 to 1.
 */
export function picture_of(strokes) {
  const points = strokes.flat();
  const [left, top] = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const [right, bottom] = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
  const scale = (FITTED - PEN) / Math.max(right - left, bottom - top, 0.05);
  const fit = ([x, y], [dx, dy]) => [
    SIDE / 2 + (x - (left + right) / 2) * scale + dx, SIDE / 2 + (y - (top + bottom) / 2) * scale + dy];
  const centred = rendered(strokes, (point) => fit(point, [0, 0]));
  let [mass, x, y] = [0, 0, 0];
  centred.forEach((value, i) => {
    mass += value;
    x += value * (i % SIDE + 0.5);
    y += value * (Math.floor(i / SIDE) + 0.5);
  });
  const shift = [SIDE / 2 - x / mass, SIDE / 2 - y / mass];
  return rendered(strokes, (point) => fit(point, shift));
}
