// What every kind of question has: a frame with its text, and an answer that is kept.
function questionFrame(model, kind, ...body) {
  const id = model.get("quiz_id");
  const badge = progress.get("quiz", id) === "right" ? " · answered before" : "";
  return h("fieldset", { class: "quiz", id: `quiz-${id.replace(".", "-")}`, "data-quiz": id },
    h("legend", {}, h("span", { class: "kind" }, kind + badge), h("span", { class: "question", html: model.get("question") })),
    ...body);
}

// A right answer stays right, whatever is tried afterwards.
function keepAnswer(id, isRight) {
  if (isRight || progress.get("quiz", id) !== "right") progress.set("quiz", id, isRight ? "right" : "tried");
}
