// Who pays the loss: the easy background or the objects, by gamma and alpha.
const FOCAL = { width: 340, height: 230, left: 44, right: 10, top: 12, bottom: 40 };
const PARTS = [["easy", "easy background"], ["hard", "hard background"], ["objects", "objects"]];
const focalX = (p) => FOCAL.left + p * (FOCAL.width - FOCAL.left - FOCAL.right);
const focalY = (share) => FOCAL.height - FOCAL.bottom - share * (FOCAL.height - FOCAL.top - FOCAL.bottom);
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const MOST_LOSS = 5;

function axesOf(x, y, yTicks) {
  const marks = yTicks.map(([value, text]) => h("svg:text", { x: FOCAL.left - 6, y: focalY(value) + 5, "text-anchor": "end" }, text));
  const below = [0, 0.5, 1].map((p) => h("svg:text", { x: focalX(p), y: FOCAL.height - FOCAL.bottom + 17, "text-anchor": "middle" }, String(p)));
  return [
    h("svg:path", { class: "axis", d: `M${focalX(0)} ${focalY(1)}V${focalY(0)}H${focalX(1)}` }),
    ...marks, ...below,
    h("svg:text", { x: (focalX(0) + focalX(1)) / 2, y: FOCAL.height - 5, "text-anchor": "middle" }, x),
    h("svg:text", { x: focalX(0) + 6, y: FOCAL.top + 6 }, y),
  ];
}

// The loss against p, cut off at the top of the chart.
function curvePath(gamma, weight) {
  const points = [];
  for (let i = 1; i <= 200; i++) {
    const loss = focalLoss(i / 200, gamma, weight);
    if (loss <= MOST_LOSS) points.push(`${focalX(i / 200).toFixed(1)} ${focalY(loss / MOST_LOSS).toFixed(1)}`);
  }
  return `M${points.join("L")}`;
}

// The share of the whole loss that comes from answers below each p.
function cumulativePath(middles, losses, sum) {
  let so_far = 0;
  const points = middles.map((p, i) => ((so_far += losses[i] / sum), `${focalX(p).toFixed(1)} ${focalY(so_far).toFixed(1)}`));
  return `M${points.join("L")}`;
}

export default {
  render({ model, el }) {
    const chart = (label) => h("svg:svg", { class: "plot", viewBox: `0 0 ${FOCAL.width} ${FOCAL.height}`, role: "img", "aria-label": label });
    const left = chart("The loss of one answer");
    const right = chart("How the loss adds up");
    const bar = h("div", { class: "bar", "aria-hidden": "true" });
    const rows = h("dl", { class: "parts" });
    const status = h("p", { class: "readout", role: "status" });
    const data = model.get("histograms");
    const middles = [...unpack(model.get("middles"))];
    const histograms = data.map(({ name, background, objects }) => ({ name, middles, background: [...unpack(background)], objects: [...unpack(objects)] }));
    const put = (name) => (value) => (model.set(name, value), model.save_changes(), show());
    const which = choice({ label: "Answers of", options: data.map(({ name }, i) => [String(i), name]), value: String(model.get("which")), onChange: (value) => put("which")(+value) });
    const gamma = slider({ label: "γ", min: 0, max: 5, step: 0.1, value: model.get("gamma"), format: (v) => v.toFixed(1), onInput: put("gamma") });
    const alpha = slider({ label: "α, weight of objects", min: 0.05, max: 0.95, step: 0.05, value: model.get("alpha"), format: (v) => v.toFixed(2), onInput: put("alpha") });
    const easy = slider({ label: "easy from p =", min: 0.5, max: 0.95, step: 0.05, value: model.get("easy"), format: (v) => v.toFixed(2), onInput: put("easy") });
    const show = () => {
      const [g, a, e] = ["gamma", "alpha", "easy"].map((name) => model.get(name));
      const histogram = histograms[model.get("which")];
      const { sum, shares } = divideLoss(histogram, g, a, e);
      left.replaceChildren(
        h("svg:rect", { class: "easy-zone", x: focalX(e), y: focalY(1), width: focalX(1) - focalX(e), height: focalY(0) - focalY(1) }),
        ...axesOf("p given to the truth", "loss", [[0, "0"], [1, String(MOST_LOSS)]]),
        h("svg:path", { class: "line plain", d: curvePath(0, 1) }),
        h("svg:path", { class: "line objects", d: curvePath(g, a) }),
        h("svg:path", { class: "line easy", d: curvePath(g, 1 - a) }));
      const behind = lossesOf(middles, histogram.background, g, 1 - a);
      const ahead = lossesOf(middles, histogram.objects, g, a);
      right.replaceChildren(
        h("svg:rect", { class: "easy-zone", x: focalX(e), y: focalY(1), width: focalX(1) - focalX(e), height: focalY(0) - focalY(1) }),
        ...axesOf("p given to the truth", "share of the loss", [[0, "0"], [1, "1"]]),
        h("svg:path", { class: "line objects", d: cumulativePath(middles, ahead, sum) }),
        h("svg:path", { class: "line easy", d: cumulativePath(middles, behind, sum) }));
      bar.replaceChildren(...PARTS.map(([key]) => h("span", { class: key, style: `flex-grow:${shares[key]}` })));
      rows.replaceChildren(...PARTS.flatMap(([key, name]) => [h("dt", {}, h("span", { class: `key ${key}`, "aria-hidden": "true" }), name), h("dd", {}, percent(shares[key]))]));
      const factor = focalLoss(0.9, 0) / focalLoss(0.9, g);
      status.textContent = `γ = ${g.toFixed(1)}, α = ${a.toFixed(2)}: easy background makes ${percent(shares.easy)} of the loss, objects ${percent(shares.objects)}. An answer with p = 0.9 counts ${factor < 1000 ? factor.toFixed(factor < 10 ? 1 : 0) : Math.round(factor).toLocaleString("en")} times less than by cross-entropy.`;
    };
    const follow = { gamma, alpha, easy };
    for (const [name, control] of Object.entries(follow)) model.on(`change:${name}`, () => (control.set(model.get(name)), show()));
    model.on("change:which", () => ((which.input.value = String(model.get("which"))), show()));
    show();
    el.append(h("div", { class: "focal", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, which.root, gamma.root, alpha.root, easy.root),
      h("div", { class: "stage" }, left, right),
      bar, rows, status,
      h("p", { class: "muted" }, "Left: the loss of one answer; green solid for an object, orange dashed for background, grey dotted the plain cross-entropy. Right: the loss of all answers of the detector, added up from left to right. The shaded part is what you call easy.")));
  },
};
