// What the perceptron plane draws: points, the line with its two sides and its margin, arrows.
const REACH = 2;
const SIZE = 400; // of the drawing, in its own units
const GRID = 8; // positions are whole eighths: exact sums, so that a cycle closes exactly

const toX = (x1) => (SIZE * (x1 + REACH)) / (2 * REACH);
const toY = (x2) => (SIZE * (REACH - x2)) / (2 * REACH);
const snap = (x) => Math.min(REACH - 0.125, Math.max(0.125 - REACH, Math.round(x * GRID) / GRID));
const text = (value) => String(Math.round(value * 1000) / 1000).replace("-", "−");
const vector = (values) => `(${values.map(text).join(", ")})`;
const className = (label) => (label > 0 ? "+1" : "−1");
const path = (...corners) => corners.map(([x1, x2], i) => `${i ? "L" : "M"}${toX(x1)} ${toY(x2)}`).join("");
const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// Ends of the line w·x + b = shift, far outside the picture, and the unit normal.
function boundary([w1, w2, b], shift = 0) {
  const norm = Math.hypot(w1, w2);
  const normal = [w1 / norm, w2 / norm];
  const foot = normal.map((n) => (n * (shift - b)) / norm);
  const end = (far) => [foot[0] - far * normal[1], foot[1] + far * normal[0]];
  return { ends: [end(-9), end(9)], normal };
}

function arrow(from, to) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const norm = Math.hypot(dx, dy);
  if (norm < 1e-9) return "";
  const head = Math.min(0.14, norm / 2);
  const back = (side) => [to[0] - (head * (dx - side * 0.5 * dy)) / norm, to[1] - (head * (dy + side * 0.5 * dx)) / norm];
  return path(from, to) + path(back(1), to, back(-1));
}

function makePlane() {
  const parts = {};
  const add = (tag, name, attributes = {}) => (parts[name] = h(`svg:${tag}`, { class: name, ...attributes }));
  const lines = [-1.5, -1, -0.5, 0, 0.5, 1, 1.5].flatMap((at) =>
    [path([at, -REACH], [at, REACH]), path([-REACH, at], [REACH, at])].map((d) =>
      h("svg:path", { d, class: at === 0 ? "axis" : "grid" })));
  const note = (x1, x2, content, anchor) => h("svg:text", { x: toX(x1), y: toY(x2), class: "note", "text-anchor": anchor }, content);
  const notes = [-1, 1].flatMap((at) => [note(at, -0.14, text(at), "middle"), note(-0.06, at - 0.04, text(at), "end")]);
  const root = h("svg:svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "plane", role: "group", "aria-label": "The plane" },
    add("rect", "ground", { width: SIZE, height: SIZE }), add("path", "plus-side"), add("path", "minus-side"), lines,
    notes, note(1.94, 0.07, "x₁", "end"), note(0.07, 1.84, "x₂", "start"),
    add("path", "band"), add("path", "line"), add("path", "old-weights"), add("path", "weights"), add("path", "update"),
    add("circle", "looking", { r: 21 }), add("g", "points"));
  return { root, parts };
}

// The line, its two sides, the band up to the nearest point, and the weights as an arrow.
function drawWeights(parts, weights, band) {
  const isFlat = Math.hypot(weights[0], weights[1]) < 1e-12;
  const all = [[-9, -9], [9, -9], [9, 9], [-9, 9]];
  const side = (sign) => {
    if (isFlat) return (weights[2] >= 0 ? 1 : -1) === sign && weights.some((w) => w) ? path(...all) : "";
    const { ends, normal } = boundary(weights);
    return path(...ends, plus(ends[1], normal, 18 * sign), plus(ends[0], normal, 18 * sign));
  };
  const edge = (shift) => path(...boundary(weights, shift).ends);
  const norm = Math.hypot(weights[0], weights[1]);
  setAttributes(parts["plus-side"], { d: side(1) });
  setAttributes(parts["minus-side"], { d: side(-1) });
  setAttributes(parts.line, { d: isFlat ? "" : edge(0) });
  setAttributes(parts.band, { d: isFlat || !(band > 0 && band < Infinity) ? "" : edge(band * norm) + edge(-band * norm) });
}

// Old weights + update = new weights, as arrows from the origin, shrunk where they are too long.
function drawArrows(parts, weights, update) {
  const old = update ? plus(weights, update, -1) : weights;
  const fit = Math.min(1, 1.7 / Math.max(Math.hypot(...weights.slice(0, 2)), Math.hypot(...old.slice(0, 2)), 1e-9));
  const tip = (w) => [fit * w[0], fit * w[1]];
  setAttributes(parts.weights, { d: arrow([0, 0], tip(weights)) });
  setAttributes(parts["old-weights"], { d: update ? arrow([0, 0], tip(old)) : "" });
  setAttributes(parts.update, { d: update ? arrow(tip(old), tip(weights)) : "" });
}

function makePoint() {
  return h("svg:g", { tabindex: 0, role: "button" },
    h("svg:circle", { class: "reach", r: 26 }), h("svg:circle", { class: "error-ring", r: 16 }),
    h("svg:path", { class: "mark" }), h("svg:path", { class: "sign" }));
}

function drawPoint(node, point, label, index, isRight, isChosen) {
  setAttributes(node, {
    transform: `translate(${toX(point[0])} ${toY(point[1])})`,
    class: `point ${label > 0 ? "plus" : "minus"}${isRight ? "" : " wrong"}${isChosen ? " chosen" : ""}`,
    "aria-label": `Point ${index + 1}, class ${className(label)}, at ${vector(point)}, ${isRight ? "right" : "wrong"}`,
  });
  const [, , mark, sign] = node.children;
  setAttributes(mark, { d: label > 0 ? "M-11 0A11 11 0 1 0 11 0A11 11 0 1 0 -11 0Z" : "M-10 -10H10V10H-10Z" });
  setAttributes(sign, { d: label > 0 ? "M-5 0H5M0 -5V5" : "M-5 0H5" });
}

// All points, and a ring round the one that the rule is looking at.
function drawPoints(parts, { points, labels, weights }, { chosen, run }, onNew) {
  const layer = parts.points;
  while (layer.children.length > points.length) layer.lastChild.remove();
  while (layer.children.length < points.length) {
    const node = makePoint();
    onNew(node, layer.children.length);
    layer.append(node);
  }
  points.forEach((point, i) => {
    const isRight = weights.every((w) => w === 0) || decide(weights, point) === labels[i];
    drawPoint(layer.children[i], point, labels[i], i, isRight, i === chosen);
  });
  const [x1, x2] = points[run.looking] ?? [9, 9]; // out of sight
  setAttributes(parts.looking, { cx: toX(x1), cy: toY(x2) });
}

// Where in the plane a mouse or finger is.
function placeOf(event, root) {
  const box = root.getBoundingClientRect();
  const [right, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  return [2 * REACH * right - REACH, REACH - 2 * REACH * down].map(snap);
}

// A drag moves the point, a press without a move flips its class; keys do the same.
function listen(node, root, { choose, move, nudge, flip, remove }) {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const keys = { Enter: flip, " ": flip, Delete: remove, Backspace: remove };
  let start = null;
  // Inside a drawing the browser ignores touch-action; this keeps a finger's drag from scrolling.
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  setAttributes(node, {
    onpointerdown(event) {
      start = { x: event.clientX, y: event.clientY, moved: false };
      node.setPointerCapture(event.pointerId);
      choose();
    },
    onpointermove(event) {
      if (!start) return;
      start.moved ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > 4;
      if (start.moved) move(placeOf(event, root));
    },
    onpointerup() {
      if (start && !start.moved) flip();
      start = null;
    },
    onpointercancel: () => (start = null),
    onclick: (event) => event.stopPropagation(), // or the plane would add a point here
    onfocus: choose,
    onkeydown(event) {
      const act = event.key in steps ? () => nudge(steps[event.key].map((n) => n / GRID)) : keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    },
  });
}

// Calls draw with weights on their way from one place to another, for a third of a second.
function turn(from, to, draw) {
  const began = performance.now();
  let frame = requestAnimationFrame(function next(time) {
    const part = Math.min(1, Math.max(0, (time - began) / 350));
    draw(plus(from, plus(to, from, -1), part));
    if (part < 1) frame = requestAnimationFrame(next);
  });
  return () => cancelAnimationFrame(frame);
}
