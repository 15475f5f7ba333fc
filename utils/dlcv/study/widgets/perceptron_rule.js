// What the perceptron plane computes: the rule, margins, and the best separator there is.

// Augmented and turned: y·(x1, x2, 1). Weights separate when their product with all rows is > 0.
const signedRow = ([x1, x2], label) => [label * x1, label * x2, label];
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const length = (a) => Math.sqrt(dot(a, a));
const plus = (a, b, factor = 1) => a.map((value, i) => value + factor * b[i]);
const score = (weights, [x1, x2]) => dot(weights, [x1, x2, 1]);
const decide = (weights, point) => (score(weights, point) >= 0 ? 1 : -1);

// The rule looks at one point: a score of 0 counts as a mistake, and a mistake adds y·x̃.
function look(weights, point, label) {
  const row = signedRow(point, label);
  const isMistake = dot(weights, row) <= 0;
  return { isMistake, row, weights: isMistake ? plus(weights, row) : weights };
}

// Solves a small symmetric system by Gauss-Jordan elimination; null where it has no solution.
function solve(matrix, right) {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  for (let i = 0; i < rows.length; i++) {
    if (Math.abs(rows[i][i]) < 1e-10) return null;
    rows[i] = rows[i].map((value) => value / rows[i][i]);
    rows.forEach((row, j) => (rows[j] = j === i ? row : plus(row, rows[i], -row[i])));
  }
  return rows.map((row) => row.at(-1));
}

// The shortest weights whose product with each of the given rows is exactly 1.
function shortest(rows) {
  const factors = solve(rows.map((a) => rows.map((b) => dot(a, b))), rows.map(() => 1));
  return factors && rows.reduce((sum, row, i) => plus(sum, row, factors[i]), [0, 0, 0]);
}

function subsets(rows) {
  return rows.reduce((all, row) => [...all, ...all.map((some) => [...some, row])], [[]])
    .filter((some) => some.length > 0 && some.length <= 3);
}

// The shortest weights with all products >= 1, or null. Three rows at most hold them in place:
// take those found so far, add the row that is worst off, and choose anew, until none is below 1.
function bestSeparator(points, labels) {
  const rows = points.map((point, i) => signedRow(point, labels[i]));
  let best = { weights: [0, 0, 0], held: [] };
  for (;;) {
    const products = rows.map((row) => dot(best.weights, row));
    const lowest = Math.min(...products);
    if (!(lowest < 1 - 1e-9)) return best.weights;
    const few = [...best.held, rows[products.indexOf(lowest)]];
    const fitting = subsets(few)
      .map((held) => ({ held, weights: shortest(held) }))
      .filter(({ weights }) => weights && few.every((row) => dot(weights, row) > 1 - 1e-9));
    const longer = fitting.filter(({ weights }) => length(weights) > length(best.weights));
    if (longer.length === 0) return null;
    best = longer.reduce((a, b) => (length(b.weights) < length(a.weights) ? b : a));
  }
}

// R², the largest margin γ and the bound (R/γ)²; null where no line separates the points.
function mistakeBound(points, labels) {
  const best = points.length ? bestSeparator(points, labels) : null;
  if (!best) return null;
  const radiusSquared = Math.max(...points.map(([x1, x2]) => x1 * x1 + x2 * x2 + 1));
  return { radiusSquared, gamma: 1 / length(best), bound: radiusSquared * dot(best, best) };
}

// Among the augmented points as in the bound, and as a distance that one can see in the plane.
function marginOf(weights, points, labels) {
  const lowest = Math.min(...points.map((point, i) => dot(weights, signedRow(point, labels[i]))));
  return { gamma: lowest / length(weights), distance: lowest / Math.hypot(weights[0], weights[1]) };
}

// One run of the rule: where it stands in the data, and what each pass ended with.
function newRun(start) {
  return { start, cursor: 0, passMistakes: 0, passes: [], looking: null, update: null, ending: "" };
}

// On to the next point; at the end of a pass, notes whether the rule stops, or goes round.
function advance(run, count, { isMistake, row, weights }) {
  run.looking = run.cursor;
  run.update = isMistake ? row : null;
  run.passMistakes += isMistake;
  run.cursor = (run.cursor + 1) % count;
  run.ending = "";
  if (run.cursor > 0) return;
  run.passes.push({ weights, mistakes: run.passMistakes });
  run.ending = endingOf(run);
  run.passMistakes = 0;
}

function endingOf({ passes, passMistakes }) {
  const last = passes.at(-1).weights;
  const seen = passes.filter(({ weights }) => weights.every((w, i) => w === last[i])).length;
  if (passMistakes === 0) return "A pass without a mistake: the rule stops.";
  if (seen >= 3) return "These weights have come back again and again: it goes round for ever.";
  return passes.length >= 100 ? "Stopped after 100 passes." : "";
}
