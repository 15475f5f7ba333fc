// The convolution bench: pick or draw an image, edit a kernel, and see how each output comes about.
const turned = (kernel) => kernel.map((row) => [...row].reverse()).reverse();

// The cells under a window, row by row, with pixel, weight and product; outside lies padding.
function termsOf(image, kernel, [row, column], settings) {
  const xs = tapsOf(column, settings);
  return tapsOf(row, settings).flatMap((y, i) => xs.map((x, j) => {
    const pixel = image[y]?.[x] ?? 0;
    return { y, x, isPad: image[y]?.[x] === undefined, pixel, weight: kernel[i][j], product: pixel * kernel[i][j] };
  }));
}

const total = (terms) => terms.reduce((sum, term) => sum + term.product, 0);

// y[r, c] = sum of image[S r − P + d i, S c − P + d j] kernel[i, j]: the correlation.
function correlate(image, kernel, settings) {
  const [rows, columns] = [image.length, image[0].length].map((size) => fitWindows({ ...settings, size }).count);
  if (!rows || !columns) return { rows: 0, columns: 0, values: [] };
  const [ys, xs] = [rows, columns].map((count) => Array.from({ length: count }, (_, i) => tapsOf(i, settings)));
  const sum = (down, across) => {
    let total = 0;
    down.forEach((y, i) => image[y] && across.forEach((x, j) => (total += (image[y][x] ?? 0) * kernel[i][j])));
    return total;
  };
  return { rows, columns, values: ys.flatMap((down) => xs.map((across) => sum(down, across))) };
}

// The outputs along one axis whose windows read a cell.
function readersOf(cell, count, settings) {
  return Array.from({ length: count }, (_, i) => i).filter((i) => tapsOf(i, settings).includes(cell));
}

// The kernel in a larger square of zeros, or the middle of it.
function resized(kernel, size) {
  const shift = (size - kernel.length) / 2;
  return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => kernel[i - shift]?.[j - shift] ?? 0));
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The traits by short names, and what follows from them; `hovered` wins over `selected`.
function makeBench(model) {
  return {
    result: { rows: 0, columns: 0, values: [] },
    hovered: null,
    get image() { return model.get("image"); },
    get size() { return [this.image.length, this.image[0].length]; },
    get kernel() { return model.get("kernel"); },
    get isFlipped() { return model.get("flipped"); },
    get used() { return this.isFlipped ? turned(this.kernel) : this.kernel; },
    get settings() {
      return { kernel: this.kernel.length, padding: model.get("padding"), stride: model.get("stride"), dilation: model.get("dilation") };
    },
    get grid() { return [this.result.rows, this.result.columns]; },
    get selected() { return clamp(this.hovered ?? model.get("selected"), this.grid); },
    get terms() { return termsOf(this.image, this.used, this.selected, this.settings); },
    // What a stroke changes is seen at once; Python hears of it when the stroke ends.
    preview(values) {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
    },
    change(values) {
      this.preview(values);
      model.save_changes();
    },
  };
}

function inputSide(bench, say) {
  const map = mapView("Input");
  const swatch = h("div", { class: "swatch", "aria-hidden": "true" });
  const dip = (grey) => (swatch.style.background = `rgb(${grey} ${grey} ${grey})`);
  const ink = slider({ label: "Ink", min: 0, max: 255, value: 255, onInput: dip });
  dip(ink.value);
  const pencil = button("Draw", () => pencil.setAttribute("aria-pressed", map.root.classList.toggle("drawing")), { "aria-pressed": "false" });
  const clear = button("Clear", () => bench.change({ image: bench.image.map((row) => row.map(() => 0)) }));
  const isDrawing = () => map.root.classList.contains("drawing");
  let cursor = [0, 0];
  let stroke = null;

  const show = () => {
    const { padding } = bench.settings;
    const grid = bench.size.map((side) => side + 2 * padding);
    const values = Array.from({ length: grid[0] * grid[1] }, (_, i) => bench.image[Math.floor(i / grid[1]) - padding]?.[(i % grid[1]) - padding]);
    map.paint(values, grid, (value) => greyColour(value, 255), `${bench.size.join(" × ")}${padding ? `, P = ${padding}` : ""}`);
  };
  const markWindow = () => {
    const { padding, dilation, kernel } = bench.settings;
    const terms = bench.terms;
    const span = dilation * (kernel - 1) + 1;
    const box = [terms[0].y + padding, terms[0].x + padding, span, span];
    const taps = dilation > 1 ? terms.map(({ y, x }) => outline("tap", y + padding, x + padding)) : [];
    map.mark(outline("halo", ...box), outline("window", ...box), ...taps);
  };
  const markTap = (tap) => {
    const { y, x } = bench.terms[tap] ?? {};
    const { padding } = bench.settings;
    map.markTap(y === undefined ? null : outline("same", y + padding, x + padding));
  };
  const pointAt = ([y, x]) => {
    const { padding } = bench.settings;
    map.mark(outline("halo", y + padding, x + padding), outline("cursor", y + padding, x + padding));
    say([y, x]);
  };
  const paint = (cells, value) => {
    const rows = bench.image.map((row) => [...row]);
    for (const [y, x] of cells) if (rows[y]?.[x] !== undefined) rows[y][x] = value;
    return rows;
  };
  const pixelUnder = (event) => cellAt(event, map.root, ...map.grid).map((at) => at - bench.settings.padding);
  const drawTo = (place) => {
    bench.preview({ image: paint(cellsBetween(stroke ?? place, place), ink.value) });
    stroke = place;
  };
  const endStroke = () => {
    if (stroke) bench.change({});
    stroke = null;
  };
  const press = (event) => {
    const step = arrowStep(event);
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (step) cursor = moved(cursor, step, bench.size);
    else bench.change({ image: paint([cursor], bench.image[cursor[0]][cursor[1]] === ink.value ? 0 : ink.value) });
    pointAt(cursor);
  };
  setAttributes(map.root, {
    onpointerdown: (event) => {
      if (!isDrawing()) return pointAt(clamp(pixelUnder(event), bench.size));
      map.root.setPointerCapture(event.pointerId);
      return drawTo(pixelUnder(event));
    },
    onpointermove: (event) => (stroke ? drawTo(pixelUnder(event)) : pointAt(clamp(pixelUnder(event), bench.size))),
    onpointerup: endStroke,
    onpointercancel: endStroke,
    onpointerleave: (event) => event.pointerType === "mouse" && say(null),
    onfocus: () => map.root.matches(":focus-visible") && pointAt((cursor = clamp(cursor, bench.size))),
    onblur: () => say(null),
    onkeydown: press,
  });
  const root = h("div", {}, map.title, map.root, h("div", { class: "buttons" }, pencil, clear, swatch), ink.root);
  return { root, show, markWindow, markTap, clear: () => map.mark() };
}

function outputSide(bench, showWindow) {
  const map = mapView("Output");
  const legend = h("div", { class: "legend" });
  const step = () => {
    const [rows, columns] = bench.grid;
    const next = (bench.selected[0] * columns + bench.selected[1] + 1) % (rows * columns);
    bench.change({ selected: [Math.floor(next / columns), next % columns] });
  };
  let timer = null;
  const play = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(() => (map.root.isConnected && bench.result.rows ? step() : play(false)), 160) : null;
    player.textContent = on ? "Pause" : "Play";
  };
  const player = button("Play", () => play(!timer));

  const show = () => {
    const { rows, columns, values } = bench.result;
    const most = Math.max(0, ...values.map(Math.abs));
    const isSigned = values.some((value) => value < 0);
    const colourOf = (value) => (isSigned ? signedColour : greyColour)(value, most);
    map.paint(values, [rows, columns], colourOf, rows ? `${rows} × ${columns}` : "is empty");
    legend.replaceChildren(isSigned ? shown(-most) : "0", h("span", { class: isSigned ? "bar signed" : "bar" }), shown(most));
  };
  const markWindow = () => map.mark(outline("halo", ...bench.selected), outline("window", ...bench.selected));
  const markReaders = ([y, x]) => {
    const rows = readersOf(y, bench.result.rows, bench.settings);
    const columns = readersOf(x, bench.result.columns, bench.settings);
    map.mark(...rows.flatMap((row) => columns.map((column) => outline("reader", row, column))));
    return rows.length * columns.length;
  };
  const hover = (place) => ((bench.hovered = place), showWindow());
  const place = (event) => bench.result.rows > 0 && cellAt(event, map.root, ...map.grid);
  setAttributes(map.root, {
    onpointermove: (event) => hover(place(event) || null),
    onpointerleave: () => hover(null),
    onclick: (event) => place(event) && bench.change({ selected: place(event) }),
    onkeydown: (event) => {
      const step = arrowStep(event);
      if (!step || !bench.result.rows) return;
      event.preventDefault();
      bench.hovered = null;
      bench.change({ selected: moved(bench.selected, step, bench.grid) });
    },
  });
  const root = h("div", {}, map.title, map.root, legend, h("div", { class: "buttons" }, reducedMotion() ? null : player));
  return { root, show, markWindow, markReaders, isPlaying: () => timer !== null, stop: () => play(false), clear: () => map.mark() };
}

// Pixels × kernel = products, and the sum as an equation.
function closeUp(bench, markTap) {
  const [pixels, products] = [numberSquare("Pixels in the window"), numberSquare("Products")];
  const editor = kernelEditor((i, weight) => {
    const weights = bench.used.map((row, y) => row.map((old, x) => (y * row.length + x === i ? weight : old)));
    bench.change({ kernel: bench.isFlipped ? turned(weights) : weights });
  });
  const sum = h("p", { class: "sum" });
  const sign = (text, node) => h("div", { class: "signed-part" }, h("span", { class: "sign" }, text), node);
  const squares = h("div", { class: "close-up" }, pixels.root, sign("×", editor.root), sign("=", products.root));
  squares.addEventListener("pointerover", ({ target }) => {
    const { tap } = target.dataset;
    for (const node of squares.querySelectorAll("[data-tap]")) node.classList.toggle("same", node.dataset.tap === tap);
    markTap(tap);
  });
  const showKernel = () => editor.show(bench.used, bench.isFlipped ? "Kernel, turned by 180°" : "Kernel (edit it)");
  const show = () => {
    const terms = bench.result.rows ? bench.terms : [];
    const most = Math.max(...terms.map(({ product }) => Math.abs(product)));
    pixels.show(terms, ({ pixel }) => pixel, ({ isPad, pixel }) => (isPad ? null : greyColour(pixel, 255)));
    products.show(terms, ({ product }) => shown(product), ({ product }) => signedColour(product, most));
    sum.replaceChildren(...(terms.length ? [`${equationOf(terms)} = `, h("strong", {}, shown(total(terms)))] : []));
  };
  return { root: h("div", {}, squares, sum), show, showKernel, turn: editor.turn };
}

function choices(bench, model) {
  const images = model.get("images").map(({ name, pixels }) => {
    const [values, [rows, columns]] = [unpack(pixels), pixels.shape];
    return [name, Array.from({ length: rows }, (_, y) => [...values.slice(y * columns, (y + 1) * columns)])];
  });
  images.push(["blank, 16 × 16", Array.from({ length: 16 }, () => Array(16).fill(0))]);
  const presets = model.get("presets").map(({ name, kernel }) => [name, kernel]);
  const listOf = (items) => [...items.map(([name], i) => [i, name]), [-1, "your own"]];
  const image = choice({ label: "Image", options: listOf(images), onChange: (i) => images[i] && bench.change({ image: images[i][1] }) });
  const kernel = choice({ label: "Kernel", options: listOf(presets), onChange: (i) => presets[i] && bench.change({ kernel: presets[i][1] }) });
  const size = choice({ label: "Size", options: [[3, "3 × 3"], [5, "5 × 5"]], onChange: (K) => bench.change({ kernel: resized(bench.kernel, +K) }) });
  const operation = choice({
    label: "Operation", options: [["false", "correlation"], ["true", "true convolution"]],
    onChange: (value) => bench.change({ flipped: value === "true" }),
  });
  const sliders = [["padding", "Padding P", 0, 2], ["stride", "Stride S", 1, 3], ["dilation", "Dilation d", 1, 2]].map(([name, label, min, max]) =>
    [name, slider({ label, min, max, value: model.get(name), onInput: (value) => bench.change({ [name]: value }) })]);
  const show = () => {
    image.input.value = images.findIndex(([, rows]) => same(rows, bench.image));
    kernel.input.value = presets.findIndex(([, preset]) => same(preset, bench.kernel));
    size.input.value = bench.kernel.length;
    operation.input.value = bench.isFlipped;
    for (const [name, control] of sliders) control.set(model.get(name));
  };
  const root = h("div", {}, h("div", { class: "choices" }, image.root, kernel.root, operation.root, size.root),
    h("div", { class: "settings" }, sliders.map(([, control]) => control.root)));
  return { root, show };
}

export default {
  render({ model, el }) {
    const bench = makeBench(model);
    const readout = h("p", { class: "readout", role: "status" });
    const formula = h("div", { class: "formula" });

    const showWindow = () => {
      readout.setAttribute("aria-live", output.isPlaying() ? "off" : "polite");
      detail.show();
      if (!bench.result.rows) {
        input.clear();
        output.clear();
        readout.textContent = "The kernel is larger than the padded image: there is no output.";
        return;
      }
      input.markWindow();
      output.markWindow();
      const [[row, column], terms] = [bench.selected, bench.terms];
      const pads = terms.filter(({ isPad }) => isPad).length;
      readout.textContent = `Output row ${row}, column ${column}: ${shown(total(terms))}. Its window begins at input row ${shown(terms[0].y)}, column ${shown(terms[0].x)}${pads ? `; ${pads} of its cells are padding` : ""}.`;
    };
    const showPixel = (place) => {
      if (!place) return showWindow();
      const count = output.markReaders(place);
      const readers = count === 1 ? "One output reads it." : `${count || "No"} outputs read it.`;
      readout.textContent = `Input row ${place[0]}, column ${place[1]}: ${bench.image[place[0]][place[1]]}. ${readers}`;
      return null;
    };
    const refresh = () => {
      const { settings, size: [rows, columns] } = bench;
      bench.result = correlate(bench.image, bench.used, settings);
      const axes = rows === columns ? [["W", columns]] : [["H", rows], ["W", columns]];
      formula.innerHTML = axes.map(([name, size]) => sizeFormula(name, { ...settings, size })).join(" ");
      panel.show();
      input.show();
      output.show();
      detail.showKernel();
      showWindow();
    };
    const panel = choices(bench, model);
    const input = inputSide(bench, showPixel);
    const output = outputSide(bench, showWindow);
    const detail = closeUp(bench, input.markTap);
    el.append(h("div", { class: "conv-bench", role: "group", "aria-label": model.get("label") },
      panel.root, h("div", { class: "maps" }, input.root, output.root), readout, detail.root, formula,
      h("p", { class: "muted" }, "Point at an output, tap it, or move with the arrow keys. On the input, arrow keys move and Space paints. Hatched: padding, zeros.")));
    model.on("change:image change:kernel change:padding change:stride change:dilation change:flipped", refresh);
    model.on("change:flipped", () => reducedMotion() || detail.turn());
    model.on("change:selected", showWindow);
    refresh();
    const resize = new ResizeObserver(refresh);
    resize.observe(output.root);
    return () => (output.stop(), resize.disconnect());
  },
};
