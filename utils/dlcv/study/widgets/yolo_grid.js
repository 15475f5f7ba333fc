// A picture under YOLO's grid: point at a cell and read what it says.
const roundTo = (digits) => (value) => value.toFixed(digits);
const rectOf = (name, [x1, y1, x2, y2]) => h("svg:rect", { class: name, x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) });
const framedBox = (name, box) => h("svg:g", { class: name }, rectOf("halo", box), rectOf("edge", box));

// One bar with its name and value.
const barRow = (name, value, isBest) => h("li", { class: isBest ? "best" : null },
  h("span", { class: "name" }, name), h("span", { class: "track" }, h("span", { class: "fill", style: `width:${100 * value}%` })), h("span", { class: "value" }, value.toFixed(2)));

export default {
  render({ model, el }) {
    const scenes = model.get("scenes").map((scene) => ({ ...scene, output: unpack(scene.output) }));
    const names = model.get("names");
    const shape = { S: model.get("grid"), B: model.get("boxes_per_cell"), C: names.length, size: model.get("size") };
    const { S, size } = shape;
    const put = (values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
      show();
    };
    const photo = h("img", {});
    const marks = h("svg:svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
    const stage = h("div", { class: "canvas", tabindex: 0, role: "application", "aria-roledescription": "grid" }, photo, marks);
    const status = h("p", { class: "readout", role: "status" });
    const classes = h("ul", { class: "bars" });
    const numbers = h("table", { class: "numbers" });
    const scene = choice({ label: "Picture", options: scenes.map((_, i) => [String(i), `scene ${i + 1}`]), value: String(model.get("index")), onChange: (value) => put({ index: +value }) });
    const layer = choice({ label: "Colour the cells by", options: [["confidence", "largest confidence"], ["class", "certainty of the class"], ["truth", "objects' centres (the truth)"], ["none", "nothing"]], value: model.get("layer"), onChange: (value) => put({ layer: value }) });
    const least = slider({ label: "Show boxes from score", min: 0.05, max: 1, step: 0.05, value: model.get("least_score"), format: (v) => v > 0.99 ? "none" : v.toFixed(2), onInput: (value) => put({ least_score: value }) });
    const thin = toggle({ label: "suppress duplicates (NMS, IoU 0.5)", checked: model.get("suppress"), onChange: (value) => put({ suppress: value }) });
    const tint = (mode, cell, isTrue) => mode === "confidence" ? Math.max(...cell.boxes.map((box) => box.confidence)) : mode === "class" ? Math.max(...cell.classes) : mode === "truth" && isTrue ? 0.9 : 0;
    const show = () => {
      const { image, output, objects, labels } = scenes[model.get("index")];
      const [row, column] = model.get("cell");
      const truth = responsibleCells(objects, shape);
      const cell = readCell(output, shape, row, column);
      const best = cell.classes.indexOf(Math.max(...cell.classes));
      const isThere = truth.get(row * S + column);
      setAttributes(photo, { src: image, alt: `A scene with ${labels.map((label) => names[label]).join(", ") || "no object"}` });
      const step = size / S;
      const tints = [];
      for (let i = 0; i < S * S; i++) {
        const [r, c] = [Math.floor(i / S), i % S];
        const opacity = tint(model.get("layer"), readCell(output, shape, r, c), truth.has(i));
        if (opacity > 0.02) tints.push(h("svg:rect", { class: "tint", x: c * step, y: r * step, width: step, height: step, opacity: (0.75 * opacity).toFixed(3) }));
      }
      const lines = Array.from({ length: S - 1 }, (_, k) => `M${(k + 1) * step} 0V${size}M0 ${(k + 1) * step}H${size}`).join("");
      const found = readGrid(output, shape);
      const shown = model.get("least_score") > 0.99 ? [] : model.get("suppress") ? thinOut(found, model.get("least_score"), 0.5) : found.filter(({ score }) => score >= model.get("least_score"));
      const order = [...cell.boxes].sort((a, b) => a.confidence - b.confidence);
      marks.replaceChildren(...tints, h("svg:path", { class: "lines", d: lines }),
        ...shown.map(({ box }) => framedBox("found", box)),
        framedBox("cell", [column * step, row * step, (column + 1) * step, (row + 1) * step]),
        ...order.map(({ box }, k) => framedBox(k === order.length - 1 ? "said best" : "said", box)));
      classes.replaceChildren(...names.map((name, k) => barRow(name, cell.classes[k], k === best)));
      const heads = ["", "x", "y", "√w", "√h", "confidence", "score"];
      const lead = Math.max(...cell.boxes.map((one) => one.confidence));
      numbers.replaceChildren(
        h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, cell.boxes.map((one, k) => h("tr", { class: one.confidence === lead ? "best" : null }, h("th", { scope: "row" }, `box ${k + 1}`), one.numbers.map((value) => h("td", {}, value.toFixed(2))), h("td", {}, (one.confidence * cell.classes[best]).toFixed(2)))),
          h("tr", {}, h("th", { scope: "row" }, "target"), ...(isThere ? [...isThere.inside, ...isThere.roots].map((value) => h("td", {}, value.toFixed(2))) : Array.from({ length: 4 }, () => h("td", {}, "–"))), h("td", {}, isThere ? "IoU" : "0"), h("td", {}, ""))));
      const says = `Cell in row ${row}, column ${column}: ${isThere ? `the centre of a ${names[labels[isThere.object]]} lies here` : "no centre lies here"}. It says ${names[best]}, with a score of ${(lead * cell.classes[best]).toFixed(2)}.`;
      status.textContent = `${says} ${shown.length ? `${shown.length} ${shown.length === 1 ? "box" : "boxes"} shown` : "No box shown"}; ${objects.length} ${objects.length === 1 ? "object" : "objects"} in the picture.`;
      stage.setAttribute("aria-label", `The grid, ${S} by ${S}. Arrow keys move the cell. Now row ${row}, column ${column}.`);
    };
    stage.addEventListener("pointerdown", (event) => put({ cell: cellAt(event, photo, S, S) }));
    stage.addEventListener("keydown", (event) => {
      const step = arrowStep(event);
      if (!step) return;
      event.preventDefault();
      put({ cell: moved(model.get("cell"), step, [S, S]) });
    });
    model.on("change:index", () => ((scene.input.value = String(model.get("index"))), show()));
    model.on("change:layer", () => ((layer.input.value = model.get("layer")), show()));
    model.on("change:least_score", () => (least.set(model.get("least_score")), show()));
    model.on("change:suppress", () => ((thin.input.checked = model.get("suppress")), show()));
    model.on("change:cell", show);
    show();
    el.append(h("div", { class: "yolo", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, scene.root, layer.root, least.root, thin.root),
      h("div", { class: "stage" }, stage, h("div", {}, h("p", { class: "muted" }, "Pr(class | object), one list for the whole cell"), classes)),
      h("div", { class: "scroll" }, numbers), status,
      h("p", { class: "muted" }, "White: the cell that you chose. Blue: its boxes, the one with the larger confidence solid. Green: boxes of all cells from the score that you set. Score = confidence × Pr(class | object).")));
  },
};
