// A question whose answer is a number: type it, press Enter, and read why.
function judge(model, value) {
  if (Math.abs(value - model.get("answer")) <= model.get("tolerance")) return { isRight: true, why: model.get("why") };
  const near = model.get("near").find((item) => Math.abs(item.value - value) < 1e-9);
  const side = value < model.get("answer") ? "too small" : "too large";
  return { isRight: false, why: near ? near.why : `${value} is ${side}. Try once more.` };
}

// Reads 0.5, 0,5, −3 and 60,000; NaN for anything else.
function parseNumber(text) {
  const plain = text.trim().replace("−", "-");
  const isGrouped = /^-?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(plain);
  return Number((isGrouped ? plain.replaceAll(",", "") : plain.replace(",", ".")) || NaN);
}

export default {
  render({ model, el }) {
    const id = model.get("quiz_id");
    const verdict = h("p", { class: "verdict", role: "status" });
    const inputId = controlId();
    const input = h("input", { type: "text", inputmode: "decimal", id: inputId, autocomplete: "off", "aria-label": "Your answer" });
    const answer = () => {
      const value = parseNumber(input.value);
      if (!Number.isFinite(value)) {
        verdict.textContent = "Type a number, for example 12 or 0.5.";
        return;
      }
      const { isRight, why } = judge(model, value);
      verdict.innerHTML = `<strong>${isRight ? "✓ Right." : "✗ Not yet."}</strong> ${why}`;
      root.dataset.state = isRight ? "right" : "wrong";
      keepAnswer(id, isRight);
    };
    const form = h("form", { class: "answer", onsubmit: (event) => (event.preventDefault(), answer()) },
      input, model.get("unit") && h("span", {}, model.get("unit")), h("button", { type: "submit", class: "primary" }, "Check"));
    const root = questionFrame(model, "Quiz · a number", form, verdict);
    el.append(root);
  },
};
