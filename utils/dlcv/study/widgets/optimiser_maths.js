// Loss surfaces with their gradients, and six optimisers, as in the package.

// Each gives [loss, slope along x₁, slope along x₂].
const valleyAt = (x, y) => [(x * x + 25 * y * y) / 2, x, 25 * y];
const SURFACES = {
  "round bowl": (x, y) => [(x * x + y * y) / 2, x, y],
  "long valley": valleyAt,
  "tilted valley": (x, y) => {
    const r = Math.SQRT1_2;
    const [loss, u, v] = valleyAt((x + y) * r, (y - x) * r);
    return [loss, (u - v) * r, (u + v) * r];
  },
  saddle: (x, y) => [(x * x - y * y) / 2 + y ** 4 / 4, x, y ** 3 - y],
  banana: (x, y) => {
    const off = y - x * x;
    return [(1 - x) ** 2 / 10 + off * off, -(1 - x) / 5 - 4 * x * off, 2 * off];
  },
  "several minima": (x, y) => [
    0.2 * (x * x + y * y) + 1 - (Math.cos(4 * x) + Math.cos(4 * y)) / 2,
    0.4 * x + 2 * Math.sin(4 * x), 0.4 * y + 2 * Math.sin(4 * y)],
};

// One number's step: from its gradient and its state to what is subtracted, before the rate.
const RULES = {
  SGD: (g) => g,
  momentum(g, s, mu) {
    s.v = mu * s.v + g;
    return s.v;
  },
  Nesterov(g, s, mu) {
    s.v = mu * s.v + g;
    return g + mu * s.v;
  },
  AdaGrad(g, s) {
    s.s += g * g;
    return g / (Math.sqrt(s.s) + 1e-10);
  },
  RMSProp(g, s) {
    s.s = 0.9 * s.s + (1 - 0.9) * g * g;
    return g / (Math.sqrt(s.s) + 1e-8);
  },
  Adam(g, s, mu, t) {
    s.v = mu * s.v + (1 - mu) * g;
    s.s = 0.999 * s.s + (1 - 0.999) * g * g;
    return s.v / (1 - mu ** t) / (Math.sqrt(s.s / (1 - 0.999 ** t)) + 1e-8);
  },
};
const FAR = 1e6; // whoever gets there has left for good

// A walker: its place, its state for each number, its path and its losses.
function makeWalker(name, surface, start) {
  return {
    name, t: 0, place: [...start], state: [{ v: 0, s: 0 }, { v: 0, s: 0 }],
    path: [[...start]], losses: [SURFACES[surface](...start)[0]], isLost: false,
  };
}

function takeStep(walker, surface, rate, momentum) {
  if (walker.isLost) return;
  walker.t += 1;
  const slopes = SURFACES[surface](...walker.place).slice(1);
  walker.place = walker.place.map((x, i) => x - rate * RULES[walker.name](slopes[i], walker.state[i], momentum, walker.t));
  walker.isLost = !walker.place.every((x) => Math.abs(x) < FAR);
  if (walker.isLost) return;
  walker.path.push(walker.place);
  walker.losses.push(SURFACES[surface](...walker.place)[0]);
}
