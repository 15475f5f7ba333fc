// A region over a feature map: drag it, and compare what RoIPool and RoIAlign make of it.
const SAMPLE_CHOICES = [[1, "1 × 1"], [2, "2 × 2"], [3, "3 × 3"], [4, "4 × 4"], [-1, "as many as cells"]];
const SLIDE_STEPS = 80;
const EDGES = ["Left", "Top", "Right", "Bottom"];

// A region after one of its parts was moved by (dx, dy) px, kept in the picture and 1 px wide.
function movedRegion([x1, y1, x2, y2], part, [dx, dy], [width, height]) {
  const tenth = (value) => Math.round(10 * value) / 10;
  const between = (least, value, most) => tenth(Math.max(least, Math.min(most, value)));
  if (part === "body") {
    const [x, y] = [between(0, x1 + dx, width - (x2 - x1)), between(0, y1 + dy, height - (y2 - y1))];
    return [x, y, tenth(x + x2 - x1), tenth(y + y2 - y1)];
  }
  const [isWest, isNorth] = [part[1] === "w", part[0] === "n"];
  return [isWest ? between(0, x1 + dx, x2 - 1) : x1, isNorth ? between(0, y1 + dy, y2 - 1) : y1,
    isWest ? x2 : between(x1 + 1, x2 + dx, width), isNorth ? y2 : between(y1 + 1, y2 + dy, height)];
}

// The part of a region that lies in a picture, or the last pixel where none does.
function fittedRegion([x1, y1, x2, y2], [width, height]) {
  const [left, top] = [Math.min(x1, width - 1), Math.min(y1, height - 1)];
  return [left, top, Math.min(x2, width), Math.min(y2, height)];
}

export default {
  render({ model, el }) {
    const maps = model.get("maps");
    const stride = model.get("stride");
    const set = (key, value) => (model.set(key, value), model.save_changes());
    const values = () => maps.find(({ name }) => name === model.get("map")).values;
    const size = () => [values()[0].length * stride, values().length * stride];
    const move = (part, by) => set("region", movedRegion(model.get("region"), part, by, size()));
    let grip = null;
    const drag = (part, at, isStart) => {
      if (isStart) grip = { at, region: model.get("region") };
      else set("region", movedRegion(grip.region, part, at.map((one, axis) => (one - grip.at[axis]) * stride), size()));
    };
    const press = (event) => {
      const step = arrowStep(event);
      if (!step) return;
      event.preventDefault();
      move(event.shiftKey ? "se" : "body", [step[1], step[0]]);
    };
    const [pool, align] = ["RoIPool", "RoIAlign"].map((name) => {
      const map = regionMap(name, drag);
      map.root.addEventListener("keydown", press);
      const note = h("p", { class: "note" });
      const table = resultTable(name, (at) => set("selected", at));
      return { map, note, table, root: h("div", {}, h("p", { class: "title" }, name), map.root, note, table.root) };
    });
    const chart = slideChart();
    const status = h("p", { class: "readout", role: "status" });

    const mapChoice = choice({ label: "Feature map", options: maps.map(({ name }) => [name, name]), value: model.get("map"), onChange: (name) => set("map", name) });
    const bins = slider({ label: "Bins a side", min: 1, max: 4, value: model.get("bins"), onInput: (count) => set("bins", count) });
    const samples = choice({ label: "Points a bin", options: SAMPLE_CHOICES, value: model.get("samples"), onChange: (count) => set("samples", +count) });
    const aligned = toggle({ label: "aligned: a value stands at its cell's centre", checked: model.get("aligned"), onChange: (on) => set("aligned", on) });
    const edges = EDGES.map((label, i) => slider({
      label: `${label} (px)`, min: 0, max: size()[i % 2], step: 0.1, value: model.get("region")[i], format: (value) => value.toFixed(1),
      onInput: (value) => {
        const region = model.get("region");
        const by = value - region[i];
        move(i < 2 ? "nw" : "se", i % 2 ? [0, by] : [by, 0]);
      },
    }));
    const nudges = [["A tenth of a cell to the left", -0.1], ["A tenth to the right", 0.1]].map(([text, cells]) => button(text, () => move("body", [cells * stride, 0])));

    const compute = (region) => ({
      pooled: poolRegion(values(), region, stride, model.get("bins")),
      sampled: alignRegion(values(), region, stride, model.get("bins"), model.get("samples"), model.get("aligned")),
    });
    const showPool = ({ down, across, results }, chosen, region, cells) => {
      const lines = across.edges.flatMap(([from, to]) => [from, to]).map((x) => `M${x} ${down.first}v${down.length}`)
        .concat(down.edges.flatMap(([from, to]) => [from, to]).map((y) => `M${across.first} ${y}h${across.length}`));
      const { rows, columns, value, cells: under } = results[chosen];
      pool.map.show(cells, [
        rectangle("window", across.first, down.first, across.length, down.length), svg("path", { class: "bins", d: lines.join("") }),
        rectangle("chosen", columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])], "Arrow keys move the region, with Shift its lower right corner.");
      const [left, top, right, bottom] = roundingError({ down, across }, region, stride);
      pool.note.textContent = `Rounded to ${across.length} × ${down.length} cells. The edges move outwards by ${[left, top, right, bottom].map((one) => fixed(one, 1)).join(", ")} px (left, top, right, bottom): by ${fixed(Math.max(...[left, top, right, bottom].map(Math.abs)), 1)} px at worst.`;
      return `RoIPool takes the largest of ${under.length} cell${under.length === 1 ? "" : "s"}: ${fixed(value)}.`;
    };
    const showAlign = ({ down, across, results }, chosen, cells) => {
      const bin = model.get("bins");
      const lines = Array.from({ length: bin + 1 }, (_, i) => `M${across.start + 0.5 + i * across.bin} ${down.start + 0.5}v${bin * down.bin}M${across.start + 0.5} ${down.start + 0.5 + i * down.bin}h${bin * across.bin}`);
      const dots = results.flatMap(({ points }, i) => points.map(({ x, y }) => svg("circle", { class: i === chosen ? "point on" : "point", cx: x + 0.5, cy: y + 0.5, r: i === chosen ? 0.13 : 0.08 })));
      align.map.show(cells, [svg("path", { class: "bins", d: lines.join("") }), ...dots], "Arrow keys move the region, with Shift its lower right corner.");
      align.note.textContent = model.get("aligned")
        ? "Nothing is rounded: the bins divide the region itself. The edges move by 0 px."
        : `Nothing is rounded, but without the shift all points lie half a cell, ${fixed(stride / 2, 1)} px, too far right and down.`;
      const { points, value } = results[chosen];
      const shown = points.length <= 4 ? ` (${points.map((point) => fixed(point.value)).join(", ")})` : "";
      return `RoIAlign takes the mean of ${points.length} point${points.length === 1 ? "" : "s"}${shown}: ${fixed(value)}.`;
    };
    const show = () => {
      const region = model.get("region");
      const count = model.get("bins");
      const [row, column] = clamp(model.get("selected"), [count, count]);
      const chosen = row * count + column;
      const { pooled, sampled } = compute(region);
      const cells = region.map((edge) => edge / stride);
      const texts = [showPool(pooled, chosen, region, cells), showAlign(sampled, chosen, cells)];
      pool.table.show(pooled.results, count, chosen);
      align.table.show(sampled.results, count, chosen);
      status.textContent = `Region ${cells.map((edge) => fixed(edge)).join(", ")} in cells. Bin row ${row}, column ${column}: ${texts.join(" ")}`;
      edges.forEach((edge, i) => edge.set(region[i]));
      const slid = Array.from({ length: SLIDE_STEPS + 1 }, (_, i) => {
        const by = (2 * i / SLIDE_STEPS - 1) * stride;
        const { pooled: a, sampled: b } = compute([region[0] + by, region[1], region[2] + by, region[3]]);
        return [a.results[chosen].value, b.results[chosen].value];
      });
      chart.show(slid.map(([a]) => a), slid.map(([, b]) => b), stride);
    };
    const changeMap = () => {
      mapChoice.input.value = model.get("map");
      for (const { map } of [pool, align]) map.fill(values());
      edges.forEach(({ input }, i) => (input.max = size()[i % 2]));
      const fits = fittedRegion(model.get("region"), size());
      if (String(fits) !== String(model.get("region"))) set("region", fits);
      show();
    };
    model.on("change:map", changeMap);
    model.on("change:bins", () => (bins.set(model.get("bins")), show()));
    model.on("change:samples", () => ((samples.input.value = model.get("samples")), show()));
    model.on("change:aligned", () => ((aligned.input.checked = model.get("aligned")), show()));
    model.on("change:region change:selected", show);
    changeMap();
    el.append(h("div", { class: "roi", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, mapChoice.root, samples.root, bins.root, aligned.root),
      h("div", { class: "halves" }, pool.root, align.root),
      status,
      h("div", { class: "controls edges" }, edges.map(({ root }) => root)),
      h("div", { class: "buttons" }, nudges), chart.root,
      h("p", { class: "muted" }, "Dashed black: the region; drag it, or a corner. Orange lines: RoIPool's window and its bins, which may share cells. Green: RoIAlign's bins and its points, each between four cells. Press a value to look at its bin. The curves: by how much the chosen bin changes while the region slides, RoIPool in orange with jumps, RoIAlign in green without.")));
  },
};
