// A question whose answers explain themselves. One right answer: buttons. Several: boxes to tick.
function mark(item, isRight) {
  item.dataset.state = isRight ? "right" : "wrong";
  item.querySelector(".sign").textContent = isRight ? "✓" : "✗";
}

function explanation(option) {
  return h("p", { class: "why", html: `<strong>${option.right ? "Right." : "Not this one."}</strong> ${option.why}` });
}

// An option's text; browsers read no name from mathematics alone, so that gets one unseen.
function optionText(option) {
  const words = option.text.replace(/<math.*?<\/math>/gs, "").trim();
  if (words) return [h("span", { html: option.text })];
  return [h("span", { html: option.text, "aria-hidden": "true" }), h("span", { class: "unseen" }, option.name)];
}

function singleChoice(options, report) {
  return options.map((option) => {
    const pick = button("", () => {
      mark(item, option.right);
      if (!item.querySelector(".why")) item.append(explanation(option));
      report(option.right, option.right ? "Right." : "Not this one. You may try another answer.");
    }, { class: "option" });
    pick.append(h("span", { class: "sign", "aria-hidden": "true" }, "○"), ...optionText(option));
    const item = h("li", {}, pick);
    return item;
  });
}

function multipleChoice(options, report) {
  const boxes = [];
  const items = options.map((option) => {
    const box = h("input", { type: "checkbox" });
    boxes.push(box);
    return h("li", {}, h("label", { class: "option" }, box, h("span", { class: "sign", "aria-hidden": "true" }), ...optionText(option)));
  });
  const verify = button("Check", () => {
    const correct = options.map((option, i) => boxes[i].checked === option.right);
    items.forEach((item, i) => {
      item.querySelector(".why")?.remove();
      mark(item, correct[i]);
      item.append(h("p", { class: "why", html: `${options[i].right ? "True" : "False"}: ${options[i].why}` }));
    });
    const count = correct.filter(Boolean).length;
    report(count === options.length, `${count} of ${options.length} boxes are as they should be.`);
  }, { class: "primary" });
  return [...items, h("li", { class: "buttons" }, verify)];
}

export default {
  render({ model, el }) {
    const id = model.get("quiz_id");
    const options = model.get("options");
    const isMultiple = options.filter((option) => option.right).length > 1;
    const status = h("p", { class: "status", role: "status" });
    const report = (isRight, message) => {
      status.textContent = "";
      requestAnimationFrame(() => (status.textContent = message));
      root.dataset.state = isRight ? "right" : "wrong";
      keepAnswer(id, isRight);
    };
    const items = (isMultiple ? multipleChoice : singleChoice)(options, report);
    const kind = isMultiple ? "Quiz · tick all that are true" : "Quiz";
    const root = questionFrame(model, kind, h("ul", { "aria-live": "polite" }, items), status);
    el.append(root);
  },
};
