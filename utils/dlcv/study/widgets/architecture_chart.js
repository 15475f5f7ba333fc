// One network as a row of bars, one for each layer, with its stages below; and the picture it sees.
const svg = (tag, attributes, ...children) => h(`svg:${tag}`, attributes, ...children);

// `onPick(index)` hears which layer the reader points at or moves to.
function makeChart(onPick) {
  const heading = h("p", { class: "heading" });
  const bars = svg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const mark = h("span", { class: "mark" });
  const ticks = h("div", { class: "ticks", "aria-hidden": "true" });
  const plot = h("div", { class: "plot", tabindex: 0, role: "slider" }, bars, mark);
  const stages = h("div", { class: "stages", "aria-hidden": "true" });
  const root = h("div", { class: "network" }, heading, h("div", { class: "framed" }, ticks, plot), stages);
  let network = null;
  let at = 0;

  const pick = (index) => onPick(Math.max(0, Math.min(network.layers.length - 1, index)));
  const pickUnder = (event) => {
    const box = plot.getBoundingClientRect();
    pick(Math.floor(((event.clientX - box.left) / box.width) * network.layers.length));
  };
  const stageAt = () => network.stages.findIndex(({ from, count }) => at < from + count);
  const steps = {
    ArrowRight: () => at + 1, ArrowUp: () => at + 1, ArrowLeft: () => at - 1, ArrowDown: () => at - 1,
    Home: () => 0, End: () => network.layers.length - 1,
    PageDown: () => network.stages[stageAt() + 1]?.from ?? network.layers.length - 1,
    PageUp: () => network.stages[Math.max(0, stageAt() - 1)].from,
  };
  setAttributes(plot, {
    onpointermove: pickUnder,
    onpointerdown: pickUnder,
    onkeydown: (event) => {
      if (!steps[event.key]) return;
      event.preventDefault();
      pick(steps[event.key]());
    },
    onfocus: () => plot.matches(":focus-visible") && pick(at),
  });

  const bar = (layer, i, quantity, scale) => {
    if (quantity === "field" && layer.field === null) return svg("rect", { class: "whole", x: i, y: 0, width: 1, height: 100 });
    const height = 100 * heightOf(layer[quantity], scale);
    return svg("rect", { class: layer.kind, x: i + 0.06, y: 100 - height, width: 0.88, height });
  };

  const show = (next, quantity, scale) => {
    network = next;
    const { layers, name, size } = network;
    const { isPart } = QUANTITIES[quantity];
    const whole = isPart ? `${QUANTITIES[quantity].exact(totalOf(network, quantity))} ${QUANTITIES[quantity].name}` : QUANTITIES[quantity].name;
    heading.replaceChildren(h("strong", {}, name), h("span", { class: "muted" }, ` at ${size} × ${size} pixels: ${whole}`));
    const marks = ticksOf(scale);
    const y = (value) => 100 * heightOf(scale.isLog ? value : value || 1e-9, scale);
    setAttributes(bars, { viewBox: `0 0 ${layers.length} 100` });
    bars.replaceChildren(
      ...network.stages.map(({ from, count }, i) => i % 2 === 1 && svg("rect", { class: "band", x: from, y: 0, width: count, height: 100 })).filter(Boolean),
      ...marks.map((value) => svg("line", { class: "grid", x1: 0, x2: layers.length, y1: 100 - y(value), y2: 100 - y(value) })),
      ...layers.map((layer, i) => bar(layer, i, quantity, scale)),
    );
    ticks.replaceChildren(...marks.map((value) => h("span", { style: `bottom: ${y(value)}%` }, tickText(value, QUANTITIES[quantity]))));
    stages.replaceChildren(...network.stages.map(({ side, count }) => h("span", { style: `flex: ${count} 0 0` }, "\u200b", h("span", {}, side > 1 ? side : ""))));
    setAttributes(plot, { "aria-label": `Layers of ${name}`, "aria-valuemin": 1, "aria-valuemax": layers.length });
  };

  const select = (index, isActive) => {
    at = index;
    const { layers } = network;
    const { name, text, shape } = layers[index];
    mark.style.cssText = `left: ${(100 * index) / layers.length}%; width: ${100 / layers.length}%`;
    root.classList.toggle("active", isActive);
    setAttributes(plot, { "aria-valuenow": index + 1, "aria-valuetext": `${name}: ${text}, ${shapeText(shape)}` });
  };
  return { root, show, select };
}

// The image, and on it the square that one value in the middle of a map depends on.
function makePhoto(address) {
  const image = svg("image", { href: address, preserveAspectRatio: "none" });
  const [halo, frame] = ["halo", "frame"].map((name) => svg("rect", { class: name }));
  const root = svg("svg", { class: "photo", role: "img" }, image, halo, frame);
  const show = (layer, size) => {
    const [high, wide] = layer.window ?? [size, size];
    const side = Math.max(size, Math.min(Math.max(high, wide), 12 * size)) * 1.04;
    const centre = size / 2;
    setAttributes(root, { viewBox: `${centre - side / 2} ${centre - side / 2} ${side} ${side}`, "aria-label": `A photograph of a cat; marked is what ${layer.name} sees: ${fieldText(layer, size)}` });
    setAttributes(image, { width: size, height: size });
    for (const rect of [halo, frame]) setAttributes(rect, { x: centre - wide / 2, y: centre - high / 2, width: wide, height: high });
    root.classList.toggle("everything", !layer.window);
  };
  return { root, show };
}

// All that is known of one layer.
function makeReading(address) {
  const photo = makePhoto(address);
  const title = h("p", { class: "layer-name" });
  const list = h("dl");
  const root = h("div", { class: "reading" }, h("div", { class: "sees" }, photo.root), h("div", {}, title, list));
  const show = (network, index) => {
    const layer = network.layers[index];
    photo.show(layer, network.size);
    title.replaceChildren(h("strong", {}, layer.name), h("span", { class: "muted" }, ` · layer ${index + 1} of ${network.layers.length} of ${network.name}`));
    const part = (quantity) => [QUANTITIES[quantity].name, QUANTITIES[quantity].exact(layer[quantity]), shareText(layer[quantity], totalOf(network, quantity))];
    const rows = [
      ["layer", layer.text, ""], ["output", shapeText(layer.shape), ""],
      part("parameters"), part("multiply_adds"), part("memory"), ["receptive field", fieldText(layer, network.size), ""],
    ];
    list.replaceChildren(...rows.flatMap(([name, value, share]) => [h("dt", {}, name), h("dd", {}, value, share && h("span", { class: "muted" }, ` (${share})`))]));
  };
  return { root, show };
}
