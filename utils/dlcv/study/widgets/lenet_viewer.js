// LeNet-5 at work in the page: a drawing, all its feature maps, and what the network says.
const WORDS = { conv: "convolution", dense: "fully connected", "max pool": "max pooling", "mean pool": "mean pooling" };

// What a layer does, in words: "convolution 5 × 5, ReLU".
function describe({ steps }) {
  return steps.map(({ kind, size, weight }) => {
    const side = kind === "conv" ? weight.shape[2] : size;
    return `${WORDS[kind] ?? kind}${side ? ` ${side} × ${side}` : ""}`;
  }).join(", ");
}

// Maps of one unit each are shown as one strip: as many maps, rows and columns as are drawn.
function tilesOf({ channels, size }) {
  if (size > 1) return { maps: channels, rows: size, columns: size };
  const rows = channels > 16 ? 2 : 1;
  return { maps: 1, rows, columns: Math.ceil(channels / rows) };
}

// The square of input pixels that a unit sees: [row, column, side].
const seenBy = ({ field, jump }, [row, column], isStrip) => (isStrip ? [0, 0, SIDE] : [row * jump, column * jump, field]);

const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;

const titleOf = ({ name }) => (/\d/.test(name) ? name.toUpperCase() : name[0].toUpperCase() + name.slice(1));

// A square of pixels that a frame can be put on.
function picture(className) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const frame = h("span", { class: "frame", hidden: true });
  const root = h("div", { class: className }, canvas, frame);
  const mark = (box, [rows, columns] = [SIDE, SIDE]) => {
    frame.hidden = !box;
    if (!box) return;
    const [row, column, high, wide] = box;
    frame.style.cssText = `top: ${(100 * row) / rows}%; left: ${(100 * column) / columns}%; height: ${(100 * high) / rows}%; width: ${(100 * wide) / columns}%`;
  };
  return { root, canvas, mark };
}

// One layer: its title and maps; `onPoint` hears of the unit [map, row, column] pointed at, or null.
function layerView(layer, result, onPoint) {
  const { maps, rows, columns } = tilesOf(result);
  const title = `${titleOf(layer)}: ${result.size > 1 ? `${result.channels} maps of ${result.size} × ${result.size}` : `${result.channels} units`}`;
  const range = h("span", { class: "muted" });
  const tiles = Array.from({ length: maps }, () => picture(result.size > 1 ? "map" : "map strip"));
  const grid = h("div", { class: "tiles", style: `--columns: ${Math.min(maps, 8)}`, tabindex: 0, role: "application", "aria-label": `${title}. Arrow keys move from unit to unit.` }, tiles.map((tile) => tile.root));
  let at = [0, 0, 0];
  const units = result.channels;
  const exists = ([, row, column]) => maps > 1 || row * columns + column < units;
  const point = (place) => {
    for (const [i, tile] of tiles.entries()) tile.mark(place?.[0] === i ? [place[1], place[2], 1, 1] : null, [rows, columns]);
    onPoint(place);
  };
  const move = ([down, right]) => {
    const column = at[2] + right;
    const map = at[0] + (column < 0 ? -1 : column >= columns ? 1 : 0);
    if (map < 0 || map >= maps) return at;
    const [row] = clamp([at[1] + down], [rows]);
    return [map, row, (column + columns) % columns];
  };
  const pointUnder = (event) => {
    const i = tiles.findIndex((tile) => tile.root.contains(event.target));
    const place = i >= 0 && [i, ...cellAt(event, tiles[i].root, rows, columns)];
    if (place && exists(place)) point((at = place));
  };
  setAttributes(grid, {
    onpointermove: pointUnder,
    onpointerdown: pointUnder,
    onpointerleave: (event) => event.pointerType === "mouse" && point(null),
    onfocus: () => grid.matches(":focus-visible") && point(at),
    onblur: () => point(null),
    onkeydown: (event) => {
      const step = arrowStep(event);
      if (!step) return;
      event.preventDefault();
      if (exists(move(step))) at = move(step);
      point(at);
    },
  });
  const show = ({ values }) => {
    const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    const isSigned = values.some((value) => value < 0);
    const area = rows * columns;
    for (const [i, { canvas }] of tiles.entries()) {
      const part = Array.from({ length: area }, (_, k) => values[i * area + k]);
      paintPixels(canvas, part, columns, (value) => (value === undefined ? null : (isSigned ? signedColour : heatColour)(value, most)));
    }
    range.textContent = `${isSigned ? "blue to orange: ±" : "black to bright: 0 to "}${most.toFixed(2)}`;
  };
  const root = h("div", { class: "layer", role: "group", "aria-label": title },
    h("p", { class: "caption" }, h("strong", {}, title), ` · ${describe(layer)} · `, range), grid);
  return { root, show, unitAt: ([map, row, column]) => map * rows * columns + row * columns + column };
}

function bars(count) {
  const rows = Array.from({ length: count }, (_, digit) => {
    const [bar, value] = [h("span", { class: "bar" }), h("span", { class: "value" })];
    return { root: h("li", {}, h("span", { class: "digit" }, digit), h("span", { class: "track" }, bar), value), bar, value };
  });
  const show = (shares, best) => rows.forEach(({ root, bar, value }, i) => {
    root.classList.toggle("best", i === best);
    bar.style.width = `${100 * shares[i]}%`;
    value.textContent = percent(shares[i]);
  });
  return { root: h("ol", { class: "bars", "aria-label": "Probability of each digit" }, rows.map((row) => row.root)), show };
}

// Where in the input a unit looks, what it sees there, and for the first layer its kernel.
function lens() {
  const [place, patch, kernel] = [picture("map"), picture("map"), picture("map")];
  const text = h("p", { role: "status" });
  const part = (name, { root }) => h("div", {}, h("p", { class: "caption" }, name), root);
  const parts = [part("it looks here", place), part("it sees", patch), part("its kernel", kernel)];
  const pictures = h("div", { class: "patches" }, parts);
  const show = (image, [top, left, side], weights, words) => {
    pictures.hidden = false;
    parts[2].hidden = !weights;
    text.textContent = words;
    paintPixels(place.canvas, image, SIDE, (value) => greyColour(value, 1));
    place.mark([top, left, side, side]);
    const pixels = Array.from({ length: side * side }, (_, i) => image[(top + Math.floor(i / side)) * SIDE + left + (i % side)]);
    paintPixels(patch.canvas, pixels, side, (value) => greyColour(value, 1));
    if (!weights) return;
    const most = Math.max(...weights.map(Math.abs));
    paintPixels(kernel.canvas, weights, Math.sqrt(weights.length), (value) => signedColour(value, most));
  };
  const hide = () => {
    pictures.hidden = true;
    text.textContent = "Point at a unit of any layer, or move there with Tab and the arrow keys, to see where it looks.";
  };
  hide();
  return { root: h("div", { class: "lens" }, pictures, text), show, hide };
}

export default {
  render({ model, el }) {
    const layers = loadLayers(model.get("layers"));
    const fields = fieldsOf(layers, SIDE);
    const examples = model.get("examples").map(({ name, image }) => [name, unpack(image)]);
    let image = [];
    let results = [];

    const verdict = h("p", { class: "verdict", role: "status" });
    const big = h("p", { class: "big", "aria-hidden": "true" });
    const input = picture("map input");
    const glass = lens();
    const showUnit = (l, place) => {
      if (!place) {
        input.mark(null);
        return glass.hide();
      }
      const [{ steps }, { values, size, channels }] = [layers[l], results[l]];
      const unit = views[l].unitAt(place);
      const isStrip = size === 1;
      const [top, left, side] = seenBy(fields[l], place.slice(1), isStrip);
      input.mark([top, left, side, side]);
      const where = isStrip ? `unit ${unit}` : `map ${place[0]}, row ${place[1]}, column ${place[2]}`;
      const sees = side === SIDE ? "all input pixels" : `input rows ${top} to ${top + side - 1}, columns ${left} to ${left + side - 1}`;
      const words = `${titleOf(layers[l])}, ${where}: ${values[unit].toFixed(2)}. It sees ${sees}.`;
      const area = l === 0 && steps[0].kind === "conv" && steps[0].weight.length / channels;
      const weights = area && [...steps[0].weight.subarray(place[0] * area, (place[0] + 1) * area)];
      return glass.show(image, [top, left, side], weights, words);
    };

    const run = (isDone = true) => {
      results = runLayers(layers, image, SIDE);
      paintPixels(input.canvas, image, SIDE, (value) => greyColour(value, 1));
      views?.forEach((view, l) => view.show(results[l]));
      const shares = softmax(results.at(-1).values);
      const best = shares.indexOf(Math.max(...shares));
      const isBlank = !image.some(Boolean);
      outputs.show(shares, isBlank ? null : best);
      big.textContent = isBlank ? "?" : best;
      if (isDone) verdict.textContent = isBlank ? "Draw a digit from 0 to 9." : `The network says ${best}, with probability ${percent(shares[best])}.`;
    };
    const showImage = () => {
      image = model.get("image").flat();
      run();
    };
    const store = (values) => {
      const rounded = Array.from(values, (value) => Math.round(value * 1e4) / 1e4);
      model.set("image", Array.from({ length: SIDE }, (_, y) => rounded.slice(y * SIDE, (y + 1) * SIDE)));
      model.save_changes();
    };
    const pad = drawingPad((strokes, isDone) => {
      example.input.value = -1;
      image = imageOf(strokes);
      if (isDone) store(image);
      else run(false);
    });
    const example = choice({
      label: "Example", options: [...examples.map(([name], i) => [i, name]), [-1, "your own drawing"]], value: 0,
      onChange: (i) => {
        pad.set([]);
        store(examples[i]?.[1] ?? Array(SIDE * SIDE).fill(0));
      },
    });
    const clear = () => {
      pad.set([]);
      example.input.value = -1;
      store(Array(SIDE * SIDE).fill(0));
    };
    const blank = runLayers(layers, Array(SIDE * SIDE).fill(0), SIDE);
    const outputs = bars(blank.at(-1).channels);
    const views = layers.map((layer, l) => layerView(layer, blank[l], (place) => showUnit(l, place)));

    el.append(h("div", { class: "lenet", role: "group", "aria-label": model.get("label") },
      h("div", { class: "top" },
        h("div", {}, h("p", { class: "caption" }, "Draw a digit here"), pad.root, h("div", { class: "buttons" }, button("Clear", clear), button("Undo", pad.undo))),
        h("div", {}, h("p", { class: "caption" }, "Network input"), input.root, example.root),
        h("div", { class: "answer" }, h("div", {}, big, verdict), outputs.root)),
      glass.root, views.map((view) => view.root)));
    model.on("change:image", showImage);
    showImage();
  },
};
