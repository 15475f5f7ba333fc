// The architecture explorer: networks as bars, every layer with its cost and what it sees.
const capital = (text) => text[0].toUpperCase() + text.slice(1);

const widestText = (network) => (widestField(network) < Infinity ? inPixels(widestField(network)) : "all");

// What networks cost in all, and the second over the first.
function totalsTable(networks) {
  const columns = ["parameters", "multiply_adds", "memory"];
  const row = (network) => [network.name, ...columns.map((quantity) => QUANTITIES[quantity].text(totalOf(network, quantity))), widestText(network)];
  const rows = networks.map(row);
  if (networks.length > 1) {
    const [first, second] = networks;
    const ratio = (measure) => {
      const value = measure(second) / measure(first);
      return value > 0 && value < Infinity ? `× ${value.toFixed(2)}` : "–";
    };
    rows.push(["second : first", ...columns.map((quantity) => ratio((network) => totalOf(network, quantity))), ratio(widestField)]);
  }
  const cells = (values, tag) => values.map((value, i) => h(i ? tag : "th", { scope: i ? tag === "th" && "col" : tag === "th" ? "col" : "row" }, value));
  return h("table", {}, h("thead", {}, h("tr", {}, cells(["In all", "parameters", "multiply-adds", "memory", "widest field"], "th"))),
    h("tbody", {}, rows.map((values) => h("tr", {}, cells(values, "td")))));
}

function legendOf(networks, quantity) {
  const layers = networks.flatMap((network) => network.layers);
  const kinds = Object.keys(KINDS).filter((kind) => layers.some((layer) => layer.kind === kind)).map((kind) => [kind, KINDS[kind]]);
  if (quantity === "field" && layers.some(({ field }) => field === null)) kinds.push(["whole", "sees the whole image"]);
  return kinds.map(([kind, text]) => h("span", {}, h("span", { class: `swatch ${kind}` }), text));
}

export default {
  render({ model, el }) {
    const networks = Object.fromEntries(model.get("networks").map((columns) => [columns.name, loadNetwork(columns)]));
    const write = (values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
    };
    const names = Object.keys(networks).map((name) => [name, name]);
    const quantities = Object.entries(QUANTITIES).map(([key, { name }]) => [key, name]);
    const first = choice({ label: "Network", options: names, value: model.get("network"), onChange: (name) => write({ network: name, layer: 0 }) });
    const second = choice({ label: "Compare with", options: [["", "nothing"], ...names], value: model.get("other"), onChange: (name) => ((state.otherLayer = 0), write({ other: name })) });
    const bars = choice({ label: "Bars show", options: quantities, value: model.get("quantity"), onChange: (name) => write({ quantity: name }) });
    const log = toggle({ label: "logarithmic", checked: model.get("logarithmic"), onChange: (isLog) => write({ logarithmic: isLog }) });

    // Which chart is looked at; the layer of the second network is of no use to Python.
    const state = { side: 0, otherLayer: 0 };
    const shown = () => [model.get("network"), model.get("other")].filter(Boolean).map((name) => networks[name]);
    const layerOf = (side) => {
      const index = side === 0 ? model.get("layer") : state.otherLayer;
      return Math.max(0, Math.min(shown()[side].layers.length - 1, index));
    };
    const pick = (side, index) => {
      if (side === state.side && index === layerOf(side)) return;
      state.side = side;
      if (side === 1) state.otherLayer = index;
      if (side === 0 && index !== model.get("layer")) write({ layer: index });
      else look();
    };
    const charts = [0, 1].map((side) => makeChart((index) => pick(side, index)));
    const reading = makeReading(model.get("photo"));
    const legend = h("p", { class: "legend" });
    const totals = h("div", { class: "totals" });
    const step = (by) => {
      const index = layerOf(state.side) + by;
      if (index >= 0 && index < shown()[state.side].layers.length) pick(state.side, index);
    };

    const look = () => {
      const visible = shown();
      state.side = Math.min(state.side, visible.length - 1);
      visible.forEach((_, side) => charts[side].select(layerOf(side), visible.length > 1 && side === state.side));
      reading.show(visible[state.side], layerOf(state.side));
    };
    const draw = () => {
      const visible = shown();
      const quantity = model.get("quantity");
      const scale = scaleOf(visible, quantity, model.get("logarithmic"));
      visible.forEach((network, side) => charts[side].show(network, quantity, scale));
      charts[1].root.hidden = visible.length < 2;
      legend.replaceChildren(...legendOf(visible, quantity));
      totals.replaceChildren(totalsTable(visible));
      first.input.value = model.get("network");
      second.input.value = model.get("other");
      bars.input.value = quantity;
      log.input.checked = model.get("logarithmic");
      look();
    };

    el.append(h("div", { class: "explorer", role: "group", "aria-label": model.get("label") },
      h("div", { class: "settings" }, first.root, second.root, bars.root, log.root),
      charts.map((chart) => chart.root), legend,
      h("div", { class: "buttons" }, button("Previous layer", () => step(-1)), button("Next layer", () => step(1))),
      reading.root, totals,
      h("p", { class: "muted" }, "Point at a bar, drag over the bars, or use the arrow keys; Page Up and Page Down go from stage to stage. Numbers below the bars are sides of maps in pixels. A layer counts with the normalisation and activation behind it, memory at four bytes a value; the square on the photograph is the receptive field of a value in the middle of a map.")));
    draw();
    const redrawn = "change:network change:other change:quantity change:logarithmic";
    model.on(redrawn, draw);
    model.on("change:layer", look);
    return () => {
      model.off(redrawn, draw);
      model.off("change:layer", look);
    };
  },
};
