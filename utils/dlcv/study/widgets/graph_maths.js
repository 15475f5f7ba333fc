// Forward and backward through a graph of numbers: what Value does in Python, with the same slopes.

// Each rule gives the result and its slope with respect to each input.
const RULES = {
  "+": (x, y) => [x + y, [1, 1]],
  "−": (x, y) => (y === undefined ? [-x, [-1]] : [x - y, [1, -1]]),
  "×": (x, y) => [x * y, [y, x]],
  exp: (x) => [Math.exp(x), [Math.exp(x)]],
  log: (x) => [Math.log(x), [1 / x]],
  tanh: (x) => [Math.tanh(x), [1 - Math.tanh(x) ** 2]],
  relu: (x) => [Math.max(x, 0), [x > 0 ? 1 : 0]],
  σ(x) {
    const s = (1 + Math.tanh(x / 2)) / 2;
    return [s, [s * (1 - s)]];
  },
};
const power = (p) => (x) => [x ** p, [p ? p * x ** (p - 1) : 0]];
const ruleOf = (op) => (op.startsWith("^") ? power(Number(op.slice(1))) : RULES[op]);

// Values and slopes of all nodes, which are listed with their inputs first.
function forward(nodes, given) {
  const data = [];
  const slopes = nodes.map((node) => {
    if (!node.inputs.length) {
      data.push(given[node.name] ?? node.value);
      return [];
    }
    const [result, local] = ruleOf(node.op)(...node.inputs.map((i) => data[i]));
    data.push(result);
    return local;
  });
  return { data, slopes };
}

// The gradient of the last node with respect to every node, and what flows through every edge.
function backward(nodes, slopes) {
  const grads = nodes.map((_, i) => (i === nodes.length - 1 ? 1 : 0));
  const flows = nodes.map(() => []);
  for (let i = nodes.length - 1; i >= 0; i--) {
    nodes[i].inputs.forEach((source, k) => {
      flows[i][k] = slopes[i][k] * grads[i];
      grads[source] += flows[i][k];
    });
  }
  return { grads, flows };
}
