// What a network of one kind of block costs, layer by layer; `designed_network` in Python is its twin.
const BLOCKS = [
  ["plain", "plain 3 × 3"],
  ["basic", "basic residual, 3 × 3 twice"],
  ["bottleneck", "bottleneck, to a quarter"],
  ["grouped", "grouped bottleneck, to a half, 32 groups"],
  ["separable", "depthwise separable"],
  ["inverted", "inverted residual, 6 times as wide"],
];
const CLASSES = 1000;
const REDUCTION = 16;

// One block from C to D channels: its convolutions [in, out, kernel, stride, groups] in a row, and
// where it has one, the convolution of its shortcut.
function blockLayers(kind, C, D, stride) {
  const projection = stride === 1 && C === D ? null : [C, D, 1, stride, 1];
  if (kind === "plain") return { main: [[C, D, 3, stride, 1]] };
  if (kind === "basic") return { main: [[C, D, 3, stride, 1], [D, D, 3, 1, 1]], shortcut: projection };
  if (kind === "separable") return { main: [[C, C, 3, stride, C], [C, D, 1, 1, 1]] };
  if (kind === "inverted") {
    const wide = 6 * C;
    return { main: [[C, wide, 1, 1, 1], [wide, wide, 3, stride, wide], [wide, D, 1, 1, 1]] };
  }
  const inner = kind === "grouped" ? D / 2 : D / 4;
  const groups = kind === "grouped" ? 32 : 1;
  return { main: [[C, inner, 1, 1, 1], [inner, inner, 3, stride, groups], [inner, D, 1, 1, 1]], shortcut: projection };
}

// A stem of stride 2, four stages that begin with stride 2 and twice the channels (the first keeps
// them), global average pooling and a linear layer.
function designCost({ block, width, depth, resolution, gate }) {
  const total = { parameters: 0, multiply_adds: 0, values: 0, field: 1, layers: 0 };
  let [side, jump] = [resolution, 1];
  const conv = ([C, D, kernel, stride, groups], on) => {
    const out = Math.floor((on - 1) / stride) + 1;
    const weights = (kernel * kernel * C * D) / groups;
    total.parameters += weights + 2 * D; // the normalisation's scale and shift
    total.multiply_adds += weights * out * out;
    total.values += 2 * D * out * out; // convolution and normalisation; ReLU works in place
    return out;
  };
  const inRow = (layer) => {
    side = conv(layer, side);
    total.field += (layer[2] - 1) * jump;
    jump *= layer[3];
    total.layers += 1;
  };
  const squeeze = (D) => {
    const inner = Math.max(1, Math.floor(D / REDUCTION));
    total.parameters += 2 * D * inner + inner + D;
    total.multiply_adds += 2 * D * inner;
    total.values += D + inner + 2 * D; // means, hidden units, scores and gates
    total.layers += 2;
  };
  inRow([3, width, 3, 2, 1]);
  let C = width;
  for (let stage = 0; stage < 4; stage++) {
    const D = width * 2 ** stage;
    for (let i = 0; i < depth; i++) {
      const { main, shortcut } = blockLayers(block, C, D, i ? 1 : 2);
      const before = side;
      main.forEach(inRow);
      if (gate) squeeze(D);
      if (shortcut) conv(shortcut, before);
      C = D;
    }
  }
  total.parameters += C * CLASSES + CLASSES;
  total.multiply_adds += C * CLASSES;
  total.values += C + CLASSES;
  total.layers += 1;
  const { parameters, multiply_adds, values, field, layers } = total;
  return { parameters, multiply_adds, activation_bytes: 4 * values, field, depth: layers };
}
