// From proposals to detections: one step after the other, on the picture itself.
const STAGES = ["Proposals", "Refined boxes", "Least score", "Suppression"];
const LISTED = 12; // proposals that get a row of their own
const MOST_ROWS = 40; // of any list: each is one more stop on the way of Tab
const two = (value) => (Math.abs(value) < 0.005 ? "0.00" : value.toFixed(2).replace("-", "−"));
const named = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

function frame(kind, [x1, y1, x2, y2], title) {
  const d = `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
  const text = title && h("svg:text", { x: x1 + 2, y: Math.max(y1 - 3, 11) }, title);
  return h("svg:g", { class: `box ${kind}` }, h("svg:path", { class: "halo", d }), h("svg:path", { class: "edge", d }), text);
}

const middleOf = ([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Everything that the two thresholds decide.
function runCascade({ proposals, all, best, objects }, scoreThreshold, nmsThreshold) {
  const above = all.filter(({ score }) => score >= scoreThreshold);
  return { proposals, all, best, objects, above, steps: suppressionSteps(above, nmsThreshold) };
}

export default {
  render({ model, el }) {
    const [height, width] = model.get("size");
    const names = model.get("names");
    const objects = model.get("objects");
    const flat = unpack(model.get("proposals"));
    const proposals = Array.from({ length: flat.shape[0] }, (_, i) => [...flat.subarray(4 * i, 4 * i + 4)]);
    const all = scoredBoxes(proposals, unpack(model.get("deltas")), unpack(model.get("scores")), [height, width]);
    // What is drawn of a proposal before any threshold: the class it most likely shows.
    const best = proposals.map((_, i) => all.slice(i * names.length, (i + 1) * names.length).reduce((a, b) => (b.score > a.score ? b : a)));
    const set = (key, value) => (model.set(key, value), model.save_changes());
    let cascade;

    const truth = h("svg:g", { class: "truth" }, objects.map(({ box }) => frame("object", box)));
    const marks = h("svg:g");
    const picture = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, h("svg:image", { href: model.get("image"), width, height }), marks, truth);
    const title = h("p", { class: "title" });
    const status = h("p", { class: "readout", role: "status" });
    const rows = h("ul", { class: "rows", "aria-label": "Boxes of this step" });
    const stages = h("ol", { class: "stages" }, STAGES.map((name, i) => h("li", {}, button(name, () => set("step", i === 3 ? lastStep() : i)))));
    const lastStep = () => 2 + cascade.steps.length;
    const stepNow = () => Math.min(model.get("step"), lastStep());
    const progressBar = slider({ label: "Step", min: 0, max: 3, value: 0, onInput: (step) => set("step", step) });
    const back = button("Back", () => set("step", Math.max(0, stepNow() - 1)));
    const next = button("Next step", () => set("step", Math.min(lastStep(), stepNow() + 1)), { class: "primary" });
    const tenths = (key, label, min, max) => slider({
      label, min, max, step: 0.01, value: model.get(key), format: (value) => value.toFixed(2), onInput: (value) => set(key, Math.round(100 * value) / 100),
    });
    const score = tenths("score_threshold", "Least score", 0.01, 0.99);
    const nms = tenths("nms_threshold", "NMS: drop above IoU", 0, 1);
    const showTruth = toggle({ label: "Show the true boxes", checked: true, onChange: (on) => truth.setAttribute("visibility", on ? "visible" : "hidden") });

    const overlapText = (box) => {
      const { iou, at } = nearestObject(box, objects);
      return at < 0 ? "" : `, IoU ${two(iou)} with a ${names[objects[at].label]}`;
    };
    const item = (kind, box, text, more = {}) => ({ kind, mark: h("svg:g", {}, frame(kind, box, more.title), more.mark ?? null), text, sign: more.sign ?? "·" });
    // The list names only the best proposals; all are drawn.
    const showProposals = () => {
      const found = objects.filter(({ box }) => proposals.some((one) => boxIou(one, box) >= 0.5)).length;
      const listed = new Set(ranked(best).slice(0, LISTED));
      const items = best.map((one) => item("proposal", proposals[one.proposal], listed.has(one) && `proposal ${one.proposal + 1}${overlapText(proposals[one.proposal])}`));
      const reached = objects.length ? ` ${found} of ${objects.length} true boxes have one with an IoU of at least 0.5.` : "";
      return [items, `${named(proposals.length, "proposal")}: boxes where something may be, without a class.${reached} The list: the ${Math.min(LISTED, best.length)} with the highest scores later on.`];
    };
    const showRefined = () => {
      const near = best.filter(({ proposal }) => nearestObject(proposals[proposal], objects).iou >= 0.5);
      const before = near.map(({ proposal }) => nearestObject(proposals[proposal], objects).iou);
      const after = near.map(({ box }) => nearestObject(box, objects).iou);
      const gain = near.length ? ` Of the ${near.length} that began with an IoU of at least 0.5, the mean goes from ${two(mean(before))} to ${two(mean(after))}.` : "";
      const listed = new Set(ranked(best).slice(0, LISTED));
      const items = best.map((one) => {
        const [from, to] = [middleOf(proposals[one.proposal]), middleOf(one.box)];
        const path = h("svg:path", { class: "way", d: `M${from}L${to}` });
        const text = `proposal ${one.proposal + 1}, as ${names[one.label]} ${two(one.score)}: moved by (${one.delta.map(two).join(", ")})${overlapText(one.box)}`;
        return item("refined", one.box, listed.has(one) && text, { mark: path });
      });
      return [items, `The head moves and stretches each proposal by (tx, ty, tw, th); drawn is each one's likeliest class.${gain}`];
    };
    const labelled = (one) => `${names[one.label]} ${two(one.score)}`;
    const showAbove = () => {
      const items = ranked(cascade.above).map((one) => item("above", one.box, `${labelled(one)}, from proposal ${one.proposal + 1}${overlapText(one.box)}`));
      return [items, `${named(proposals.length, "proposal")} × ${named(names.length, "class", "classes")} = ${all.length} scored boxes; ${named(cascade.above.length, "box", "boxes")} with a score of at least ${two(model.get("score_threshold"))}.`];
    };
    const showSuppression = (picks) => {
      const { steps } = cascade;
      const done = picks === steps.length;
      const { right, missed } = judgeDetections(steps.map(({ kept }) => kept), objects);
      const verdict = (kept) => (!done || !objects.length ? "" : right.has(kept) ? ", right" : ", wrong");
      // In the list: the newest pick, then those it drops, the other kept ones, the waiting, the rest.
      const rank = ["kept now", "dropped now", "kept", "waiting", "dropped"];
      const decided = steps.slice(0, picks).flatMap(({ kept, dropped }, i) => {
        const now = i === picks - 1 ? " now" : "";
        const losers = dropped.map((one) => item(`dropped${now}`, one.box, `${labelled(one)}: dropped, IoU ${two(boxIou(one.box, kept.box))} with box ${i + 1}`, { sign: "✗" }));
        return [item(`kept${now}`, kept.box, `box ${i + 1}: ${labelled(kept)}, kept${verdict(kept)}${overlapText(kept.box)}`, { sign: "✓", title: labelled(kept) }), ...losers];
      });
      const waiting = steps.slice(picks).flatMap(({ kept, dropped }) => [kept, ...dropped]);
      const items = [...decided, ...ranked(waiting).map((one) => item("waiting", one.box, `${labelled(one)}: waits`))];
      items.sort((a, b) => rank.indexOf(a.kind) - rank.indexOf(b.kind));
      const { kept, dropped } = steps[picks - 1];
      const pick = `Box ${picks} is the best of what was left: ${labelled(kept)}. It drops ${named(dropped.length, "box", "boxes")} of its class with an IoU above ${two(model.get("nms_threshold"))}.`;
      const judged = objects.length ? ` ${right.size} right at an IoU of 0.5, ${steps.length - right.size} wrong, ${missed} missed.` : "";
      return [items, done ? `${pick} Nothing is left: ${named(steps.length, "detection")}.${judged}` : `${pick} ${named(waiting.length, "box waits", "boxes wait")}.`];
    };
    const show = () => {
      const step = stepNow();
      const stage = Math.min(step, 3);
      const [items, text] = step === 0 ? showProposals() : step === 1 ? showRefined() : step === 2 ? showAbove() : showSuppression(step - 2);
      const order = ["proposal", "refined", "above", "waiting", "dropped", "dropped now", "kept", "kept now"];
      marks.replaceChildren(...[...items].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)).map(({ mark }) => mark));
      const listed = items.filter(({ text }) => text);
      const lines = listed.slice(0, MOST_ROWS).map(({ kind, mark, text, sign }) => {
        const light = (isOn) => () => mark.classList.toggle("lit", isOn);
        return h("li", { tabindex: 0, class: kind, onpointerenter: light(true), onpointerleave: light(false), onfocus: light(true), onblur: light(false) }, h("span", { class: "sign", "aria-hidden": "true" }, sign), text);
      });
      const others = listed.length - lines.length;
      rows.replaceChildren(...lines, ...(others ? [h("li", { class: "muted" }, `and ${named(others, "more box", "more boxes")}`)] : []));
      rows.scrollTop = 0;
      title.textContent = `${STAGES[stage]}${stage === 3 ? `: pick ${step - 2} of ${cascade.steps.length}` : ""}`;
      status.textContent = text;
      picture.setAttribute("aria-label", `${title.textContent}. ${text}`);
      [...stages.children].forEach((node, i) => node.firstChild.setAttribute("aria-pressed", String(i === stage)));
      stages.children[3].firstChild.disabled = !cascade.steps.length;
      progressBar.input.max = lastStep();
      progressBar.set(step);
      back.disabled = step === 0;
      next.disabled = step === lastStep();
    };
    const recompute = () => {
      cascade = runCascade({ proposals, all, best, objects }, model.get("score_threshold"), model.get("nms_threshold"));
      show();
    };
    model.on("change:step", show);
    for (const [key, control] of Object.entries({ score_threshold: score, nms_threshold: nms })) model.on(`change:${key}`, () => (control.set(model.get(key)), recompute()));
    recompute();
    el.append(h("div", { class: "cascade", role: "group", "aria-label": model.get("label") },
      stages,
      h("div", { class: "halves" },
        h("div", {}, picture, h("div", { class: "buttons" }, back, next), progressBar.root),
        h("div", {}, title, status, score.root, nms.root, objects.length ? showTruth.root : null, rows)),
      h("p", { class: "muted" }, "Thin white: proposals. Blue: refined boxes, with the way their centres went. Yellow: above the least score, or waiting. Green: kept. Dashed orange: dropped. Dotted white: true boxes. Point at a row, or reach it with Tab, to see its box.")));
  },
};
