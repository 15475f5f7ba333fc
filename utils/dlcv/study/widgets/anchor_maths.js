// Anchors and what they stand for, in float32 step by step, as dlcv.detection.anchors has them.
const f32 = Math.fround;
const BACKGROUND = -1;
const IGNORED = -2;

// k anchors [x1, y1, x2, y2] for each place, all ratios of the first scale first, row by row.
function makeAnchors([rows, columns], stride, scales, ratios) {
  const halves = scales.flatMap((scale) => ratios.map((ratio) => {
    const root = f32(Math.sqrt(f32(ratio)));
    return [f32(f32(scale) / root) / 2, f32(f32(scale) * root) / 2];
  }));
  const anchors = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [x, y] = [(column + 0.5) * stride, (row + 0.5) * stride];
      for (const [w, h] of halves) anchors.push([f32(x - w), f32(y - h), f32(x + w), f32(y + h)]);
    }
  }
  return anchors;
}

const area32 = ([x1, y1, x2, y2]) => f32(f32(x2 - x1) * f32(y2 - y1));

function iou32(a, b) {
  const width = Math.max(0, f32(Math.min(a[2], b[2]) - Math.max(a[0], b[0])));
  const height = Math.max(0, f32(Math.min(a[3], b[3]) - Math.max(a[1], b[1])));
  const inter = f32(width * height);
  const union = f32(f32(area32(a) + area32(b)) - inter);
  return f32(inter / (union > 0 ? union : 1));
}

// For each anchor { iou, nearest, found, rescued }: its best object, and whether it stands for it.
function assignAnchors(anchors, objects, { positive, negative, rescue }) {
  const overlaps = anchors.map((anchor) => objects.map((object) => iou32(anchor, object)));
  const tops = objects.map((_, i) => overlaps.reduce((top, row) => Math.max(top, row[i]), f32(1e-9)));
  return overlaps.map((row) => {
    const iou = Math.max(...row);
    const nearest = row.indexOf(iou);
    const byIou = iou < f32(negative) ? BACKGROUND : iou >= f32(positive) ? nearest : IGNORED;
    const isTop = rescue && row.some((one, i) => one >= tops[i]);
    return { iou, nearest, found: isTop ? nearest : byIou, rescued: isTop && byIou < 0 };
  });
}

// How an anchor has to move and stretch to become its object: (tx, ty, tw, th).
function encodeBox(object, anchor) {
  const [w, h] = [anchor[2] - anchor[0], anchor[3] - anchor[1]];
  const shift = (axis, side) => (object[axis] + object[axis + 2] - anchor[axis] - anchor[axis + 2]) / 2 / side;
  return [shift(0, w), shift(1, h), Math.log((object[2] - object[0]) / w), Math.log((object[3] - object[1]) / h)];
}

// How many anchors are positive, background and ignored, and which objects none stands for.
function countLabels(assigned, objects) {
  const count = (test) => assigned.filter(({ found }) => test(found)).length;
  const missed = objects.map((_, i) => i).filter((i) => !assigned.some(({ found }) => found === i));
  return { positive: count((found) => found >= 0), background: count((found) => found === BACKGROUND), ignored: count((found) => found === IGNORED), missed };
}
