// Drawing the numbers of an augmentation and applying them to a picture [H, W, 3] of bytes.

// Uniform numbers in [0, 1) from a seed (mulberry32).
function makeRandom(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// What one sample does, from strengths as on the sliders. Every number is drawn, also for what is
// switched off: moving one slider leaves the other draws as they are.
function drawSample(strengths, height, width, random) {
  const between = (low, high) => low + (high - low) * random();
  const about = (most) => between(-most, most);
  const factor = (name) => 1 + about(strengths[name] / 100);
  const window = 1 - between(0, strengths.zoom_crop / 100);
  const draws = {
    flipX: random() < 0.5 && strengths.flip_horizontal > 0,
    flipY: random() < 0.5 && strengths.flip_vertical > 0,
    window,
    windowAt: [about(1 - window), about(1 - window)],
    scale: (1 + strengths.scale / 100) ** about(1),
    angle: (about(strengths.rotate) * Math.PI) / 180,
    shift: [about(strengths.shift / 50), about(strengths.shift / 50)],
    slope: Math.tan((about(strengths.shear) * Math.PI) / 180),
    wider: (1 + strengths.stretch / 100) ** about(1),
    lens: about(strengths.lens / 100),
    isGrey: random() < 0.5 && strengths.grey > 0,
    brightness: factor("brightness"),
    contrast: factor("contrast"),
    saturation: factor("saturation"),
    noise: strengths.noise / 100,
    noiseSeed: Math.floor(random() * 2 ** 30),
  };
  const area = between(0.02, Math.max(0.02, strengths.random_erasing / 100)) * height * width;
  const form = Math.exp(about(-Math.log(0.3)));
  const h = Math.min(height, Math.max(1, Math.round(Math.sqrt(area * form))));
  const w = Math.min(width, Math.max(1, Math.round(Math.sqrt(area / form))));
  const [top, left] = [Math.floor(random() * (height + 1 - h)), Math.floor(random() * (width + 1 - w))];
  draws.erased = strengths.random_erasing > 0 ? [top, top + h, left, left + w] : null;
  return draws;
}

// Matrices [a, b, s, c, d, t]: x' = a x + b y + s, y' = c x + d y + t, over −1 to 1.
const chain = (...matrices) => matrices.reduce(([a, b, s, c, d, t], [e, f, u, g, h, v]) => [
  a * e + b * g, a * f + b * h, a * u + b * v + s, c * e + d * g, c * f + d * h, c * u + d * v + t]);

// From the result back to the source: the last change of the picture is undone first.
function backwardMatrix(draws, height, width) {
  const [cos, sin] = [Math.cos(draws.angle), Math.sin(draws.angle)];
  return chain(
    [draws.flipX ? -1 : 1, 0, 0, 0, draws.flipY ? -1 : 1, 0],
    [draws.window, 0, -draws.windowAt[0], 0, draws.window, -draws.windowAt[1]],
    [1 / draws.scale, 0, 0, 0, 1 / draws.scale, 0],
    [cos, (-sin * height) / width, 0, (sin * width) / height, cos, 0],
    [1, 0, -draws.shift[0], 0, 1, -draws.shift[1]],
    [1, (draws.slope * height) / width, 0, 0, 1, 0],
    [1 / draws.wider, 0, 0, 0, draws.wider, 0],
  );
}

// The picture with all pixels moved: bilinear, black outside; floats 0 to 255.
function warp(pixels, height, width, draws) {
  const out = new Float32Array(height * width * 3);
  const [a, b, s, c, d, t] = backwardMatrix(draws, height, width);
  for (let i = 0, at = 0; i < height; i++) {
    const y = (2 * i + 1) / height - 1;
    for (let j = 0; j < width; j++, at += 3) {
      const x = (2 * j + 1) / width - 1;
      const bend = 1 + draws.lens * (x * x + y * y);
      const [u, v] = [x * bend, y * bend];
      const column = ((a * u + b * v + s + 1) * width - 1) / 2;
      const row = ((c * u + d * v + t + 1) * height - 1) / 2;
      const [left, top] = [Math.floor(column), Math.floor(row)];
      const [p, q] = [column - left, row - top];
      for (let corner = 0; corner < 4; corner++) {
        const [m, n] = [left + (corner & 1), top + (corner >> 1)];
        if (m < 0 || n < 0 || m >= width || n >= height) continue;
        const weight = (corner & 1 ? p : 1 - p) * (corner >> 1 ? q : 1 - q);
        const from = 3 * (n * width + m);
        for (let k = 0; k < 3; k++) out[at + k] += weight * pixels[from + k];
      }
    }
  }
  return out;
}

const lumaOf = (values, at) => 0.299 * values[at] + 0.587 * values[at + 1] + 0.114 * values[at + 2];
const clip = (value) => Math.max(0, Math.min(255, value));

// 4096 normal numbers (Box–Muller) to pick from, so that a noisy frame takes no logarithms.
const NORMALS = (() => {
  const random = makeRandom(0);
  return Float32Array.from({ length: 4096 }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
})();

// Noise, grey, brightness, contrast, colour, in place.
function recolour(values, draws) {
  const random = makeRandom(draws.noiseSeed);
  if (draws.noise) for (let k = 0; k < values.length; k++) values[k] = clip(values[k] + 255 * draws.noise * NORMALS[(4096 * random()) | 0]);
  const blend = (other, f, at) => {
    for (let k = at; k < at + 3; k++) values[k] = clip(other + f * (values[k] - other));
  };
  const each = (call) => {
    for (let at = 0; at < values.length; at += 3) call(at);
  };
  if (draws.isGrey) each((at) => blend(lumaOf(values, at), 0, at));
  if (draws.brightness !== 1) each((at) => blend(0, draws.brightness, at));
  if (draws.contrast !== 1) {
    let mean = 0;
    each((at) => (mean += lumaOf(values, at)));
    mean /= values.length / 3;
    each((at) => blend(mean, draws.contrast, at));
  }
  if (draws.saturation !== 1) each((at) => blend(lumaOf(values, at), draws.saturation, at));
  return values;
}

function erase(values, width, draws) {
  if (!draws.erased) return values;
  const random = makeRandom(draws.noiseSeed + 1);
  const [top, bottom, left, right] = draws.erased;
  for (let i = top; i < bottom; i++)
    for (let k = 3 * (i * width + left); k < 3 * (i * width + right); k++) values[k] = 255 * random();
  return values;
}

const augmented = (pixels, height, width, draws) => erase(recolour(warp(pixels, height, width, draws), draws), width, draws);
