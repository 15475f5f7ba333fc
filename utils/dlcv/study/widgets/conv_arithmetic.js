// Convolution arithmetic on one axis: cells, windows, outputs, and the formula that counts them.
const SETTINGS = [
  ["width", "Width W", 1, 32],
  ["kernel", "Kernel K", 1, 11],
  ["stride", "Stride S", 1, 6],
  ["padding", "Padding P", 0, 5],
  ["dilation", "Dilation d", 1, 4],
];
const EXAMPLES = [
  ["", "choose one …"],
  ["12,3,1,1,1", "same size out: 12 cells, K 3, P 1"],
  ["12,3,2,1,1", "stride 2 halves the size"],
  ["32,5,1,0,1", "LeNet-5, first layer: 32 cells, K 5"],
  ["28,2,2,0,1", "2 × 2 pooling on 28 cells"],
  ["14,3,1,2,2", "dilation 2: three taps see five cells"],
  ["10,2,4,0,1", "stride larger than the window: holes"],
  ["227,11,4,0,1", "AlexNet, first layer: 227 cells, K 11, S 4"],
  ["224,11,4,0,1", "the same on 224 cells: does not fit"],
];

// All cells that no window reads, numbered like tapsOf.
function unreadCells(settings) {
  const { size, padding } = settings;
  const read = new Set();
  for (let i = 0; i < fitWindows(settings).count; i++) for (const tap of tapsOf(i, settings)) read.add(tap);
  const all = Array.from({ length: size + 2 * padding }, (_, i) => i - padding);
  return all.filter((cell) => !read.has(cell));
}

// "3, 4 and 7", and "3 to 9" for a run.
function listCells(cells) {
  const isRun = cells.length > 3 && cells.every((cell, i) => cell === cells[0] + i);
  if (isRun) return `${cells[0]} to ${cells.at(-1)}`;
  if (cells.length > 12) return `${cells.slice(0, 10).join(", ")} and ${cells.length - 10} more`;
  return cells.length < 2 ? `${cells}` : `${cells.slice(0, -1).join(", ")} and ${cells.at(-1)}`;
}

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

// What is wrong with the settings, in words; the sign says whether anything is.
function verdictOf(settings) {
  const { size, stride, padding } = settings;
  const { span, room, rest } = fitWindows(settings);
  const isInput = (cell) => cell >= 0 && cell < size;
  if (room < 0) return { isBad: true, text: `It does not fit: the window spans ${count(span, "cell")}, the padded row has ${size + 2 * padding}.` };
  const unread = unreadCells(settings);
  const inputs = unread.filter(isInput);
  const never = inputs.length ? ` Never read: ${inputs.length === 1 ? "input" : "inputs"} ${listCells(inputs)}.` : " Only padding is left out.";
  if (rest) {
    const fits = [size - rest, size + stride - rest].filter((width) => width > 0);
    return { isBad: true, text: `Not exact: ${room} / ${stride} = ${+(room / stride).toFixed(3)}. The floor drops the rest, ${count(rest, "cell")} at the right end.${never} Width ${fits.join(" or ")} would fit.` };
  }
  if (inputs.length) return { isBad: true, text: `The division is exact, and still the windows leave holes.${never}` };
  return { isBad: false, text: "The division is exact, and every input is read." };
}

// One output sees `span` cells; a stack of n such layers sees 1 + (span − 1)(1 + S + … + S^(n−1)).
function fieldText({ stride }, span) {
  const field = (layers) => 1 + (span - 1) * Array.from({ length: layers }, (_, i) => stride ** i).reduce((a, b) => a + b, 0);
  return `Receptive field: one output sees ${count(span, "cell")}; two such layers in a row see ${field(2)}, three see ${field(3)}.`;
}

function windowText(position, settings) {
  const taps = tapsOf(position, settings);
  const inputs = taps.filter((tap) => tap >= 0 && tap < settings.size);
  const pads = taps.length - inputs.length;
  const read = inputs.length ? `${inputs.length === 1 ? "input" : "inputs"} ${listCells(inputs)}` : "no input";
  return `Output ${position} reads ${read}${pads ? `, plus ${count(pads, "cell")} of padding` : ""}.`;
}

// Sizes in pixels for a drawing of a given width.
function measure(settings, width) {
  const { size, padding, stride } = settings;
  const fit = fitWindows(settings);
  const cells = size + 2 * padding;
  const unit = Math.min(38, (width - 6) / Math.max(cells, fit.span));
  const lanes = Math.min(Math.ceil(fit.span / stride), Math.max(fit.count, 1));
  const lane = Math.min(12, Math.max(3, 150 / lanes));
  const high = Math.min(34, Math.max(16, unit));
  const bars = 30 + high;
  const outputs = bars + lanes * lane + 44;
  const left = (width - unit * Math.max(cells, fit.span)) / 2;
  return { ...fit, unit, lanes, lane, high, top: 20, bars, outputs, left, width, height: outputs + high + 22 };
}

const svg = (tag, attributes, ...children) => h(`svg:${tag}`, attributes, ...children);

function drawCells(m, { size, padding }, unread, hatch) {
  const size_px = Math.min(12, m.unit * 0.46);
  return Array.from({ length: size + 2 * padding }, (_, i) => {
    const cell = i - padding;
    const isPad = cell < 0 || cell >= size;
    const kind = `cell${isPad ? " pad" : ""}${unread.has(cell) ? " unread" : ""}`;
    const box = { x: m.left + i * m.unit, y: m.top, width: m.unit, height: m.high };
    const [x, y] = [box.x + m.unit / 2, m.top + m.high / 2];
    const arm = Math.min(m.unit, m.high) * 0.36;
    return [
      isPad && svg("rect", { ...box, fill: `url(#${hatch})` }),
      svg("rect", { ...box, class: kind }),
      unread.has(cell) && svg("path", { class: "cross", d: `M${x - arm} ${y - arm}l${2 * arm} ${2 * arm}m0 ${-2 * arm}l${-2 * arm} ${2 * arm}` }),
      m.unit > 15 && !isPad && svg("text", { x, y, "font-size": size_px }, cell),
    ];
  }).flat().filter(Boolean);
}

// Every window as a bar with a dot for each tap, in as few lanes as keep them apart.
function drawWindows(m, settings, select) {
  return Array.from({ length: m.count }, (_, i) => {
    const y = m.bars + ((i % m.lanes) + 0.5) * m.lane;
    const centre = (tap) => m.left + (tap + settings.padding + 0.5) * m.unit;
    const taps = tapsOf(i, settings);
    const radius = Math.max(1, Math.min(3.6, m.unit * 0.2, m.lane * 0.4));
    return svg("g", { class: "window", onpointerenter: () => select(i), onclick: () => select(i) },
      svg("line", { x1: centre(taps[0]), x2: centre(taps.at(-1)), y1: y, y2: y }),
      taps.map((tap) => svg("circle", { cx: centre(tap), cy: y, r: radius })));
  });
}

// Outputs stand below the middle of their windows, so that their distance shows the stride.
function drawOutputs(m, { stride }, select) {
  return Array.from({ length: m.count }, (_, i) => {
    const x = m.left + (i * stride + (m.span - 1) / 2) * m.unit;
    return svg("g", { class: "output", onpointerenter: () => select(i), onclick: () => select(i) },
      svg("rect", { class: "cell", x, y: m.outputs, width: m.unit, height: m.high }),
      m.unit > 15 && svg("text", { x: x + m.unit / 2, y: m.outputs + m.high / 2, "font-size": Math.min(12, m.unit * 0.46) }, i));
  });
}

// What one window reads and where it goes; moved as a whole to the others.
function drawBeam(m, { kernel, dilation }) {
  const [low, end] = [m.top + m.high, m.outputs];
  const middle = m.left + (m.span / 2) * m.unit;
  const [from, to] = [m.left, m.left + m.span * m.unit];
  const taps = Array.from({ length: kernel }, (_, k) => m.left + k * dilation * m.unit);
  return [
    svg("path", { class: "fan", d: `M${from} ${low}H${to}L${middle + m.unit / 2} ${end}H${middle - m.unit / 2}Z` }),
    ...taps.map((x) => svg("line", { x1: x + m.unit / 2, y1: low, x2: middle, y2: end })),
    ...taps.map((x) => svg("rect", { x, y: m.top, width: m.unit, height: m.high })),
    svg("rect", { class: "result", x: middle - m.unit / 2, y: end, width: m.unit, height: m.high }),
  ];
}

function drawing(settings, width, select) {
  const m = measure(settings, width);
  const hatch = controlId();
  const unread = new Set(m.count ? unreadCells(settings) : []);
  const beam = svg("g", { class: "beam" }, m.count ? drawBeam(m, settings) : []);
  const windows = drawWindows(m, settings, select);
  const outputs = drawOutputs(m, settings, select);
  const misfit = m.count ? [] : [svg("line", { class: "misfit", x1: m.left, x2: m.left + m.span * m.unit, y1: m.bars + 6, y2: m.bars + 6 })];
  const stroke = Math.min(2.5, Math.max(0.5, m.unit * 0.15));
  const root = svg("svg", { style: `--stroke: ${stroke}`, viewBox: `0 0 ${width} ${m.height}`, width, height: m.height, role: "img" },
    svg("defs", {}, svg("pattern", { id: hatch, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("line", { class: "hatch", y2: 6 }))),
    svg("text", { class: "name", x: m.left, y: 9 }, `Input: ${count(settings.size, "cell")}${settings.padding ? ` + ${count(settings.padding, "zero")} at each end` : ""}`),
    svg("text", { class: "name", x: m.left, y: m.height - 7 }, `Output: ${count(m.count, "cell")}`),
    drawCells(m, settings, unread, hatch), windows, misfit, outputs, beam);
  const point = (position) => {
    beam.style.transform = `translateX(${position * settings.stride * m.unit}px)`;
    for (const [i, node] of windows.entries()) node.classList.toggle("now", i === position);
  };
  return { root, point, summary: `${count(settings.size, "input cell")}, ${count(m.count, "window")}, ${count(m.count, "output")}` };
}

export default {
  render({ model, el }) {
    const settings = () => ({ size: model.get("width"), kernel: model.get("kernel"), stride: model.get("stride"), padding: model.get("padding"), dilation: model.get("dilation") });
    const change = (values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
    };
    let picture = null;
    let timer = null;
    const stage = h("div", { class: "stage" });
    const formula = h("div", { class: "formula" });
    const flag = h("p", { class: "flag", role: "status" });
    const reads = h("p", { class: "reads", role: "status" });
    const field = h("p", { class: "muted" });

    const last = () => fitWindows(settings()).count - 1;
    const position = () => Math.max(0, Math.min(model.get("position"), last()));
    const select = (i) => i !== model.get("position") && change({ position: i });
    const walk = (step) => select((position() + step + last() + 1) % (last() + 1));
    const play = (on) => {
      clearInterval(timer);
      timer = on ? setInterval(() => (el.isConnected ? last() > 0 && walk(1) : play(false)), 650) : null;
      reads.setAttribute("aria-live", on ? "off" : "polite");
      player.textContent = on ? "Pause" : "Play";
    };

    const sliders = SETTINGS.map(([name, label, min, max]) => {
      const control = slider({ label, min, max, value: model.get(name), onInput: (value) => change({ [name]: value }) });
      control.name = name;
      control.top = max;
      return control;
    });
    const examples = choice({
      label: "Example", options: EXAMPLES, value: "",
      onChange: (key) => key && change(Object.fromEntries(SETTINGS.map(([name], i) => [name, +key.split(",")[i]]))),
    });
    const where = slider({ label: "Output", min: 0, max: 1, value: 0, onInput: select });
    const player = button("Play", () => play(!timer), { class: "primary" });
    const buttons = h("div", { class: "buttons" },
      button("Previous", () => walk(-1)), reducedMotion() ? null : player, button("Next", () => walk(1)));

    const point = () => {
      if (last() < 0) return (reads.textContent = "There is no output.");
      picture.point(position());
      where.set(position());
      return (reads.textContent = windowText(position(), settings()));
    };
    const draw = () => {
      const width = Math.floor(stage.clientWidth);
      if (!width) return; // not on the page yet; the observer calls again
      picture = drawing(settings(), width, select);
      stage.replaceChildren(picture.root);
      picture.root.setAttribute("aria-label", picture.summary);
      point();
    };
    const refresh = () => {
      const now = settings();
      const key = SETTINGS.map(([name]) => model.get(name)).join(",");
      examples.input.value = EXAMPLES.some(([known]) => known === key) ? key : "";
      for (const control of sliders) {
        control.input.max = Math.max(control.top, model.get(control.name));
        control.set(model.get(control.name));
      }
      const { isBad, text } = verdictOf(now);
      flag.dataset.state = isBad ? "bad" : "good";
      flag.textContent = `${isBad ? "⚑" : "✓"} ${text}`;
      formula.innerHTML = sizeFormula("W", now);
      field.textContent = fieldText(now, fitWindows(now).span);
      for (const node of [...buttons.children, where.input]) node.disabled = last() < 1;
      where.input.max = Math.max(0, last());
      draw();
    };

    model.on(SETTINGS.map(([name]) => `change:${name}`).join(" "), refresh);
    model.on("change:position", point);
    const resize = new ResizeObserver(() => stage.clientWidth !== picture?.root.width.baseVal.value && draw());
    el.append(h("div", { class: "conv-arithmetic", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, examples.root, sliders.map((control) => control.root)),
      formula, flag, stage, h("div", { class: "walk" }, buttons, where.root), reads, field,
      h("p", { class: "muted" }, "Cells are numbered from 0. Hatched: padding, zeros. Each bar is a window, its dots are the cells it reads.")));
    resize.observe(stage);
    refresh();
    return () => (play(false), resize.disconnect());
  },
};
