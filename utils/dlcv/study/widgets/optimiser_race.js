// A loss surface from above, six optimisers on their way down, and their losses over time.
const NAMES = ["SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"];
const DASHES = ["", "9 4", "3 4", "12 4 3 4", "6 3", ""];
const CELLS = 96; // of the map, each way
const MAP = 400; // its drawing units
const MOST_STEPS = 1000;
const CURVE = { width: 400, height: 150 };
const HELP = `Drag the cross, or use its two sliders, to choose where all six start. Numbers mark where each is now; lines are
  the paths; a tick in the list shows or hides one. A lighter band is higher ground. All use the exact gradient, so nothing here is noise.`;
const RATE_STEPS = 8; // of a rate's slider from one power of ten to the next
const text = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e4 || size < 1e-3) return value.toExponential(1).replace("-", "−").replace("e+", "e").replace("e-", "e−");
  return String(Number(value.toPrecision(3))).replace("-", "−");
};

// Bands of equal colour between equal steps of the root of the height: contour lines for nothing.
function paintMap(canvas, surface, reach, isDark) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(CELLS, CELLS);
  const at = (k) => ((k + 0.5) / CELLS) * 2 * reach - reach;
  const heights = Float64Array.from({ length: CELLS * CELLS }, (_, k) => SURFACES[surface](at(k % CELLS), -at(Math.floor(k / CELLS)))[0]);
  const low = heights.reduce((a, b) => Math.min(a, b));
  const high = heights.reduce((a, b) => Math.max(a, b));
  heights.forEach((height, k) => {
    const level = Math.floor(18 * ((height - low) / (high - low)) ** 0.4);
    const band = level / 18 - (level % 2) * 0.09; // every other band a little darker, to be seen as a band
    const [from, to] = isDark ? [[12, 22, 38], [84, 104, 128]] : [[176, 198, 224], [252, 252, 252]];
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = from[c] + (to[c] - from[c]) * band;
    image.data[4 * k + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

// The map: canvas below, paths, walkers and the start above.
function makeMap(onStart) {
  const canvas = h("canvas", { width: CELLS, height: CELLS, "aria-hidden": "true" });
  const paths = NAMES.map((_, i) => h("svg:path", { class: `path w${i}`, "stroke-dasharray": DASHES[i] || null }));
  const walkers = NAMES.map((_, i) => h("svg:g", { class: `walker w${i}` }, h("svg:circle", { r: 10 }), h("svg:text", { y: 5 }, String(i + 1))));
  const cross = h("svg:path", { class: "start", d: "M-11 0H11M0-11V11" });
  const svg = h("svg:svg", { viewBox: `0 0 ${MAP} ${MAP}`, role: "img", "aria-label": "The loss surface from above, with the paths of the optimisers" }, paths, cross, walkers);
  const root = h("div", { class: "map" }, canvas, svg);
  let reach = 2;
  const toMap = ([x, y]) => [(MAP * (x + reach)) / (2 * reach), (MAP * (reach - y)) / (2 * reach)];
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    const share = (n, from, size) => Math.min(1, Math.max(0, (n - from) / size));
    return [share(event.clientX, box.left, box.width) * 2 - 1, 1 - share(event.clientY, box.top, box.height) * 2].map((n) => n * reach);
  };
  setAttributes(svg, {
    onpointerdown(event) {
      svg.setPointerCapture(event.pointerId);
      onStart(place(event));
    },
    onpointermove(event) {
      if (svg.hasPointerCapture(event.pointerId)) onStart(place(event));
    },
  });
  const draw = (state, runners, isShown) => {
    reach = state.reach;
    setAttributes(cross, { transform: `translate(${toMap(state.start).map((n) => n.toFixed(1)).join(" ")})` });
    runners.forEach((runner, i) => {
      const points = runner.path.map((at) => toMap(at).map((n) => Math.max(-9e3, Math.min(9e3, n)).toFixed(1)).join(" "));
      setAttributes(paths[i], { d: isShown[i] ? `M${points.join("L")}` : "" });
      const [x, y] = toMap(runner.place).map((n) => Math.max(10, Math.min(MAP - 10, n)).toFixed(1));
      setAttributes(walkers[i], { transform: `translate(${x} ${y})`, display: isShown[i] && !runner.isLost ? null : "none" });
    });
  };
  return { root, canvas, draw };
}

// Loss above the lowest of the surface, on a logarithmic scale, over the steps.
function makeLosses() {
  const { width, height } = CURVE;
  const lines = NAMES.map((_, i) => h("svg:path", { class: `path w${i}`, "stroke-dasharray": DASHES[i] || null }));
  const notes = [h("svg:text", { class: "note", x: 4, y: 14 }), h("svg:text", { class: "note", x: 4, y: height - 6 }), h("svg:text", { class: "note", x: width - 4, y: height - 6, "text-anchor": "end" })];
  const root = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, class: "losses", role: "img", "aria-label": "Loss over the steps, logarithmic" }, lines, notes);
  const draw = (runners, isShown, floor) => {
    const longest = Math.max(20, ...runners.map((runner) => runner.losses.length - 1));
    const log = (loss) => Math.max(-6, Math.min(3, Math.log10(loss - floor + 1e-9)));
    const y = (loss) => (8 + ((3 - log(loss)) / 9) * (height - 16)).toFixed(1);
    const every = Math.ceil(longest / 250);
    runners.forEach((runner, i) => {
      const parts = runner.losses.map((loss, k) => (k % every && k !== runner.losses.length - 1 ? "" : `L${((k / longest) * width).toFixed(1)} ${y(loss)}`));
      setAttributes(lines[i], { d: isShown[i] ? parts.join("").replace("L", "M") : "" });
    });
    ["loss 1000", "10⁻⁶ above the lowest", `step ${longest}`].forEach((note, i) => (notes[i].textContent = note));
  };
  return { root, draw };
}

// One row for each optimiser: number, name, rate, loss.
function makeRow(name, i, model, act) {
  const shown = toggle({ label: name, checked: true, onChange: act.redraw });
  shown.root.prepend(h("b", { class: `badge w${i}`, "aria-hidden": "true" }, String(i + 1)));
  const toSlider = (rate) => Math.round(RATE_STEPS * Math.log10(rate));
  const rate = slider({
    label: "rate", min: -4 * RATE_STEPS, max: RATE_STEPS, value: toSlider(model.get("rates")[name]),
    format: () => text(model.get("rates")[name]),
    onInput: (at) => act.chooseRate(name, 10 ** (at / RATE_STEPS)),
  });
  rate.input.setAttribute("aria-label", `Learning rate of ${name}`);
  const loss = h("output", { class: "loss" });
  const root = h("div", { class: "runner" }, shown.root, rate.root, loss);
  return { root, shown, loss, update: () => rate.set(toSlider(model.get("rates")[name])) };
}

export default {
  render({ model, el }) {
    const play = { frame: null };
    let runners = [];
    let isWriting = false;

    const write = (changes) => {
      isWriting = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      isWriting = false;
    };
    const share = () => write({
      steps: Math.max(...runners.map((one) => one.t)),
      positions: Object.fromEntries(runners.map((one) => [one.name, [...one.place]])),
    });
    const reach = () => model.get("surfaces")[model.get("surface")].reach;
    const lowest = () => ({ saddle: -0.25 })[model.get("surface")] ?? 0;

    const status = h("p", { class: "status", role: "status" }, "Press Run, or Step.");
    const say = (message) => (status.textContent = message);
    const losses = makeLosses();
    const draw = () => {
      const isShown = rows.map((row) => row.shown.input.checked);
      map.draw({ reach: reach(), start: model.get("start") }, runners, isShown);
      losses.draw(runners, isShown, lowest());
      runners.forEach((one, i) => (rows[i].loss.textContent = one.isLost ? `gone after ${one.t}` : text(one.losses.at(-1))));
    };
    const paint = () => {
      const ink = themeColour(el, "accent"); // light on dark, dark on light
      paintMap(map.canvas, model.get("surface"), reach(), ink === "#7cc0ff");
    };
    const reset = () => {
      runners = NAMES.map((name) => makeWalker(name, model.get("surface"), model.get("start")));
      draw();
    };
    const restart = (message) => {
      pause();
      reset();
      share();
      if (message) say(message);
    };

    const advance = (count) => {
      for (let k = 0; k < count; k++) {
        runners.forEach((one) => one.t < MOST_STEPS && takeStep(one, model.get("surface"), model.get("rates")[one.name], model.get("momentum")));
      }
      draw();
    };
    const report = () => {
      const there = runners.filter((one) => !one.isLost).sort((a, b) => a.losses.at(-1) - b.losses.at(-1));
      const gone = runners.filter((one) => one.isLost).map((one) => one.name);
      const best = there.length ? `Lowest now: ${there[0].name}, loss ${text(there[0].losses.at(-1))}.` : "";
      say(`After ${Math.max(...runners.map((one) => one.t))} steps. ${best}${gone.length ? ` Diverged: ${gone.join(", ")}.` : ""}`);
    };
    const stepBy = (count) => {
      pause();
      advance(count);
      share();
      report();
    };
    const pause = () => {
      if (play.frame === null) return;
      cancelAnimationFrame(play.frame);
      play.frame = null;
      runButton.textContent = "Run";
      share();
      report();
    };
    const tick = () => {
      play.frame = requestAnimationFrame(tick);
      const isOver = runners.every((one) => one.isLost || one.t >= MOST_STEPS);
      if (el.isConnected && !isOver) advance(1);
      else pause();
    };
    const toggleRun = () => {
      if (play.frame !== null) return pause();
      runButton.textContent = "Pause";
      say("Walking …");
      return tick();
    };

    const setStart = (start) => {
      write({ start: start.map((n) => Math.round(n * 100) / 100) });
      update();
      restart(`Start at ${model.get("start").map(text).join(", ")}.`);
    };
    const map = makeMap(setStart);
    const surface = choice({
      label: "Surface", options: Object.keys(model.get("surfaces")).map((name) => [name, name]), value: model.get("surface"),
      onChange(name) {
        write({ surface: name, start: [...model.get("surfaces")[name].start] });
        begin();
        say(`Surface: ${name}.`);
      },
    });
    const momentum = slider({
      label: "Momentum μ", min: 0, max: 0.99, step: 0.01, value: model.get("momentum"), format: (value) => value.toFixed(2),
      onInput(value) {
        write({ momentum: value });
        restart(`Momentum ${value.toFixed(2)}, back at the start.`);
      },
    });
    const starts = ["Start x₁", "Start x₂"].map((label, i) => slider({
      label, min: -2.5, max: 2.5, step: 0.01, value: model.get("start")[i], format: text,
      onInput: (value) => setStart(model.get("start").map((n, j) => (i === j ? Math.max(-reach(), Math.min(reach(), value)) : n))),
    }));
    const rows = NAMES.map((name, i) => makeRow(name, i, model, {
      redraw: () => draw(),
      chooseRate(one, rate) {
        write({ rates: { ...model.get("rates"), [one]: rate } });
        update();
        restart(`${one}: rate ${text(rate)}, all back at the start.`);
      },
    }));
    const update = () => {
      surface.input.value = model.get("surface");
      momentum.set(model.get("momentum"));
      starts.forEach((one, i) => {
        setAttributes(one.input, { min: -reach(), max: reach() });
        one.set(model.get("start")[i]);
      });
      rows.forEach((row) => row.update());
    };
    const begin = () => {
      pause();
      update();
      paint();
      reset();
    };

    const runButton = button("Run", toggleRun, { class: "primary" });
    runButton.hidden = reducedMotion();
    el.append(h("div", { class: "race", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, surface.root, momentum.root, starts.map((one) => one.root)),
      h("div", { class: "buttons" }, runButton, button("Step", () => stepBy(1)), button("50 steps", () => stepBy(50)),
        button("Back to start", () => restart("All are back at the start."))),
      status,
      h("div", { class: "stage" }, map.root, h("div", {}, h("div", { class: "rows" }, rows.map((row) => row.root)), losses.root)),
      h("p", { class: "muted" }, HELP)));
    const names = ["surface", "start", "rates", "momentum"];
    const follow = () => isWriting || begin();
    names.forEach((name) => model.on(`change:${name}`, follow));
    const forgetTheme = onThemeChange(paint);
    const resize = new ResizeObserver(paint); // also when the widget has found its place in the page
    begin();
    resize.observe(map.root);
    return () => {
      pause();
      forgetTheme();
      resize.disconnect();
      names.forEach((name) => model.off(`change:${name}`, follow));
    };
  },
};
