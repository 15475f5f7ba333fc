// What the RoI bins are drawn with: a map of cells, a table of results, and the curve of a slide.
const svg = (tag, attributes, ...children) => h(`svg:${tag}`, attributes, ...children);
const fixed = (value, digits = 2) => String(+value.toFixed(digits)).replace("-", "−");
const rectangle = (kind, x, y, width, height, more = {}) => svg("rect", { class: kind, x, y, width, height, ...more });

// The cells of a map with their numbers, in units of cells.
function cellsOf(values) {
  const least = Math.min(0, ...values.flat());
  const span = Math.max(...values.flat()) - least || 1;
  return values.flatMap((row, y) => row.map((value, x) => {
    const colour = [225, 238, 250].map((part, i) => Math.round(part + ([8, 64, 129][i] - part) * ((value - least) / span) * 0.85));
    return svg("g", {}, rectangle("cell", x, y, 1, 1, { fill: `rgb(${colour})` }),
      svg("text", { x: x + 0.5, y: y + 0.5, fill: inkOn(colour), "font-size": 0.34 }, fixed(value, Math.abs(value) < 10 ? 1 : 0)));
  }));
}

// A map with the region on it; `onDrag(part, event)` hears of every movement of a part.
function regionMap(name, onDrag) {
  const [cells, marks] = [svg("g"), svg("g", { class: "marks" })];
  const body = rectangle("body", 0, 0, 1, 1);
  const corners = ["nw", "ne", "sw", "se"].map((place) => [place, svg("circle", { class: `reach ${place}`, r: 0.45 }), svg("circle", { class: "corner", r: 0.17 })]);
  const drawing = svg("svg", { "aria-hidden": "true" }, cells, marks, body, corners.map(([, , dot]) => dot), corners.map(([, reach]) => reach));
  const root = h("div", { class: "map", tabindex: 0, role: "application", "aria-roledescription": "region on a feature map" }, drawing);
  let part = null;
  const at = (event) => {
    const box = drawing.getBoundingClientRect();
    const { width } = drawing.viewBox.baseVal;
    return [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.width * width];
  };
  for (const [place, node] of [["body", body], ...corners]) {
    node.addEventListener("pointerdown", (event) => {
      node.setPointerCapture(event.pointerId);
      part = place;
      onDrag(part, at(event), true);
    });
    node.addEventListener("pointermove", (event) => part && onDrag(part, at(event), false));
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => (part = null));
  }
  return {
    root,
    fill(values) {
      drawing.setAttribute("viewBox", `0 0 ${values[0].length} ${values.length}`);
      cells.replaceChildren(...cellsOf(values));
    },
    show([x1, y1, x2, y2], nodes, text) {
      marks.replaceChildren(...nodes);
      setAttributes(body, { x: x1, y: y1, width: x2 - x1, height: y2 - y1 });
      for (const [place, reach, dot] of corners) {
        for (const node of [reach, dot]) setAttributes(node, { cx: place[1] === "w" ? x1 : x2, cy: place[0] === "n" ? y1 : y2 });
      }
      root.setAttribute("aria-label", `${name}. ${text}`);
    },
  };
}

// The results as buttons, one of which is the bin that is looked at.
function resultTable(name, onSelect) {
  const root = h("div", { class: "results", role: "group", "aria-label": `${name}: values` });
  return {
    root,
    show(results, bins, chosen) {
      const hadFocus = [...root.children].indexOf(document.activeElement);
      root.style.setProperty("--bins", bins);
      root.replaceChildren(...results.map(({ value }, i) => {
        const [row, column] = [Math.floor(i / bins), i % bins];
        return button(fixed(value), () => onSelect([row, column]), { "aria-pressed": String(i === chosen), "aria-label": `row ${row}, column ${column}: ${fixed(value)}` });
      }));
      if (hadFocus >= 0) root.children[Math.min(hadFocus, results.length - 1)].focus();
    },
  };
}

// By how much one bin's two values change while the region slides from one cell to the left to one to the right.
const SLIDE = { width: 640, height: 170, left: 58, right: 14, top: 12, bottom: 40 };
function slideChart() {
  const root = svg("svg", { class: "slide", viewBox: `0 0 ${SLIDE.width} ${SLIDE.height}`, role: "img" });
  return {
    root,
    show(...values) {
      const stride = values.pop();
      const [pooled, sampled] = values.map((line) => line.map((value) => value - line[(line.length - 1) / 2]));
      const all = [...pooled, ...sampled];
      const [least, most] = [Math.min(...all), Math.max(...all)];
      const pad = (most - least) * 0.08 || 1;
      const signed = (value) => (value > 0 ? "+" : "") + fixed(value, 1);
      const x = (i) => SLIDE.left + (i / (pooled.length - 1)) * (SLIDE.width - SLIDE.left - SLIDE.right);
      const y = (value) => SLIDE.height - SLIDE.bottom - ((value - least + pad) / (most - least + 2 * pad)) * (SLIDE.height - SLIDE.top - SLIDE.bottom);
      const middle = (pooled.length - 1) / 2;
      const smooth = sampled.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      const stairs = pooled.map((value, i) => `${i ? "H" : "M"}${x(i).toFixed(1)}${i ? "V" : " "}${y(value).toFixed(1)}`).join("");
      const texts = [[0, `−${stride}`], [middle, "0"], [2 * middle, `+${stride}`]].map(([i, text]) =>
        svg("text", { x: x(i), y: SLIDE.height - SLIDE.bottom + 17, "text-anchor": i === 2 * middle ? "end" : "middle" }, text));
      root.replaceChildren(
        svg("path", { class: "axis", d: `M${SLIDE.left} ${SLIDE.top}V${SLIDE.height - SLIDE.bottom}H${SLIDE.width - SLIDE.right}` }),
        svg("path", { class: "now", d: `M${x(middle)} ${SLIDE.top}V${SLIDE.height - SLIDE.bottom}` }), ...texts,
        ...[least, most].map((value) => svg("text", { x: SLIDE.left - 7, y: y(value) + 5, "text-anchor": "end" }, signed(value))),
        svg("text", { x: SLIDE.width / 2, y: SLIDE.height - 5, "text-anchor": "middle" }, "the region slides by (px)"),
        svg("path", { class: "pool line", d: stairs }), svg("path", { class: "align line", d: smooth }));
      const jumps = pooled.filter((value, i) => i && value !== pooled[i - 1]).length;
      root.setAttribute("aria-label", `Change of the chosen bin while the region slides by a cell to either side: RoIPool's value jumps ${jumps} times, RoIAlign's never`);
    },
  };
}
