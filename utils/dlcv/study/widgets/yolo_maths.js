// What a cell of YOLO says, decoded as in dlcv.detection.yolo; tests hold the two together.
const between01 = (value) => Math.max(0, Math.min(1, value));

// The boxes of cell (row, column) of a grid S × S: { box in px, confidence }, and Pr(class | object).
function readCell(output, { S, B, C, size }, row, column) {
  const width = 5 * B + C;
  const numbers = output.slice((row * S + column) * width, (row * S + column + 1) * width);
  const boxes = Array.from({ length: B }, (_, k) => {
    const [x, y, rootW, rootH, confidence] = numbers.slice(5 * k, 5 * k + 5);
    const [cx, cy] = [((x + column) / S) * size, ((y + row) / S) * size];
    const [w, h] = [rootW * rootW * size, rootH * rootH * size];
    const box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2].map((edge) => Math.max(0, Math.min(size, edge)));
    return { box, confidence: between01(confidence), centre: [cx, cy], numbers: [...numbers.slice(5 * k, 5 * k + 5)] };
  });
  const classes = [...numbers.slice(5 * B)].map(between01);
  return { boxes, classes };
}

// Every box of the grid with its best class: { box, score, label, row, column }, as they come.
function readGrid(output, shape) {
  const found = [];
  for (let row = 0; row < shape.S; row++)
    for (let column = 0; column < shape.S; column++) {
      const { boxes, classes } = readCell(output, shape, row, column);
      const best = Math.max(...classes);
      const label = classes.indexOf(best);
      for (const { box, confidence } of boxes) found.push({ box, score: confidence * best, label, row, column });
    }
  return found;
}

// What is left of the boxes of a grid: at least `least` of score, duplicates of a class suppressed.
function thinOut(found, least, threshold) {
  const kept = [];
  const likely = found.filter(({ score }) => score >= least).sort((a, b) => b.score - a.score);
  for (const one of likely) if (kept.every((other) => other.label !== one.label || boxIou(other.box, one.box) <= threshold)) kept.push(one);
  return kept;
}

// The cell of a centre, where in the cell it lies, and the size as a share of the picture.
function cellOf([x1, y1, x2, y2], { S, size }) {
  const at = [(y1 + y2) / 2, (x1 + x2) / 2].map((edge) => Math.max(0, Math.min(S - 1, Math.floor((edge * S) / size))));
  const inside = [((x1 + x2) / 2) * (S / size) - at[1], ((y1 + y2) / 2) * (S / size) - at[0]];
  const shares = [(x2 - x1) / size, (y2 - y1) / size];
  return { row: at[0], column: at[1], inside, shares, roots: shares.map(Math.sqrt) };
}

// The object of each cell that has one; of several the last stays, as in yolo_targets.
function responsibleCells(objects, shape) {
  const cells = new Map();
  objects.forEach((box, object) => {
    const cell = cellOf(box, shape);
    cells.set(cell.row * shape.S + cell.column, { ...cell, object });
  });
  return cells;
}

// The same with what such a cell is told: x, y, w, h, 1, and the class as one-hot.
function targetCells(objects, labels, shape) {
  const cells = responsibleCells(objects, shape);
  for (const cell of cells.values()) {
    const oneHot = Array.from({ length: shape.C }, (_, k) => (k === labels[cell.object] ? 1 : 0));
    cell.numbers = [...cell.inside, ...cell.shares, 1, ...oneHot];
  }
  return cells;
}
