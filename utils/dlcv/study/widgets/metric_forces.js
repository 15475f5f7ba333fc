// Anchor, positive and negative on a circle; arrows show where a step down the gradient takes them.
const RADIUS = 105;
const ROLES = [["Anchor", "a"], ["Positive", "p"], ["Negative", "n"]];
const LENGTH = 34; // of an arrow for a gradient of 1, in units of the drawing

export default {
  render({ model, el }) {
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const move = (index, degrees) =>
      set("places", model.get("places").map((value, i) => (i === index ? Math.round(wrapped(degrees)) : value)));
    const loss = choice({
      label: "Loss", options: [["contrastive", "contrastive"], ["triplet", "triplet"]],
      value: model.get("loss"), onChange: (value) => set("loss", value),
    });
    const margin = slider({
      label: "Margin", min: 0.1, max: 2, step: 0.1, value: model.get("margin"),
      format: (value) => value.toFixed(1), onInput: (value) => set("margin", value),
    });
    const angles = ROLES.map(([role], i) => slider({
      label: `${role} at`, min: -180, max: 180, value: model.get("places")[i],
      format: (value) => `${value}°`, onInput: (value) => move(i, value),
    }));
    const arrows = svg("g");
    const drawing = svg("svg", { class: "circle", viewBox: `0 0 ${2 * HALF} ${2 * HALF}`, role: "img" },
      svg("circle", { class: "rim", cx: HALF, cy: HALF, r: RADIUS }), arrows);
    const dots = ROLES.map(([, letter], i) => {
      const mark = i === 2 ? svg("rect", { x: -11, y: -11, width: 22, height: 22 }) : svg("circle", { r: 12 });
      const node = svg("g", { class: `point role-${letter}` }, svg("circle", { class: "grip", r: 22 }), mark,
        svg("text", { y: 5 }, letter));
      draggable(node, drawing, (degrees) => move(i, degrees));
      return node;
    });
    drawing.append(...dots);
    const readings = h("dl", { class: "facts" });
    const status = h("p", { class: "says", role: "status" });
    const step = button("One step down", () => {
      const { gradients } = forces();
      const places = model.get("places").map((degrees, i) => {
        const to = minus(plane(degrees), times(gradients[i], 0.25)); // and back to the circle
        return norm(to) < 1e-9 ? degrees : (Math.atan2(to[1], to[0]) * 180) / Math.PI;
      });
      set("places", places.map((degrees) => Math.round(10 * wrapped(degrees)) / 10));
    });

    const plane = (degrees) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    const forces = () => forcesOf(model.get("loss"), model.get("places").map(plane), model.get("margin"));
    const update = () => {
      const [places, kind] = [model.get("places"), model.get("loss")];
      const points = places.map(plane);
      const { value, gradients } = forces();
      loss.input.value = kind;
      margin.set(model.get("margin"));
      angles.forEach((one, i) => one.set(places[i]));
      dots.forEach((dot, i) => dot.setAttribute("transform", `translate(${polar(places[i], RADIUS).map((n) => n.toFixed(1)).join(" ")})`));
      arrows.replaceChildren(...gradients.map((gradient, i) => {
        const from = polar(places[i], RADIUS);
        const to = [from[0] - LENGTH * gradient[0], from[1] + LENGTH * gradient[1]];
        return svg("path", { class: `force role-${ROLES[i][1]}`, d: arrowPath(from, to, 9) });
      }));
      const [near, far] = [norm(minus(points[0], points[1])), norm(minus(points[0], points[2]))];
      const rows = kind === "triplet"
        ? [["‖a − p‖²", near ** 2], ["‖a − n‖²", far ** 2], ["Loss", value]]
        : [["‖a − p‖", near], ["‖a − n‖", far], ["Loss", value]];
      readings.replaceChildren(...rows.map(([name, number]) => h("div", {}, h("dt", {}, name), h("dd", {}, number.toFixed(3)))));
      const still = gradients.every((gradient) => norm(gradient) < 1e-9);
      const negative = far < near ? "the negative is nearer than the positive: hard" : still ? "idle: the margin is kept" : "semi-hard: right, but not by the margin";
      const pairs = far >= model.get("margin") ? "the negative is beyond the margin" : "the negative is inside the margin";
      status.textContent = still && value > 0 ? `Loss ${value.toFixed(3)}, and no gradient: nothing moves.`
        : `Loss ${value.toFixed(3)}; ${kind === "triplet" ? negative : pairs}.`;
      drawing.setAttribute("aria-label", `Anchor at ${places[0]}, positive at ${places[1]}, negative at ${places[2]} degrees. ${status.textContent}`);
    };
    model.on("change:loss change:margin change:places", update);
    update();
    el.append(h("div", { class: "metric-forces", role: "group", "aria-label": model.get("label") },
      h("div", { class: "stage" }, drawing,
        h("div", {}, h("div", { class: "controls" }, loss.root, margin.root, angles.map((one) => one.root)),
          h("div", { class: "buttons" }, step), readings, status))));
  },
};
