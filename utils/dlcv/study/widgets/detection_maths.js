// Detections judged in the page, by the rules of dlcv.detection; tests hold the two together.
const boxArea = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);

function boxIou(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const union = boxArea(a) + boxArea(b) - width * height;
  return union > 0 ? (width * height) / union : 0;
}

// Detections {box, score} by falling score; of equal ones the earlier first.
const ranked = (detections) => [...detections].sort((a, b) => b.score - a.score);

// Greedy non-maximum suppression: what is left, by falling score.
function suppress(detections, threshold) {
  const kept = [];
  for (const one of ranked(detections)) if (kept.every(({ box }) => boxIou(box, one.box) <= threshold)) kept.push(one);
  return kept;
}

// VOC's rule: a detection looks at the object it overlaps most, and is wrong if that one is taken.
function matchDetections(detections, objects, threshold) {
  const taken = objects.map(() => false);
  return ranked(detections).map((one) => {
    const overlaps = objects.map((object) => boxIou(one.box, object));
    const iou = Math.max(0, ...overlaps);
    const at = overlaps.indexOf(iou);
    const isNear = objects.length > 0 && iou >= threshold;
    const isRight = isNear && !taken[at];
    const why = isRight ? "right" : isNear ? "a duplicate" : iou > 0 ? "too far off" : "nothing there";
    if (isNear) taken[at] = true;
    return { ...one, iou, at: isRight ? at : -1, isRight, why };
  });
}

// Recall and precision of the best 1, 2, … of {score, isRight}.
function precisionRecall(judged, count) {
  let hits = 0;
  return ranked(judged).map(({ isRight, score }, i) => ((hits += isRight), { score, recall: hits / count, precision: hits / (i + 1) }));
}

// No precision lower than one further right.
function envelope(curve) {
  let best = 0;
  return [...curve].reverse().map((point) => ({ ...point, precision: (best = Math.max(best, point.precision)) })).reverse();
}

function averagePrecision(curve, method) {
  const raised = envelope(curve);
  if (method === "area") return raised.reduce((sum, { recall, precision }, i) => sum + (recall - (i ? raised[i - 1].recall : 0)) * precision, 0);
  const steps = method === "voc07" ? 10 : 100;
  let sum = 0;
  for (let i = 0; i <= steps; i++) sum += raised.find(({ recall }) => recall >= i / steps)?.precision ?? 0;
  return sum / (steps + 1);
}

// Everything the page shows: scenes → what is kept and matched in each, one curve, one AP.
function judgeScenes(scenes, { scoreThreshold, nmsThreshold, iouThreshold, method }) {
  const all = scenes.map(({ detections, objects }) => matchDetections(suppress(detections, nmsThreshold), objects, iouThreshold));
  const matched = all.map((some) => some.filter(({ score }) => score >= scoreThreshold));
  const count = scenes.reduce((sum, { objects }) => sum + objects.length, 0);
  const whole = precisionRecall(all.flat(), count);
  const curve = precisionRecall(matched.flat(), count);
  const right = matched.flat().filter(({ isRight }) => isRight).length;
  return { matched, whole, curve, count, right, wrong: matched.flat().length - right, ap: averagePrecision(curve, method) };
}
