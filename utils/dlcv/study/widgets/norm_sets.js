// Which cells of a block [N, C, H, W] share statistics, and what follows from it.
const EPSILON = 1e-5;
const NORM_TEXTS = {
  batch: ["batch norm", "N, H, W", "channel"],
  layer: ["layer norm", "C, H, W", "image"],
  instance: ["instance norm", "H, W", "image and channel"],
  group: ["group norm", "C/G, H, W", "image and group"],
};

// The number of the set that cell (n, c) belongs to; height and width are always shared.
function setOf(norm, [, C], groups, n, c) {
  if (norm === "batch") return c;
  if (norm === "layer") return n;
  if (norm === "instance") return n * C + c;
  return n * groups + Math.floor(c / (C / groups));
}

const placeOf = (i, [, C, H, W]) => [Math.floor(i / (C * H * W)), Math.floor(i / (H * W)) % C, Math.floor(i / W) % H, i % W];
const indexOf = ([n, c, h, w], [, C, H, W]) => ((n * C + c) * H + h) * W + w;

// Every cell's set, and for each set its mean, its biased variance and how many values it holds.
function normalisation(values, shape, norm, groups) {
  const sets = Array.from(values, (_, i) => setOf(norm, shape, groups, ...placeOf(i, shape)));
  const count = Math.max(...sets) + 1;
  const sums = new Array(count).fill(0);
  const sizes = new Array(count).fill(0);
  sets.forEach((set, i) => ((sums[set] += values[i]), sizes[set]++));
  const means = sums.map((sum, set) => sum / sizes[set]);
  const squares = new Array(count).fill(0);
  sets.forEach((set, i) => (squares[set] += (values[i] - means[set]) ** 2));
  const variances = squares.map((sum, set) => sum / sizes[set]);
  const hats = sets.map((set, i) => (values[i] - means[set]) / Math.sqrt(variances[set] + EPSILON));
  return { sets, count, means, variances, sizes, hats };
}

// Learnt and running numbers as torch has them: layer norm learns a pair for every element.
function numbersOf(norm, [, C, H, W]) {
  return { learnt: 2 * C * (norm === "layer" ? H * W : 1), running: norm === "batch" ? 2 * C : 0 };
}
