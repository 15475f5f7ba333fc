// Detections of one kind of object: three thresholds, and what becomes right, wrong and missed.
const METHODS = [["area", "area (VOC from 2010)"], ["voc07", "11 points (VOC 2007)"], ["coco", "101 points (COCO)"]];
const PLOT = { width: 320, height: 250, left: 56, top: 12, right: 12, bottom: 40 };
const plotX = (recall) => PLOT.left + recall * (PLOT.width - PLOT.left - PLOT.right);
const plotY = (precision) => PLOT.height - PLOT.bottom - precision * (PLOT.height - PLOT.top - PLOT.bottom);
const pathOf = (points) => points.map(({ recall, precision }, i) => `${i ? "L" : "M"}${plotX(recall).toFixed(1)} ${plotY(precision).toFixed(1)}`).join("");

function axes() {
  const ticks = [0, 0.5, 1].flatMap((tick) => [
    h("svg:text", { x: plotX(tick), y: PLOT.height - PLOT.bottom + 18, "text-anchor": "middle" }, tick),
    h("svg:text", { x: PLOT.left - 8, y: plotY(tick) + 5, "text-anchor": "end" }, tick),
  ]);
  const frame = h("svg:path", { class: "axis", d: `M${plotX(0)} ${plotY(1)}V${plotY(0)}H${plotX(1)}` });
  return [frame, ...ticks, h("svg:text", { x: plotX(0.5), y: PLOT.height - 4, "text-anchor": "middle" }, "recall"),
    h("svg:text", { transform: `translate(14 ${plotY(0.5)}) rotate(-90)`, "text-anchor": "middle" }, "precision")];
}

// The area that AP sums up: the stairs of the raised curve.
function stairs(curve) {
  let recall = 0;
  const steps = envelope(curve).map((point) => {
    const step = `V${plotY(point.precision).toFixed(1)}H${plotX(point.recall).toFixed(1)}`;
    recall = point.recall;
    return step;
  });
  return steps.length ? `M${plotX(0)} ${plotY(0)}${steps.join("")}L${plotX(recall).toFixed(1)} ${plotY(0)}Z` : "";
}

function boxMark(kind, [x1, y1, x2, y2]) {
  const at = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
  return h("svg:g", { class: `mark ${kind}` }, h("svg:rect", { class: "halo", ...at }), h("svg:rect", { class: "edge", ...at }));
}

// A row of the list lights up its box.
function boxRow(mark, kind, text) {
  const light = (isOn) => () => mark.classList.toggle("lit", isOn);
  const sign = { right: "✓", wrong: "✗", missed: "?" }[kind];
  return h("li", { tabindex: 0, class: kind, onpointerenter: light(true), onpointerleave: light(false), onfocus: light(true), onblur: light(false) },
    h("span", { class: "sign", "aria-hidden": "true" }, sign), text);
}

export default {
  render({ model, el }) {
    const scenes = model.get("scenes").map((scene) => ({
      ...scene, detections: scene.boxes.map((box, i) => ({ box, score: scene.scores[i] })),
    }));
    const size = scenes[0].size;
    const photo = h("img", { width: size, height: size });
    const marks = h("svg:svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
    const name = h("p", { class: "title" });
    const rows = h("ul", { class: "rows" });
    const wholeLine = h("svg:path", { class: "whole" });
    const keptLine = h("svg:path", { class: "kept" });
    const area = h("svg:path", { class: "area" });
    const dot = h("svg:circle", { class: "dot", r: 5 });
    const plot = h("svg:svg", { class: "plot", viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img" }, area, axes(), wholeLine, keptLine, dot);
    const status = h("p", { class: "readout", role: "status" });
    const set = (key, value) => (model.set(key, value), model.save_changes());
    const threshold = (key, label, min, max) => slider({
      label, min, max, step: 0.05, value: model.get(key), format: (value) => value.toFixed(2), onInput: (value) => set(key, Math.round(100 * value) / 100),
    });
    const controls = {
      score_threshold: threshold("score_threshold", "Least score", 0, 0.95),
      nms_threshold: threshold("nms_threshold", "NMS: drop above IoU", 0, 1),
      iou_threshold: threshold("iou_threshold", "Right from IoU", 0.05, 0.95),
    };
    const method = choice({ label: "AP by", options: METHODS, value: model.get("method"), onChange: (value) => set("method", value) });

    const show = () => {
      const [scoreThreshold, nmsThreshold, iouThreshold] = Object.keys(controls).map((key) => model.get(key));
      const result = judgeScenes(scenes, { scoreThreshold, nmsThreshold, iouThreshold, method: model.get("method") });
      const index = model.get("index");
      const scene = scenes[index];
      const found = result.matched[index];
      const missed = scene.objects.filter((_, i) => !found.some(({ at }) => at === i));
      setAttributes(photo, { src: scene.image, alt: `Scene ${index + 1}: ${scene.objects.length} objects of the kind that is looked for, and other things` });
      name.textContent = `Scene ${index + 1} of ${scenes.length}, looking for: ${scene.kind}`;
      const items = [
        ...found.map(({ box, score, iou, isRight, why }) => [isRight ? "right" : "wrong", box, `score ${score.toFixed(2)}, IoU ${iou.toFixed(2)}: ${why}`]),
        ...missed.map((box) => ["missed", box, "an object that nothing found"]),
      ].map(([kind, box, text]) => {
        const mark = boxMark(kind, box);
        return { mark, row: boxRow(mark, kind, text) };
      });
      marks.replaceChildren(...items.map(({ mark }) => mark));
      rows.replaceChildren(...items.map(({ row }) => row));
      wholeLine.setAttribute("d", pathOf(result.whole));
      keptLine.setAttribute("d", pathOf(result.curve));
      area.setAttribute("d", stairs(result.curve));
      const last = result.curve.at(-1);
      setAttributes(dot, { cx: plotX(last?.recall ?? 0), cy: plotY(last?.precision ?? 0), visibility: last ? "visible" : "hidden" });
      const { right, wrong, count, ap } = result;
      const precision = right + wrong ? (right / (right + wrong)).toFixed(2) : "undefined";
      const used = [scoreThreshold, nmsThreshold, iouThreshold].map((value) => value.toFixed(2));
      status.replaceChildren(`All scenes, scores from ${used[0]}, NMS at ${used[1]}, right from ${used[2]}: ${right} right, ${wrong} wrong, ${count - right} missed. Precision ${precision}, recall ${(right / count).toFixed(2)}, `,
        h("strong", {}, `AP ${ap.toFixed(3)}`));
      plot.setAttribute("aria-label", `Precision against recall; average precision ${ap.toFixed(3)}`);
    };
    const step = (by) => set("index", (model.get("index") + by + scenes.length) % scenes.length);
    const buttons = h("div", { class: "buttons" }, button("Previous scene", () => step(-1)), button("Next scene", () => step(1)));
    for (const [key, control] of Object.entries(controls)) model.on(`change:${key}`, () => (control.set(model.get(key)), show()));
    model.on("change:method", () => ((method.input.value = model.get("method")), show()));
    model.on("change:index", show);
    show();
    el.append(h("div", { class: "detections", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, Object.values(controls).map(({ root }) => root), method.root),
      h("div", { class: "stage" },
        h("div", {}, name, h("div", { class: "canvas" }, photo, marks), buttons),
        h("div", {}, plot, status)),
      rows,
      h("p", { class: "muted" }, "Solid green: right. Dashed orange: wrong. Dotted white: missed. The shaded area is what AP sums up over all scenes; the thin line goes on to the detections below the least score. Point at a row, or reach it with Tab, to see its box.")));
  },
};
