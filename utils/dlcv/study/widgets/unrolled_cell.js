// A recurrent cell unrolled: choose it, step through time, and watch the gradient come back.
const PLOT = { width: 640, left: 44, states: 96, bars: 130 };
const DECADES = [-12, 6]; // of the gradient's length that the bars show

const shortNumber = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return (size >= 0.01 && size < 1000 ? value.toPrecision(2) : value.toExponential(1)).replace(/-/g, "−");
};

function makeStrip(name, height) {
  const root = h("svg:svg", { viewBox: `0 -8 ${PLOT.width} ${height + 8}`, role: "img", "aria-label": name });
  return root;
}

export default {
  render({ model, el }) {
    const inputs = unpack(model.get("inputs"));
    const packed = model.get("weights");
    const weights = { rnn: packed.rnn.map(unpack), lstm: packed.lstm.map(unpack) };
    let isWriting = false;
    let states = [];
    let gradients = [];

    const write = (changes) => {
      isWriting = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      isWriting = false;
    };
    const change = (changes) => (write(changes), renew());

    const cell = choice({
      label: "Cell", value: model.get("cell"), options: ["linear", "tanh", "LSTM"].map((name) => [name, name]),
      onChange: (value) => change({ cell: value }),
    });
    const length = slider({
      label: "Steps", min: 2, max: 50, value: model.get("length"),
      onInput: (value) => change({ length: value, moment: Math.min(value, model.get("moment")) }),
    });
    const radius = slider({
      label: "Spectral radius of W", min: 0.3, max: 1.6, step: 0.1, value: model.get("radius"),
      format: (value) => value.toFixed(1), onInput: (value) => change({ radius: value }),
    });
    const forget = slider({
      label: "Bias of the forget gates", min: -3, max: 5, step: 0.5, value: model.get("forget"),
      format: (value) => value.toFixed(1).replace("-", "−"), onInput: (value) => change({ forget: value }),
    });
    const moment = slider({
      label: "Step looked at", min: 0, max: model.get("length"), value: model.get("moment"),
      onInput: (value) => (write({ moment: value }), draw()),
    });
    const step = (by) => {
      const next = Math.min(model.get("length"), Math.max(0, model.get("moment") + by));
      write({ moment: next });
      moment.set(next);
      draw();
    };

    const stateStrip = makeStrip("States, one column a step, one row a unit", PLOT.states);
    const bars = makeStrip("Length of the gradient at every step, logarithmic", PLOT.bars);
    const gates = h("div", { class: "gates" });
    const status = h("p", { class: "status", role: "status" });

    const column = () => (PLOT.width - PLOT.left) / (model.get("length") + 1);
    const x = (t) => PLOT.left + t * column();

    const drawStates = () => {
      const now = model.get("moment");
      const most = Math.max(1e-9, ...states.slice(0, now + 1).map((one) => Math.max(...one.h.map(Math.abs))));
      const rows = [];
      states.forEach((one, t) => one.h.forEach((value, k) => {
        const shown = t <= now;
        rows.push(h("svg:rect", {
          x: x(t), y: 4 + 11 * k, width: Math.max(1, column() - 1), height: 10,
          class: shown ? (value < 0 ? "minus" : "plus") : "later",
          "fill-opacity": shown ? (0.06 + 0.94 * Math.min(1, Math.abs(value) / most)).toFixed(3) : null,
        }));
      }));
      rows.push(h("svg:rect", { x: x(now) - 1, y: 2, width: column() + 1, height: 91, class: "now" }));
      rows.push(h("svg:text", { x: 2, y: 52 }, "state"));
      stateStrip.replaceChildren(...rows);
    };

    const drawBars = () => {
      const now = model.get("moment");
      const [low, high] = DECADES;
      const y = (power) => 108 - (100 * (power - low)) / (high - low);
      const marks = [-12, -6, 0, 6].map((power) => [
        h("svg:line", { x1: PLOT.left, x2: PLOT.width, y1: y(power), y2: y(power), class: "line" }),
        h("svg:text", { x: 2, y: y(power) + 4 }, power === 0 ? "1" : `10${[...String(power)].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] ?? "⁻").join("")}`),
      ]);
      const heights = gradients.map((value, t) => {
        const power = Math.min(high, Math.max(low, Math.log10(value || 1e-300)));
        return h("svg:rect", {
          x: x(t), y: y(power), width: Math.max(1, column() - 1), height: Math.max(0.5, y(low) - y(power)),
          class: t === now ? "bar chosen" : "bar",
        });
      });
      const ends = [h("svg:text", { x: PLOT.left, y: 126 }, "step 0"),
        h("svg:text", { x: PLOT.width, y: 126, "text-anchor": "end" }, `step ${model.get("length")}`)];
      bars.replaceChildren(...marks.flat(), ...heights, ...ends);
    };

    const drawGates = () => {
      const { gates: open } = states[model.get("moment")];
      gates.hidden = !open;
      if (!open) return;
      const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
      gates.replaceChildren(...[["input", open.i], ["forget", open.f], ["output", open.o]].map(([name, values]) =>
        h("div", { class: "gate" }, h("span", {}, `${name} gate`),
          h("i", { style: `--share: ${(100 * mean(values)).toFixed(1)}%` }), h("b", {}, mean(values).toFixed(2)))));
    };

    const draw = () => {
      const now = model.get("moment");
      drawStates();
      drawBars();
      drawGates();
      const size = Math.hypot(...states[now].h);
      const input = now ? `after input ${shortNumber(inputs[now - 1])}, ` : "before any input, ";
      status.textContent = `Step ${now} of ${model.get("length")}: ${input}the state has length ${shortNumber(size)}. `
        + `The gradient of the last state, back here: ${shortNumber(gradients[now])}.`;
    };

    const renew = () => {
      const settings = Object.fromEntries(["cell", "length", "radius", "forget"].map((name) => [name, model.get(name)]));
      const used = weights[settings.cell === "LSTM" ? "lstm" : "rnn"];
      states = unroll(settings, used, inputs);
      gradients = gradientsBack(settings, used, states);
      cell.input.value = settings.cell;
      length.set(settings.length);
      radius.set(settings.radius);
      forget.set(settings.forget);
      forget.root.hidden = settings.cell !== "LSTM";
      moment.input.max = settings.length;
      moment.set(Math.min(settings.length, model.get("moment")));
      write({ gradients: [...gradients] });
      draw();
    };

    el.append(h("div", { class: "unrolled", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, [cell, length, radius, forget, moment].map((one) => one.root)),
      h("div", { class: "buttons" }, button("Step back", () => step(-1)), button("Next step", () => step(1), { class: "primary" })),
      status,
      h("p", { class: "caption" }, "States up to the step looked at (blue positive, orange negative)"), stateStrip, gates,
      h("p", { class: "caption" }, "Gradient of the last state with respect to each earlier one, its length"), bars));
    const names = ["cell", "length", "radius", "forget", "moment"];
    const follow = () => isWriting || renew();
    names.forEach((name) => model.on(`change:${name}`, follow));
    renew();
    return () => names.forEach((name) => model.off(`change:${name}`, follow));
  },
};
