// Losses on three points of the plane, and their gradients; a, p and n are pairs of numbers.
const minus = (u, v) => [u[0] - v[0], u[1] - v[1]];
const times = (u, factor) => [u[0] * factor, u[1] * factor];
const sum = (u, v) => [u[0] + v[0], u[1] + v[1]];
const norm = (u) => Math.hypot(u[0], u[1]);

function tripletForces(a, p, n, margin) {
  const value = norm(minus(a, p)) ** 2 - norm(minus(a, n)) ** 2 + margin;
  const active = value > 0 ? 1 : 0;
  return {
    value: Math.max(0, value),
    gradients: [minus(n, p), minus(p, a), minus(a, n)].map((u) => times(u, 2 * active)),
  };
}

// The mean over the pair (a, p), which is pulled, and the pair (a, n), which is pushed apart.
function contrastiveForces(a, p, n, margin) {
  const apart = norm(minus(a, n));
  const missing = Math.max(0, margin - apart);
  const pull = times(minus(a, p), 0.5);
  const push = apart > 0 ? times(minus(a, n), (-0.5 * missing) / apart) : [0, 0];
  return {
    value: (norm(minus(a, p)) ** 2 / 2 + missing ** 2 / 2) / 2,
    gradients: [sum(pull, push), times(pull, -1), times(push, -1)],
  };
}

const forcesOf = (loss, points, margin) => (loss === "triplet" ? tripletForces : contrastiveForces)(...points, margin);
