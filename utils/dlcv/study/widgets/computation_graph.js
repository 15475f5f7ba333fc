// A graph of numbers: drag the inputs, or walk forward and backward one operation at a time.
const HELP = `Drag an input (dashed) up or down, or choose it and use the arrow keys. In each box: the value, and below
  it ∂, how fast the result changes with it. Edges are as thick as the gradient flowing back: blue +, orange −.`;
const SHAPES = { // sizes of a box, and of the grid it stands in
  across: { box: [84, 62], pitch: [100, 74] },
  down: { box: [74, 62], pitch: [80, 88] },
};
const MARGIN = 14;
const NARROW = 560; // px: below this the graph runs from top to bottom

function show(value) {
  if (!Number.isFinite(value)) return "undefined";
  const rounded = Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-4)
    ? value.toExponential(1) : String(Number(value.toPrecision(4)));
  return rounded.replace(/-/g, "−");
}
const nameOf = (node, data) => node.name || show(data);

// What one step of the walk says: `at` counts the operations forward, then the same ones backward.
function account(nodes, walk, { data, slopes, grads, flows }) {
  const { phase, node: i } = walk;
  if (phase === "start") return "Only the inputs are known. What will the first operation give?";
  const node = nodes[i];
  const of = node.inputs.map((source) => nameOf(nodes[source], data[source]));
  if (phase === "forward") return `Forward, ${node.op}: from ${of.join(" and ")} comes ${node.name ? `${node.name} = ` : ""}${show(data[i])}.`;
  const shares = of.map((name, k) => `${name} gets ${show(grads[i])} · ${show(slopes[i][k])} = ${show(flows[i][k])}`);
  return `Backward, ${node.op}: ${show(grads[i])} arrives; times the local slope, ${shares.join(", ")}.`;
}

// The steps of the walk: inputs only, every operation forward, every operation backward.
function makeWalk(nodes) {
  const operations = nodes.map((_, i) => i).filter((i) => nodes[i].inputs.length);
  return [
    { phase: "start", node: -1 },
    ...operations.map((node) => ({ phase: "forward", node })),
    ...operations.toReversed().map((node) => ({ phase: "backward", node })),
  ];
}

// Where the boxes and edges lie, from left to right or from top to bottom.
function layOut(nodes, isNarrow) {
  const { box, pitch } = SHAPES[isNarrow ? "down" : "across"];
  const turn = ([along, beside]) => (isNarrow ? [beside, along] : [along, beside]);
  const centre = (column, row) => turn([column, row]).map((n, axis) => n * pitch[axis] + box[axis] / 2 + MARGIN);
  const ends = [Math.max(...nodes.map((n) => n.column)), Math.max(...nodes.map((n) => n.row))];
  const size = centre(...ends).map((n, axis) => n + box[axis] / 2 + MARGIN);
  const out = box[isNarrow ? 1 : 0] / 2; // from the centre of a box to where edges leave
  const edge = (source, node, detour) => {
    const [a, b] = [source, node].map((n) => turn(centre(n.column, n.row)));
    const [from, to] = [a[0] + out, b[0] - out];
    const half = (to - from) / 2;
    const over = detour === null ? null : (turn(centre(0, detour))[1] - (a[1] + b[1]) / 8) * (4 / 3);
    const points = [[from, a[1]], [from + half, over ?? a[1]], [to - half, over ?? b[1]], [to, b[1]]];
    return points.map((p, k) => `${["M", "C", " ", " "][k]}${turn(p).map((n) => n.toFixed(1)).join(" ")}`).join("");
  };
  return { box, size, centre, edge };
}

// A box: its operation or name, its value, its gradient.
function makeBox(node, [width, height], actions) {
  const lines = [-14, 5, 23].map((y, k) => h("svg:text", { y, class: ["name", "value", "grad"][k] }));
  const isInput = !node.inputs.length && node.name;
  const root = h("svg:g", { class: isInput ? "node input" : node.inputs.length ? "node" : "node constant" },
    h("svg:rect", { x: -width / 2, y: -height / 2, width, height, rx: 7 }), lines);
  if (isInput) listen(root, actions);
  return { root, lines };
}

// A drag upwards raises an input; the keys of a slider do the same.
function listen(root, { read, write, reach }) {
  const keys = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 1, PageDown: -1, Home: -2 * reach, End: 2 * reach };
  let start = null;
  root.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  setAttributes(root, {
    tabindex: 0,
    role: "slider",
    "aria-orientation": "vertical",
    "aria-valuemin": -reach,
    "aria-valuemax": reach,
    onpointerdown(event) {
      start = { y: event.clientY, value: read() };
      root.setPointerCapture(event.pointerId);
      root.focus();
    },
    onpointermove: (event) => start && write(start.value + (start.y - event.clientY) / 40),
    onpointerup: () => (start = null),
    onpointercancel: () => (start = null),
    onkeydown(event) {
      if (!(event.key in keys)) return;
      event.preventDefault();
      write(read() + keys[event.key]);
    },
  });
}

export default {
  render({ model, el }) {
    const nodes = model.get("nodes");
    const reach = model.get("reach");
    const walk = makeWalk(nodes);
    let at = walk.length - 1; // the whole walk is done, all is shown
    let timer = null;
    let parts = null;

    const picture = h("svg:svg", { class: "graph", role: "group", "aria-label": model.get("label") });
    const status = h("p", { class: "status", role: "status" });
    const again = button("Start over", () => (stop(), go(0)));
    const step = button("Step", () => (stop(), go(at + 1 < walk.length ? at + 1 : 0)), { class: "primary" });
    const play = button("Play", () => (timer ? stop() : run()));
    const all = button("Show all", () => (stop(), go(walk.length - 1), say("All values and gradients are shown.")));
    const say = (message) => (status.textContent = message);

    // Boxes and edges are made anew only where the graph is turned.
    const build = (isNarrow) => {
      const places = layOut(nodes, isNarrow);
      const edges = nodes.map((node) => node.inputs.map((source, k) =>
        h("svg:path", { class: "edge", d: places.edge(nodes[source], node, node.detours[k]) })));
      const boxes = nodes.map((node) => makeBox(node, places.box, {
        reach,
        read: () => model.get("values")[node.name],
        write: (value) => set(node.name, value),
      }));
      boxes.forEach((box, i) => setAttributes(box.root, { transform: `translate(${places.centre(nodes[i].column, nodes[i].row).join(" ")})` }));
      picture.replaceChildren(...edges.flat(), ...boxes.map((box) => box.root));
      setAttributes(picture, { viewBox: `0 0 ${places.size.join(" ")}`, style: `max-width:${places.size[0] * 1.1}px` });
      parts = { edges, boxes, isNarrow };
    };

    const drawBox = (i, { data, grads }, shown) => {
      const node = nodes[i];
      const { root, lines } = parts.boxes[i];
      const isKnown = !node.inputs.length || shown.values.has(i);
      const hasGrad = shown.grads.has(i);
      lines[0].textContent = [node.name, node.op].filter(Boolean).join(" = ") || "constant";
      lines[1].textContent = isKnown ? show(data[i]) : "?";
      lines[2].textContent = hasGrad ? `∂ ${show(grads[i])}` : "∂ ?";
      root.classList.toggle("now", walk[at].node === i && at < walk.length - 1);
      if (root.classList.contains("input")) setAttributes(root, {
        "aria-label": node.name,
        "aria-valuenow": data[i],
        "aria-valuetext": `${show(data[i])}, gradient ${hasGrad ? show(grads[i]) : "not known yet"}`,
      });
    };

    const draw = () => {
      const { data, slopes } = forward(nodes, model.get("values"));
      const { grads, flows } = backward(nodes, slopes);
      const seen = walk.slice(0, at + 1);
      const shown = { values: new Set(), grads: new Set() };
      const flowing = new Set();
      for (const { phase, node } of seen) {
        if (phase === "forward") shown.values.add(node);
        if (phase !== "backward") continue;
        flowing.add(node);
        [node, ...nodes[node].inputs].forEach((i) => shown.grads.add(i));
      }
      nodes.forEach((_, i) => drawBox(i, { data, grads }, shown));
      const largest = Math.max(1e-12, ...flows.flat().map(Math.abs).filter(Number.isFinite));
      nodes.forEach((_, i) => parts.edges[i].forEach((edge, k) => setAttributes(edge, {
        class: `edge ${!flowing.has(i) ? "" : flows[i][k] < 0 ? "minus" : "plus"}`,
        "stroke-width": flowing.has(i) ? (1 + (6 * Math.abs(flows[i][k])) / largest).toFixed(2) : 1,
      })));
      return { data, slopes, grads, flows };
    };

    const go = (to) => {
      at = to;
      say(account(nodes, walk[at], draw()));
    };
    const set = (name, value) => {
      const rounded = Math.min(reach, Math.max(-reach, Math.round(value * 100) / 100));
      model.set("values", { ...model.get("values"), [name]: rounded });
      model.save_changes();
      const { data, grads } = draw();
      const i = nodes.findIndex((node) => node.name === name && !node.inputs.length);
      const end = nodes.length - 1;
      say(at < walk.length - 1 ? `${name} = ${show(rounded)}.`
        : `${name} = ${show(rounded)}; ${nodes[end].name || "result"} = ${show(data[end])}, and it changes ${show(grads[i])} times as fast as ${name}.`);
    };
    const stop = () => {
      clearTimeout(timer);
      timer = null;
      play.textContent = "Play";
    };
    const run = () => {
      go(at + 1 < walk.length ? at + 1 : 0);
      timer = at + 1 < walk.length ? setTimeout(run, 1100) : null;
      play.textContent = timer ? "Pause" : "Play";
    };

    const follow = () => draw();
    const watch = new ResizeObserver(([entry]) => {
      const isNarrow = entry.contentRect.width < NARROW;
      if (parts?.isNarrow === isNarrow) return;
      build(isNarrow);
      draw();
    });
    model.on("change:values", follow);
    build(el.clientWidth > 0 && el.clientWidth < NARROW);
    draw();
    say("Drag an input, or press Start over and then Step to walk through the computation.");
    play.hidden = reducedMotion();
    el.append(h("div", { class: "computation" }, picture, h("div", { class: "buttons" }, step, play, again, all), status,
      h("p", { class: "muted" }, HELP)));
    watch.observe(picture.parentElement);
    return () => {
      stop();
      watch.disconnect();
      model.off("change:values", follow);
    };
  },
};
