// A pad to draw a digit on, and the way from its strokes to the picture a network was trained on.
const PAD = 100; // the pad measures PAD × PAD; a stroke is a list of [x, y] on it
const DOTS = 32; // dots on a side of the bitmap
const BLOCK = 4; // dots on a side of the blocks whose dots are counted
const DIGIT = 28; // pixels that the counts are enlarged to; a border of zeros makes them up to SIDE
const SIDE = 32; // pixels on a side of the network's input
const WIDEST = 20; // dots that a drawing may be wide
const INK = 0.3; // share of dots that are set: both as in the training digits

// Strokes moved and scaled so that the drawing, pen included, fills the bitmap's height; narrower
// than high, as the training digits are.
function fitStrokes(strokes, pen) {
  const points = strokes.flat();
  const [low, high] = [Math.min, Math.max].map((pick) => [0, 1].map((axis) => pick(...points.map((point) => point[axis]))));
  const extents = [0, 1].map((axis) => high[axis] - low[axis]);
  const down = (DOTS - pen) / Math.max(extents[1], extents[0] / 2, PAD / 4);
  const scales = [Math.min(down, (WIDEST - pen) / (extents[0] || 1)), down];
  return strokes.map((stroke) => stroke.map((point) => point.map((at, axis) => (at - (low[axis] + high[axis]) / 2) * scales[axis] + DOTS / 2)));
}

function distanceToSegment([x, y], [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const share = Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}

// Sets the dots whose middle is under the pen on its way between two points.
function drawSegment(dots, from, to, pen) {
  const range = (axis) => [Math.min, Math.max].map((pick, end) =>
    Math.max(0, Math.min(DOTS - 1, Math.floor(pick(from[axis], to[axis]) + (end ? pen : -pen) / 2))));
  const [[left, right], [top, bottom]] = [range(0), range(1)];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      if (distanceToSegment([x + 0.5, y + 0.5], from, to) <= pen / 2) dots[y * DOTS + x] = 1;
    }
  }
}

function rasterise(strokes, pen) {
  const dots = new Uint8Array(DOTS * DOTS);
  for (const stroke of strokes) stroke.forEach((to, i) => drawSegment(dots, stroke[Math.max(0, i - 1)], to, pen));
  return dots;
}

// The share of dots that are set in each block of BLOCK × BLOCK.
function countBlocks(dots) {
  const side = DOTS / BLOCK;
  const shares = new Float32Array(side * side);
  for (const [i, dot] of dots.entries()) {
    shares[Math.floor(i / DOTS / BLOCK) * side + Math.floor((i % DOTS) / BLOCK)] += dot / BLOCK ** 2;
  }
  return shares;
}

// Bilinear enlargement to `wide` pixels, with pixel centres at halves and the border repeated.
function enlarge(values, wide) {
  const side = Math.sqrt(values.length);
  const places = Array.from({ length: wide }, (_, at) => {
    const source = Math.max(0, ((at + 0.5) * side) / wide - 0.5);
    const low = Math.min(side - 1, Math.floor(source));
    return [low, Math.min(side - 1, low + 1), source - low];
  });
  return places.flatMap(([top, bottom, down]) => places.map(([left, right, across]) => {
    const row = (y) => values[y * side + left] * (1 - across) + values[y * side + right] * across;
    return row(top) * (1 - down) + row(bottom) * down;
  }));
}

// A square of pixels in the middle of a larger one of zeros.
function framed(values, side) {
  const inner = Math.sqrt(values.length);
  const border = (side - inner) / 2;
  const result = Array(side * side).fill(0);
  values.forEach((value, i) => (result[(Math.floor(i / inner) + border) * side + (i % inner) + border] = value));
  return result;
}

// The bitmap with the pen as wide as it takes for the ink of the training digits.
function drawnDots(strokes) {
  let [thin, thick] = [2.5, 9];
  let dots = null;
  for (let i = 0; i < 6; i++) {
    const pen = (thin + thick) / 2;
    dots = rasterise(fitStrokes(strokes, pen), pen);
    if (dots.reduce((sum, dot) => sum + dot) < INK * DOTS ** 2) thin = pen;
    else thick = pen;
  }
  return dots;
}

// The network's input for a drawing, made as the training images were.
const imageOf = (strokes) => (strokes.length ? framed(enlarge(countBlocks(drawnDots(strokes)), DIGIT), SIDE) : Array(SIDE * SIDE).fill(0));

// The pad: pointer, or arrow keys with Space to set the pen down and lift it.
function drawingPad(onChange) {
  let strokes = [];
  let pen = null; // where the keyboard's pen is
  let isDown = false;
  const ink = h("svg:g", { class: "ink" });
  const nib = h("svg:circle", { class: "nib", r: 4 });
  const root = h("svg:svg", {
    class: "pad", viewBox: `0 0 ${PAD} ${PAD}`, tabindex: 0, role: "application",
    "aria-label": "Drawing pad. Arrow keys move the pen, Space sets it down and lifts it.",
  }, ink, nib);

  const show = () => {
    ink.replaceChildren(...strokes.map((stroke) => h("svg:polyline", { points: [...stroke, stroke[0]].slice(0, Math.max(2, stroke.length)).join(" ") })));
    root.classList.toggle("down", isDown);
    setAttributes(nib, pen ? { cx: pen[0], cy: pen[1], visibility: "visible" } : { visibility: "hidden" });
  };
  const extend = (point, isDone = false) => {
    strokes.at(-1).push(point);
    show();
    onChange(strokes, isDone);
  };
  const place = (event) => {
    const box = root.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => Math.round(Math.max(0, Math.min(1, share)) * PAD * 10) / 10);
  };
  const far = ([x, y]) => Math.hypot(x - strokes.at(-1).at(-1)[0], y - strokes.at(-1).at(-1)[1]) > 1;
  let isDrawing = false;
  const press = (event) => {
    const step = arrowStep(event);
    if (!step && event.key !== " ") return;
    event.preventDefault();
    pen ??= [PAD / 2, PAD / 2];
    if (step) pen = [pen[0] + 4 * step[1], pen[1] + 4 * step[0]].map((at) => Math.max(4, Math.min(PAD - 4, at)));
    else isDown = !isDown;
    if (isDown && !step) strokes.push([]);
    if (isDown) extend(pen, true);
    show();
  };
  setAttributes(root, {
    onpointerdown: (event) => {
      root.setPointerCapture(event.pointerId);
      [isDrawing, isDown, pen] = [true, false, null];
      strokes.push([]);
      extend(place(event));
    },
    onpointermove: (event) => isDrawing && far(place(event)) && extend(place(event)),
    onpointerup: () => isDrawing && ((isDrawing = false), onChange(strokes, true)),
    onpointercancel: () => isDrawing && ((isDrawing = false), onChange(strokes, true)),
    onfocus: () => root.matches(":focus-visible") && ((pen ??= [PAD / 2, PAD / 2]), show()),
    onblur: () => ([isDown, pen] = [false, null], show()),
    onkeydown: press,
  });
  const set = (next) => ((strokes = next), (isDown = false), show());
  show();
  return { root, set, undo: () => (set(strokes.slice(0, -1)), onChange(strokes, true)) };
}
