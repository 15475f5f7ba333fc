// Multiply-adds of a network on an image; tests hold this against dlcv.classification.complexity.
const sideAfter = (side, { kernel, stride, padding }) => Math.floor((side + 2 * padding - kernel) / stride) + 1;
const perPlace = ({ kernel, fan_in, fan_out }) => fan_in * fan_out * kernel * kernel;

// Pixels from one window to the next: the strides of all layers multiplied, the last pooling apart.
const trunkStride = ({ trunk }) => trunk.reduce((step, { stride }) => step * stride, 1);
const stepOf = (net, offsets) => trunkStride(net) * (offsets ? 1 : net.pool);

const windowsAlong = (net, image, offsets) => Math.max(0, Math.floor((image - net.window) / stepOf(net, offsets)) + 1);

// Layer by layer for one pass over an image: [{ name, side, cost }]. Pooling costs nothing.
function passLayers(net, image, offsets) {
  let side = image;
  const rows = [];
  for (const layer of net.trunk) {
    side = sideAfter(side, layer);
    if (layer.fan_out) rows.push({ name: layer.name, side, cost: side * side * perPlace(layer) });
  }
  // with offsets the pooled maps interleave into one, whose cells lie `pool` apart for the head
  const cells = offsets ? side - net.pool * net.head[0].kernel + 1 : Math.floor(side / net.pool) - net.head[0].kernel + 1;
  for (const layer of net.head) rows.push({ name: layer.name, side: cells, cost: cells * cells * perPlace(layer) });
  return rows;
}

const total = (rows) => rows.reduce((sum, { cost }) => sum + cost, 0);

// Both ways, with the layers side by side.
function compareCosts(net, image, offsets) {
  const along = windowsAlong(net, image, offsets);
  const crop = passLayers(net, net.window, false);
  const once = passLayers(net, image, offsets);
  const rows = crop.map(({ name, cost }, i) => ({ name, side: once[i].side, crops: along * along * cost, once: once[i].cost }));
  const [crops, pass] = [along * along * total(crop), total(once)];
  return { along, windows: along * along, step: stepOf(net, offsets), rows, perCrop: total(crop), crops, once: pass, ratio: crops / pass };
}

function inWords(count) {
  for (const [unit, name] of [[1e12, "trillion"], [1e9, "billion"], [1e6, "million"]]) if (count >= unit) return `${(count / unit).toPrecision(3)} ${name}`;
  return Math.round(count).toLocaleString("en-GB");
}
