// A network of fully connected layers: forward, backward, a step, and fresh weights.

// Value and slope of a unit; the slope from z and from the value a, whichever is handier.
const UNITS = {
  tanh: { value: Math.tanh, slope: (z, a) => 1 - a * a },
  logistic: { value: (z) => (1 + Math.tanh(z / 2)) / 2, slope: (z, a) => a * (1 - a) },
  ReLU: { value: (z) => (z > 0 ? z : 0), slope: (z) => (z > 0 ? 1 : 0) },
  linear: { value: (z) => z, slope: () => 1 },
};
const probability = UNITS.logistic.value;

// Layers as flat arrays, with room for the gradients, the activations and the deltas.
function makeNetwork(parameters, activation) {
  const layers = parameters.map(({ weights, biases }) => {
    const [outputs, inputs] = [weights.length, weights[0].length];
    const room = (size) => new Float64Array(size);
    return {
      inputs, outputs, weights: Float64Array.from(weights.flat()), biases: Float64Array.from(biases),
      gradWeights: room(inputs * outputs), gradBiases: room(outputs), z: room(outputs), a: room(outputs), delta: room(outputs),
    };
  });
  return { layers, unit: UNITS[activation], input: new Float64Array(2) };
}

function toParameters({ layers }) {
  return layers.map(({ inputs, outputs, weights, biases }) => ({
    weights: Array.from({ length: outputs }, (_, j) => [...weights.slice(j * inputs, (j + 1) * inputs)]),
    biases: [...biases],
  }));
}

// The logit of one point; every layer keeps its z and a.
function forward({ layers, unit, input }, x1, x2) {
  input[0] = x1;
  input[1] = x2;
  let below = input;
  layers.forEach((layer, l) => {
    const isLast = l === layers.length - 1;
    for (let j = 0; j < layer.outputs; j++) {
      let z = layer.biases[j];
      for (let i = 0, at = j * layer.inputs; i < layer.inputs; i++, at++) z += layer.weights[at] * below[i];
      layer.z[j] = z;
      layer.a[j] = isLast ? z : unit.value(z);
    }
    below = layer.a;
  });
  return below[0];
}

// Adds one point's share to all gradients, from the error at the output down to the first layer.
function backward({ layers, unit, input }, error) {
  layers[layers.length - 1].delta[0] = error;
  for (let l = layers.length - 1; l >= 0; l--) {
    const { inputs, outputs, weights, gradWeights, gradBiases, delta } = layers[l];
    const lower = layers[l - 1];
    const below = lower ? lower.a : input;
    if (lower) lower.delta.fill(0);
    for (let j = 0; j < outputs; j++) {
      gradBiases[j] += delta[j];
      for (let i = 0, at = j * inputs; i < inputs; i++, at++) {
        gradWeights[at] += delta[j] * below[i];
        if (lower) lower.delta[i] += delta[j] * weights[at];
      }
    }
    if (lower) for (let i = 0; i < inputs; i++) lower.delta[i] *= unit.slope(lower.z[i], lower.a[i]);
  }
}

// Mean cross-entropy over all points, the share of right decisions, and fresh gradients.
function measure(network, points, labels) {
  for (const layer of network.layers) {
    layer.gradWeights.fill(0);
    layer.gradBiases.fill(0);
  }
  let loss = 0;
  let right = 0;
  for (let n = 0; n < labels.length; n++) {
    const z = forward(network, points[2 * n], points[2 * n + 1]);
    loss += Math.max(z, 0) - z * labels[n] + Math.log1p(Math.exp(-Math.abs(z)));
    right += z > 0 === labels[n] > 0;
    backward(network, (probability(z) - labels[n]) / labels.length);
  }
  return { loss: loss / labels.length, accuracy: right / labels.length };
}

function descend({ layers }, rate) {
  for (const { weights, biases, gradWeights, gradBiases } of layers) {
    for (let i = 0; i < weights.length; i++) weights[i] -= rate * gradWeights[i];
    for (let i = 0; i < biases.length; i++) biases[i] -= rate * gradBiases[i];
  }
}

const gradientNorms = ({ layers }) => layers.map(({ gradWeights }) => Math.hypot(...gradWeights));

// Gaussian weights from a seed (mulberry32 and Box–Muller), spread as in the package's MLP.
function freshParameters(sizes, activation, seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return sizes.slice(1).map((outputs, l) => {
    const inputs = sizes[l];
    const spread = Math.sqrt(activation === "ReLU" ? 2 / inputs : 2 / (inputs + outputs));
    return {
      weights: Array.from({ length: outputs }, () => Array.from({ length: inputs }, () => spread * normal())),
      biases: new Array(outputs).fill(0),
    };
  });
}
