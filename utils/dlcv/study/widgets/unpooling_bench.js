// Edit a small map: its maxima are pooled, and go back to the full size in three ways.
const CELL = 30;
const plain = (value) => (Number.isInteger(+value.toFixed(2)) ? value.toFixed(0) : value.toFixed(1));

// A grid of numbers; `mark` frames some cells, `quiet` writes zeros pale.
function numberGrid(name, rows, columns, focusable = false) {
  const cells = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const rect = h("svg:rect", { x: c * CELL, y: r * CELL, width: CELL, height: CELL });
      const text = h("svg:text", { x: (c + 0.5) * CELL, y: (r + 0.68) * CELL });
      cells.push({ rect, text, root: h("svg:g", { class: "cell" }, rect, text) });
    }
  }
  const lines = [];
  for (let r = 2; focusable && r < rows; r += 2) lines.push(h("svg:line", { class: "window", x1: 0, x2: columns * CELL, y1: r * CELL, y2: r * CELL }));
  for (let c = 2; focusable && c < columns; c += 2) lines.push(h("svg:line", { class: "window", y1: 0, y2: rows * CELL, x1: c * CELL, x2: c * CELL }));
  const cursor = h("svg:rect", { class: "cursor", width: CELL - 4, height: CELL - 4, visibility: focusable ? "visible" : "hidden" });
  const svg = h("svg:svg", {
    viewBox: `-1.5 -1.5 ${columns * CELL + 3} ${rows * CELL + 3}`, style: `--columns:${columns}`,
    ...(focusable ? { tabindex: 0, role: "application" } : { role: "img" }),
  }, cells.map((cell) => cell.root), lines, cursor);
  const note = h("figcaption", {}, h("strong", {}, name), h("span", { class: "muted" }));
  const root = h("figure", { class: focusable ? "grid edit" : "grid" }, note, svg);
  const show = (values, { marked = [], about = "" } = {}) => {
    values.forEach((value, i) => {
      const colour = heatColour(1 - 0.75 * (value / 9), 1);
      setAttributes(cells[i].rect, { fill: value ? `rgb(${colour})` : "#fdfbe8" });
      setAttributes(cells[i].text, { fill: value ? inkOn(colour) : "#6b6f78" });
      cells[i].text.textContent = plain(value);
      cells[i].root.classList.toggle("won", marked.includes(i));
    });
    note.lastChild.textContent = about;
    svg.setAttribute("aria-label", `${name}: ${values.map(plain).join(", ")}`);
  };
  const point = ([r, c]) => setAttributes(cursor, { x: c * CELL + 2, y: r * CELL + 2 });
  return { root, svg, show, point };
}

const distance = (a, b) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

export default {
  render({ model, el }) {
    const size = () => [model.get("values").length, model.get("values")[0].length];
    const [rows, columns] = size();
    const input = numberGrid("Map", rows, columns, true);
    const pooled = numberGrid("Maxima", rows / 2, columns / 2);
    const ways = {
      switches: numberGrid("By switches", rows, columns),
      nearest: numberGrid("Repeated", rows, columns),
      bilinear: numberGrid("Bilinear", rows, columns),
    };
    const says = h("p", { class: "says", role: "status" });
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const write = ([r, c], value) => {
      const next = model.get("values").map((row) => [...row]);
      next[r][c] = Math.max(0, Math.min(9, value));
      if (next[r][c] !== model.get("values")[r][c]) set("values", next);
    };
    const chosen = () => model.get("selected");
    const valueAt = ([r, c]) => model.get("values")[r][c];
    const level = slider({ label: "Value of the chosen cell", min: 0, max: 9, value: valueAt(chosen()), onInput: (value) => write(chosen(), value) });

    const update = () => {
      const map = model.get("values").flat();
      const { values, switches } = poolWithSwitches(map, rows, columns);
      const back = {
        switches: unpoolBySwitches(values, switches, map.length),
        nearest: Array.from(enlargeMap(values, rows / 2, columns / 2, 2, "nearest")),
        bilinear: Array.from(enlargeMap(values, rows / 2, columns / 2, 2, "bilinear")),
      };
      input.show(map, { marked: switches, about: "drag a cell up or down" });
      pooled.show(values, { about: `switches ${switches.join(", ")}` });
      for (const [name, grid] of Object.entries(ways)) {
        grid.show(back[name], { marked: name === "switches" ? switches : [], about: `off by ${distance(back[name], map).toFixed(2)} a cell` });
      }
      const [r, c] = chosen();
      const here = r * columns + c;
      input.point([r, c]);
      level.set(map[here]);
      const won = switches.includes(here);
      says.textContent = `Row ${r + 1}, column ${c + 1}: ${map[here]}, ${won ? "the maximum of its window" : "not the maximum of its window"}. Back by switches it is ${plain(back.switches[here])}, repeated ${plain(back.nearest[here])}, bilinear ${plain(back.bilinear[here])}.`;
    };

    let drag = null;
    setAttributes(input.svg, {
      onpointerdown: (event) => {
        const place = cellAt(event, input.svg, rows, columns);
        set("selected", place);
        drag = { place, y: event.clientY, value: valueAt(place) };
        input.svg.setPointerCapture?.(event.pointerId);
      },
      onpointermove: (event) => drag && write(drag.place, drag.value + Math.round((drag.y - event.clientY) / 12)),
      onpointerup: () => (drag = null),
      onpointercancel: () => (drag = null),
      onkeydown: (event) => {
        const step = arrowStep(event);
        const change = { "+": 1, "=": 1, "-": -1, PageUp: 1, PageDown: -1 }[event.key];
        if (step) set("selected", moved(chosen(), step, [rows, columns]));
        else if (change) write(chosen(), valueAt(chosen()) + change);
        else if (/^[0-9]$/.test(event.key)) write(chosen(), +event.key);
        else return;
        event.preventDefault();
      },
    });
    model.on("change:values change:selected", update);
    update();
    el.append(h("div", { class: "unpooling", role: "group", "aria-label": model.get("label") },
      h("div", { class: "grids" }, input.root, pooled.root),
      h("div", { class: "controls" }, level.root),
      h("div", { class: "grids" }, Object.values(ways).map((grid) => grid.root)),
      says, h("p", { class: "muted" }, "Keys: arrows choose a cell, digits write into it, + and − change it.")));
  },
};
