// One picture, fifteen augmentations, eight samples of them, and the question whether the label survives.
const SAMPLES = 8;
const WORDS = { yes: "Yes, always", depends: "Up to a point", no: "No" };
const HELP = `Each sample draws every number anew within the ranges of the sliders. The first picture is the original.`;

function paintPicture(canvas, values, height, width) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0, k = 0; i < values.length; i += 3, k += 4) {
    for (let c = 0; c < 3; c++) image.data[k + c] = values[i + c];
    image.data[k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// A slider for a range, a tick for what happens to half of the samples.
function makeKnob(knob, value, onChange) {
  if (knob.most === 1) {
    const one = toggle({ label: knob.text, checked: value > 0, onChange: (isOn) => onChange(isOn ? 1 : 0) });
    return { root: one.root, set: (next) => (one.input.checked = next > 0) };
  }
  const format = (now) => (now ? `${now} ${knob.unit}` : "off");
  return slider({ label: knob.text, min: 0, max: knob.most, step: 1, value, format, onInput: onChange });
}

export default {
  render({ model, el }) {
    let picture = null; // { name, pixels, height, width, verdicts }
    let isWriting = false;
    const answered = {};
    const knobs = model.get("knobs");
    const write = (changes) => {
      isWriting = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      isWriting = false;
    };
    const canvases = Array.from({ length: SAMPLES + 1 }, (_, i) =>
      h("canvas", { role: "img", "aria-label": i ? `Sample ${i}` : "The original", class: i ? null : "original" }));
    const draw = () => {
      const { pixels, height, width } = picture;
      paintPicture(canvases[0], pixels, height, width);
      for (let i = 1; i <= SAMPLES; i++) {
        const draws = drawSample(model.get("strengths"), height, width, makeRandom(1000 * model.get("seed") + i));
        paintPicture(canvases[i], augmented(pixels, height, width, draws), height, width);
      }
    };
    const status = h("p", { class: "status", role: "status" });
    const say = (message) => (status.textContent = message);
    const setStrengths = (strengths) => {
      write({ strengths });
      draw();
    };
    const controls = knobs.map((knob) =>
      makeKnob(knob, model.get("strengths")[knob.name], (value) => setStrengths({ ...model.get("strengths"), [knob.name]: value })));
    const update = () => {
      controls.forEach((control, i) => control.set(model.get("strengths")[knobs[i].name]));
      pictures.input.value = model.get("picture");
    };
    const none = () => Object.fromEntries(knobs.map(({ name }) => [name, 0]));
    const again = () => {
      write({ seed: model.get("seed") + 1 });
      draw();
      say("Eight new samples.");
    };
    const clear = () => {
      setStrengths(none());
      update();
      say("All augmentations are off.");
    };

    const plain = (knob) => knob.text.replace(/(,| by up to| up to| ±).*$/, "").replace(/:.*$/, "");
    const judged = choice({
      label: "Does the label survive", options: knobs.map((knob) => [knob.name, plain(knob)]), value: knobs[0].name,
      onChange: (name) => ask(name),
    });
    const key = () => `${picture.name}/${judged.value}`;
    const ask = (name) => {
      const knob = knobs.find((one) => one.name === name);
      setStrengths({ ...none(), [name]: knob.typical });
      update();
      showAnswer();
      say(`Only this one is on now, strongly. Is each of the samples still ${picture.name}?`);
    };
    const answers = Object.entries(WORDS).map(([answer, words]) => button(words, () => {
      const { answer: right, why } = picture.verdicts[judged.value];
      answered[key()] = answer;
      showAnswer();
      const count = Object.entries(answered).filter(([which]) => which.startsWith(picture.name)).length;
      say(`${answer === right ? "Right." : `We would say "${WORDS[right].toLowerCase()}".`} ${why} Judged for this picture: ${count} of ${knobs.length}.`);
    }));
    const showAnswer = () => Object.keys(WORDS).forEach((answer, i) => setAttributes(answers[i], { "aria-pressed": String(answered[key()] === answer) }));

    const pictures = choice({
      label: "Picture", options: model.get("pictures").map(({ name }) => [name, name]), value: model.get("picture"),
      onChange(name) {
        write({ picture: name });
        begin();
        say(`Now: ${name}.`);
      },
    });
    const begin = () => {
      const { name, pixels, verdicts } = model.get("pictures").find((one) => one.name === model.get("picture"));
      const values = unpack(pixels);
      picture = { name, verdicts, pixels: values, height: values.shape[0], width: values.shape[1] };
      grid.classList.toggle("square", picture.height === picture.width);
      update();
      showAnswer();
      draw();
    };
    const grid = h("div", { class: "grid" }, canvases);
    el.append(h("div", { class: "augment", role: "group", "aria-label": model.get("label") },
      h("div", { class: "top" }, pictures.root,
        h("div", { class: "buttons" }, button("Again", again, { class: "primary" }), button("All off", clear))),
      grid,
      h("div", { class: "judge" }, judged.root, h("div", { class: "buttons" }, answers)),
      status,
      h("div", { class: "controls" }, controls.map((one) => one.root)),
      h("p", { class: "muted" }, HELP)));
    const names = ["picture", "strengths", "seed"];
    const follow = () => isWriting || begin();
    names.forEach((name) => model.on(`change:${name}`, follow));
    say("Move a slider, or choose an augmentation below the pictures and judge it.");
    begin();
    return () => names.forEach((name) => model.off(`change:${name}`, follow));
  },
};
