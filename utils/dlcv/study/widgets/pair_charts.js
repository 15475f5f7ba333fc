// Two small charts: the scores of both kinds of pair, and the ROC curve.
const svg = (tag, attributes = {}, ...children) => h(`svg:${tag}`, attributes, ...children);
const [WIDE, HIGH, EDGE] = [340, 220, { left: 42, right: 12, top: 26, bottom: 40 }];
const BINS = 40;
const xOf = (share) => EDGE.left + share * (WIDE - EDGE.left - EDGE.right);
const yOf = (share) => EDGE.top + (1 - share) * (HIGH - EDGE.top - EDGE.bottom);
const line = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

// Rates at a threshold: true and false accepts, and the share of right answers.
function ratesAt(scores, same, threshold) {
  let [positives, hits, alarms] = [0, 0, 0];
  scores.forEach((score, i) => {
    positives += same[i];
    if (score >= threshold) same[i] ? (hits += 1) : (alarms += 1);
  });
  const negatives = scores.length - positives;
  return { tar: hits / positives, far: alarms / negatives, accuracy: (hits + negatives - alarms) / scores.length };
}

// The curve's corners, from no pair accepted to all; pairs with equal scores go together.
function rocOf(scores, same) {
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  const positives = same.reduce((sum, value) => sum + value, 0);
  let [hits, alarms] = [0, 0];
  const points = [{ far: 0, tar: 0, threshold: 1.01 }];
  order.forEach((index, i) => {
    same[index] ? (hits += 1) : (alarms += 1);
    if (scores[order[i + 1]] === scores[index]) return;
    points.push({ far: alarms / (scores.length - positives), tar: hits / positives, threshold: scores[index] });
  });
  return points;
}

// How many pairs of a kind lie in each of BINS parts of [-1, 1].
function countsOf(scores, same, kind) {
  const counts = new Array(BINS).fill(0);
  scores.forEach((score, i) => {
    if (same[i] === kind) counts[Math.max(0, Math.min(BINS - 1, Math.floor(((score + 1) / 2) * BINS)))] += 1;
  });
  return counts;
}

function frame(title, xLabel, ticks) {
  return [
    svg("text", { class: "heading", x: EDGE.left, y: 15 }, title),
    svg("line", { class: "axis", x1: EDGE.left, x2: WIDE - EDGE.right, y1: yOf(0), y2: yOf(0) }),
    ...ticks.map(([share, name]) => svg("text", { class: "below", x: xOf(share), y: HIGH - EDGE.bottom + 16 }, name)),
    svg("text", { class: "below", x: xOf(0.5), y: HIGH - 6 }, xLabel),
  ];
}

function scoreChart(scores, same, threshold) {
  const kinds = [["different", countsOf(scores, same, 0)], ["same", countsOf(scores, same, 1)]];
  const most = Math.max(...kinds.flatMap(([, counts]) => counts));
  const at = xOf((threshold + 1) / 2);
  const outline = (counts) => line([[xOf(0), yOf(0)], ...counts.flatMap((count, i) =>
    [i, i + 1].map((edge) => [xOf(edge / BINS), yOf(count / most)])), [xOf(1), yOf(0)]]);
  return [
    ...frame("scores of all pairs", "score (cosine)", [[0, "−1"], [0.5, "0"], [1, "1"]]),
    ...kinds.map(([kind, counts]) => svg("path", { class: `hill ${kind}`, d: outline(counts) })),
    svg("line", { class: "cursor", x1: at, x2: at, y1: EDGE.top, y2: yOf(0) }),
  ];
}

function rocChart(points, { far, tar }) {
  const ticks = [0, 0.5, 1];
  return [
    ...frame("ROC curve", "false accepts", ticks.map((value) => [value, String(value)])),
    ...ticks.map((value) => svg("text", { class: "left", x: EDGE.left - 6, y: yOf(value) + 4 }, String(value))),
    svg("path", { class: "chance", d: line([[xOf(0), yOf(0)], [xOf(1), yOf(1)]]) }),
    svg("path", { class: "curve", d: line(points.map((point) => [xOf(point.far), yOf(point.tar)])) }),
    svg("circle", { class: "here", cx: xOf(far), cy: yOf(tar), r: 6 }),
  ];
}

function chart(label) {
  const root = svg("svg", { class: "chart", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": label });
  return { root, draw: (name, nodes) => (root.setAttribute("aria-label", name), root.replaceChildren(...nodes)) };
}
