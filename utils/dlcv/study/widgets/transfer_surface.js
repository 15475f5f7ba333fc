// Strategies against numbers of images: a surface to walk on, and every seed of the chosen column.
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const lowest = (values) => Math.min(...values);
const highest = (values) => Math.max(...values);
const short = (value) => value.toFixed(2).replace(/^0/, "");
const percent = (value) => `${(100 * value).toFixed(1)} %`;

// The rule of the book: one strategy is better only if its worst seed beats the other's best.
const beats = (one, other) => lowest(one) > highest(other);

// Rows that nobody beats, best mean first.
function unbeaten(rows, column) {
  return rows
    .filter((row) => !rows.some((other) => beats(other.values[column], row.values[column])))
    .sort((a, b) => mean(b.values[column]) - mean(a.values[column]));
}

function verdictText(rows, row, column, count) {
  const [best, ...rest] = unbeaten(rows, column);
  const mine = rows[row].values[column];
  const scratch = rows.at(-1).values[column];
  const first = rest.length
    ? `With ${count} images a class the seeds do not separate ${[best, ...rest].map((r) => `“${r.name}”`).join(", ")}.`
    : `With ${count} images a class, “${best.name}” beats every other strategy with every seed.`;
  if (row === rows.length - 1) return first;
  const gap = `${(100 * (mean(mine) - mean(scratch))).toFixed(1)} points`;
  const against = beats(mine, scratch)
    ? `Yours is better than training from scratch, by ${gap}.`
    : beats(scratch, mine)
      ? `Yours is worse than training from scratch: ${gap}.`
      : "Yours and training from scratch are not resolved by the seeds.";
  return `${first} ${against}`;
}

// One cell for each strategy and number; the colour says the mean, the text too.
function surfaceTable(rows, counts, choose) {
  const cells = rows.map((row, i) => row.values.map((values, j) =>
    h("td", {}, button(short(mean(values)), () => choose(i, j), {
      tabindex: -1,
      style: `--share:${Math.round(100 * mean(values))}%`,
      "aria-label": `${row.name}, ${counts[j]} images a class: ${short(mean(values))}`,
    }))));
  const head = h("tr", {}, h("th", { scope: "col" }, "images a class"), counts.map((count) => h("th", { scope: "col" }, String(count))));
  const body = rows.map((row, i) => h("tr", {}, h("th", { scope: "row" }, row.name), cells[i]));
  const table = h("table", {}, h("caption", {}, "Mean test accuracy over the seeds"), h("thead", {}, head), h("tbody", {}, body));
  const mark = (row, column) => cells.forEach((line, i) => line.forEach((cell, j) =>
    cell.firstChild.setAttribute("aria-pressed", String(i === row && j === column))));
  return { table, mark };
}

// All strategies at one number of images: each seed a dot, the range a bar.
function seedChart(rows) {
  const [width, line, left] = [420, 38, 132];
  const height = rows.length * line + 34;
  const x = (value) => left + value * (width - left - 26);
  const marks = h("svg:g");
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((value) => h("svg:g", { class: "tick-mark" },
    h("svg:line", { x1: x(value), x2: x(value), y1: 6, y2: height - 26 }),
    h("svg:text", { x: x(value), y: height - 10, "text-anchor": "middle" }, `${100 * value} %`)));
  const svg = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, ticks, marks);
  const draw = (row, column, count) => {
    const best = new Set(unbeaten(rows, column));
    marks.replaceChildren(...rows.map((item, i) => {
      const [values, y] = [item.values[column], 22 + i * line];
      const kind = [i === row ? "chosen" : "", best.has(item) ? "best" : ""].join(" ");
      return h("svg:g", { class: `row ${kind}` },
        h("svg:rect", { class: "band", x: 0, y: y - line / 2 + 2, width, height: line - 4, rx: 6 }),
        h("svg:text", { x: 8, y: y + 5 }, item.name),
        h("svg:line", { class: "range", x1: x(lowest(values)), x2: x(highest(values)), y1: y, y2: y }),
        values.map((value, seed) => h("svg:circle", { cx: x(value), cy: y + 7 * (seed - (values.length - 1) / 2), r: 4.5 })));
    }));
    const told = rows.map(({ name, values }) => `${name} ${percent(lowest(values[column]))} to ${percent(highest(values[column]))}`);
    svg.setAttribute("aria-label", `Test accuracy with ${count} images a class, lowest to highest seed: ${told.join("; ")}`);
  };
  return { svg, draw };
}

export default {
  render({ model, el }) {
    const [rows, counts] = [model.get("rows"), model.get("counts")];
    const set = (row, column) => (model.set("strategy", row), model.set("column", column), model.save_changes());
    const table = surfaceTable(rows, counts, set);
    const chart = seedChart(rows);
    const heading = h("p", { class: "title" });
    const verdict = h("p", { class: "verdict", role: "status" });
    const rowSlider = slider({
      label: "Strategy", min: 0, max: rows.length - 1, value: model.get("strategy"),
      format: (i) => rows[i].name, onInput: (i) => set(i, model.get("column")),
    });
    const columnSlider = slider({
      label: "Images a class", min: 0, max: counts.length - 1, value: model.get("column"),
      format: (j) => String(counts[j]), onInput: (j) => set(model.get("strategy"), j),
    });
    const show = () => {
      const [row, column] = [model.get("strategy"), model.get("column")];
      rowSlider.set(row);
      columnSlider.set(column);
      table.mark(row, column);
      chart.draw(row, column, counts[column]);
      const values = rows[row].values[column];
      heading.textContent = `${rows[row].name}, ${counts[column]} images a class: ${percent(mean(values))} (seeds from ${percent(lowest(values))} to ${percent(highest(values))})`;
      verdict.textContent = verdictText(rows, row, column, counts[column]);
    };
    model.on("change:strategy", show);
    model.on("change:column", show);
    show();
    el.append(h("div", { class: "surface", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, rowSlider.root, columnSlider.root),
      h("div", { class: "views" }, table.table, chart.svg), heading, verdict));
  },
};
