// A circle with points that can be dragged. Directions are in degrees; 0 is to the right, 90 up.
const svg = (tag, attributes = {}, ...children) => h(`svg:${tag}`, attributes, ...children);
const HALF = 175; // of the drawing, which is square

function polar(degrees, radius) {
  const turn = (degrees * Math.PI) / 180;
  return [HALF + radius * Math.cos(turn), HALF - radius * Math.sin(turn)];
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

// Part of a circle, from one direction counterclockwise to another.
function arcPath(from, to, radius) {
  const count = Math.max(2, Math.ceil((to - from) / 4));
  return path(Array.from({ length: count + 1 }, (_, i) => polar(from + ((to - from) * i) / count, radius)));
}

// An arrow from one place of the drawing to another, with an open head.
function arrowPath([x1, y1], [x2, y2], head = 8) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 0.5) return "";
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const size = Math.min(head, length);
  const wing = (side) => [x2 - size * (ux + side * 0.5 * uy), y2 - size * (uy - side * 0.5 * ux)];
  return path([[x1, y1], [x2, y2]]) + path([wing(1), [x2, y2], wing(-1)]);
}

// Where on the circle a mouse or finger points, in degrees.
function directionOf(event, root) {
  const box = root.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5];
  return (Math.atan2(-y, x) * 180) / Math.PI;
}

// Lets a node be dragged round the circle; keys belong to the slider that says the same.
function draggable(node, root, onMove) {
  let isHeld = false;
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  setAttributes(node, {
    onpointerdown: (event) => ((isHeld = true), node.setPointerCapture(event.pointerId)),
    onpointermove: (event) => isHeld && onMove(directionOf(event, root)),
    onpointerup: () => (isHeld = false),
    onpointercancel: () => (isHeld = false),
  });
}

// An angle brought to -180 ... 180.
const wrapped = (degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;
