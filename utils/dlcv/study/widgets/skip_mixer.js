// Choose a picture, a trained network and the strides whose scores are added; see what becomes of it.
const percent = (share) => `${(100 * share).toFixed(1)} %`;

export default {
  render({ model, el }) {
    const names = model.get("names");
    const all = [...new Set(Object.values(model.get("strides")).flat())].sort((a, b) => b - a);
    const unpacked = model.get("pictures").map((one) => {
      const classes = unpack(one.classes);
      const scores = Object.fromEntries(Object.entries(one.scores).map(([name, maps]) => [name, maps.map(unpack)]));
      return { image: unpack(one.image), classes, scores, edges: edgePixels(classes, classes.shape[0]) };
    });
    const side = unpacked[0].classes.shape[0];
    const set = (name, value) => (model.set(name, value), model.save_changes());
    const strides = () => model.get("strides")[model.get("network")];

    const picture = choice({
      label: "Picture", options: unpacked.map((_, i) => [i, `picture ${i + 1}`]), value: model.get("picture"),
      onChange: (value) => {
        const { classes } = unpacked[+value];
        if (!classes.includes(model.get("shown"))) model.set("shown", lastClass(classes));
        set("picture", +value);
      },
    });
    const network = choice({
      label: "Trained as", options: model.get("networks").map((name) => [name, name]), value: model.get("network"),
      onChange: (value) => {
        model.set("used", [...model.get("strides")[value]]);
        set("network", value);
      },
    });
    const kind = choice({ label: "Enlarge by", options: [["bilinear", "bilinear kernel"], ["nearest", "repeating"]], value: model.get("kind"), onChange: (value) => set("kind", value) });
    const shown = choice({ label: "Scores of", options: names.map((name, k) => [k, name]), value: model.get("shown"), onChange: (value) => set("shown", +value) });
    const ticks = all.map((stride) => toggle({
      label: `stride ${stride}`, checked: false,
      onChange: (on) => set("used", strides().filter((s) => (s === stride ? on : model.get("used").includes(s)))),
    }));

    const views = Object.fromEntries([["image", "picture"], ["truth", "truth"], ["answer", "answer"], ["wrong", "wrong pixels"]].map(([key, text]) => [key, panel(text)]));
    const levels = all.map((stride) => panel(`stride ${stride}`, "level"));
    const sum = panel("added and enlarged", "level");
    const measures = h("p", { class: "says", role: "status" });
    const table = h("ul", { class: "classes" });

    const drawScores = (view, plane, columns, most, text, isUsed) => {
      paintPixels(view.canvas, plane, columns, (value) => signedColour(value, most));
      setAttributes(view.canvas, { "aria-label": `${text}: scores of ${names[model.get("shown")]} from ${Math.min(...plane).toFixed(1)} to ${Math.max(...plane).toFixed(1)}` });
      view.text.textContent = isUsed ? text : `${text}, left out`;
      view.root.classList.toggle("out", !isUsed);
    };
    let painted = null; // the picture that the first two panels show
    const update = () => {
      const { image, classes, scores, edges } = unpacked[model.get("picture")];
      const maps = scores[model.get("network")];
      const used = model.get("used");
      const k = model.get("shown");
      const fused = fuseScores(maps, strides(), used, model.get("kind"));
      const labels = bestClasses(fused);
      const { iou, mean, pixels, edges: atEdges } = measure(labels, classes, edges, names.length);
      if (painted !== image) {
        paintPixels(views.image.canvas, classes, side, (_, i) => image.subarray(3 * i, 3 * i + 3));
        paintPixels(views.truth.canvas, classes, side, classColour);
        painted = image;
      }
      paintPixels(views.answer.canvas, labels, side, classColour);
      paintPixels(views.wrong.canvas, labels, side, (label, i) => (classes[i] === IGNORED ? classColour(IGNORED) : label !== classes[i] ? [213, 94, 0] : edges[i] ? [150, 160, 172] : [238, 241, 245]));
      views.wrong.text.textContent = "wrong pixels (orange); edges grey";
      const most = Math.max(...fused[k].map(Math.abs), ...maps.flatMap((stack) => [...planeOf(stack, k)].map(Math.abs)));
      all.forEach((stride, i) => {
        const at = strides().indexOf(stride);
        levels[i].root.hidden = at < 0;
        ticks[i].input.disabled = at < 0;
        ticks[i].input.checked = used.includes(stride);
        if (at >= 0) drawScores(levels[i], planeOf(maps[at], k), maps[at].shape[2], most, `stride ${stride}: ${maps[at].shape[1]}×${maps[at].shape[2]}`, used.includes(stride));
      });
      drawScores(sum, fused[k], side, most, "added and enlarged", true);
      measures.textContent = `Mean IoU ${percent(mean)}, right pixels ${percent(pixels)}, right pixels near edges ${percent(atEdges)}.`;
      table.replaceChildren(...names.flatMap((name, c) => iou[c] === null ? [] : [h("li", {}, h("span", { class: "patch", style: `background:rgb(${classColour(c)})` }), `${name} ${percent(iou[c])}`)]));
      for (const [key, text] of [["truth", "true classes"], ["answer", "predicted classes"], ["wrong", "wrong pixels"], ["image", "picture"]]) {
        views[key].canvas.setAttribute("aria-label", `${text} of picture ${model.get("picture") + 1}`);
      }
      for (const [control, trait] of [[picture, "picture"], [network, "network"], [kind, "kind"], [shown, "shown"]]) control.input.value = model.get(trait);
    };
    model.on("change:picture change:network change:used change:kind change:shown", update);
    update();
    el.append(h("div", { class: "mixer", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, picture.root, network.root, kind.root, shown.root),
      h("fieldset", { class: "ticks" }, h("legend", {}, "Add the scores of"), ticks.map((tick) => tick.root)),
      h("div", { class: "panels" }, Object.values(views).map((view) => view.root)),
      measures, table,
      h("div", { class: "panels" }, levels.map((view) => view.root), sum.root)));
  },
};
