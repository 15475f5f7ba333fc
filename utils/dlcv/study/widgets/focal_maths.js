// The focal loss and what it adds up to over a histogram, as in dlcv.detection.retinanet.
// −α (1 − p)^γ log p, p the probability given to the truth.
const focalLoss = (p, gamma, weight = 1) => -weight * (1 - p) ** gamma * Math.log(p);

// Its derivative by the logit of the truth, as a positive number.
const focalSlope = (p, gamma, weight = 1) => weight * (1 - p) ** gamma * (1 - p - gamma * p * Math.log(p));

// Counts by probability → losses by probability.
const lossesOf = (middles, counts, gamma, weight) => middles.map((p, i) => counts[i] * focalLoss(p, gamma, weight));
const total = (values) => values.reduce((sum, value) => sum + value, 0);

// How the loss divides: objects, hard background and easy background (p of the truth above `easy`).
function divideLoss({ middles, background, objects }, gamma, alpha, easy) {
  const behind = lossesOf(middles, background, gamma, 1 - alpha);
  const ahead = lossesOf(middles, objects, gamma, alpha);
  const isEasy = middles.map((p) => p > easy);
  const parts = {
    objects: total(ahead),
    hard: total(behind.filter((_, i) => !isEasy[i])),
    easy: total(behind.filter((_, i) => isEasy[i])),
  };
  const sum = parts.objects + parts.hard + parts.easy;
  return { ...parts, sum, shares: Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part / sum])) };
}
