// The bubble chart: what networks cost, how accurate they are said to be, and where yours would lie.
const COSTS = {
  multiply_adds: ["multiply-adds", "multiply-adds"],
  parameters: ["parameters", "parameters"],
  activation_bytes: ["activation memory, bytes", "bytes of activations"],
  depth: ["layers with weights, longest way", "layers"],
  year: ["year of the first publication", ""],
};
const ACCURACIES = {
  published: "as first published",
  torchvision: "torchvision, first weights",
  newer: "torchvision, newer recipe",
};
const SIZES = [["parameters", "parameters"], ["multiply_adds", "multiply-adds"], ["activation_bytes", "activation memory"], ["", "all alike"]];
const COLOURS = ["muted", "orange", "green", "purple", "red", "yellow", "blue", "text"];
const HELP = `Point at a bubble or tap it; with the chart chosen, arrow keys walk through the networks, left and right by cost, up and down
  by accuracy. Dashed: the front, where nothing shown is both cheaper and better. Thick: the network you design below.`;
const node = (tag, attributes, ...children) => h(`svg:${tag}`, attributes, ...children);

// The networks that can be drawn now, with their places on the axes.
function pointsOf(model) {
  const [x, y, hidden] = [model.get("x"), model.get("y"), model.get("hidden")];
  return model.get("networks")
    .filter((network) => network[y] !== null && !hidden.includes(network.family))
    .map((network) => ({ network, x: network[x], y: network[y] }));
}

// Bubbles may cover each other, names may not: each takes the first free side, or is left out.
function placeNames(bubbles, width) {
  const taken = [];
  const isFree = (a) => a.x > 2 && a.x + a.w < width && taken.every((b) => a.x > b.x + b.w || b.x > a.x + a.w || a.y > b.y + b.h || b.y > a.y + a.h);
  return bubbles.map(({ cx, cy, r, network }) => {
    const [w, height] = [7.6 * network.short.length, 13];
    const sides = [[cx + r + 2, cy - 6], [cx - r - 2 - w, cy - 6], [cx - w / 2, cy - r - 15], [cx - w / 2, cy + r + 2]];
    const box = sides.map(([x, y]) => ({ x, y, w, h: height })).find(isFree);
    if (box) taken.push(box);
    return box && { x: box.x, y: box.y + 10.5 };
  });
}

function makeChart(model, el, onChoose) {
  const root = h("div", { class: "chart", tabindex: 0, role: "application", "aria-roledescription": "bubble chart" });
  let bubbles = [];
  const colourOf = (family) => `var(--dlcv-${COLOURS[model.get("families").indexOf(family) % COLOURS.length]})`;

  const draw = (design) => {
    const width = Math.max(240, root.clientWidth);
    const height = width < 520 ? 330 : 420;
    const [left, right, top, bottom] = [42, width - 14, 10, height - 44];
    const [xName, yName, sizeName] = [model.get("x"), model.get("y"), model.get("size")];
    const points = pointsOf(model);
    root.setAttribute("aria-label", `Top-1 accuracy, ${ACCURACIES[yName]}, against ${COSTS[xName][0]}: ${points.length} networks`);
    bubbles = [];
    if (!points.length) return root.replaceChildren(h("p", { class: "muted" }, "No network to show: choose a family."));
    const mine = design?.[xName];
    const x = makeScale([...points.map((p) => p.x), ...(mine ? [mine] : [])], model.get("logarithmic") && xName !== "year", left, right);
    const y = makeScale(points.map((p) => p.y), false, bottom, top);
    const largest = Math.max(...points.map(({ network }) => network[sizeName] ?? 1));
    const most = width < 520 ? 15 : 22;
    bubbles = points.map((point) => {
      const share = sizeName ? Math.sqrt(point.network[sizeName] / largest) : 0.35;
      return { ...point, cx: x.at(point.x), cy: y.at(point.y), r: Math.max(3, most * share) };
    }).sort((a, b) => b.r - a.r);
    const chosen = model.get("selected");
    const isChosen = ({ network }) => network.name === chosen;
    const front = xName === "year" ? [] : frontOf(points);
    const first = [...bubbles].sort((a, b) => isChosen(b) - isChosen(a) || front.some((p) => p.network === b.network) - front.some((p) => p.network === a.network));
    const names = placeNames(first, width);
    const line = front.map((p, i) => `${i ? `H${x.at(p.x)}V` : `M${x.at(p.x)} `}${y.at(p.y)}`).join("");
    const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" },
      y.ticks.flatMap((tick) => [node("line", { class: "grid", x1: left, x2: right, y1: y.at(tick), y2: y.at(tick) }),
        node("text", { class: "tick-text", x: left - 6, y: y.at(tick) + 4, "text-anchor": "end" }, tick)]),
      x.ticks.flatMap((tick) => [node("line", { class: "grid", y1: top, y2: bottom, x1: x.at(tick), x2: x.at(tick) }),
        node("text", { class: "tick-text", x: x.at(tick), y: bottom + 16, "text-anchor": "middle" }, xName === "year" ? tick : short(tick))]),
      node("text", { class: "axis", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, COSTS[xName][0]),
      node("text", { class: "axis", x: 12, y: (top + bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(top + bottom) / 2})` }, "top-1 accuracy, %"),
      line && node("path", { class: "front", d: `${line}H${right}` }),
      mine && node("line", { class: "yours", x1: x.at(mine), x2: x.at(mine), y1: top, y2: bottom }),
      bubbles.map((b) => node("circle", { class: `bubble${isChosen(b) ? " chosen" : ""}`, cx: b.cx, cy: b.cy, r: b.r, fill: colourOf(b.network.family), stroke: colourOf(b.network.family), "data-name": b.network.name })),
      first.map((b, i) => names[i] && node("text", { class: `name${isChosen(b) ? " chosen" : ""}`, ...names[i] }, b.network.short)),
      mine && node("text", { class: "name yours-name", x: Math.min(x.at(mine) + 5, right - 80), y: bottom - 6 }, "your design"));
    root.replaceChildren(svg);
    return null;
  };

  const nearest = ({ clientX, clientY }) => {
    const box = root.getBoundingClientRect();
    const scored = bubbles.map((b) => ({ b, distance: Math.hypot(box.left + b.cx - clientX, box.top + b.cy - clientY) - b.r }));
    const best = scored.reduce((a, b) => (b.distance < a.distance ? b : a), { distance: 24 });
    return best.b;
  };
  const step = { ArrowRight: ["x", 1], ArrowLeft: ["x", -1], ArrowUp: ["y", 1], ArrowDown: ["y", -1] };
  root.addEventListener("pointermove", (event) => event.pointerType === "mouse" && nearest(event) && onChoose(nearest(event).network.name));
  root.addEventListener("click", (event) => nearest(event) && onChoose(nearest(event).network.name));
  root.addEventListener("keydown", (event) => {
    if (!step[event.key] || !bubbles.length) return;
    event.preventDefault();
    const [axis, by] = step[event.key];
    const order = [...bubbles].sort((a, b) => a[axis] - b[axis] || a.network.name.localeCompare(b.network.name));
    const at = order.findIndex(({ network }) => network.name === model.get("selected"));
    const next = at < 0 ? (by > 0 ? 0 : order.length - 1) : Math.min(order.length - 1, Math.max(0, at + by));
    onChoose(order[next].network.name);
  });
  return { root, draw, colourOf };
}

// One network in words, with the source of its accuracy.
function describe(network, model) {
  const y = model.get("y");
  const source = y === "published" ? network.source : `${network.weights[y]}, torchvision`;
  const counts = `${short(network.parameters)} parameters, ${short(network.multiply_adds)} multiply-adds and ${short(network.activation_bytes)}B of activations for one image of ${network.size_px} × ${network.size_px}, ${network.depth} layers`;
  return [h("strong", {}, network.name), ` (${network.year}): ${network[y]} % top-1 [${source}]. Computed here: ${counts}.`];
}

function summary(model) {
  const points = pointsOf(model);
  const without = model.get("networks").filter((network) => network[model.get("y")] === null).length;
  const front = frontOf(points).map(({ network }) => network.short);
  const cost = COSTS[model.get("x")][0];
  const missing = without ? ` ${without} networks have no such number and are left out.` : "";
  if (model.get("x") === "year") return `${points.length} networks.${missing}`;
  return `${points.length} networks; on the front for ${cost}: ${front.join(", ")}.${missing}`;
}

function makeDesigner(model, onChange) {
  const read = () => model.get("design");
  const set = (change) => {
    const next = { ...read(), ...change };
    const multiple = { grouped: 64, bottleneck: 16 }[next.block] ?? 8;
    onChange({ ...next, width: Math.max(multiple, Math.round(next.width / multiple) * multiple) });
  };
  const block = choice({ label: "Block", options: BLOCKS, value: read().block, onChange: (value) => set({ block: value }) });
  const width = slider({ label: "Width of the first stage", min: 8, max: 256, step: 8, value: read().width, onInput: (value) => set({ width: value }) });
  const depth = slider({ label: "Blocks in each of four stages", min: 1, max: 8, value: read().depth, onInput: (value) => set({ depth: value }) });
  const side = slider({ label: "Resolution, pixels", min: 96, max: 384, step: 32, value: read().resolution, onInput: (value) => set({ resolution: value }) });
  const gate = toggle({ label: "squeeze-and-excitation gate in every block", checked: read().gate, onChange: (value) => set({ gate: value }) });
  const cost = h("p", { class: "design-cost", role: "status" });
  const show = () => {
    const design = read();
    block.input.value = design.block;
    width.set(design.width);
    depth.set(design.depth);
    side.set(design.resolution);
    gate.input.checked = design.gate;
    const c = designCost(design);
    const field = design.gate ? "the whole image (the gates look everywhere)" : `${c.field} pixels wide${c.field > design.resolution ? ", more than the image" : ""}`;
    cost.textContent = `Your design: ${short(c.parameters)} parameters, ${short(c.multiply_adds)} multiply-adds, ${short(c.activation_bytes)}B of activations, ${c.depth} layers; receptive field ${field}. Its accuracy nobody knows before it is trained: so it is a line, not a bubble.`;
  };
  const root = h("details", {}, h("summary", {}, "Design your own"), h("div", { class: "design" }, block.root, width.root, depth.root, side.root, gate.root), cost);
  return { root, show };
}

export default {
  render({ model, el }) {
    const write = (changes) => {
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
    };
    const readout = h("p", { class: "readout", role: "status" });
    const choose = (name) => name !== model.get("selected") && write({ selected: name });
    const chart = makeChart(model, el, choose);
    const listed = (table) => Object.entries(table).map(([key, text]) => [key, Array.isArray(text) ? text[0] : text]);
    const x = choice({ label: "Across", options: listed(COSTS), value: model.get("x"), onChange: (value) => write({ x: value }) });
    const log = choice({ label: "Scale", options: [["true", "logarithmic"], ["false", "linear"]], value: String(model.get("logarithmic")), onChange: (value) => write({ logarithmic: value === "true" }) });
    const y = choice({ label: "Top-1 accuracy", options: listed(ACCURACIES), value: model.get("y"), onChange: (value) => write({ y: value }) });
    const size = choice({ label: "Area of a bubble", options: SIZES, value: model.get("size"), onChange: (value) => write({ size: value }) });
    const families = model.get("families").map((family) => button(
      [h("span", { class: "swatch", style: `background:${chart.colourOf(family)}` }), family],
      () => {
        const hidden = model.get("hidden");
        write({ hidden: hidden.includes(family) ? hidden.filter((name) => name !== family) : [...hidden, family] });
      }));
    const designer = makeDesigner(model, (design) => write({ design }));
    const draw = () => {
      x.input.value = model.get("x");
      y.input.value = model.get("y");
      size.input.value = model.get("size");
      log.input.value = String(model.get("logarithmic"));
      families.forEach((node, i) => node.setAttribute("aria-pressed", !model.get("hidden").includes(model.get("families")[i])));
      designer.show();
      chart.draw(designer.root.open ? designCost(model.get("design")) : null);
      const chosen = pointsOf(model).find(({ network }) => network.name === model.get("selected"));
      readout.replaceChildren(...(chosen ? describe(chosen.network, model) : [summary(model)]));
    };
    designer.root.addEventListener("toggle", draw);
    el.append(h("div", { class: "cost-accuracy", role: "group", "aria-label": model.get("label") },
      h("div", { class: "choices" }, x.root, log.root, y.root, size.root),
      h("div", { class: "families", role: "group", "aria-label": "Families shown" }, families),
      chart.root, readout, designer.root, h("p", { class: "muted" }, HELP)));
    const events = ["x", "y", "size", "logarithmic", "hidden", "selected", "design"].map((name) => `change:${name}`).join(" ");
    model.on(events, draw);
    const resize = new ResizeObserver(draw);
    draw();
    resize.observe(chart.root);
    return () => (resize.disconnect(), model.off(events, draw));
  },
};
