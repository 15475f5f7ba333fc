// What the skip mixer computes and draws: fused scores, labels, measures, coloured maps.
const CLASS_COLOURS = [
  [38, 50, 62], [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66],
  [0, 114, 178], [213, 94, 0], [204, 121, 167], [255, 255, 255], [148, 103, 189],
  [140, 86, 75], [23, 190, 207], [188, 189, 34], [214, 39, 40], [255, 152, 150], [152, 223, 138],
  [174, 199, 232], [196, 156, 148], [106, 61, 154], [255, 187, 120], [247, 182, 210],
];
const IGNORED = 255; // nobody could say what this pixel shows: it does not count
const classColour = (k) => (k === IGNORED ? [200, 204, 210] : CLASS_COLOURS[k % CLASS_COLOURS.length]);
const EDGE_PX = 2; // how near the border of an object a pixel counts as edge

// Plane k of a stack [K, H, W].
const planeOf = (stack, k) => {
  const [, H, W] = stack.shape;
  return stack.subarray(k * H * W, (k + 1) * H * W);
};

// Scores [K][S·S] of the chosen strides: from coarse to fine, double and add, then enlarge.
function fuseScores(maps, strides, used, kind) {
  const K = maps[0].shape[0];
  return Array.from({ length: K }, (_, k) => {
    let [sum, side] = [null, 0];
    maps.forEach((stack, level) => {
      const plane = planeOf(stack, k);
      const part = used.includes(strides[level]) ? plane : new Float32Array(plane.length);
      const before = sum && enlargeMap(sum, side, side, 2, kind);
      side = stack.shape[2];
      sum = before ? before.map((value, i) => value + part[i]) : part;
    });
    return enlargeMap(sum, side, side, strides[strides.length - 1], kind);
  });
}

// The last class that a picture shows.
const lastClass = (classes) => Math.max(...classes.filter((k) => k !== IGNORED));

function bestClasses(scores) {
  const [labels, most] = [new Uint8Array(scores[0].length), Float32Array.from(scores[0])];
  scores.forEach((plane, k) => plane.forEach((value, i) => {
    if (value > most[i]) [labels[i], most[i]] = [k, value];
  }));
  return labels;
}

// Pixels with another class within EDGE_PX rows or columns.
function edgePixels(classes, side) {
  return classes.map((own, i) => {
    if (own === IGNORED) return 0;
    const [y, x] = [Math.floor(i / side), i % side];
    for (let v = Math.max(0, y - EDGE_PX); v <= Math.min(side - 1, y + EDGE_PX); v++) {
      for (let u = Math.max(0, x - EDGE_PX); u <= Math.min(side - 1, x + EDGE_PX); u++) {
        if (![own, IGNORED].includes(classes[v * side + u])) return 1;
      }
    }
    return 0;
  });
}

// IoU of every class (null for one that is nowhere), their mean, and the shares of right pixels.
function measure(labels, classes, edges, K) {
  const [right, said, there] = [0, 0, 0].map(() => new Array(K).fill(0));
  let [edgeRight, edgeCount] = [0, 0];
  labels.forEach((label, i) => {
    if (classes[i] === IGNORED) return;
    said[label]++;
    there[classes[i]]++;
    right[label] += label === classes[i];
    edgeCount += edges[i];
    edgeRight += edges[i] && label === classes[i];
  });
  const iou = right.map((n, k) => (said[k] + there[k] ? n / (said[k] + there[k] - n) : null));
  const found = iou.filter((value) => value !== null);
  const [all, counted] = [right, there].map((counts) => counts.reduce((a, b) => a + b, 0));
  return { iou, mean: found.reduce((a, b) => a + b, 0) / found.length, pixels: all / counted, edges: edgeCount ? edgeRight / edgeCount : 1 };
}

// A square picture of numbers with a caption under it.
function panel(caption, className = "") {
  const canvas = h("canvas", { role: "img" });
  const text = h("figcaption", {}, caption);
  return { canvas, text, root: h("figure", { class: `panel ${className}` }, canvas, text) };
}
