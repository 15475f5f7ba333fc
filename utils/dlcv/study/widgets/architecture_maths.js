// The numbers of networks: layers, stages, totals, scales, and how all of them are written.
const grouped = (value) => value.toLocaleString("en");

// A value in a few figures: 25.6 M.
function inUnits(value, units) {
  const [unit, name] = units.find(([least]) => value >= least) ?? [1, units.at(-1)[1]];
  const figures = value / unit;
  const digits = unit === 1 || figures >= 100 ? 0 : figures >= 10 ? 1 : 2;
  return `${figures.toFixed(digits)}${name && `\u00a0${name}`}`;
}
const compact = (value) => inUnits(value, [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]]);
const inBytes = (value) => inUnits(value, [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]]);
const inPixels = (value) => `${value}\u00a0px`;

const tickText = (value, { text }) => text(value).replace(/\.0+(?=\u00a0)/, "");

// What bars can show; parts of a whole have shares of a total.
const QUANTITIES = {
  parameters: { name: "parameters", text: compact, exact: grouped, isPart: true },
  multiply_adds: { name: "multiply-adds", text: compact, exact: grouped, isPart: true },
  memory: { name: "memory of the maps", text: inBytes, exact: inBytes, isPart: true },
  side: { name: "side of a map", text: inPixels, exact: inPixels },
  channels: { name: "channels", text: String, exact: String },
  field: { name: "receptive field", text: inPixels, exact: inPixels },
};

const KINDS = {
  convolution: "convolution",
  grouped: "grouped or depthwise convolution",
  pooling: "pooling",
  linear: "fully connected",
  other: "other",
};

// Columns become layers; a field of null is no window: the layer sees the whole image.
function loadNetwork(columns) {
  const layers = columns.layers.map((name, i) => {
    const [channels = 0, ...sides] = columns.shapes[i];
    return {
      name, channels, text: columns.texts[i], kind: columns.kinds[i], shape: columns.shapes[i], window: columns.field[i],
      parameters: columns.parameters[i], multiply_adds: columns.multiply_adds[i], memory: columns.memory[i],
      side: channels && Math.max(1, ...sides), field: columns.field[i] && Math.max(...columns.field[i]),
    };
  });
  return { name: columns.name, size: columns.size, layers, stages: stagesOf(layers) };
}

// Neighbours whose maps have the same side. A vector between maps, as of a gate, begins no stage.
function stagesOf(layers) {
  const lastMap = layers.findLastIndex(({ side }) => side > 1);
  const stages = [];
  layers.forEach(({ side }, i) => {
    const isVector = side <= 1;
    const last = stages.at(-1);
    const joins = last && (isVector ? i < lastMap || last.side <= 1 : side === last.side);
    if (joins) last.count += 1;
    else stages.push({ side, from: i, count: 1 });
  });
  return stages;
}

const totalOf = ({ layers }, quantity) => layers.reduce((sum, layer) => sum + layer[quantity], 0);

// The largest window of a network's maps, in pixels; infinite where a gate lets a map see the image.
const widestField = ({ layers }) => Math.max(0, ...layers.filter(({ side }) => side > 1).map(({ field }) => field ?? Infinity));

const largest = (networks, quantity) => Math.max(1, ...networks.flatMap(({ layers }) => layers.map((layer) => layer[quantity] ?? 0)));

// Where a scale ends, and for a logarithmic one where it begins: at a power of its base, which is
// 32 for bytes and else 10. Bytes are counted in powers of two.
function scaleOf(networks, quantity, isLog) {
  const most = largest(networks, quantity);
  const values = networks.flatMap(({ layers }) => layers.map((layer) => layer[quantity] ?? 0)).filter((value) => value > 0);
  const base = quantity === "memory" ? 32 : 10;
  const power = Math.floor(Math.log(Math.min(...values, most)) / Math.log(base) + 1e-9);
  const unit = quantity === "memory" ? [2 ** 20, 2 ** 10, 1].find((size) => most >= size) : 1;
  return { most, isLog, base, floor: base ** power, unit };
}

// How high a value stands on a scale, 0 to 1.
function heightOf(value, { most, floor, isLog }) {
  if (!value) return 0;
  if (!isLog) return value / most;
  return Math.max(0, Math.log(value / floor)) / (Math.log(most / floor) || 1);
}

// One to six round values of a scale.
function ticksOf({ most, floor, base, unit, isLog }) {
  if (isLog) {
    const powers = Math.floor(Math.log(most / floor) / Math.log(base) + 1e-9);
    const step = Math.max(1, Math.ceil(powers / 5));
    return Array.from({ length: Math.floor(powers / step) + 1 }, (_, i) => floor * base ** (i * step));
  }
  const rough = most / unit / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = unit * power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
  return unit > 1 ? ticks : ticks.filter(Number.isInteger);
}

const shapeText = ([channels, ...sides]) => {
  if (!channels) return "none";
  return sides.length ? `${grouped(channels)} maps of ${sides.join(" × ")}` : `${grouped(channels)} values`;
};

const shareText = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)}\u00a0%` : "");

function fieldText({ window }, size) {
  if (!window) return "the whole image";
  const [high, wide] = window;
  const pixels = high === wide ? inPixels(high) : `${high} × ${wide}\u00a0px`;
  return Math.max(high, wide) > size ? `${pixels}, more than the image` : pixels;
}
