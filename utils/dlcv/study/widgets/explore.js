// A picture with a slider for each choice: asks Python for it, or plays what the page carries.
export default {
  render({ model, el }) {
    const choices = model.get("choices");
    const index = [...model.get("index")];
    const picture = h("img", { class: "picture" });
    const show = (frame) => setAttributes(picture, { src: frame.src, alt: frame.alt });
    const place = () => choices.reduce((sum, choice, i) => sum * choice.values.length + index[i], 0);
    const update = () => {
      const frames = model.get("frames");
      if (frames.length) return show(frames[place()]);
      model.set("index", [...index]);
      model.save_changes();
    };
    const sliders = choices.map((choice, i) => slider({
      label: choice.name, min: 0, max: choice.values.length - 1, value: index[i],
      format: (at) => choice.values[at],
      onInput: (at) => ((index[i] = at), update()),
    }).root);
    model.on("change:frame", () => show(model.get("frame")));
    show(model.get("frames")[place()] ?? model.get("frame"));
    el.append(h("div", { role: "group", "aria-label": model.get("label") }, picture, h("div", { class: "controls" }, sliders)));
  },
};
