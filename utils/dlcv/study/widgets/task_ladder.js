// One scene, eight questions: the answer to each is drawn on the picture and written out beside it.
const QUESTIONS = {
  class: ["What is it?", "classification"],
  box: ["And where is it?", "localisation"],
  boxes: ["What is where?", "detection"],
  semantic: ["Which pixels are what?", "semantic segmentation"],
  instances: ["Which pixels are whose?", "instance segmentation"],
  same: ["The same one again?", "verification"],
  joints: ["How is it bent?", "joints, or pose"],
  caption: ["Can you say it?", "captioning"],
};

// Paints that stand out from sea and sand and from one another, also for colour-blind eyes.
const PAINTS = ["#56b4e9", "#f0e442", "#e69f00", "#cc79a7", "#ffffff", "#00c08b", "#ff7a45", "#a78bfa"];

const whole = (number) => number.toLocaleString("en");
const corners = (box) => `(${box.map((edge) => String(edge).padStart(3)).join(", ")})`;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// A name on the picture: dark letters on the paint of what it names.
function nameTag(text, x, y, paint, size) {
  const width = text.length * 7.3 + 8;
  const left = Math.max(0, Math.min(x, size - width));
  return h("svg:g", { transform: `translate(${left} ${Math.max(0, y)})` },
    h("svg:rect", { width, height: 16, rx: 2, fill: paint }),
    h("svg:text", { x: 4, y: 12 }, text));
}

function boxAround({ box: [x1, y1, x2, y2], kind }, paint, size) {
  return [
    h("svg:rect", { class: "edge", x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke: paint, pathLength: 1 }),
    nameTag(kind, x1, y1 - 16, paint, size),
  ];
}

function patch(outline, paint) {
  return h("svg:path", { class: "patch", d: outline, fill: paint, stroke: paint, "fill-rule": "evenodd" });
}

// Another picture, laid over the corner that is farthest from the object asked about.
function inset({ image, same }, side, [, top, , bottom], size) {
  const width = size * 0.3;
  const x = side === "left" ? 6 : size - width - 6;
  const y = top + bottom > size ? 6 : size - width - 6;
  const paint = same ? "#00c08b" : "#ff7a45";
  return [
    h("svg:image", { href: image, x, y, width, height: width }),
    h("svg:rect", { class: "edge", x, y, width, height: width, stroke: paint, pathLength: 1 }),
    nameTag(same ? "yes" : "no", x, y, paint, size),
  ];
}

// Bones as lines, joints as dots; a joint that something covers is an open circle.
function skeleton({ kind, joints }, { bones }, paint) {
  const lines = bones.map(([a, b]) => h("svg:line", { class: "bone", x1: joints[a][0], y1: joints[a][1], x2: joints[b][0], y2: joints[b][1], stroke: paint }));
  const dots = joints.map(([cx, cy, state]) => h("svg:circle", { class: "joint", cx, cy, r: 4, stroke: paint, fill: state === 2 ? paint : "#22303c" }));
  return [...lines, ...dots];
}

// Two of a kind are numbered from left to right.
function numbered(objects) {
  return objects.map((one) => {
    const same = objects.filter(({ kind }) => kind === one.kind).sort((a, b) => a.box[0] - b.box[0]);
    return same.length > 1 ? `${one.kind} ${same.indexOf(one) + 1}` : one.kind;
  });
}

// For each task: rows [{ text, marks }], the size of the answer, what is new on this rung, and marks
// that belong to the question.
const ANSWERS = {
  class({ objects: [largest], size }) {
    const marks = [nameTag(largest.kind, 6, 6, "#ffffff", size)];
    return {
      rows: [{ text: largest.kind, marks }],
      amount: "1 name",
      note: "One name for the whole picture: that of the largest thing in it.",
    };
  },
  box({ objects: [largest], size }) {
    const row = { text: `${largest.kind}  ${corners(largest.box)}`, marks: boxAround(largest, PAINTS[0], size) };
    return { rows: [row], amount: "1 name and 4 numbers", note: "The name, and the edges of a box: left, top, right, bottom, in pixels." };
  },
  boxes({ objects, size }, paintOf) {
    const longest = Math.max(...objects.map(({ kind }) => kind.length));
    const rows = objects.map((one) => ({
      text: `${one.kind.padEnd(longest)}  ${corners(one.box)}`,
      marks: boxAround(one, paintOf(one.kind), size),
    }));
    const count = objects.length;
    return { rows, amount: `${count} names and ${count} × 4 numbers`, note: "A row for every object, and nobody says beforehand how many there are." };
  },
  semantic({ regions, size }, paintOf) {
    const rows = regions.map(({ kind, pixels, outline }) => ({
      text: `${kind}: ${whole(pixels)} pixels`,
      paint: paintOf(kind),
      marks: [patch(outline, paintOf(kind))],
    }));
    const covered = regions.reduce((sum, { pixels }) => sum + pixels, 0);
    rows.push({ text: `background: ${whole(size * size - covered)} pixels`, paint: "#22303c", marks: [] });
    return { rows, amount: `${whole(size * size)} names`, note: "A name for every pixel. Two of a kind that touch become one patch." };
  },
  instances({ objects, size }) {
    const names = numbered(objects);
    const rows = objects.map(({ pixels, outline }, i) => ({
      text: `${names[i]}: ${whole(pixels)} pixels`,
      paint: PAINTS[i],
      marks: [patch(outline, PAINTS[i])],
    }));
    const count = objects.length;
    return { rows, amount: `${plural(count, "name")} and ${count} × ${whole(size * size)} yes or no`, note: "A mask for every object: two of a kind stay two." };
  },
  same({ objects: [largest], sightings, size }) {
    const asked = [h("svg:g", { class: "mark lit" }, boxAround(largest, "#ffffff", size))];
    const rows = sightings.map((one, i) => {
      const side = ["left", "right"][i];
      return { text: `${side}: ${one.same ? "yes, the same" : "no, another"} ${largest.kind}`, paint: one.same ? "#00c08b" : "#ff7a45", marks: inset(one, side, largest.box, size) };
    });
    return { rows, amount: "yes or no for each pair", note: `Is the ${largest.kind} in the frame also in the small picture? Kind, colour and pattern make out who it is; place, size and posture do not.`, marks: asked };
  },
  joints({ objects }, paintOf, skeletons) {
    const names = numbered(objects);
    const jointed = objects.map((one, i) => ({ ...one, name: names[i] })).filter(({ kind }) => kind in skeletons);
    const rows = jointed.map((one, i) => ({
      text: `${one.name}: ${one.joints.map(([x, y]) => `(${Math.round(x)}, ${Math.round(y)})`).join(" ")}`,
      paint: PAINTS[i],
      marks: skeleton(one, skeletons[one.kind], PAINTS[i]),
    }));
    const count = jointed.reduce((sum, { joints }) => sum + joints.length, 0);
    return { rows, amount: `${count} × 2 numbers`, note: `A point for every joint, always in the same order; of a ${jointed[0].kind}: ${skeletons[jointed[0].kind].names.join(", ")}. An open circle is a joint that something covers.` };
  },
  caption({ caption }) {
    const words = caption.split(" ");
    return { rows: [{ text: `“${caption}”`, marks: [] }], amount: plural(words.length, "word"), note: "A sentence. Who comes first, and how they stand to each other, is part of the answer.", words };
  },
};

function radios(task, onChoose) {
  const name = controlId();
  const inputs = {};
  const labels = Object.entries(QUESTIONS).map(([key, [question, term]]) => {
    const input = h("input", { type: "radio", name, value: key, onchange: () => onChoose(key) });
    inputs[key] = input;
    return h("label", { class: "rung" }, input, h("span", {}, h("strong", {}, question), h("small", {}, term)));
  });
  inputs[task].checked = true;
  const root = h("fieldset", { class: "rungs" }, h("legend", {}, "Ask the picture"), labels);
  return { root, check: (key) => (inputs[key].checked = true) };
}

// Pointing at a row, or reaching it by keyboard, lights up what it speaks of.
function rowItem({ text, paint, marks }, canvas) {
  const group = h("svg:g", { class: "mark" }, marks);
  const light = (isOn) => () => {
    group.classList.toggle("lit", isOn);
    canvas.classList.toggle("dim-others", isOn && marks.length > 0);
  };
  const swatch = paint && h("span", { class: "swatch", style: `background:${paint}`, "aria-hidden": "true" });
  const events = { onpointerenter: light(true), onpointerleave: light(false), onfocus: light(true), onblur: light(false) };
  const item = h("li", { tabindex: marks.length ? 0 : null, ...events }, swatch, h("code", {}, text));
  return { item, group };
}

export default {
  render({ model, el }) {
    const paintOf = (kind) => PAINTS[model.get("kinds").indexOf(kind)];
    const scene = () => model.get("scenes")[model.get("index")];
    const photo = h("img", { width: scene().size, height: scene().size });
    const marks = h("svg:svg", { viewBox: `0 0 ${scene().size} ${scene().size}`, "aria-hidden": "true" });
    const subtitle = h("p", { class: "subtitle", "aria-hidden": "true" });
    const canvas = h("div", { class: "canvas" }, photo, marks, subtitle);
    const rows = h("ul", { class: "rows" });
    const note = h("p", { class: "note" });
    const amount = h("p", { class: "amount" });
    const status = h("p", { class: "hidden-status", role: "status" });

    const show = () => {
      const task = model.get("task");
      const answer = ANSWERS[task](scene(), paintOf, model.get("skeletons"));
      setAttributes(photo, { src: scene().image, alt: `A painted scene by the sea: ${scene().caption}` });
      canvas.dataset.task = task;
      canvas.classList.remove("dim-others");
      const items = answer.rows.map((row) => rowItem(row, canvas));
      rows.replaceChildren(...items.map(({ item }) => item));
      marks.replaceChildren(...(answer.marks ?? []), ...items.map(({ group }) => group));
      subtitle.replaceChildren(...(answer.words ?? []).map((word, i) => h("span", { style: `animation-delay:${i * 90}ms` }, `${word} `)));
      note.textContent = answer.note;
      amount.replaceChildren("Size of the answer: ", h("strong", {}, answer.amount));
      status.textContent = `${QUESTIONS[task][1]}: ${answer.rows.map(({ text }) => text.replace(/\s+/g, " ")).join("; ")}`;
    };
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const choose = radios(model.get("task"), (task) => set("task", task));
    const next = button("Another scene", () => set("index", (model.get("index") + 1) % model.get("scenes").length));
    const answerBox = h("div", { class: "answer" }, h("p", { class: "title" }, "The answer"), rows, note, amount);

    model.on("change:task", () => (choose.check(model.get("task")), show()));
    model.on("change:index", show);
    show();
    el.append(h("div", { class: "ladder", role: "group", "aria-label": model.get("label") },
      choose.root, h("div", { class: "scene" }, canvas, h("div", { class: "buttons" }, next)), answerBox, status));
  },
};
