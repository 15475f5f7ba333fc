// A cell of 8 units over a sequence of numbers: forward, and the gradient of the last state back.
const UNITS_IN_CELL = 8;

const logistic = (z) => 1 / (1 + Math.exp(-z));

// U x + scale · W s, for however many rows U has.
function preActivation(U, W, x, s, scale) {
  const D = UNITS_IN_CELL;
  const z = new Float64Array(U.length);
  for (let i = 0; i < z.length; i++) {
    let sum = 0;
    for (let j = 0; j < D; j++) sum += W[i * D + j] * s[j];
    z[i] = U[i] * x + scale * sum;
  }
  return z;
}

function stepForward({ cell, radius, forget }, [U, W], x, { h, c }) {
  const D = UNITS_IN_CELL;
  const z = preActivation(U, W, x, h, radius);
  if (cell !== "LSTM") return { h: cell === "tanh" ? z.map(Math.tanh) : z, c };
  const part = (k, f) => z.slice(k * D, (k + 1) * D).map(f);
  const [i, f, g, o] = [part(0, logistic), part(1, (v) => logistic(v + forget)), part(2, Math.tanh), part(3, logistic)];
  const next = c.map((value, k) => f[k] * value + i[k] * g[k]);
  return { h: next.map((value, k) => o[k] * Math.tanh(value)), c: next, gates: { i, f, g, o } };
}

// States 0 … T; each holds h, c and, for an LSTM, the gates that led to it.
function unroll(settings, weights, inputs) {
  const zeros = () => new Float64Array(UNITS_IN_CELL);
  const states = [{ h: zeros(), c: zeros() }];
  for (let t = 0; t < settings.length; t++) states.push(stepForward(settings, weights, inputs[t], states[t]));
  return states;
}

// What the pre-activations of a step get: 8 numbers, or 32 for an LSTM; c is changed in place.
function throughStep({ cell }, before, after, dh, dc) {
  if (cell === "linear") return dh;
  if (cell === "tanh") return dh.map((value, k) => value * (1 - after.h[k] ** 2));
  const D = UNITS_IN_CELL;
  const dz = new Float64Array(4 * D);
  const { i, f, g, o } = after.gates;
  for (let k = 0; k < D; k++) {
    const squashed = Math.tanh(after.c[k]);
    const inner = dc[k] + dh[k] * o[k] * (1 - squashed ** 2);
    dz[k] = inner * g[k] * i[k] * (1 - i[k]);
    dz[D + k] = inner * before.c[k] * f[k] * (1 - f[k]);
    dz[2 * D + k] = inner * i[k] * (1 - g[k] ** 2);
    dz[3 * D + k] = dh[k] * squashed * o[k] * (1 - o[k]);
    dc[k] = inner * f[k];
  }
  return dz;
}

// Lengths of the gradient at the states 0 … T.
function gradientsBack(settings, [, W], states) {
  const D = UNITS_IN_CELL;
  let dh = new Float64Array(D).fill(D ** -0.5);
  const dc = new Float64Array(D);
  const lengths = [1];
  for (let t = states.length - 1; t > 0; t--) {
    const dz = throughStep(settings, states[t - 1], states[t], dh, dc);
    dh = new Float64Array(D);
    for (let row = 0; row < dz.length; row++) {
      for (let j = 0; j < D; j++) dh[j] += settings.radius * dz[row] * W[row * D + j];
    }
    lengths.unshift(Math.hypot(...dh, ...dc));
  }
  return lengths;
}
