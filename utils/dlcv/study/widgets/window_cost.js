// Two bars for each layer, and both totals against the size of the image.
const PLOT = { width: 340, height: 240, left: 58, top: 12, right: 12, bottom: 40 };

export default {
  render({ model, el }) {
    const networks = model.get("networks");
    const net = () => networks[model.get("network")];
    const side = () => Math.max(net().window, Math.min(net().largest, model.get("image")));
    const set = (changes) => {
      for (const [key, value] of Object.entries(changes)) model.set(key, value);
      model.save_changes();
    };
    const network = choice({
      label: "Network", options: networks.map(({ name }, i) => [i, name]), value: model.get("network"),
      onChange: (i) => set({ network: +i, image: Math.min(networks[+i].largest, 4 * networks[+i].window) }),
    });
    const offsets = toggle({ label: "Pool at all offsets", checked: model.get("offsets"), onChange: (isOn) => set({ offsets: isOn }) });
    const image = slider({ label: "Image", min: net().window, max: net().largest, value: model.get("image"), format: (px) => `${px} px`, onInput: (px) => set({ image: px }) });
    const readout = h("p", { class: "readout", role: "status" });
    const body = h("tbody");
    const table = h("table", {}, h("thead", {}, h("tr", {}, ["layer", "map", "crop by crop", "one pass"].map((text) => h("th", { scope: "col" }, text)))), body);
    const plot = h("svg:svg", { class: "plot", viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img" });

    const drawPlot = (result) => {
      const [low, high] = [net().window, net().largest];
      const sizes = Array.from({ length: 61 }, (_, i) => Math.round(low + ((high - low) * i) / 60));
      const all = sizes.map((size) => ({ size, ...compareCosts(net(), size, model.get("offsets")) }));
      const [least, most] = [Math.log10(all[0].once) - 0.1, Math.log10(all.at(-1).crops) + 0.1];
      const x = (size) => PLOT.left + ((size - low) / (high - low)) * (PLOT.width - PLOT.left - PLOT.right);
      const y = (count) => PLOT.height - PLOT.bottom - ((Math.log10(count) - least) / (most - least)) * (PLOT.height - PLOT.top - PLOT.bottom);
      const line = (key) => h("svg:path", { class: `line ${key}`, d: all.map((row, i) => `${i ? "L" : "M"}${x(row.size).toFixed(1)} ${y(row[key]).toFixed(1)}`).join("") });
      const ticks = Array.from({ length: 15 }, (_, i) => i).filter((power) => power >= least && power <= most);
      plot.replaceChildren(
        h("svg:path", { class: "axis", d: `M${PLOT.left} ${PLOT.top}V${PLOT.height - PLOT.bottom}H${PLOT.width - PLOT.right}` }),
        ...ticks.map((power) => h("svg:text", { x: PLOT.left - 6, y: y(10 ** power) + 5, "text-anchor": "end" }, "10", h("svg:tspan", { dy: -5, "font-size": 11 }, power))),
        ...[low, Math.round((low + high) / 2), high].map((size, i) => h("svg:text", { x: x(size), y: PLOT.height - PLOT.bottom + 18, "text-anchor": ["start", "middle", "end"][i] }, size)),
        h("svg:text", { x: (PLOT.left + PLOT.width) / 2, y: PLOT.height - 5, "text-anchor": "middle" }, "side of the image, px"),
        line("crops"), line("once"),
        ...["crops", "once"].map((key) => h("svg:circle", { class: `dot ${key}`, r: 5, cx: x(side()), cy: y(result[key]) })));
      plot.setAttribute("aria-label", `Multiply-adds against the size of the image, on a logarithmic scale: crop by crop grows far above one pass; at ${side()} pixels ${result.ratio.toFixed(1)} times`);
    };
    const show = () => {
      const result = compareCosts(net(), side(), model.get("offsets"));
      const most = Math.max(...result.rows.map(({ crops }) => crops));
      const cell = (kind, count) => h("td", {}, h("span", { class: `bar ${kind}`, style: `width:${Math.max(0.5, (100 * count) / most)}%` }), h("span", { class: "count" }, inWords(count)));
      body.replaceChildren(...result.rows.map(({ name, side, crops, once }) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, `${side} × ${side}`), cell("crops", crops), cell("once", once))));
      setAttributes(image.input, { min: net().window, max: net().largest });
      image.set(side());
      readout.replaceChildren(`${result.windows.toLocaleString("en-GB")} windows, ${result.step} px apart. Crop by crop: ${result.windows.toLocaleString("en-GB")} × ${inWords(result.perCrop)} = ${inWords(result.crops)} multiply-adds. One pass: ${inWords(result.once)}, `,
        h("strong", {}, `${result.ratio.toFixed(1)} times less`), ".");
      drawPlot(result);
    };
    model.on("change:network", () => ((network.input.value = model.get("network")), show()));
    model.on("change:offsets", () => ((offsets.input.checked = model.get("offsets")), show()));
    model.on("change:image", show);
    show();
    el.append(h("div", { class: "window-cost", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, network.root, offsets.root), image.root, readout,
      h("div", { class: "stage" }, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Cost of each layer" }, table), h("div", {}, plot,
        h("p", { class: "key" }, h("span", { class: "swatch crops" }), "crop by crop ", h("span", { class: "swatch once" }), "one pass")))));
  },
};
