// A window over a picture on the left, the map of its answers on the right.
const PER_SECOND = 20;
const RAMP = [[24, 28, 60], [0, 114, 178], [120, 200, 190], [255, 240, 140]]; // dark to light

function rampColour(value) {
  const at = Math.min(value, 0.9999) * (RAMP.length - 1);
  const [low, high] = [RAMP[Math.floor(at)], RAMP[Math.floor(at) + 1]];
  return low.map((part, i) => Math.round(part + (at % 1) * (high[i] - part)));
}

const rectOf = ([x1, y1, x2, y2]) => ({ x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1) });
const outlined = (kind, box) => h("svg:g", { class: kind }, h("svg:rect", { class: "halo", ...rectOf(box) }), h("svg:rect", { class: "edge", ...rectOf(box) }));

export default {
  render({ model, el }) {
    const views = model.get("views").map((view) => ({ ...view, values: unpack(view.probs), shares: unpack(view.boxes) }));
    const [size, window, kinds, truth] = ["size", "window", "kinds", "box"].map((key) => model.get(key));
    const set = (key, value) => (model.set(key, value), model.save_changes());
    const view = () => views[model.get("scale")];
    const grid = () => windowGrid(view(), model.get("offsets"));
    const here = () => Math.min(model.get("position"), grid().count - 1);

    const photo = h("img", { src: model.get("image"), width: size, height: size, alt: "A scene with one object in it" });
    const marks = h("svg:svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
    const canvas = h("canvas", { "aria-hidden": "true" });
    const cursor = h("svg:svg", { "aria-hidden": "true" });
    const map = h("div", { class: "map", tabindex: 0, role: "application" }, canvas, cursor);
    const caption = h("p", { class: "caption" });
    const readout = h("p", { class: "readout", role: "status" });
    const work = h("p", { class: "work" });

    const scale = choice({ label: "Picture resized to", options: views.map(({ name }, i) => [i, name]), value: model.get("scale"), onChange: (i) => move(0, { scale: +i }) });
    const kind = choice({ label: "Map of", options: kinds.map((name, i) => [i, name]), value: model.get("kind"), onChange: (i) => set("kind", +i) });
    const offsets = toggle({ label: "Pool at all offsets", checked: model.get("offsets"), onChange: (isOn) => move(0, { offsets: isOn }) });
    const whole = toggle({ label: "Whole map at once", checked: model.get("whole"), onChange: (isOn) => set("whole", isOn) });
    const seen = slider({ label: "Windows", min: 1, max: grid().count, value: 1, onInput: (count) => move(count - 1) });

    let timer = null;
    const player = button("Play", () => play(timer === null), { class: "primary" });
    function play(isOn) {
      clearInterval(timer);
      timer = null;
      if (isOn) {
        if (here() === grid().count - 1) move(0, {}, true);
        timer = setInterval(() => (here() < grid().count - 1 ? move(here() + 1, {}, true) : play(false)), 1000 / PER_SECOND);
      }
      player.textContent = isOn ? "Pause" : "Play";
      readout.setAttribute("aria-live", isOn ? "off" : "polite");
    }
    function move(position, others = {}, isPlaying = false) {
      if (!isPlaying && timer !== null) play(false);
      for (const [key, value] of Object.entries(others)) model.set(key, value);
      set("position", position);
    }

    const paint = (count) => {
      const { side, skip } = grid();
      const pixels = new ImageData(side, side);
      for (let at = 0; at < count; at++) {
        const place = Math.floor(at / side) * skip * view().side + (at % side) * skip;
        pixels.data.set([...rampColour(probability(view(), model.get("kind"), place)), 255], 4 * at);
      }
      setAttributes(canvas, { width: side, height: side });
      canvas.getContext("2d").putImageData(pixels, 0, 0);
    };
    const show = () => {
      const [isDense, chosen, at] = [model.get("offsets"), model.get("kind"), here()];
      const { side, count } = grid();
      const shown = model.get("whole") ? count : at + 1;
      const { row, column, place, box } = windowAt(view(), isDense, at, window);
      const better = regressedBox(view(), place, box, window);
      paint(shown);
      setAttributes(cursor, { viewBox: `0 0 ${side} ${side}` });
      cursor.replaceChildren(outlined("here", [column, row, column + 1, row + 1]));
      marks.replaceChildren(outlined("truth", truth), outlined("window", box), outlined("better", better));
      setAttributes(seen.input, { max: count });
      seen.set(at + 1);
      map.setAttribute("aria-label", `Score map, ${side} by ${side}; arrow keys move the window`);
      caption.textContent = `${kinds[chosen]}, ${side} × ${side} windows`;
      const best = bestWindow(view(), chosen, isDense, shown, window);
      const where = windowAt(view(), isDense, best.at, window);
      const percent = (value) => value.toFixed(2);
      readout.textContent = `Window ${at + 1} of ${count}: ${kinds[chosen]} ${percent(probability(view(), chosen, place))}. The window overlaps the object with IoU ${percent(overlap(box, truth))}, its regressed box with ${percent(overlap(better, truth))}. Best so far: window ${best.at + 1}, ${percent(best.value)}, IoU ${percent(overlap(where.box, truth))}, regressed ${percent(overlap(regressedBox(view(), where.place, where.box, window), truth))}.`;
      work.textContent = `${(at + 1).toLocaleString("en-GB")} ${at ? "windows" : "window"} cut out one by one: ${readable((at + 1) * model.get("window_cost"))} multiply-adds. The whole map in one pass: ${readable(view().costs[+isDense])}.`;
    };
    setAttributes(map, {
      onkeydown: (event) => {
        const { side, count } = grid();
        const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side }[event.key];
        if (by === undefined) return;
        event.preventDefault();
        if (here() + by >= 0 && here() + by < count) move(here() + by);
      },
      onclick: ({ clientX, clientY }) => {
        const { left, top, width, height } = map.getBoundingClientRect();
        const { side } = grid();
        const cell = (share) => Math.max(0, Math.min(side - 1, Math.floor(share * side)));
        move(cell((clientY - top) / height) * side + cell((clientX - left) / width));
      },
    });
    model.on("change:scale", () => ((scale.input.value = model.get("scale")), show()));
    model.on("change:kind", () => ((kind.input.value = model.get("kind")), show()));
    model.on("change:offsets", () => ((offsets.input.checked = model.get("offsets")), show()));
    model.on("change:whole", () => ((whole.input.checked = model.get("whole")), show()));
    model.on("change:position", show);
    show();
    el.append(h("div", { class: "sliding", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, scale.root, kind.root, offsets.root, whole.root),
      h("div", { class: "stage" },
        h("div", {}, h("p", { class: "caption" }, "the picture"), h("div", { class: "canvas" }, photo, marks)),
        h("div", {}, caption, map, h("div", { class: "legend" }, "0", h("span", { class: "bar" }), "1"))),
      seen.root, h("div", { class: "buttons" }, reducedMotion() ? null : player),
      readout, work,
      h("p", { class: "muted" }, "Solid: the window. Dashed: the box that the regressor makes of it. Dotted: the true box. Tap the map, or move through it with the arrow keys.")));
    return () => play(false);
  },
};
