// Where the windows lie and what they say; tests hold this against dlcv.detection.overfeat.

// The grid of windows: with offsets every place of the map, without every third.
function windowGrid(view, offsets) {
  const skip = offsets ? 1 : view.pool;
  const side = Math.ceil(view.side / skip);
  return { side, count: side * side, step: view.step * skip, skip };
}

function windowAt(view, offsets, position, window) {
  const { side, step, skip } = windowGrid(view, offsets);
  const [row, column] = [Math.floor(position / side), position % side];
  const box = [column * step, row * step, column * step + window, row * step + window].map((x) => x / view.factor);
  return { row, column, place: row * skip * view.side + column * skip, box };
}

// The probability of a kind in the window at a place of the whole map.
const probability = (view, kind, place) => view.values[kind * view.side ** 2 + place] / 255;

// The regressed box of the window at a place, in pixels of the image.
function regressedBox(view, place, [x1, y1], window) {
  const share = [0, 1, 2, 3].map((i) => view.shares[i * view.side ** 2 + place]);
  return share.map((value, i) => (i % 2 ? y1 : x1) + (value * window) / view.factor);
}

function overlap(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([x1, y1, x2, y2]) => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
  const union = area(a) + area(b) - width * height;
  return union > 0 ? (width * height) / union : 0;
}

// The first window with the highest probability among the first `count`.
function bestWindow(view, kind, offsets, count, window) {
  let best = { at: -1, value: -1 };
  for (let at = 0; at < count; at++) {
    const value = probability(view, kind, windowAt(view, offsets, at, window).place);
    if (value > best.value) best = { at, value };
  }
  return best;
}

function readable(count) {
  for (const [unit, name] of [[1e9, "billion"], [1e6, "million"]]) if (count >= unit) return `${(count / unit).toPrecision(3)} ${name}`;
  return Math.round(count).toLocaleString("en-GB");
}
