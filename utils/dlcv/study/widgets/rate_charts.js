// Two small charts: accuracy over the epochs at one rate, and at the end over all rates.
const svg = (tag, attributes, ...children) => h(`svg:${tag}`, attributes, ...children);
const [WIDE, HIGH, EDGE] = [340, 230, { left: 40, right: 12, top: 26, bottom: 40 }];
const ARM_NAMES = ["without", "with"];

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const yOf = (value) => EDGE.top + (1 - value) * (HIGH - EDGE.top - EDGE.bottom);
const xOf = (share) => EDGE.left + share * (WIDE - EDGE.left - EDGE.right);
const line = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function frame(title, xLabel, ticks, chance) {
  return [
    svg("text", { class: "heading", x: EDGE.left, y: 15 }, title),
    ...[0, 0.5, 1].map((value) => svg("g", {},
      svg("line", { class: "grid", x1: EDGE.left, x2: WIDE - EDGE.right, y1: yOf(value), y2: yOf(value) }),
      svg("text", { class: "left", x: EDGE.left - 6, y: yOf(value) + 4 }, String(value)))),
    svg("line", { class: "chance", x1: EDGE.left, x2: WIDE - EDGE.right, y1: yOf(chance), y2: yOf(chance) }),
    ...ticks.map(([share, name]) => svg("text", { class: "below", x: xOf(share), y: HIGH - EDGE.bottom + 16 }, name)),
    svg("text", { class: "below", x: xOf(0.5), y: HIGH - 6 }, xLabel),
  ];
}

// A band from the worst to the best seed and a line through the means; points at shares of the axis.
function arm(kind, shares, seedValues, marks) {
  const low = seedValues.map((values, i) => [xOf(shares[i]), yOf(Math.min(...values))]);
  const high = seedValues.map((values, i) => [xOf(shares[i]), yOf(Math.max(...values))]);
  const middle = seedValues.map((values, i) => [xOf(shares[i]), yOf(mean(values))]);
  const dot = ([x, y]) => (kind === "with"
    ? svg("circle", { class: `dot ${kind}`, cx: x, cy: y, r: 4 })
    : svg("rect", { class: `dot ${kind}`, x: x - 3.5, y: y - 3.5, width: 7, height: 7 }));
  return [
    svg("path", { class: `band ${kind}`, d: `${line([...low, ...high.reverse()])}Z` }),
    svg("path", { class: `line ${kind}`, d: line(middle) }),
    ...(marks ? middle.map(dot) : []),
  ];
}

function chart(label) {
  const root = svg("svg", { class: "chart", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": label });
  return { root, draw: (name, ...nodes) => (root.setAttribute("aria-label", name), root.replaceChildren(...nodes.flat(2))) };
}
