// RoIPool and RoIAlign, step by step as torchvision takes them. A region is [x1, y1, x2, y2] in px
// of the image; rows of the map are `stride` px apart. Both give bins × bins results, row by row.

// To the nearest whole number, halves away from zero.
const rounded = (value) => Math.sign(value) * Math.round(Math.abs(value));

// One axis of RoIPool: the rounded first cell and length, and each bin's cells [from, to).
function poolAxis(low, high, cells, stride, bins) {
  const first = rounded(low / stride);
  const length = Math.max(rounded(high / stride) - first + 1, 1);
  const inside = (at) => Math.max(0, Math.min(cells, at + first));
  const edges = Array.from({ length: bins }, (_, i) => [inside(Math.floor(i * (length / bins))), inside(Math.ceil((i + 1) * (length / bins)))]);
  return { first, length, edges };
}

function poolRegion(values, [x1, y1, x2, y2], stride, bins) {
  const [down, across] = [poolAxis(y1, y2, values.length, stride, bins), poolAxis(x1, x2, values[0].length, stride, bins)];
  const results = down.edges.flatMap((rows) => across.edges.map((columns) => {
    const cells = [];
    for (let y = rows[0]; y < rows[1]; y++) for (let x = columns[0]; x < columns[1]; x++) cells.push(values[y][x]);
    return { rows, columns, cells, value: cells.length ? Math.max(...cells) : 0 };
  }));
  return { down, across, results };
}

// One axis of RoIAlign: for each bin its sample points, counted in cells from the first one's value.
function alignAxis(low, high, stride, bins, samples, isAligned) {
  const start = low / stride - (isAligned ? 0.5 : 0);
  const extent = high / stride - (isAligned ? 0.5 : 0) - start;
  const bin = (isAligned ? extent : Math.max(extent, 1)) / bins;
  const count = samples > 0 ? samples : Math.ceil(bin);
  const points = Array.from({ length: bins }, (_, i) => Array.from({ length: count }, (_, j) => start + i * bin + ((j + 0.5) * bin) / count));
  return { start, bin, points };
}

// The cells on both sides of a point and their weights; outside the map by more than a cell, none.
function neighbours(at, cells) {
  if (at < -1 || at > cells) return [];
  const inside = Math.min(Math.max(at, 0), cells - 1);
  const low = Math.floor(inside);
  return [[low, 1 - (inside - low)], [Math.min(low + 1, cells - 1), inside - low]];
}

function bilinear(values, y, x) {
  let sum = 0;
  for (const [row, a] of neighbours(y, values.length)) for (const [column, b] of neighbours(x, values[0].length)) sum += a * b * values[row][column];
  return sum;
}

function alignRegion(values, [x1, y1, x2, y2], stride, bins, samples, isAligned) {
  const [down, across] = [[y1, y2], [x1, x2]].map(([low, high]) => alignAxis(low, high, stride, bins, samples, isAligned));
  const results = down.points.flatMap((ys) => across.points.map((xs) => {
    const points = ys.flatMap((y) => xs.map((x) => ({ y, x, value: bilinear(values, y, x) })));
    return { points, value: points.reduce((sum, { value }) => sum + value, 0) / Math.max(points.length, 1) };
  }));
  return { down, across, results };
}

// By how many px RoIPool's window leaves the region: [left, top, right, bottom], outwards positive.
function roundingError({ down, across }, [x1, y1, x2, y2], stride) {
  const end = ({ first, length }) => (first + length) * stride;
  return [x1 - across.first * stride, y1 - down.first * stride, end(across) - x2, end(down) - y2];
}
