// Margins on the circle. Angles are in degrees; f(theta) is what stands for the own class's cosine.
const LOSS_NAMES = ["NormFace", "SphereFace", "CosFace", "ArcFace"];
const cosd = (degrees) => Math.cos((degrees * Math.PI) / 180);
const sind = (degrees) => Math.sin((degrees * Math.PI) / 180);

// (-1)^k cos(m theta) - 2k in the k-th of m equal parts of the half circle.
function psiOf(theta, m) {
  const k = Math.min(m - 1, Math.floor((theta * m) / 180));
  return (k % 2 ? -1 : 1) * cosd(m * theta) - 2 * k;
}

function ownCosine(loss, theta, { sphere, cosine, arc }) {
  if (loss === "SphereFace") return psiOf(theta, sphere);
  if (loss === "CosFace") return cosd(theta) - cosine;
  return cosd(theta + (loss === "ArcFace" ? arc : 0));
}

// The angle between two directions, 0 to 180.
const between = (a, b) => Math.abs(((((a - b) % 360) + 540) % 360) - 180);

// How far an example may be from its class vector, towards one that stands `gap` away, before the
// other logit is the larger: where f(theta) = cos(gap - theta). Null where no angle is enough.
function reach(loss, gap, knobs) {
  const lead = (theta) => ownCosine(loss, theta, knobs) - cosd(gap - theta);
  if (lead(0) < 0) return null;
  let [low, high] = [0, gap];
  for (let i = 0; i < 50; i += 1) {
    const middle = (low + high) / 2;
    if (lead(middle) >= 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

// Logits s f and s cos of the other class, the probability of the own, the loss in nats, and how hard
// the loss pulls: its slope by the angle, per radian.
function lossAt(loss, theta, other, scale, knobs) {
  const lead = scale * (ownCosine(loss, theta, knobs) - cosd(other));
  const value = lead > 0 ? Math.log1p(Math.exp(-lead)) : -lead + Math.log1p(Math.exp(lead));
  return { lead, value, probability: 1 / (1 + Math.exp(-lead)) };
}

// An example at direction `at`, of the class at 0; the other class stands at `gap`.
function measure(loss, at, gap, scale, knobs) {
  const value = (direction) => lossAt(loss, between(direction, 0), between(direction, gap), scale, knobs).value;
  const step = 1e-3;
  const pull = ((value(at + step) - value(at - step)) / (2 * step)) * (180 / Math.PI);
  return { ...lossAt(loss, between(at, 0), between(at, gap), scale, knobs), pull: Math.abs(pull) };
}
