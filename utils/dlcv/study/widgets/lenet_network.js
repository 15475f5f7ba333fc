// A small network in plain loops: layers of elementary steps on { channels, size, values }.

// y[o, r, c] = bias[o] + sum over i, m, n of weight[o, i, m, n] x[i, r + m, c + n].
function convolve({ channels, size, values }, { weight, bias }) {
  const [outputs, , kernel] = weight.shape;
  const side = size - kernel + 1;
  const result = new Float32Array(outputs * side * side);
  for (let o = 0; o < outputs; o++) {
    const out = result.subarray(o * side * side, (o + 1) * side * side).fill(bias[o]);
    for (let tap = 0; tap < channels * kernel * kernel; tap++) {
      const factor = weight[o * channels * kernel * kernel + tap];
      const [i, m, n] = [Math.floor(tap / (kernel * kernel)), Math.floor(tap / kernel) % kernel, tap % kernel];
      for (let r = 0; r < side; r++) {
        const from = (i * size + r + m) * size + n;
        for (let c = 0; c < side; c++) out[r * side + c] += factor * values[from + c];
      }
    }
  }
  return { channels: outputs, size: side, values: result };
}

function pool({ channels, size, values }, width, merge) {
  const side = Math.floor(size / width);
  const result = new Float32Array(channels * side * side);
  for (let at = 0; at < result.length; at++) {
    const [i, r, c] = [Math.floor(at / (side * side)), Math.floor(at / side) % side, at % side];
    const window = [];
    for (let k = 0; k < width * width; k++) {
      window.push(values[(i * size + r * width + Math.floor(k / width)) * size + c * width + (k % width)]);
    }
    result[at] = merge(window);
  }
  return { channels, size: side, values: result };
}

function dense({ values }, { weight, bias }) {
  const inputs = values.length;
  const result = Float32Array.from(bias, (start, o) => {
    let sum = start;
    for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i] * values[i];
    return sum;
  });
  return { channels: result.length, size: 1, values: result };
}

const STEPS = {
  conv: convolve,
  dense,
  "max pool": (x, { size }) => pool(x, size, (window) => Math.max(...window)),
  "mean pool": (x, { size }) => pool(x, size, (window) => window.reduce((a, b) => a + b) / window.length),
  ReLU: (x) => ({ ...x, values: x.values.map((value) => Math.max(0, value)) }),
  tanh: (x) => ({ ...x, values: x.values.map(Math.tanh) }),
};

// The layers as Python sends them, with their weights unpacked.
function loadLayers(layers) {
  const scaled = (weight, scale) => {
    const [values, factors] = [unpack(weight), unpack(scale)];
    const row = values.length / factors.length; // the weights of one output channel
    return Object.assign(Float32Array.from(values, (value, i) => value * factors[Math.floor(i / row)]), { shape: values.shape });
  };
  const load = ({ kind, size, weight, scale, bias }) => ({ kind, size, weight: weight && scaled(weight, scale), bias: bias && unpack(bias) });
  return layers.map(({ name, steps }) => ({ name, steps: steps.map(load) }));
}

// What every layer gives for an image of size × size numbers.
function runLayers(layers, image, size) {
  let x = { channels: 1, size, values: Float32Array.from(image) };
  return layers.map(({ steps }) => (x = steps.reduce((now, step) => STEPS[step.kind](now, step), x)));
}

// The receptive field r and the jump j of each layer's units; dense layers see everything.
function fieldsOf(layers, size) {
  let [field, jump] = [1, 1];
  return layers.map(({ steps }) => {
    for (const { kind, size: width, weight } of steps) {
      if (kind === "dense") [field, jump] = [size, size];
      if (kind === "conv") field += (weight.shape[2] - 1) * jump;
      if (kind.endsWith("pool")) [field, jump] = [field + (width - 1) * jump, jump * width];
    }
    return { field: Math.min(field, size), jump };
  });
}

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
