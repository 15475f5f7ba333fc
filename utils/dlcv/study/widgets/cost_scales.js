// Axes, ticks and fronts of the bubble chart: numbers in, numbers out.

// "25.6 M", "4.09 G": three digits and a prefix.
function short(value) {
  const [factor, prefix] = value >= 1e9 ? [1e9, " G"] : value >= 1e6 ? [1e6, " M"] : value >= 1e4 ? [1e3, " k"] : [1, ""];
  return `${+(value / factor).toPrecision(3)}${prefix}`;
}

const decades = [1, 2, 5];

// Marks of a logarithmic axis: 1, 2 and 5 of every decade, thinned to the whole decades if many.
function logTicks(low, high) {
  const all = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) for (const d of decades) all.push(d * 10 ** e);
  const seen = all.filter((tick) => tick >= low && tick <= high);
  return seen.length > 9 ? seen.filter((tick) => Number.isInteger(+Math.log10(tick).toFixed(9))) : seen;
}

// Marks of a linear axis: multiples of 1, 2 or 5 times a power of ten, at most about seven.
function linearTicks(low, high) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = decades.map((d) => d * power).find((s) => s >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => +((first + i) * step).toPrecision(12));
}

// From values to pixels: a little air at both ends.
function makeScale(values, isLog, from, to) {
  const f = isLog ? Math.log10 : (v) => v;
  const [low, high] = [Math.min(...values), Math.max(...values)].map(f);
  const air = 0.06 * (high - low) || (isLog ? 0.3 : 1);
  const [start, end] = [low - air, high + air];
  const back = isLog ? (v) => 10 ** v : (v) => v;
  const at = (value) => from + ((f(value) - start) / (end - start)) * (to - from);
  const ticks = isLog ? logTicks(back(start), back(end)) : linearTicks(start, end);
  return { at, ticks };
}

// The points that no other beats in both: cheaper or equal in x and better in y, cheapest first.
function frontOf(points) {
  const sorted = [...points].sort((a, b) => a.x - b.x || b.y - a.y);
  let best = -Infinity;
  return sorted.filter(({ y }) => y > best && ((best = y), true));
}
