// Anchors on a picture: move over the feature map, and see what waits there and for which object.
const KIND_NAMES = { positive: "positive", background: "background", ignored: "ignored" };
const SIGNS = { positive: "✓", background: "–", ignored: "?" };
const kindOf = (found) => (found >= 0 ? "positive" : found === BACKGROUND ? "background" : "ignored");
const tidy = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const ratioName = (ratio) => (ratio < 1 ? `1:${tidy(1 / ratio, 2).replace(/\.?0+$/, "")}` : `${tidy(ratio, 2).replace(/\.?0+$/, "")}:1`);

function boxPath(kind, [x1, y1, x2, y2]) {
  const d = `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
  return h("svg:g", { class: `box ${kind}` }, h("svg:path", { class: "halo", d }), h("svg:path", { class: "edge", d }));
}

// Ticks for a list of numbers of which at least one stays chosen.
function tickList(legend, choices, nameOf, chosen, onChange) {
  const ticks = choices.map((value) => toggle({ label: nameOf(value), checked: chosen().includes(value), onChange: () => change(value) }));
  const change = (value) => {
    const next = choices.filter((one, i) => ticks[i].input.checked);
    if (next.length) onChange(next);
    else ticks[choices.indexOf(value)].input.checked = true;
  };
  const show = () => ticks.forEach(({ input }, i) => (input.checked = chosen().includes(choices[i])));
  return { root: h("fieldset", {}, h("legend", {}, legend), ticks.map(({ root }) => root)), show };
}

// Everything that follows from the settings; the place is not among them.
function labelAll(model) {
  const [height, width] = model.get("size");
  const [stride, scales, ratios] = ["stride", "scales", "ratios"].map((name) => model.get(name));
  const objects = model.get("objects").map(({ box }) => box);
  const grid = [Math.floor(height / stride), Math.floor(width / stride)];
  const anchors = makeAnchors(grid, stride, scales, ratios);
  const assigned = assignAnchors(anchors, objects, { positive: model.get("positive"), negative: model.get("negative"), rescue: model.get("rescue") });
  const shapes = scales.flatMap((scale) => ratios.map((ratio) => ({ scale, ratio })));
  return { stride, grid, anchors, assigned, shapes, objects, counts: countLabels(assigned, objects) };
}

export default {
  render({ model, el }) {
    const [height, width] = model.get("size");
    const objects = model.get("objects");
    const choices = model.get("choices");
    const margin = Math.round(Math.max(height, width) / 10);
    const set = (values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
    };
    let state = labelAll(model);
    const [cells, dots, boxes] = [h("svg:path", { class: "cells" }), h("svg:g", { class: "dots" }), h("svg:g")];
    const handle = h("svg:circle", { class: "handle", r: 5.5 });
    const reach = h("svg:circle", { class: "reach", r: 15 });
    const picture = h("svg:svg", { viewBox: `${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}`, "aria-hidden": "true" },
      h("svg:image", { href: model.get("image"), width, height }), cells, dots,
      objects.map(({ box }) => boxPath("object", box)), boxes, handle, reach);
    const stage = h("div", { class: "stage", tabindex: 0, role: "application", "aria-roledescription": "feature map" }, picture);
    const status = h("p", { class: "readout", role: "status" });
    const here = h("p", { class: "title" });
    const rows = h("ul", { class: "rows" });

    const place = () => clamp(model.get("place"), state.grid);
    const go = (next) => set({ place: clamp(next, state.grid) });
    const row = slider({ label: "Row", min: 0, max: state.grid[0] - 1, value: place()[0], onInput: (at) => go([at, place()[1]]) });
    const column = slider({ label: "Column", min: 0, max: state.grid[1] - 1, value: place()[1], onInput: (at) => go([place()[0], at]) });
    const stride = choice({ label: "Stride", options: choices.stride.map((one) => [one, `${one} px`]), value: model.get("stride"), onChange: (one) => set({ stride: +one }) });
    const twoDigits = (value) => Math.round(100 * value) / 100;
    const positive = slider({
      label: "Positive from IoU", min: 0.05, max: 0.95, step: 0.05, value: model.get("positive"), format: (value) => value.toFixed(2),
      onInput: (value) => set({ positive: twoDigits(value), negative: Math.min(model.get("negative"), twoDigits(value)) }),
    });
    const negative = slider({
      label: "Background below IoU", min: 0.05, max: 0.95, step: 0.05, value: model.get("negative"), format: (value) => value.toFixed(2),
      onInput: (value) => set({ negative: twoDigits(value), positive: Math.max(model.get("positive"), twoDigits(value)) }),
    });
    const rescue = toggle({ label: "Every object gets the anchors that fit it best", checked: model.get("rescue"), onChange: (on) => set({ rescue: on }) });
    const scales = tickList("Scales (px)", choices.scales, (scale) => String(scale), () => model.get("scales"), (next) => set({ scales: next }));
    const ratios = tickList("Height : width", choices.ratios, ratioName, () => model.get("ratios"), (next) => set({ ratios: next }));

    const showPlace = () => {
      const { stride: step, grid, anchors, assigned, shapes } = state;
      const [y, x] = place();
      const first = (y * grid[1] + x) * shapes.length;
      for (const mark of [handle, reach]) setAttributes(mark, { cx: (x + 0.5) * step, cy: (y + 0.5) * step });
      row.set(y);
      column.set(x);
      here.textContent = `Row ${y}, column ${x}: ${shapes.length === 1 ? "one anchor" : `${shapes.length} anchors`}`;
      const items = shapes.map(({ scale, ratio }, i) => {
        const [anchor, { iou, nearest, found, rescued }] = [anchors[first + i], assigned[first + i]];
        const kind = kindOf(found);
        const mark = boxPath(kind, anchor);
        const light = (isOn) => () => mark.classList.toggle("lit", isOn);
        const best = iou > 0 ? `, IoU ${tidy(iou)} with ${objects[nearest].name}` : ", touches no object";
        const target = found >= 0 ? `${rescued ? " (its best)" : ""}, target (${encodeBox(objects[found].box, anchor).map((t) => tidy(t)).join(", ")})` : "";
        const sides = [anchor[2] - anchor[0], anchor[3] - anchor[1]].map((side) => Math.round(side)).join(" × ");
        const line = h("li", { tabindex: 0, class: kind, onpointerenter: light(true), onpointerleave: light(false), onfocus: light(true), onblur: light(false) },
          h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[kind]),
          `${scale} px ${ratioName(ratio)} (${sides})${best}: ${KIND_NAMES[kind]}${target}`);
        return { kind, mark, line };
      });
      const order = ["background", "ignored", "positive"];
      boxes.replaceChildren(...[...items].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)).map(({ mark }) => mark));
      rows.replaceChildren(...items.map(({ line }) => line));
      stage.setAttribute("aria-label", `${here.textContent}. Arrow keys move.`);
    };
    const showAll = () => {
      state = labelAll(model);
      const { stride: step, grid, assigned, shapes, counts } = state;
      const lines = [...Array(grid[0] + 1).keys()].map((i) => `M0 ${i * step}H${grid[1] * step}`)
        .concat([...Array(grid[1] + 1).keys()].map((i) => `M${i * step} 0V${grid[0] * step}`));
      cells.setAttribute("d", lines.join(""));
      const marked = Array.from({ length: grid[0] * grid[1] }, (_, i) => {
        const kinds = assigned.slice(i * shapes.length, (i + 1) * shapes.length).map(({ found }) => kindOf(found));
        const kind = ["positive", "ignored"].find((one) => kinds.includes(one));
        return kind && h("svg:circle", { class: kind, cx: ((i % grid[1]) + 0.5) * step, cy: (Math.floor(i / grid[1]) + 0.5) * step, r: step / 6 });
      });
      dots.replaceChildren(...marked.filter(Boolean));
      row.input.max = grid[0] - 1;
      column.input.max = grid[1] - 1;
      const missed = counts.missed.length ? ` No anchor stands for ${counts.missed.map((i) => objects[i].name).join(", ")}.` : " Every object has an anchor.";
      status.textContent = `${grid[0]} × ${grid[1]} places × ${shapes.length} = ${assigned.length} anchors: ${counts.positive} positive, ${counts.ignored} ignored, ${counts.background} background.${missed}`;
      showPlace();
    };
    const nextPositive = () => {
      const { assigned, grid, shapes } = state;
      const count = grid[0] * grid[1];
      const now = place()[0] * grid[1] + place()[1];
      const hasPositive = (at) => assigned.slice(at * shapes.length, (at + 1) * shapes.length).some(({ found }) => found >= 0);
      const next = Array.from({ length: count }, (_, i) => (now + 1 + i) % count).find(hasPositive);
      if (next !== undefined) go([Math.floor(next / grid[1]), next % grid[1]]);
    };
    const point = (event) => {
      const box = picture.getBoundingClientRect();
      const scale = (width + 2 * margin) / box.width;
      go([event.clientY - box.top, event.clientX - box.left].map((at) => Math.floor((at * scale - margin) / state.stride)));
    };
    let isDragging = false;
    setAttributes(stage, {
      onpointerdown: (event) => {
        isDragging = event.pointerType === "mouse" || event.target === reach; // a finger elsewhere may scroll
        if (isDragging) stage.setPointerCapture(event.pointerId);
        if (isDragging) point(event);
      },
      onclick: point,
      onpointermove: (event) => isDragging && point(event),
      onpointerup: () => (isDragging = false),
      onpointercancel: () => (isDragging = false),
      onkeydown: (event) => {
        const step = arrowStep(event);
        if (!step) return;
        event.preventDefault();
        go(place().map((at, axis) => at + step[axis]));
      },
    });
    model.on("change:place", showPlace);
    for (const [name, control] of Object.entries({ positive, negative })) model.on(`change:${name}`, () => (control.set(model.get(name)), showAll()));
    for (const [name, list] of Object.entries({ scales, ratios })) model.on(`change:${name}`, () => (list.show(), showAll()));
    model.on("change:stride", () => ((stride.input.value = model.get("stride")), showAll()));
    model.on("change:rescue", () => ((rescue.input.checked = model.get("rescue")), showAll()));
    showAll();
    el.append(h("div", { class: "anchors", role: "group", "aria-label": model.get("label") },
      h("div", { class: "halves" },
        h("div", {}, stage, h("div", { class: "buttons" }, button("Next place with a positive", nextPositive)), row.root, column.root),
        h("div", {}, status, h("div", { class: "settings" }, scales.root, ratios.root), stride.root, positive.root, negative.root, rescue.root)),
      here, rows,
      h("p", { class: "muted" }, "Dotted white: objects. Solid green: positive. Dashed yellow: ignored. Thin orange: background. Dots mark the places with positive (green) or ignored (yellow) anchors. Drag the round handle, press a place, or use the arrow keys; point at a row to see its anchor.")));
  },
};
