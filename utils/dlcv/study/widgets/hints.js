// Hints one at a time, the worked solution folded, and the reader's own tick.
export default {
  render({ model, el }) {
    const id = model.get("exercise_id");
    const texts = model.get("hints");
    const list = h("ol", { "aria-live": "polite" });
    const name = () => (list.children.length < texts.length ? `Hint ${list.children.length + 1} of ${texts.length}` : "No more hints");
    const more = button(name(), () => {
      list.append(h("li", { html: texts[list.children.length] }));
      more.textContent = name();
      more.disabled = list.children.length === texts.length;
    });
    const done = toggle({
      label: "I have solved it",
      checked: progress.get("exercise", id) === "done",
      onChange: (checked) => progress.set("exercise", id, checked ? "done" : "open"),
    });
    el.append(h("div", { class: "hints", id: `exercise-${id.replace(".", "-")}`, role: "group", "aria-label": model.get("label"), "data-exercise": id },
      h("div", { class: "buttons" }, more, done.root), list, h("div", { html: model.get("solution") })));
  },
};
