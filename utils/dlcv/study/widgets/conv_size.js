// How many windows fit along one axis, and the formula for it as MathML with the numbers in it.

// span: cells from the first to the last tap; room: cells the window can move; rest: cells it can't.
function fitWindows({ size, kernel, stride, padding, dilation }) {
  const span = dilation * (kernel - 1) + 1;
  const room = size + 2 * padding - span;
  if (room < 0) return { span, room, count: 0, rest: 0 };
  return { span, room, count: Math.floor(room / stride) + 1, rest: room % stride };
}

// The cells that one window reads, numbered from the first cell that is not padding.
function tapsOf(position, { kernel, stride, padding, dilation }) {
  return Array.from({ length: kernel }, (_, k) => position * stride - padding + k * dilation);
}

// "W + 2 P" → MathML: numbers, letters and signs, parted by blanks.
function mathTokens(text) {
  const tag = (token) => (/^[\d.]+$/.test(token) ? "mn" : /^[A-Za-z]+$/.test(token) ? "mi" : "mo");
  return text.split(" ").map((token) => `<${tag(token)}>${token}</${tag(token)}>`).join("");
}

function mathFloor(top, bottom) {
  const fraction = `<mfrac><mrow>${mathTokens(top)}</mrow><mrow>${mathTokens(bottom)}</mrow></mfrac>`;
  return `<mrow><mo stretchy="true">⌊</mo>${fraction}<mo stretchy="true">⌋</mo></mrow>`;
}

// The steps of the calculation, each a formula of its own so that lines break between them.
function sizeFormula(name, settings) {
  const { size, kernel, stride, padding, dilation } = settings;
  const { room, count } = fitWindows(settings);
  const letters = mathFloor(`${name} + 2 P − d ( K − 1 ) − 1`, "S");
  const numbers = mathFloor(`${size} + 2 · ${padding} − ${dilation} ( ${kernel} − 1 ) − 1`, `${stride}`);
  const steps = [
    `<msub><mi>${name}</mi><mtext>out</mtext></msub><mo>=</mo>${letters}${mathTokens("+ 1")}`,
    `<mo>=</mo>${numbers}${mathTokens("+ 1")}`,
    room < 0
      ? `<mo>=</mo>${mathFloor(`− ${-room}`, `${stride}`)}${mathTokens("+ 1 →")}<mtext>nothing</mtext>`
      : `<mo>=</mo>${mathFloor(`${room}`, `${stride}`)}${mathTokens("+ 1 =")}<mn class="result">${count}</mn>`,
  ];
  return steps.map((step) => `<math displaystyle="true">${step}</math>`).join(" ");
}
