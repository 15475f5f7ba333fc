// The losses between two boxes; tests hold them against dlcv.detection.box_losses.
const sized = ([x1, y1, x2, y2]) => [x1, y1, x2 - x1, y2 - y1];

function boxLosses(predicted, truth) {
  const [a, b] = [sized(predicted), sized(truth)];
  const errors = a.map((value, i) => value - b[i]);
  const squared = errors.reduce((sum, error) => sum + error * error, 0);
  const smooth = errors.reduce((sum, error) => sum + (Math.abs(error) < 1 ? (error * error) / 2 : Math.abs(error) - 0.5), 0);
  const extent = (low, high) => Math.max(0, high - low);
  const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => (i < 2 ? Math.max : Math.min)(predicted[i], truth[i]));
  const shared = extent(x1, x2) * extent(y1, y2);
  const union = a[2] * a[3] + b[2] * b[3] - shared;
  const [left, top, right, bottom] = [0, 1, 2, 3].map((i) => (i < 2 ? Math.min : Math.max)(predicted[i], truth[i]));
  const enclosing = (right - left) * (bottom - top);
  const iou = shared / union;
  const giou = iou - (enclosing - union) / enclosing;
  return { squared, l2: Math.sqrt(squared), smooth, iou: 1 - iou, giou: 1 - giou, overlap: iou, enclosing: [left, top, right, bottom] };
}
