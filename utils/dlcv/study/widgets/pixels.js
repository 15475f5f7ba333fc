// Maps of numbers as pictures: colours, painting one pixel a number, and finding the cell pointed at.
const ORANGE = [196, 78, 0];
const BLUE = [0, 114, 178];

// White at zero, orange above, blue below, full at ±most.
function signedColour(value, most) {
  const share = Math.min(1, Math.abs(value) / (most || 1));
  return (value < 0 ? BLUE : ORANGE).map((part) => Math.round(255 + (part - 255) * share));
}

function greyColour(value, most) {
  const part = Math.round(255 * Math.max(0, Math.min(1, value / (most || 1))));
  return [part, part, part];
}

// Black at zero, over purple and orange to a pale yellow at `most`.
function heatColour(value, most) {
  const stops = [[10, 8, 20], [84, 24, 104], [186, 54, 85], [242, 140, 40], [252, 250, 200]];
  const at = Math.max(0, Math.min(1, value / (most || 1))) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  return stops[low].map((part, i) => Math.round(part + (stops[low + 1][i] - part) * (at - low)));
}

// Black or white, whichever reads better on a colour (relative luminance of WCAG).
function inkOn(colour) {
  const [r, g, b] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

// One canvas pixel for each number; `colourOf` gives [r, g, b], or null for a see-through pixel.
function paintPixels(canvas, values, columns, colourOf) {
  const rows = values.length / columns;
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  if (!values.length) return;
  const picture = new ImageData(columns, rows);
  for (const [i, value] of values.entries()) {
    const colour = colourOf(value, i);
    if (colour) picture.data.set([...colour, 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

// The cell [row, column] of a grid over `node` that a pointer is on, kept inside the grid.
function cellAt(event, node, rows, columns) {
  const box = node.getBoundingClientRect();
  const inside = (share, most) => Math.max(0, Math.min(most - 1, Math.floor(share * most)));
  return [inside((event.clientY - box.top) / box.height, rows), inside((event.clientX - box.left) / box.width, columns)];
}

// The step [rows, columns] of an arrow key, or nothing for other keys.
function arrowStep({ key }) {
  return { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
}

// The place [row, column] in a grid that is nearest to one outside; and the one a step further.
const clamp = (place, grid) => place.map((at, axis) => Math.max(0, Math.min(grid[axis] - 1, at)));
const moved = (place, step, grid) => clamp(place.map((at, axis) => at + step[axis]), grid);

// The cells on a straight line, so that a quick stroke has no gaps.
function cellsBetween(from, to) {
  const steps = Math.max(1, ...from.map((start, axis) => Math.abs(to[axis] - start)));
  return Array.from({ length: steps + 1 }, (_, i) => from.map((start, axis) => Math.round(start + ((to[axis] - start) * i) / steps)));
}
