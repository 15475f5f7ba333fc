// A caption word by word: the hypotheses of a beam as a tree, and where the network looks.
const CELL = { width: 86, height: 34 };

export default {
  render({ model, el }) {
    const words = model.get("words");
    let table = null;
    let steps = [];
    let chosen = 0; // row among the hypotheses shown
    let isWriting = false;

    const text = (numbers) => numbers.filter((n) => n !== END_OF_CAPTION).map((n) => words[n]).join(" ");
    const write = (changes) => {
      isWriting = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      isWriting = false;
    };
    const say = (value) => value.toFixed(2).replace("-", "−");

    const scene = choice({
      label: "Scene", value: String(model.get("scene")),
      options: model.get("scenes").map((_, i) => [String(i), `scene ${i + 1}`]),
      onChange: (value) => (write({ scene: Number(value), shown: 0 }), renew()),
    });
    const width = slider({
      label: "Beam width", min: 1, max: 5, value: model.get("width"),
      onInput: (value) => (write({ width: value }), renew()),
    });
    const shown = slider({
      label: "Words so far", min: 0, max: LONGEST_CAPTION, value: model.get("shown"),
      onInput: (value) => show(value),
    });
    const next = button("Next word", () => show(model.get("shown") + 1), { class: "primary" });
    const restart = button("Start over", () => show(0));
    const showRight = toggle({ label: "Show the right caption", onChange: () => draw() });

    const canvas = h("canvas", { width: 64, height: 64, role: "img" });
    const tree = h("svg:svg", { role: "img", "aria-label": "Tree of the hypotheses, one column a word" });
    const list = h("div", { class: "hypotheses", role: "group", "aria-label": "Hypotheses, best first" });
    const status = h("p", { class: "status", role: "status" });
    const answer = h("p", { class: "answer" });

    const show = (value) => {
      const last = Math.max(0, Math.min(steps.length - 1, value));
      write({ shown: last, best: text(steps[last][0].words) });
      shown.set(last);
      chosen = 0;
      draw();
    };

    const drawPicture = () => {
      const { image, caption } = model.get("scenes")[model.get("scene")];
      const bytes = unpack(image);
      const [height, wide] = bytes.shape;
      canvas.width = wide;
      canvas.height = height;
      const picture = canvas.getContext("2d").createImageData(wide, height);
      const { words: said } = steps[model.get("shown")][chosen];
      const weights = said.length ? table.attentionAfter(said.slice(0, -1)) : null;
      const most = weights ? Math.max(...weights) : 1;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < wide; x++) {
          const place = 4 * Math.floor((4 * y) / height) + Math.floor((4 * x) / wide);
          const light = weights ? 0.25 + (0.75 * weights[place]) / most : 1;
          for (let k = 0; k < 3; k++) picture.data[4 * (y * wide + x) + k] = light * bytes[3 * (y * wide + x) + k];
          picture.data[4 * (y * wide + x) + 3] = 255;
        }
      }
      canvas.getContext("2d").putImageData(picture, 0, 0);
      const where = weights ? `, bright where the network looked for “${words[said.at(-1)]}”` : "";
      canvas.setAttribute("aria-label", `The scene${where}`);
      answer.textContent = showRight.input.checked ? `Right: ${caption}` : "";
    };

    const drawTree = () => {
      const last = model.get("shown");
      const rows = model.get("width");
      const alive = new Set();
      steps[last].forEach((one, row) => {
        for (let t = last, r = row; t >= 0; r = steps[t][r].parent, t--) alive.add(`${t} ${r}`);
      });
      const x = (t) => 6 + CELL.width * t;
      const y = (row) => 22 + CELL.height * row;
      const parts = [];
      steps.slice(0, last + 1).forEach((kept, t) => kept.forEach((one, row) => {
        const isNew = t === 0 || steps[t - 1][one.parent].words.length < one.words.length;
        const kind = `${alive.has(`${t} ${row}`) ? "alive" : "dropped"}${t === last && row === chosen ? " chosen" : ""}`;
        if (t) parts.push(h("svg:path", { class: kind, d: `M${x(t) - 22} ${y(one.parent) - 5}L${x(t) - 4} ${y(row) - 5}` }));
        const name = t === 0 ? "start" : isNew ? words[one.words.at(-1)].replace(/[<>]/g, "") : "·";
        parts.push(h("svg:text", { x: x(t), y: y(row), class: kind }, name));
      }));
      const size = [x(last) + CELL.width, y(rows - 1) + 14];
      setAttributes(tree, { viewBox: `0 0 ${size.join(" ")}`, width: size[0], height: size[1] });
      tree.replaceChildren(...parts);
    };

    const drawList = () => {
      const kept = steps[model.get("shown")];
      list.replaceChildren(...kept.map((one, row) =>
        button("", () => ((chosen = row), draw(), list.children[row].focus()), { "aria-pressed": String(row === chosen) })));
      [...list.children].forEach((item, row) => {
        const { words: said, score, done } = kept[row];
        item.append(h("span", {}, said.length ? text(said) || "(nothing)" : "(nothing yet)", done ? " ■" : ""),
          h("b", {}, `log p ${say(score)}`));
      });
    };

    const draw = () => {
      drawPicture();
      drawTree();
      drawList();
      const last = model.get("shown");
      const { words: said, score, done } = steps[last][0];
      const { caption } = model.get("scenes")[model.get("scene")];
      const end = done ? ` Finished: ${text(said) === caption ? "right" : "not right"}.` : "";
      status.textContent = last
        ? `After ${last} ${last === 1 ? "word" : "words"} the best is “${text(said)}”, log p ${say(score)}, p ${Math.exp(score).toFixed(2)}.${last === steps.length - 1 ? end : ""}`
        : "Press Next word.";
      next.disabled = last === steps.length - 1;
    };

    const renew = () => {
      table = makeTable(model.get("scenes")[model.get("scene")]);
      steps = searchBeam(table.scoresAfter, model.get("width"));
      scene.input.value = String(model.get("scene"));
      width.set(model.get("width"));
      shown.input.max = steps.length - 1;
      show(model.get("shown"));
    };

    el.append(h("div", { class: "beam", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, [scene, width, shown].map((one) => one.root)),
      h("div", { class: "buttons" }, next, restart, showRight.root),
      status,
      h("div", { class: "stage" }, h("div", {}, canvas, answer), list),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tree of hypotheses" }, tree),
      h("p", { class: "muted" }, "■ has ended. Choose a hypothesis to see where the network looked for its last word. Faint words were dropped.")));
    const names = ["scene", "width", "shown"];
    const follow = () => isWriting || renew();
    names.forEach((name) => model.on(`change:${name}`, follow));
    renew();
    return () => names.forEach((name) => model.off(`change:${name}`, follow));
  },
};
