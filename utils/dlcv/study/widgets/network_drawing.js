// What the playground draws: the plane with its boundary, the network, the loss, the gradients.
const REACH = 1.3; // the plane shows -1.3 … 1.3
const CELLS = 44; // of the plane's raster, along a side
const SMALL = 12; // of a unit's own little plane
const NETWORK = { width: 440, height: 330, unit: 34 };
const CURVE = { width: 440, height: 120 };
const LOWEST = 1e-8; // of the logarithmic scale of gradients

const toPlane = (x, y) => [((x + REACH) / (2 * REACH)) * 100, ((REACH - y) / (2 * REACH)) * 100];
const cellCentre = (i, cells) => ((i + 0.5) / cells) * 2 * REACH - REACH;

function text(value) {
  if (!Number.isFinite(value)) return "not a number";
  const small = value !== 0 && Math.abs(value) < 1e-3;
  return (small ? value.toExponential(1) : String(Number(value.toPrecision(3)))).replace(/-/g, "−");
}

const counted = (steps) => `${steps} step${steps === 1 ? "" : "s"}`;

// The colours of a signed value: orange for -1, the ground for 0, blue for +1. Each colour of the
// theme becomes three numbers by painting one pixel with it. (Grey while the widget has no page yet.)
function makePalette(el) {
  const pixel = h("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const [minus, zero, plus] = ["orange", "background", "blue"].map((name) => {
    pixel.fillStyle = themeColour(el, name) || "#888";
    pixel.fillRect(0, 0, 1, 1);
    return pixel.getImageData(0, 0, 1, 1).data;
  });
  return (value, pixels, at) => {
    const end = value < 0 ? minus : plus;
    const share = 0.75 * Math.min(1, Math.abs(value));
    for (let c = 0; c < 3; c++) pixels[at + c] = zero[c] + share * (end[c] - zero[c]);
    pixels[at + 3] = 255;
  };
}

// The output on a grid (as 2p − 1), and of every hidden unit on a coarser one.
function raster(network) {
  const output = new Float32Array(CELLS * CELLS);
  for (let r = 0; r < CELLS; r++) {
    for (let c = 0; c < CELLS; c++) {
      output[r * CELLS + c] = 2 * probability(forward(network, cellCentre(c, CELLS), -cellCentre(r, CELLS))) - 1;
    }
  }
  const hidden = network.layers.slice(0, -1).map(({ outputs }) => Array.from({ length: outputs }, () => new Float32Array(SMALL * SMALL)));
  for (let k = 0; k < SMALL * SMALL; k++) {
    forward(network, cellCentre(k % SMALL, SMALL), -cellCentre(Math.floor(k / SMALL), SMALL));
    hidden.forEach((units, l) => units.forEach((map, j) => (map[k] = network.layers[l].a[j])));
  }
  return { output, hidden };
}

// The line where the output is undecided: in each square of four cells, join the sign changes.
function boundaryPath(output) {
  const place = (r, c) => toPlane(cellCentre(c, CELLS), -cellCentre(r, CELLS));
  const parts = [];
  for (let r = 0; r < CELLS - 1; r++) {
    for (let c = 0; c < CELLS - 1; c++) {
      const corners = [[r, c], [r, c + 1], [r + 1, c + 1], [r + 1, c]];
      const values = corners.map(([i, j]) => output[i * CELLS + j]);
      const cuts = [];
      for (let k = 0; k < 4; k++) {
        const [a, b] = [values[k], values[(k + 1) % 4]];
        if (a > 0 === b > 0) continue;
        const [from, to] = [place(...corners[k]), place(...corners[(k + 1) % 4])];
        cuts.push(from.map((n, axis) => (n + (a / (a - b)) * (to[axis] - n)).toFixed(1)).join(" "));
      }
      for (let k = 0; k + 1 < cuts.length; k += 2) parts.push(`M${cuts[k]}L${cuts[k + 1]}`);
    }
  }
  return parts.join("");
}

function paint(canvas, values, side, colour) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let k = 0; k < side * side; k++) colour(values[k], image.data, 4 * k);
  context.putImageData(image, 0, 0);
}

// The plane: a canvas of colours, and over it the boundary and the points, told apart by shape too.
function makePlane() {
  const canvas = h("canvas", { width: CELLS, height: CELLS, "aria-hidden": "true" });
  const line = h("svg:path", { class: "boundary" });
  const points = h("svg:g", {});
  const root = h("div", { class: "plane" }, canvas,
    h("svg:svg", { viewBox: "0 0 100 100", role: "img", "aria-label": "The plane with its points, and the boundary of the network" }, line, points));
  const setPoints = (places, labels) => points.replaceChildren(...Array.from(labels, (label, n) => {
    const [x, y] = toPlane(places[2 * n], places[2 * n + 1]).map((v) => v.toFixed(1));
    return label ? h("svg:circle", { class: "one", cx: x, cy: y, r: 1.5 })
      : h("svg:rect", { class: "zero", x: x - 1.3, y: y - 1.3, width: 2.6, height: 2.6 });
  }));
  const draw = (output, colour) => {
    paint(canvas, output, CELLS, colour);
    setAttributes(line, { d: boundaryPath(output) });
  };
  return { root, setPoints, draw };
}

// Where the units of all layers stand; column 0 holds the two inputs.
function unitPlaces(sizes) {
  const { width, height, unit } = NETWORK;
  return sizes.map((size, l) => Array.from({ length: size }, (_, j) => [
    unit / 2 + 8 + (l / (sizes.length - 1)) * (width - unit - 16),
    ((j + 0.5) / size) * height,
  ]));
}

const unitName = (l, j, count) => (l === 0 ? `x${"₁₂"[j]}` : l === count - 1 ? "output" : `layer ${l}, unit ${j + 1}`);

// The network: edges in SVG, and each hidden unit with a little plane of its own on a canvas below.
function makeDiagram(onChoose) {
  const canvas = h("canvas", { width: 2 * NETWORK.width, height: 2 * NETWORK.height, "aria-hidden": "true" });
  const stamp = h("canvas", { width: SMALL, height: SMALL });
  const svg = h("svg:svg", { viewBox: `0 0 ${NETWORK.width} ${NETWORK.height}`, role: "application", tabindex: 0, "aria-label": "The network; arrow keys go from edge to edge" });
  const root = h("div", { class: "diagram" }, canvas, svg);
  let edges = [];
  let places = [];
  setAttributes(svg, {
    onkeydown(event) {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      onChoose(by);
    },
  });

  const build = (sizes) => {
    places = unitPlaces(sizes);
    const half = NETWORK.unit / 2;
    edges = sizes.slice(1).flatMap((size, l) => Array.from({ length: size * sizes[l] }, (_, at) => {
      const [j, i] = [Math.floor(at / sizes[l]), at % sizes[l]];
      const [[x1, y1], [x2, y2]] = [places[l][i], places[l + 1][j]];
      const d = `M${x1 + half} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2 - half} ${y2}`;
      const name = `${unitName(l, i, sizes.length)} → ${unitName(l + 1, j, sizes.length)}`;
      const number = { layer: l, at, name };
      const hit = h("svg:path", { class: "hit", d, onpointerenter: () => onChoose(0, number), onpointerdown: () => onChoose(0, number) });
      return { ...number, path: h("svg:path", { class: "edge", d }), hit };
    }));
    const boxes = places.flatMap((column, l) => column.map(([x, y], j) => h("svg:g", { transform: `translate(${x} ${y})` },
      h("svg:rect", { class: "unit", x: -half, y: -half, width: NETWORK.unit, height: NETWORK.unit, rx: 6 }),
      l === 0 && h("svg:text", { y: 5 }, unitName(0, j)), l === sizes.length - 1 && h("svg:text", { y: 5 }, "p"))));
    svg.replaceChildren(...edges.map((e) => e.path), ...edges.map((e) => e.hit), ...boxes);
  };

  const drawUnits = (hidden, colour) => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    const side = NETWORK.unit - 2;
    hidden.forEach((units, l) => units.forEach((map, j) => {
      const [x, y] = places[l + 1][j];
      paint(stamp, map, SMALL, colour);
      context.drawImage(stamp, 2 * (x - side / 2), 2 * (y - side / 2), 2 * side, 2 * side);
    }));
  };

  // Thickness: the size of weight or gradient, each layer's gradients on the common scale.
  const drawEdges = (network, what, chosen) => {
    const valueOf = ({ layer, at }) => network.layers[layer][what][at];
    const largest = Math.max(1e-30, ...edges.map((edge) => Math.abs(valueOf(edge))));
    edges.forEach((edge) => {
      const value = valueOf(edge);
      const width = (0.4 + (6 * Math.abs(value)) / largest).toFixed(2);
      setAttributes(edge.path, { "stroke-width": width, class: `edge ${value < 0 ? "minus" : "plus"}${edge === chosen ? " chosen" : ""}` });
    });
  };
  return { root, build, drawUnits, drawEdges, get edges() { return edges; } };
}

// The loss over all steps so far; every other value goes where there are too many.
function makeCurve() {
  const line = h("svg:path", { class: "line" });
  const last = h("svg:text", { class: "note", x: CURVE.width - 4, y: 16, "text-anchor": "end" });
  const root = h("svg:svg", { class: "curve", viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, role: "img", "aria-label": "The loss, step by step" },
    h("svg:path", { class: "axis", d: `M0 ${CURVE.height - 1}H${CURVE.width}` }), h("svg:text", { class: "note", x: 4, y: 16 }, "loss"), line, last);
  let losses = [];
  let every = 1;
  const reset = () => ((losses = []), (every = 1));
  const add = (step, loss) => {
    if (step % every === 0 && Number.isFinite(loss)) losses.push(loss);
    if (losses.length <= 400) return;
    losses = losses.filter((_, i) => i % 2 === 0);
    every *= 2;
  };
  const draw = (step) => {
    const top = Math.max(0.8, ...losses);
    const x = (i) => ((i * every) / Math.max(50, step)) * (CURVE.width - 2);
    const y = (loss) => CURVE.height - 2 - (loss / top) * (CURVE.height - 24);
    setAttributes(line, { d: losses.map((loss, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(loss).toFixed(1)}`).join("") });
    last.textContent = counted(step);
  };
  return { root, reset, add, draw };
}

// One bar for each layer: how long its gradient is, on a logarithmic scale.
function makeBars() {
  const root = h("div", { class: "bars", role: "list", "aria-label": "Length of the gradient of each layer's weights" });
  const draw = (norms) => {
    while (root.children.length > norms.length) root.lastChild.remove();
    while (root.children.length < norms.length) {
      root.append(h("div", { class: "bar", role: "listitem" }, h("span", {}), h("i", {}), h("b", {})));
    }
    norms.forEach((norm, l) => {
      const [name, bar, number] = root.children[l].children;
      name.textContent = l === norms.length - 1 ? "output" : `layer ${l + 1}`;
      const share = Math.max(0, Math.min(1, Math.log10(norm / LOWEST) / Math.log10(1 / LOWEST)));
      bar.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
      number.textContent = text(norm);
    });
  };
  return { root, draw };
}
