// Two classes on a circle; four rings show whose direction is whose, as each loss sees it.
const RINGS = { NormFace: 98, SphereFace: 115, CosFace: 132, ArcFace: 149 };
const RADIUS = 84;
const tidy = (value) => (value < 0.0005 ? value.toExponential(0) : value < 10 ? value.toFixed(3) : value.toFixed(1));

// Runs of directions in which one of the two classes wins with its own margin against it.
function runsOf(loss, gap, knobs) {
  const step = 0.5;
  const owner = (direction) => {
    const [a, b] = [between(direction, 0), between(direction, gap)];
    if (ownCosine(loss, a, knobs) >= cosd(b)) return "first";
    return ownCosine(loss, b, knobs) >= cosd(a) ? "second" : null;
  };
  const runs = [];
  const start = gap / 2 - 180; // the side that is farthest from both
  for (let direction = start; direction < start + 360; direction += step) {
    const now = owner(direction + step / 2);
    const last = runs.at(-1);
    if (last?.owner === now && last.to === direction) last.to += step;
    else if (now) runs.push({ owner: now, from: direction, to: direction + step });
  }
  return runs;
}

export default {
  render({ model, el }) {
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const knob = (name, label, min, max, step, format) => {
      const control = slider({ label, min, max, step, value: model.get(name), format, onInput: (value) => set(name, value) });
      return [name, control];
    };
    const degrees = (value) => `${value}°`;
    const controls = Object.fromEntries([
      knob("sphere", "SphereFace m", 1, 4, 1, String),
      knob("cosine", "CosFace m", 0, 0.9, 0.05, (value) => value.toFixed(2)),
      knob("arc", "ArcFace m", 0, 60, 1, degrees),
      knob("scale", "Scale s", 1, 64, 1, String),
      knob("gap", "Between classes", 20, 180, 1, degrees),
      knob("at", "Example at", -180, 180, 1, degrees),
    ]);
    const rings = svg("g");
    const arrows = svg("g");
    const example = svg("g", { class: "example" }, svg("circle", { class: "grip", r: 22 }), svg("circle", { class: "dot", r: 8 }));
    const drawing = svg("svg", { class: "circle", viewBox: `0 0 ${2 * HALF} ${2 * HALF}`, role: "img" },
      svg("circle", { class: "rim", cx: HALF, cy: HALF, r: RADIUS }), rings, arrows, example);
    const body = h("tbody");
    const table = h("table", {}, h("caption", { class: "unseen" }, "What each loss makes of the example"),
      h("thead", {}, h("tr", {}, ["", "reach", "prob.", "loss", "pull"].map((name) => name ? h("th", { scope: "col" }, name) : h("td")))), body);
    const status = h("p", { class: "says", role: "status" });

    // The first class stands left of the top, the second right of it.
    const screen = (direction) => 90 + model.get("gap") / 2 - direction;
    draggable(example, drawing, (direction) => set("at", Math.round(wrapped(90 + model.get("gap") / 2 - direction))));

    const drawRings = (gap, knobs) => rings.replaceChildren(...LOSS_NAMES.flatMap((loss) => {
      const radius = RINGS[loss];
      const parts = runsOf(loss, gap, knobs).map(({ owner, from, to }) =>
        svg("path", { class: `ring ${owner}`, d: arcPath(screen(to), screen(from), radius) }));
      const [x, y] = polar(-90, radius);
      return [svg("circle", { class: "bed", cx: HALF, cy: HALF, r: radius }), ...parts,
        svg("text", { class: "name", x, y: y + 4 }, loss)];
    }));
    const drawArrows = (gap) => arrows.replaceChildren(...[["first", 0, "A"], ["second", gap, "B"]].flatMap(([kind, direction, letter]) => {
      const [x, y] = polar(screen(direction), RADIUS - 26);
      const side = kind === "first" ? -14 : 14;
      return [svg("path", { class: `vector ${kind}`, d: arrowPath([HALF, HALF], polar(screen(direction), RADIUS)) }),
        svg("text", { class: "letter", x: x + side, y: y + 5 }, letter)];
    }));
    const update = () => {
      const [at, gap, scale] = ["at", "gap", "scale"].map((name) => model.get(name));
      const knobs = Object.fromEntries(["sphere", "cosine", "arc"].map((name) => [name, model.get(name)]));
      for (const [name, control] of Object.entries(controls)) control.set(model.get(name));
      drawRings(gap, knobs);
      drawArrows(gap);
      const [x, y] = polar(screen(at), RADIUS);
      example.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      const reaches = LOSS_NAMES.map((loss) => reach(loss, gap, knobs));
      body.replaceChildren(...LOSS_NAMES.map((loss, i) => {
        const { probability, value, pull } = measure(loss, at, gap, scale, knobs);
        const far = reaches[i] === null ? "none" : `${reaches[i].toFixed(1)}°`;
        return h("tr", {}, h("th", { scope: "row" }, loss), [far, tidy(probability), tidy(value), tidy(pull)].map((text) => h("td", {}, text)));
      }));
      const free = LOSS_NAMES.map((loss, i) => `${loss} ${reaches[i] === null ? "everything" : `${Math.max(0, gap - 2 * reaches[i]).toFixed(1)}°`}`);
      status.textContent = `Between A and B, ${gap}° apart, belongs to neither: ${free.join(", ")}.`;
      drawing.setAttribute("aria-label", `Class vectors A and B ${gap} degrees apart, an example of A ${at} degrees from A towards B. ${status.textContent}`);
    };
    model.on("change:at change:gap change:sphere change:cosine change:arc change:scale", update);
    update();
    const order = ["sphere", "cosine", "arc", "scale", "gap", "at"];
    el.append(h("div", { class: "margin-circle", role: "group", "aria-label": model.get("label") },
      h("div", { class: "stage" }, drawing,
        h("div", {}, h("div", { class: "controls" }, order.map((name) => controls[name].root)), table)), status));
  },
};
