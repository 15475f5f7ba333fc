// Refinement and suppression, by the rules of dlcv.detection.boxes and its pipeline.
const LARGEST_LOG_SCALE = Math.log(1000 / 16);

// A proposal moved and stretched by (tx, ty, tw, th).
function decodeBox([tx, ty, tw, th], [x1, y1, x2, y2]) {
  const [w, h] = [x2 - x1, y2 - y1];
  const [x, y] = [x1 + w / 2 + tx * w, y1 + h / 2 + ty * h];
  const [halfW, halfH] = [[tw, w], [th, h]].map(([t, side]) => (side * Math.exp(Math.min(t, LARGEST_LOG_SCALE))) / 2);
  return [x - halfW, y - halfH, x + halfW, y + halfH];
}

const clipBox = (box, [height, width]) => box.map((edge, i) => Math.max(0, Math.min(i % 2 ? height : width, edge)));

// Every proposal for every class: { box, score, label, proposal }, classes of a proposal together.
function scoredBoxes(proposals, deltas, scores, size) {
  const [count, classes] = scores.shape;
  const perClass = deltas.length === 4 * count * classes && deltas.shape.length === 3;
  return Array.from({ length: count * classes }, (_, i) => {
    const [proposal, label] = [Math.floor(i / classes), i % classes];
    const row = perClass ? i : proposal;
    const delta = [...deltas.subarray(4 * row, 4 * row + 4)];
    return { proposal, label, delta, score: scores[i], box: clipBox(decodeBox(delta, proposals[proposal]), size) };
  });
}

// The boxes that are left, best first, each with those it drops: of its class, with a larger IoU.
function suppressionSteps(boxes, threshold) {
  let left = ranked(boxes);
  const steps = [];
  while (left.length) {
    const [best, ...others] = left;
    const isDropped = (one) => one.label === best.label && boxIou(one.box, best.box) > threshold;
    steps.push({ kept: best, dropped: others.filter(isDropped) });
    left = others.filter((one) => !isDropped(one));
  }
  return steps;
}

// The object of any class that a box overlaps most: { iou, at }, at −1 if there is none.
function nearestObject(box, objects) {
  return objects.reduce((best, object, at) => {
    const iou = boxIou(box, object.box);
    return iou > best.iou ? { iou, at } : best;
  }, { iou: 0, at: -1 });
}

// Which detections are right at IoU 0.5, class by class under VOC's rule, and how many are missed.
function judgeDetections(detections, objects) {
  const labels = [...new Set([...detections, ...objects].map(({ label }) => label))];
  const right = new Set();
  for (const label of labels) {
    const ours = detections.filter((one) => one.label === label);
    const theirs = objects.filter((one) => one.label === label).map(({ box }) => box);
    for (const { isRight, one } of matchDetections(ours.map((one) => ({ box: one.box, score: one.score, one })), theirs, 0.5)) if (isRight) right.add(one);
  }
  return { right, missed: objects.length - right.size };
}
