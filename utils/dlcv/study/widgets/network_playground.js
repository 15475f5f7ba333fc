// A network that learns in the page: choose it, step or play, and look at every part of it.
const RATES = [0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const STEPS_A_FRAME = 5;
const HELP = `The little pictures show what each hidden unit says about the plane. Point at an edge, or choose the network
  and use the arrow keys, to read its weight and its gradient. Bars: the gradient of each layer, from 10⁻⁸ to 1.`;

function makeControls(model, act) {
  const sizes = model.get("hidden");
  const data = choice({
    label: "Points",
    options: model.get("data_sets").map(({ name }) => [name, name]),
    value: model.get("data_set"),
    onChange: act.chooseData,
  });
  const layers = slider({ label: "Hidden layers", min: 0, max: 5, value: sizes.length, onInput: act.reshape });
  const units = slider({ label: "Units a layer", min: 1, max: 6, value: sizes[0] ?? 4, onInput: act.reshape });
  const activation = choice({
    label: "Activation",
    options: Object.keys(UNITS).map((name) => [name, name]),
    value: model.get("activation"),
    onChange: act.chooseActivation,
  });
  const nearest = () => RATES.findIndex((rate) => rate >= model.get("rate") * 0.999);
  const rate = slider({
    label: "Learning rate", min: 0, max: RATES.length - 1, value: nearest(),
    format: () => text(model.get("rate")),
    onInput: (i) => act.chooseRate(RATES[i]),
  });
  const what = choice({
    label: "Edges show",
    options: [["gradWeights", "gradients"], ["weights", "weights"]],
    value: "gradWeights",
    onChange: act.redraw,
  });
  const root = h("div", { class: "controls" }, [data, activation, layers, units, rate, what].map((one) => one.root));
  const update = () => {
    const now = model.get("hidden");
    data.input.value = model.get("data_set");
    activation.input.value = model.get("activation");
    layers.set(now.length);
    if (now.length) units.set(now[0]);
    rate.set(Math.max(0, nearest()));
  };
  return { root, layers, units, what, update };
}

export default {
  render({ model, el }) {
    const play = { frame: null };
    const data = {};
    let network = null;
    let now = { loss: 0, accuracy: 0 };
    let steps = 0;
    let chosen = null;
    let isWriting = false;
    let colour = null; // of the present theme

    const write = (changes) => {
      isWriting = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      isWriting = false;
    };
    const share = () => write({ parameters: toParameters(network), steps, loss: now.loss });

    const plane = makePlane();
    const curve = makeCurve();
    const bars = makeBars();
    const diagram = makeDiagram((by, edge) => {
      const { edges } = diagram;
      const at = edges.indexOf(chosen);
      chosen = edge ? edges.find((one) => one.layer === edge.layer && one.at === edge.at) : edges[(at + by + edges.length) % edges.length];
      drawEdges();
    });
    const readout = h("p", { class: "readout" });
    const status = h("p", { class: "status", role: "status" }, "Press Play, or Step for one step of gradient descent.");
    const say = (message) => (status.textContent = message);

    const drawEdges = () => {
      diagram.drawEdges(network, controls.what.value, chosen);
      const { weights, gradWeights } = network.layers[chosen?.layer ?? 0];
      readout.textContent = chosen
        ? `${chosen.name}: weight ${text(weights[chosen.at])}, gradient ${text(gradWeights[chosen.at])}`
        : "Point at an edge to read its weight and its gradient.";
    };
    const draw = () => {
      colour ??= makePalette(el);
      const { output, hidden } = raster(network);
      plane.draw(output, colour);
      diagram.drawUnits(hidden, colour);
      drawEdges();
      curve.draw(steps);
      bars.draw(gradientNorms(network));
      facts.textContent = `Loss ${text(now.loss)} · ${(100 * now.accuracy).toFixed(0)} % right · ${counted(steps)}`;
    };
    const look = () => {
      now = measure(network, data.points, data.labels);
      curve.add(steps, now.loss);
    };

    // New points, new weights, or both: the story begins again.
    const begin = () => {
      const set = model.get("data_sets").find(({ name }) => name === model.get("data_set"));
      Object.assign(data, { points: unpack(set.points), labels: unpack(set.labels) });
      plane.setPoints(data.points, data.labels);
      network = makeNetwork(model.get("parameters"), model.get("activation"));
      diagram.build([2, ...model.get("hidden"), 1]);
      chosen = null;
      steps = model.get("steps");
      curve.reset();
      look();
      controls.update();
      draw();
    };
    const renew = (changes = {}, seed = model.get("seed")) => {
      pause();
      const { hidden = model.get("hidden"), activation = model.get("activation") } = changes;
      const parameters = freshParameters([2, ...hidden, 1], activation, seed);
      write({ ...changes, seed, parameters, steps: 0 });
      begin();
      share();
    };

    const advance = (count) => {
      for (let k = 0; k < count && Number.isFinite(now.loss); k++) {
        descend(network, model.get("rate"));
        steps += 1;
        look();
      }
      draw();
      if (Number.isFinite(now.loss)) return true;
      say("The loss is no longer a number: the learning rate is too large. Start again with a smaller one.");
      pause();
      return false;
    };
    const stepBy = (count) => {
      pause();
      if (!advance(count)) return;
      share();
      say(`After ${counted(steps)}: loss ${text(now.loss)}, ${(100 * now.accuracy).toFixed(0)} % right.`);
    };
    const pause = () => {
      if (play.frame === null) return;
      cancelAnimationFrame(play.frame);
      play.frame = null;
      playButton.textContent = "Play";
      share();
      say(`Paused after ${counted(steps)}: loss ${text(now.loss)}, ${(100 * now.accuracy).toFixed(0)} % right.`);
    };
    const tick = () => {
      play.frame = requestAnimationFrame(tick);
      if (el.isConnected) advance(STEPS_A_FRAME);
      else pause();
    };
    const toggle = () => {
      if (play.frame !== null) return pause();
      playButton.textContent = "Pause";
      say("Learning …");
      return tick();
    };

    const controls = makeControls(model, {
      chooseData: (name) => renew({ data_set: name }),
      chooseActivation: (name) => renew({ activation: name }),
      chooseRate: (rate) => {
        write({ rate });
        controls.update();
        say(`From the next step on, the learning rate is ${text(rate)}.`);
      },
      reshape: () => renew({ hidden: new Array(controls.layers.value).fill(controls.units.value) }),
      redraw: () => drawEdges(),
    });
    const playButton = button("Play", toggle, { class: "primary" });
    const facts = h("p", { class: "facts" });
    playButton.hidden = reducedMotion();
    el.append(h("div", { class: "playground", role: "group", "aria-label": model.get("label") },
      controls.root,
      h("div", { class: "buttons" }, playButton, button("Step", () => stepBy(1)), button("100 steps", () => stepBy(100)),
        button("New weights", () => renew({}, model.get("seed") + 1))),
      status,
      h("div", { class: "stage" }, h("div", {}, plane.root, facts), h("div", {}, diagram.root, readout), curve.root, bars.root),
      h("p", { class: "muted" }, HELP)));

    const names = ["parameters", "data_set", "activation"];
    const follow = () => isWriting || (pause(), begin());
    const followRate = () => isWriting || controls.update();
    names.forEach((name) => model.on(`change:${name}`, follow));
    model.on("change:rate", followRate);
    const redraw = () => {
      colour = null;
      draw();
    };
    const forgetTheme = onThemeChange(redraw);
    const resize = new ResizeObserver(redraw); // also when the widget has found its place in the page
    begin();
    resize.observe(plane.root);
    return () => {
      pause();
      forgetTheme();
      resize.disconnect();
      names.forEach((name) => model.off(`change:${name}`, follow));
      model.off("change:rate", followRate);
    };
  },
};
