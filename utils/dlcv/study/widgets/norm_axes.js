// A block of feature maps: choose a norm, point at a cell, and its set lights up.
const [CELL_SIDE, GAP, HEAD] = [10, 4, 13]; // units of the drawing
const svg = (tag, attributes, ...children) => h(`svg:${tag}`, attributes, ...children);
const shown = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const divisors = (number) => Array.from({ length: number }, (_, i) => i + 1).filter((i) => number % i === 0);

// The block unfolded: a row of maps for each image, a column for each channel.
function blockView([N, C, H, W], label) {
  const [stepX, stepY] = [W * CELL_SIDE + GAP, H * CELL_SIDE + GAP];
  const left = (c, w) => HEAD + c * stepX + w * CELL_SIDE;
  const top = (n, y) => HEAD + n * stepY + y * CELL_SIDE;
  const cells = Array.from({ length: N * C * H * W }, (_, i) => {
    const [n, c, y, x] = placeOf(i, [N, C, H, W]);
    return svg("rect", { class: "cell", x: left(c, x), y: top(n, y), width: CELL_SIDE, height: CELL_SIDE, "data-cell": i });
  });
  const names = [
    ...Array.from({ length: C }, (_, c) => svg("text", { x: left(c, W / 2), y: HEAD - 4 }, `c${c + 1}`)),
    ...Array.from({ length: N }, (_, n) => svg("text", { x: HEAD / 2 - 1, y: top(n, H / 2) + 2.5 }, `n${n + 1}`)),
  ];
  const cursor = svg("rect", { class: "cursor", width: CELL_SIDE, height: CELL_SIDE });
  const root = svg("svg", {
    class: "block", viewBox: `0 0 ${HEAD + C * stepX} ${HEAD + N * stepY}`, tabindex: 0,
    role: "application", "aria-roledescription": "block of feature maps", "aria-label": label,
  }, names, cells, cursor);
  const moveCursor = ([n, c, y, x]) => setAttributes(cursor, { x: left(c, x), y: top(n, y) });
  const under = ({ clientX, clientY }) => {
    const hit = document.elementFromPoint(clientX, clientY)?.dataset?.cell;
    return hit === undefined ? null : placeOf(+hit, [N, C, H, W]);
  };
  return { root, cells, moveCursor, under };
}

function numberTable() {
  const cell = () => h("dd");
  const names = ["This cell", "Its set", "Mean μ", "Deviation σ", "Normalised", "Sets in all", "Learnt numbers", "Running numbers"];
  const places = Object.fromEntries(names.map((name) => [name, cell()]));
  const root = h("dl", { class: "facts" }, names.map((name) => h("div", {}, h("dt", {}, name), places[name])));
  return { root, show: (texts) => Object.entries(texts).forEach(([name, text]) => (places[name].textContent = text)) };
}

function makeControls(model, shape, set) {
  const norm = choice({
    label: "Norm", options: Object.entries(NORM_TEXTS).map(([key, [name]]) => [key, name]),
    value: model.get("norm"), onChange: (value) => set("norm", value),
  });
  const options = divisors(shape[1]);
  const groups = slider({
    label: "Groups G", min: 0, max: options.length - 1, value: options.indexOf(model.get("groups")),
    format: (i) => options[i], onInput: (i) => set("groups", options[i]),
  });
  const hats = toggle({ label: "Show normalised values", checked: model.get("normalised"), onChange: (value) => set("normalised", value) });
  const update = () => {
    norm.input.value = model.get("norm");
    groups.set(options.indexOf(model.get("groups")));
    groups.root.hidden = model.get("norm") !== "group";
    hats.input.checked = model.get("normalised");
  };
  return { root: h("div", { class: "controls" }, norm.root, groups.root, hats.root), update };
}

export default {
  render({ model, el }) {
    const values = unpack(model.get("maps"));
    const shape = values.shape;
    const [N, C, H, W] = shape;
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const block = blockView(shape, `${N} images, ${C} channels, maps of ${H} × ${W}. Arrow keys move the cell.`);
    const table = numberTable();
    const status = h("p", { class: "says", role: "status" });
    const controls = makeControls(model, shape, set);
    const most = Math.max(...Array.from(values, Math.abs));
    let hovered = null;
    let result = null;

    const paint = () => {
      const [numbers, limit] = model.get("normalised") ? [result.hats, 2.5] : [values, most];
      block.cells.forEach((cell, i) => cell.setAttribute("fill", `rgb(${signedColour(numbers[i], limit)})`));
    };
    const light = () => {
      const place = hovered ?? model.get("selected");
      const i = indexOf(place, shape);
      const mine = result.sets[i];
      block.cells.forEach((cell, k) => cell.classList.toggle("out", result.sets[k] !== mine));
      block.moveCursor(place);
      const norm = model.get("norm");
      const { learnt, running } = numbersOf(norm, shape);
      const [name, axes, each] = NORM_TEXTS[norm];
      table.show({
        "This cell": `image ${place[0] + 1}, channel ${place[1] + 1}: ${shown(values[i], 3)}`,
        "Its set": `${result.sizes[mine]} values`,
        "Mean μ": shown(result.means[mine], 3),
        "Deviation σ": shown(Math.sqrt(result.variances[mine]), 3),
        "Normalised": shown(result.hats[i], 3),
        "Sets in all": `${result.count} of ${result.sizes[mine]} values`,
        "Learnt numbers": learnt,
        "Running numbers": running,
      });
      const one = name[0].toUpperCase() + name.slice(1);
      status.textContent = `${one}: statistics over ${axes}, one set for each ${each}. Image ${place[0] + 1}, channel ${place[1] + 1}, row ${place[2] + 1}, column ${place[3] + 1}: ${shown(values[i])} becomes ${shown(result.hats[i])}.`;
    };
    const update = () => {
      result = normalisation(values, shape, model.get("norm"), model.get("groups"));
      controls.update();
      paint();
      light();
    };
    const press = (event) => {
      const step = arrowStep(event);
      if (!step) return;
      event.preventDefault();
      hovered = null;
      const [n, c, y, x] = model.get("selected");
      const [row, column] = moved([n * H + y, c * W + x], step, [N * H, C * W]);
      set("selected", [Math.floor(row / H), Math.floor(column / W), row % H, column % W]);
    };
    const point = (place) => {
      if (`${place}` === `${hovered}`) return;
      hovered = place;
      light();
    };
    const keep = (event) => {
      const place = block.under(event);
      if (place) set("selected", place);
    };
    setAttributes(block.root, {
      onkeydown: press,
      onpointermove: (event) => event.pointerType === "mouse" && point(block.under(event)),
      onpointerleave: () => point(null),
      onclick: keep,
    });
    model.on("change:norm change:groups change:normalised", update);
    model.on("change:selected", light);
    update();
    el.append(h("div", { class: "norm-axes", role: "group", "aria-label": model.get("label") },
      controls.root, h("div", { class: "stage" }, block.root, table.root), status));
  },
};
