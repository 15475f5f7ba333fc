// Proposals on a picture: how many, by which method, and how well the best of them fit.
const CHART = { width: 320, height: 210, left: 56, top: 10, right: 12, bottom: 38 };
const chartX = (count, most) => CHART.left + (Math.log(count) / Math.log(most)) * (CHART.width - CHART.left - CHART.right);
const chartY = (recall) => CHART.height - CHART.bottom - recall * (CHART.height - CHART.top - CHART.bottom);

function overlapOf(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
  const union = area(a) + area(b) - width * height;
  return union > 0 ? (width * height) / union : 0;
}

// For each object, the best of the first `count` boxes: { iou, at }, at −1 if none touches it.
function bestProposals(boxes, objects, count) {
  return objects.map((object) => boxes.slice(0, count).reduce((best, box, at) => {
    const iou = overlapOf(box, object);
    return iou > best.iou ? { iou, at } : best;
  }, { iou: 0, at: -1 }));
}

const recallOf = (best) => best.filter(({ iou }) => iou >= 0.5).length / best.length;
const averageRecall = (best) => (2 * best.reduce((sum, { iou }) => sum + Math.max(0, iou - 0.5), 0)) / best.length;

// Recall of the first 1, 2, … boxes.
function recallCurve(boxes, objects) {
  const best = objects.map(() => 0);
  return boxes.map((box) => {
    objects.forEach((object, i) => (best[i] = Math.max(best[i], overlapOf(box, object))));
    return best.filter((iou) => iou >= 0.5).length / best.length;
  });
}

const outlineOf = ([x1, y1, x2, y2]) => `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;

function framed(kind, box, title) {
  const d = outlineOf(box);
  return h("svg:g", { class: kind }, h("svg:path", { class: "halo", d }), h("svg:path", { class: "edge", d }), title);
}

export default {
  render({ model, el }) {
    const pictures = model.get("pictures").map((picture) => ({
      ...picture,
      methods: picture.methods.map(({ name, boxes }) => {
        const flat = unpack(boxes);
        const list = Array.from({ length: boxes.shape[0] }, (_, i) => [...flat.subarray(4 * i, 4 * i + 4)]);
        return { name, boxes: list, curve: recallCurve(list, picture.boxes) };
      }),
    }));
    const most = Math.max(...pictures.flatMap(({ methods }) => methods.map(({ boxes }) => boxes.length)));
    // The slider runs through rounded powers, as the curve's axis does.
    const stops = [...new Set(Array.from({ length: 41 }, (_, i) => Math.round(most ** (i / 40))))];
    const photo = h("img");
    const marks = h("svg:svg", { "aria-hidden": "true" });
    const chart = h("svg:svg", { class: "chart", viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img" });
    const rows = h("ul", { class: "rows" });
    const status = h("p", { class: "readout", role: "status" });
    const set = (key, value) => (model.set(key, value), model.save_changes());
    const picture = choice({ label: "Picture", options: pictures.map(({ name }, i) => [i, name]), value: model.get("picture"), onChange: (i) => set("picture", +i) });
    const method = choice({ label: "Method", options: pictures[0].methods.map(({ name }, i) => [i, name]), value: model.get("method"), onChange: (i) => set("method", +i) });
    const nearest = (count) => stops.findLastIndex((stop) => stop <= count);
    const count = slider({
      label: "Proposals", min: 0, max: stops.length - 1, value: nearest(model.get("count")), format: (i) => String(stops[i]), onInput: (i) => set("count", stops[i]),
    });

    const drawChart = (methods, chosen, shown) => {
      const ticks = [1, 10, 100, 1000].filter((tick) => tick <= most);
      const lines = methods.map(({ curve }, i) => h("svg:path", {
        class: i === chosen ? "line chosen" : "line",
        d: curve.map((recall, n) => `${n ? "L" : "M"}${chartX(n + 1, most).toFixed(1)} ${chartY(recall).toFixed(1)}`).join(""),
      }));
      lines.push(lines.splice(chosen, 1)[0]);
      chart.replaceChildren(
        h("svg:path", { class: "axis", d: `M${CHART.left} ${chartY(1)}V${chartY(0)}H${CHART.width - CHART.right}` }),
        ...ticks.map((tick) => h("svg:text", { x: chartX(tick, most), y: chartY(0) + 17, "text-anchor": "middle" }, tick)),
        ...[0, 0.5, 1].map((tick) => h("svg:text", { x: CHART.left - 7, y: chartY(tick) + 5, "text-anchor": "end" }, tick)),
        h("svg:text", { x: CHART.width / 2 + 15, y: CHART.height - 4, "text-anchor": "middle" }, "proposals"),
        h("svg:text", { transform: `translate(14 ${chartY(0.5)}) rotate(-90)`, "text-anchor": "middle" }, "recall"),
        ...lines,
        h("svg:circle", { class: "dot", r: 5, cx: chartX(shown, most), cy: chartY(methods[chosen].curve[shown - 1]) }));
      chart.setAttribute("aria-label", `Recall against the number of proposals; ${methods[chosen].name} stands out from the other methods`);
    };
    const show = () => {
      const { name, image, size: [height, width], boxes: objects, names, methods } = pictures[model.get("picture")];
      const chosen = model.get("method");
      const { boxes } = methods[chosen];
      const shown = Math.min(model.get("count"), boxes.length);
      const best = bestProposals(boxes, objects, shown);
      setAttributes(photo, { src: image, width, height, alt: `${name}, with the objects ${[...new Set(names)].join(", ")}` });
      setAttributes(marks, { viewBox: `0 0 ${width} ${height}` });
      const found = objects.map((object, i) => {
        const isReached = best[i].iou >= 0.5;
        const box = best[i].at < 0 ? null : framed(isReached ? "best reached" : "best", boxes[best[i].at]);
        const group = h("svg:g", { class: "mark" }, framed("object", object), box);
        const light = (isOn) => () => group.classList.toggle("lit", isOn);
        const row = h("li", { tabindex: 0, onpointerenter: light(true), onpointerleave: light(false), onfocus: light(true), onblur: light(false) },
          h("span", { class: isReached ? "sign reached" : "sign", "aria-hidden": "true" }, isReached ? "✓" : "✗"),
          `${names[i]}: IoU ${best[i].iou.toFixed(3)}${best[i].at < 0 ? "" : `, number ${best[i].at + 1}`}`);
        return { group, row };
      });
      marks.replaceChildren(h("svg:path", { class: "all", d: boxes.slice(0, shown).map(outlineOf).join("") }), ...found.map(({ group }) => group));
      rows.replaceChildren(...found.map(({ row }) => row));
      drawChart(methods, chosen, shown);
      status.textContent = `${shown} of ${boxes.length} proposals: ${best.filter(({ iou }) => iou >= 0.5).length} of ${objects.length} objects reached, recall ${recallOf(best).toFixed(2)}, average recall ${averageRecall(best).toFixed(2)}.`;
    };
    model.on("change:picture", () => ((picture.input.value = model.get("picture")), show()));
    model.on("change:method", () => ((method.input.value = model.get("method")), show()));
    model.on("change:count", () => (count.set(nearest(model.get("count"))), show()));
    show();
    el.append(h("div", { class: "proposals", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, picture.root, method.root, count.root),
      h("div", { class: "stage" }, h("div", {}, h("div", { class: "canvas" }, photo, marks)), h("div", {}, chart, status)),
      rows,
      h("p", { class: "muted" }, "Thin white: proposals. Dotted: an object. Green: the best proposal for it, with an IoU of at least 0.5; dashed orange: the best, but below. Point at a row, or reach it with Tab, to see its object.")));
  },
};
