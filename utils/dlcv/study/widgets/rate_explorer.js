// Choose activation, depth and rate; see both networks learn, and where they end.
const percent = (value) => `${(100 * value).toFixed(1)} %`;

// The accuracies of one activation and depth: at(arm, rate, epoch) gives those of all seeds.
function resultsOf(model) {
  const values = unpack(model.get("accuracy"));
  const [, D, A, R, S, E] = values.shape;
  const at = (arm, rate, epoch) => {
    const a = model.get("activations").indexOf(model.get("activation"));
    const d = model.get("depths").indexOf(model.get("depth"));
    return Array.from({ length: S }, (_, seed) => values[((((a * D + d) * A + arm) * R + rate) * S + seed) * E + epoch]);
  };
  return { at, rates: R, epochs: E, seeds: S };
}

const span = (values) => `${percent(mean(values))} (${values.map((v) => 100 * v).sort((a, b) => a - b).map((v) => v.toFixed(1)).join(", ")})`;

function legend() {
  const sample = (kind) => svg("svg", { class: "sample", viewBox: "0 0 30 10", width: 30, height: 10, "aria-hidden": "true" }, svg("path", { class: `line ${kind}`, d: "M0 5H30" }));
  return h("p", { class: "legend" }, ARM_NAMES.map((kind) => h("span", {}, sample(kind), `${kind} batch norm`)));
}

export default {
  render({ model, el }) {
    const results = resultsOf(model);
    const { epochs, rates: count } = results;
    const rates = model.get("rates");
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const activation = choice({
      label: "Activation", options: model.get("activations").map((name) => [name, name]),
      value: model.get("activation"), onChange: (value) => set("activation", value),
    });
    const depth = choice({
      label: "Hidden layers", options: model.get("depths").map((value) => [value, value]),
      value: model.get("depth"), onChange: (value) => set("depth", +value),
    });
    const rate = slider({
      label: "Learning rate", min: 0, max: count - 1, value: model.get("rate"),
      format: (i) => rates[i], onInput: (i) => set("rate", i),
    });
    const [curves, ends] = [chart("Accuracy over the epochs"), chart("Accuracy at the end, over the rates")];
    const status = h("p", { class: "says", role: "status" });

    const over = Array.from({ length: epochs }, (_, e) => (epochs > 1 ? e / (epochs - 1) : 0.5));
    const across = rates.map((value) => (count > 1 ? Math.log(value / rates[0]) / Math.log(rates[count - 1] / rates[0]) : 0.5));
    const update = () => {
      const at = model.get("rate");
      activation.input.value = model.get("activation");
      depth.input.value = model.get("depth");
      rate.set(at);
      const chance = model.get("chance");
      const epochTicks = over.map((share, e) => [share, String(e + 1)]).filter((_, e) => e % Math.ceil(epochs / 5) === 0);
      curves.draw(`Accuracy over ${epochs} epochs at rate ${rates[at]}`,
        frame(`at rate ${rates[at]}`, "epoch", epochTicks, chance),
        ARM_NAMES.map((kind, k) => arm(kind, over, over.map((_, e) => results.at(k, at, e)), false)));
      ends.draw(`Accuracy after ${epochs} epochs at ${count} rates`,
        frame(`after ${epochs} epochs`, "learning rate", across.map((share, i) => [share, String(rates[i])]), chance),
        svg("line", { class: "cursor", x1: xOf(across[at]), x2: xOf(across[at]), y1: EDGE.top, y2: HIGH - EDGE.bottom }),
        ARM_NAMES.map((kind, k) => arm(kind, across, across.map((_, i) => results.at(k, i, epochs - 1)), true)));
      status.textContent = `${model.get("activation")}, ${model.get("depth")} hidden layers, rate ${rates[at]}: ${ARM_NAMES.map((kind, k) => `${kind} ${span(results.at(k, at, epochs - 1))}`).join("; ")}.`;
    };
    ends.root.addEventListener("click", (event) => {
      const box = ends.root.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * WIDE;
      const distances = across.map((share) => Math.abs(xOf(share) - x));
      set("rate", distances.indexOf(Math.min(...distances)));
    });
    model.on("change:activation change:depth change:rate", update);
    update();
    el.append(h("div", { class: "rate-explorer", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, activation.root, depth.root, rate.root), legend(),
      h("div", { class: "stage" }, curves.root, ends.root), status));
  },
};
