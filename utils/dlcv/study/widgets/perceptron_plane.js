// A plane of points in two classes, and a perceptron that learns to tell them apart.
const MOST_POINTS = 40;
const OWN = "own points";
const HELP = `Tap the plane to drop a point; drag a point to move it, tap it to flip its class. On a point, the keys
  are arrows, Enter and Delete. The dark arrow is (w₁, w₂), the purple one what an update adds; dashed: the margin.`;
const isZero = (weights) => weights.every((w) => w === 0);
const rightCount = ({ points, labels, weights }) =>
  points.filter((point, i) => decide(weights, point) === labels[i]).length;

// The facts beside the plane, one line each.
function readings(state, { bound, most, run }) {
  const { points, labels, weights, mistakes } = state;
  const { gamma } = marginOf(weights, points, labels);
  const best = bound ? ` of at most ${text(bound.gamma)}` : "";
  const right = `${rightCount(state)} of ${points.length} · most so far: ${most}`;
  const parts = bound && `${text(bound.bound)}, from R² = ${text(bound.radiusSquared)} and best γ = ${text(bound.gamma)}`;
  const ifPoints = (value) => (points.length ? value : "–");
  return {
    "Weights (w₁, w₂, b)": vector(weights),
    "Points right": ifPoints(isZero(weights) ? "undecided while all weights are 0" : right),
    "Margin γ of this line": ifPoints(gamma > 0 ? text(gamma) + best : "none while a point is wrong or on the line"),
    "Mistakes so far": isZero(run.start) ? text(mistakes) : `${mistakes}, starting from ${vector(run.start)}`,
    "Mistake bound (R/γ)²": ifPoints(parts ?? "none: no line separates these points"),
  };
}

// What a step says: the rule in numbers.
function account(index, { points, labels, weights: before }, { isMistake, row, weights }) {
  const value = score(before, points[index]);
  const seen = `Point ${index + 1}, class ${className(labels[index])}: score ${text(value)}`;
  if (!isMistake) return `${seen}. Right: nothing changes.`;
  const verdict = value === 0 ? "undecided, which counts as a mistake" : "a mistake";
  return `${seen}, ${verdict}. ${vector(before)} + ${vector(row)} = ${vector(weights)}.`;
}

// A free place near the middle, on a spiral, for a point that is added without pointing.
function freePlace(points) {
  const spiral = Array.from({ length: 80 }, (_, i) =>
    [Math.cos(2.4 * i), Math.sin(2.4 * i)].map((n) => snap(0.2 * Math.sqrt(i) * n)));
  return spiral.find((at) => points.every((point) => Math.hypot(at[0] - point[0], at[1] - point[1]) > 0.3)) ?? [0, 0];
}

// The model holds what Python may read and set; every change of it here goes through `write`.
function makeStore(model) {
  let isWriting = false;
  const names = ["points", "labels", "weights", "mistakes"];
  const listeners = [];
  return {
    get now() {
      return Object.fromEntries(names.map((name) => [name, model.get(name)]));
    },
    write(changes) {
      isWriting = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      isWriting = false;
    },
    onOutsideChange(name, call) {
      const listener = () => isWriting || call();
      model.on(`change:${name}`, listener);
      listeners.push([`change:${name}`, listener]);
    },
    forget: () => listeners.forEach(([event, listener]) => model.off(event, listener)),
  };
}

// Buttons, sliders and readings; `update` brings them up to date.
function makePanel(model, plane, act) {
  const presets = choice({
    label: "Points",
    options: [...model.get("presets").map(({ name }) => [name, name]), [OWN, OWN]],
    value: model.get("preset"),
    onChange: act.choosePreset,
  });
  const sliders = ["w₁", "w₂", "b"].map((name, i) => slider({
    label: name, min: -4, max: 4, step: 0.125, value: 0,
    format: () => text(model.get("weights")[i]), // also where learning has left the slider's range
    onInput: (value) => act.turnWeight(i, value),
  }));
  const kind = choice({
    label: "New points",
    options: [["1", "class +1"], ["-1", "class −1"]],
    value: "1",
    onChange: act.chooseKind,
  });
  const step = button("Step", act.step, { class: "primary" });
  const run = button("Run", act.run);
  const add = button("Add point", act.addAnywhere);
  const flip = button("Flip class", act.flipChosen);
  const remove = button("Delete point", act.removeChosen);
  const status = h("p", { class: "status", role: "status" }, "Step looks at one point, Run goes on until a pass has no mistake.");
  const facts = h("dl", { class: "facts" });
  const passes = h("ul", { class: "passes", "aria-label": "Weights after each pass" });
  const update = (state, view) => {
    const rows = Object.entries(readings(state, view));
    facts.replaceChildren(...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    const lines = view.run.passes.map((pass, i) =>
      h("li", {}, `After pass ${i + 1}: ${vector(pass.weights)}, ${counted(pass.mistakes, "mistake")}`));
    passes.replaceChildren(...lines.slice(-4));
    sliders.forEach((one, i) => one.set(state.weights[i]));
    presets.input.value = model.get("preset");
    step.disabled = run.disabled = state.points.length === 0;
    flip.disabled = remove.disabled = view.chosen === null;
    run.textContent = view.timer ? "Pause" : "Run";
  };
  const root = h("div", { class: "perceptron", role: "group", "aria-label": model.get("label") },
    h("div", {}, presets.root, plane,
      h("div", { class: "buttons" }, step, run, button("Weights to 0", act.reset)), status,
      kind.root, h("div", { class: "buttons" }, add, flip, remove)),
    h("div", {}, sliders.map((one) => one.root), facts, passes, h("p", { class: "muted" }, HELP)));
  return { root, add, update, say: (message) => (status.textContent = message) };
}

export default {
  render({ model, el }) {
    const store = makeStore(model);
    const view = { bound: null, most: 0, chosen: null, newLabel: 1, timer: null, run: newRun(store.now.weights) };
    const plane = makePlane();
    let stopTurning = () => {};

    const drawLine = (state, weights) => drawWeights(plane.parts, weights, marginOf(weights, state.points, state.labels).distance);
    const draw = ({ from = null } = {}) => {
      const state = store.now;
      if (!isZero(state.weights)) view.most = Math.max(view.most, rightCount(state));
      drawPoints(plane.parts, state, view, (node, index) => listen(node, plane.root, pointActions(index)));
      drawArrows(plane.parts, state.weights, view.run.update);
      panel.update(state, view);
      stopTurning();
      if (from && !isZero(from) && !reducedMotion()) stopTurning = turn(from, state.weights, (weights) => drawLine(state, weights));
      else drawLine(state, state.weights);
    };

    const pause = () => {
      clearTimeout(view.timer);
      view.timer = null;
    };
    const startAnew = () => {
      pause();
      view.run = newRun(store.now.weights);
      draw();
    };
    const meetPoints = () => {
      const { points, labels } = store.now;
      if (points.length !== labels.length) return; // Python has set one of the two so far
      if (view.chosen >= points.length) view.chosen = null;
      Object.assign(view, { most: 0, bound: mistakeBound(points, labels) });
      startAnew();
    };
    const setPoints = (points, labels, message, more = {}) => {
      store.write({ points, labels, mistakes: 0, preset: OWN, ...more });
      panel.say(message);
      meetPoints();
    };

    const step = () => {
      const state = store.now;
      const index = view.run.cursor;
      const result = look(state.weights, state.points[index], state.labels[index]);
      advance(view.run, state.points.length, result);
      store.write({ weights: result.weights, mistakes: state.mistakes + result.isMistake });
      panel.say(`${account(index, state, result)} ${view.run.ending}`);
      return { from: state.weights, isMistake: result.isMistake };
    };
    const tick = () => {
      const { from, isMistake } = step();
      view.timer = view.run.ending ? null : setTimeout(tick, isMistake ? 900 : 150);
      draw({ from });
    };
    const runAtOnce = () => {
      do step(); while (!view.run.ending);
      draw();
    };

    const movePoint = (index, to) => {
      const { points, labels } = store.now;
      if (points[index].join() === to.join()) return;
      const moved = points.map((point, i) => (i === index ? to : point));
      setPoints(moved, labels, `Point ${index + 1} is now at ${vector(to)}.`);
    };
    const pointActions = (index) => ({
      choose() {
        if (view.chosen === index) return;
        view.chosen = index;
        draw();
      },
      move: (to) => movePoint(index, to),
      nudge: (by) => movePoint(index, plus(store.now.points[index], by).map(snap)),
      flip() {
        const { points, labels } = store.now;
        const flipped = labels.map((label, i) => (i === index ? -label : label));
        setPoints(points, flipped, `Point ${index + 1} is now of class ${className(flipped[index])}.`);
      },
      remove() {
        const others = (_, i) => i !== index;
        const { points, labels } = store.now;
        view.chosen = null;
        setPoints(points.filter(others), labels.filter(others), `Point ${index + 1} is deleted.`);
        (plane.parts.points.children[Math.max(0, index - 1)] ?? panel.add).focus();
      },
    });
    const addPoint = (at) => {
      const { points, labels } = store.now;
      if (points.length >= MOST_POINTS) return panel.say(`The plane holds at most ${MOST_POINTS} points.`);
      view.chosen = points.length;
      return setPoints([...points, at], [...labels, view.newLabel],
        `Point ${points.length + 1}, class ${className(view.newLabel)}, is at ${vector(at)}.`);
    };
    const setWeights = (weights) => {
      store.write({ weights, mistakes: 0 });
      panel.say(isZero(weights) ? "All weights are 0." : `${rightCount(store.now)} of ${store.now.points.length} points right.`);
      startAnew();
    };

    const panel = makePanel(model, plane.root, {
      step() {
        pause();
        draw(step());
      },
      run() {
        if (!view.timer) return reducedMotion() ? runAtOnce() : tick();
        pause();
        return draw();
      },
      reset: () => setWeights([0, 0, 0]),
      turnWeight: (index, value) => setWeights(store.now.weights.map((w, i) => (i === index ? value : w))),
      choosePreset(name) {
        const { points, labels } = model.get("presets").find((preset) => preset.name === name) ?? store.now;
        view.chosen = null;
        setPoints(points, labels, `Points: ${name}.`, { weights: [0, 0, 0], preset: name });
      },
      addAnywhere() {
        addPoint(freePlace(store.now.points));
        plane.parts.points.lastChild.focus();
      },
      chooseKind: (value) => (view.newLabel = Number(value)),
      flipChosen: () => pointActions(view.chosen).flip(),
      removeChosen: () => pointActions(view.chosen).remove(),
    });
    plane.root.addEventListener("click", (event) => addPoint(placeOf(event, plane.root)));
    store.onOutsideChange("points", meetPoints);
    store.onOutsideChange("labels", meetPoints);
    store.onOutsideChange("weights", startAnew);
    el.append(panel.root);
    meetPoints();
    return () => {
      pause();
      stopTurning();
      store.forget();
    };
  },
};
