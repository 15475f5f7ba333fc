// Move the threshold: both rates move along the ROC curve, and pairs change sides.
const percent = (value) => `${(100 * value).toFixed(1)} %`;
const SHOWN = 6; // pictures in each of the four cases
const CASES = [
  ["accepted, same person", true, 1, "right"],
  ["accepted, but different", true, 0, "wrong"],
  ["rejected, but same", false, 1, "wrong"],
  ["rejected, different people", false, 0, "right"],
];

export default {
  render({ model, el }) {
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const table = unpack(model.get("scores"));
    const same = Array.from(unpack(model.get("same")));
    const names = model.get("names");
    const shown = model.get("shown");
    const M = same.length;
    const scoresOf = (name) => Array.from(table.slice(names.indexOf(name) * M, (names.indexOf(name) + 1) * M));
    let [scores, points] = [[], []];

    const verifier = choice({
      label: "Verifier", options: names.map((name) => [name, name]), value: model.get("verifier"),
      onChange: (name) => set("verifier", name),
    });
    const threshold = slider({
      label: "Threshold", min: -1, max: 1, step: 0.01, value: model.get("threshold"),
      format: (value) => value.toFixed(2), onInput: (value) => set("threshold", value),
    });
    const hills = chart("Scores of all pairs");
    const roc = chart("ROC curve");
    const status = h("p", { class: "says", role: "status" });
    const legend = h("p", { class: "legend" }, ["same person", "different people"].map((name, i) =>
      h("span", {}, h("span", { class: `patch ${["same", "different"][i]}`, "aria-hidden": "true" }), name)));
    const groups = CASES.map(([title, , , kind]) => {
      const row = h("div", { class: "pairs" });
      const count = h("span", { class: "muted" });
      return { row, count, root: h("section", { class: `case ${kind}`, "aria-label": title }, h("p", { class: "heading" }, title, " ", count), row) };
    });

    // One pair is a window on the sheet of all pictures, two wide and one high.
    const picture = (place, score) => h("span", {
      class: "pair", role: "img", title: score.toFixed(2),
      "aria-label": `${same[shown[place]] ? "same person" : "different people"}, score ${score.toFixed(2)}`,
      style: `background-image:url("${model.get("sprite")}");background-size:100% ${100 * shown.length}%;`
        + `background-position:0 ${shown.length > 1 ? (100 * place) / (shown.length - 1) : 0}%`,
    });
    const drawCases = (limit) => CASES.forEach(([, accepted, kind], i) => {
      const members = [...shown.keys()].filter((place) =>
        same[shown[place]] === kind && scores[shown[place]] >= limit === accepted);
      members.sort((a, b) => Math.abs(scores[shown[a]] - limit) - Math.abs(scores[shown[b]] - limit));
      const all = scores.filter((score, pair) => same[pair] === kind && score >= limit === accepted).length;
      groups[i].count.textContent = `${all} of ${M}`;
      groups[i].row.replaceChildren(...members.slice(0, SHOWN).map((place) => picture(place, scores[shown[place]])));
    });
    const choose = () => {
      scores = scoresOf(model.get("verifier"));
      points = rocOf(scores, same);
    };
    const update = () => {
      const [name, limit] = [model.get("verifier"), model.get("threshold")];
      verifier.input.value = name;
      threshold.set(limit);
      const rates = ratesAt(scores, same, limit);
      const text = `${name}, threshold ${limit.toFixed(2)}: true accepts ${percent(rates.tar)}, false accepts ${percent(rates.far)}, right answers ${percent(rates.accuracy)}.`;
      hills.draw(`Scores of all pairs; ${text}`, scoreChart(scores, same, limit));
      roc.draw(`ROC curve; ${text}`, rocChart(points, rates));
      drawCases(limit);
      status.textContent = text;
    };
    roc.root.addEventListener("click", (event) => { // the nearest corner of the curve
      const box = roc.root.getBoundingClientRect();
      const [x, y] = [((event.clientX - box.left) / box.width) * WIDE, ((event.clientY - box.top) / box.height) * HIGH];
      const distance = (point) => Math.hypot(xOf(point.far) - x, yOf(point.tar) - y);
      const nearest = points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
      set("threshold", Math.max(-1, Math.min(1, Math.floor(100 * nearest.threshold) / 100)));
    });
    model.on("change:verifier", () => (choose(), update()));
    model.on("change:threshold", update);
    choose();
    update();
    el.append(h("div", { class: "pair-threshold", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, verifier.root, threshold.root), legend,
      h("div", { class: "stage" }, hills.root, roc.root), status,
      h("div", { class: "cases" }, groups.map((group) => group.root)),
      h("p", { class: "muted" }, `Of ${M} pairs, ${shown.length} have pictures here; each case shows those nearest to the threshold.`)));
  },
};
