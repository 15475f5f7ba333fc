// Two boxes to drag, and a row for each loss.
const [SIDE, LEAST] = [100, 4];
const PRESETS = [
  ["large, shifted: L2 = 8", [30, 30, 70, 70], [38, 30, 78, 70]],
  ["large, widened: L2 = 8", [30, 30, 70, 70], [30, 30, 78, 70]],
  ["small, shifted: L2 = 8", [45, 45, 55, 55], [53, 45, 63, 55]],
  ["apart", [8, 30, 38, 60], [62, 40, 92, 70]],
  ["far too small", [15, 15, 85, 85], [45, 45, 55, 55]],
];
const ROWS = [
  ["squared", "squared L2", (v) => v.toLocaleString("en-GB"), (v) => v / 20000],
  ["l2", "L2", (v) => v.toFixed(2), (v) => v / 141],
  ["smooth", "smooth L1", (v) => v.toFixed(1), (v) => v / 250],
  ["iou", "1 − IoU", (v) => v.toFixed(3), (v) => v / 2],
  ["giou", "1 − GIoU", (v) => v.toFixed(3), (v) => v / 2],
];

export default {
  render({ model, el }) {
    const set = (changes) => {
      for (const [key, value] of Object.entries(changes)) model.set(key, value);
      model.save_changes();
    };
    const preset = choice({
      label: "Begin with", options: [...PRESETS.map(([name], i) => [i, name]), [-1, "your own"]], value: 0,
      onChange: (i) => PRESETS[i] && set({ true: PRESETS[i][1], predicted: PRESETS[i][2] }),
    });
    const enclosing = h("svg:rect", { class: "enclosing" });
    const shared = h("svg:rect", { class: "shared" });
    const stage = h("svg:svg", { class: "picture", viewBox: `0 0 ${SIDE} ${SIDE}` });
    const bodies = {};
    const corners = {};
    for (const [key, name] of [["true", "True box"], ["predicted", "Predicted box"]]) {
      const hold = (isCorner, what) => h("svg:rect", {
        class: `${isCorner ? "corner" : "body"} ${key}`, tabindex: 0, role: "application", "aria-label": what,
        onkeydown: (event) => {
          const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
          if (!step) return;
          event.preventDefault();
          set({ [key]: movedBox(model.get(key), ...step, isCorner || event.shiftKey, SIDE, LEAST) });
        },
        onpointerdown: (event) => drag(event, key, isCorner),
      });
      bodies[key] = hold(false, `${name}: arrow keys move it, with Shift they resize it`);
      corners[key] = hold(true, `${name}, lower right corner: arrow keys resize it`);
    }
    stage.append(enclosing, bodies.true, bodies.predicted, shared, corners.true, corners.predicted);

    function drag(event, key, isCorner) {
      const from = model.get(key);
      followPointer(event, stage, SIDE, (dx, dy) => set({ [key]: movedBox(from, dx, dy, isCorner, SIDE, LEAST) }));
    }

    const cells = Object.fromEntries(ROWS.map(([key]) => [key, { value: h("td", { class: "value" }), bar: h("span", { class: "bar" }) }]));
    const table = h("table", {}, h("tbody", {}, ROWS.map(([key, name]) => h("tr", {}, h("th", { scope: "row" }, name), cells[key].value, h("td", { "aria-hidden": "true" }, cells[key].bar)))));
    const readout = h("p", { class: "readout", role: "status" });
    const show = () => {
      const [truth, predicted] = [model.get("true"), model.get("predicted")];
      const losses = boxLosses(predicted, truth);
      const place = (node, [x1, y1, x2, y2]) => setAttributes(node, { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) });
      for (const [key, box] of [["true", truth], ["predicted", predicted]]) {
        place(bodies[key], box);
        place(corners[key], [box[2] - 4, box[3] - 4, box[2] + 2, box[3] + 2]);
      }
      place(enclosing, losses.enclosing);
      place(shared, [0, 1, 2, 3].map((i) => (i < 2 ? Math.max : Math.min)(predicted[i], truth[i])));
      for (const [key, , format, share] of ROWS) {
        cells[key].value.textContent = format(losses[key]);
        cells[key].bar.style.width = `${Math.max(0.5, 100 * Math.min(1, share(losses[key])))}%`;
      }
      const size = ([x1, y1, x2, y2]) => `${x2 - x1} × ${y2 - y1}`;
      readout.textContent = `Predicted ${size(predicted)}, true ${size(truth)}: L2 ${losses.l2.toFixed(2)}, IoU ${losses.overlap.toFixed(3)}.${losses.overlap === 0 ? " They do not meet: 1 − IoU is 1 wherever the box moves nearby." : ""}`;
      preset.input.value = PRESETS.findIndex(([, t, p]) => t.join() === truth.join() && p.join() === predicted.join());
    };
    model.on("change:true change:predicted", show);
    show();
    el.append(h("div", { class: "box-bench", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, preset.root),
      h("div", { class: "stage" }, stage, h("div", {}, table, readout)),
      h("p", { class: "muted" }, "Dotted: the true box. Solid: the predicted one. Thin dashes: the box around both. Drag a box or its corner; or reach it with Tab and use the arrow keys. L2 and smooth L1 compare position and size, in pixels.")));
  },
};
