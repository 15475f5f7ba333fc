// Ways from a small map to a large one, as flat arrays of numbers.

// The two neighbours of every place of an axis that is made f times longer, with their bilinear
// weights; a neighbour outside weighs nothing, as nothing is stamped from there.
function bilinearTaps(length, factor) {
  return Array.from({ length: length * factor }, (_, i) => {
    const at = (i + 0.5) / factor - 0.5;
    const low = Math.floor(at);
    return [[low, low + 1 - at], [low + 1, at - low]].filter(([k, weight]) => k >= 0 && k < length && weight > 0);
  });
}

function enlargeMap(map, rows, columns, factor, kind) {
  const wide = columns * factor;
  const large = new Float32Array(rows * factor * wide);
  if (kind === "nearest") {
    return large.map((_, i) => map[Math.floor(Math.floor(i / wide) / factor) * columns + Math.floor((i % wide) / factor)]);
  }
  const [down, across] = [bilinearTaps(rows, factor), bilinearTaps(columns, factor)];
  const stretched = new Float32Array(rows * wide);
  for (let r = 0; r < rows; r++) {
    across.forEach((taps, x) => taps.forEach(([k, weight]) => (stretched[r * wide + x] += weight * map[r * columns + k])));
  }
  down.forEach((taps, y) => taps.forEach(([k, weight]) => {
    for (let x = 0; x < wide; x++) large[y * wide + x] += weight * stretched[k * wide + x];
  }));
  return large;
}

// Maxima of 2×2 windows and where they lie; of equal values the first one wins.
function poolWithSwitches(map, rows, columns) {
  const [values, switches] = [[], []];
  for (let r = 0; r < rows; r += 2) {
    for (let c = 0; c < columns; c += 2) {
      const places = [r * columns + c, r * columns + c + 1, (r + 1) * columns + c, (r + 1) * columns + c + 1];
      const winner = places.reduce((best, place) => (map[place] > map[best] ? place : best));
      values.push(map[winner]);
      switches.push(winner);
    }
  }
  return { values, switches };
}

function unpoolBySwitches(values, switches, count) {
  const map = new Array(count).fill(0);
  switches.forEach((place, i) => (map[place] = values[i]));
  return map;
}
