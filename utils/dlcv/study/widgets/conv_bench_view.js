// The parts of the convolution bench that show: maps of pixels, squares of numbers, the kernel.
const CELL = 20; // units of the drawing over a map for one pixel
const svg = (tag, attributes, ...children) => h(`svg:${tag}`, attributes, ...children);

const shown = (value, digits = 2) => String(+value.toFixed(digits)).replace("-", "−");

// "255·1 + 13·(−2)": taps of weight 0 are left out.
function equationOf(terms) {
  const factor = (weight) => (weight < 0 ? `(${shown(weight, 3)})` : shown(weight, 3));
  return terms.filter(({ weight }) => weight).map(({ pixel, weight }) => `${pixel}·${factor(weight)}`).join(" + ") || "0";
}

const outline = (kind, row, column, rows = 1, columns = 1) =>
  svg("rect", { class: kind, x: column * CELL, y: row * CELL, width: columns * CELL, height: rows * CELL });

// The numbers on a map, where its pixels are large enough to hold them; undefined is padding.
function mapNumbers(values, columns, colourOf, pixel_px) {
  if (pixel_px < 21) return [];
  return values.map((value, i) => {
    const text = value === undefined ? "0" : shown(value, Math.abs(value) < 10 ? 1 : 0);
    const fill = value === undefined ? "currentColor" : inkOn(colourOf(value));
    const size_px = Math.min(14, 0.4 * pixel_px, (1.5 * pixel_px) / text.length);
    const [x, y] = [((i % columns) + 0.5) * CELL, (Math.floor(i / columns) + 0.5) * CELL];
    return svg("text", { x, y, fill, "font-size": (size_px / pixel_px) * CELL }, text);
  });
}

// A map: pixels on a canvas, numbers and outlines over it; `grid` is its [rows, columns].
function mapView(name) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const [numbers, marks] = [svg("g"), svg("g", { class: "marks" })];
  const overlay = svg("svg", { "aria-hidden": "true" }, numbers, marks);
  const root = h("div", { class: "map", tabindex: 0, role: "application", "aria-roledescription": "pixel map" }, canvas, overlay);
  const title = h("p", { class: "caption" });
  return {
    root, title, grid: [0, 0],
    paint(values, [rows, columns], colourOf, text) {
      this.grid = [rows, columns];
      root.style.aspectRatio = `${columns || 1} / ${rows || 1}`;
      overlay.setAttribute("viewBox", `0 0 ${columns * CELL} ${rows * CELL}`);
      paintPixels(canvas, values, columns, (value) => (value === undefined ? null : colourOf(value)));
      numbers.replaceChildren(...mapNumbers(values, columns, colourOf, root.clientWidth / columns));
      title.textContent = `${name} ${text}`;
      root.setAttribute("aria-label", title.textContent);
    },
    mark: (...outlines) => marks.replaceChildren(...outlines),
    markTap(node) {
      marks.querySelector(".same")?.remove();
      if (node) marks.append(node);
    },
  };
}

// A square of numbers with a title; `colourOf` gives a cell's colour, or null for padding.
function numberSquare(name) {
  const cells = h("div", { class: "cells" });
  const title = h("p", { class: "caption" }, name);
  const root = h("div", { class: "square", role: "group", "aria-label": name }, title, cells);
  const fill = (nodes) => {
    root.style.setProperty("--size", Math.sqrt(nodes.length));
    cells.replaceChildren(...nodes);
  };
  const show = (terms, textOf, colourOf) => fill(terms.map((term, i) => {
    const colour = colourOf(term);
    const style = colour && `background: rgb(${colour}); color: ${inkOn(colour)}`;
    return h("span", { class: colour ? "cell" : "cell pad", style, "data-tap": i }, textOf(term));
  }));
  return { root, title, cells, fill, show };
}

// The kernel as numbers to edit; `onEdit(i, weight)` hears of the i-th of those shown.
function kernelEditor(onEdit) {
  const square = numberSquare("Kernel");
  let inputs = [];
  let weights = [];
  const makeInput = (i, size) => h("input", {
    type: "number", step: "any", class: "cell", "data-tap": i,
    "aria-label": `Weight in row ${Math.floor(i / size)}, column ${i % size}`,
    oninput: ({ target }) => target.value !== "" && onEdit(i, +target.value),
    onblur: ({ target }) => (target.value = +weights[i].toFixed(3)),
  });
  const show = (kernel, title) => {
    weights = kernel.flat();
    square.title.textContent = title;
    if (inputs.length !== weights.length) {
      inputs = weights.map((_, i) => makeInput(i, kernel.length));
      square.fill(inputs);
    }
    const most = Math.max(...weights.map(Math.abs));
    for (const [i, input] of inputs.entries()) {
      const colour = signedColour(weights[i], most);
      input.style.cssText = `background: rgb(${colour}); color: ${inkOn(colour)}`;
      if (input.value === "" || +input.value !== weights[i]) input.value = +weights[i].toFixed(3);
    }
  };
  const turn = () => square.cells.animate([{ rotate: "-180deg" }, { rotate: "0deg" }], { duration: 450, easing: "ease-in-out" });
  return { root: square.root, show, turn };
}
