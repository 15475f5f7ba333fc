// Shows what the reader has done, on the map of the course and on every lecture. The widgets keep
// it in this browser's storage; `courseTasks` (course.js) says which questions there are.
const progressKey = "learning-to-see:progress";

function readProgress() {
  try {
    return JSON.parse(localStorage.getItem(progressKey)) ?? {};
  } catch {
    return {}; // storage is switched off: nothing was kept, so nothing is shown
  }
}

function count(ids, states, wanted) {
  return ids.filter((id) => states?.[id] === wanted).length;
}

function describeProgress(answered, questions, solved, exercises) {
  if (answered + solved === 0) return `${questions} questions, ${exercises} exercises`;
  return `answered ${answered} of ${questions} questions, solved ${solved} of ${exercises} exercises`;
}

function showProgress() {
  const done = readProgress();
  let any = false;
  for (const place of document.querySelectorAll("[data-progress]")) {
    const { quiz, exercise } = courseTasks[place.dataset.progress];
    const answered = count(quiz, done.quiz, "right");
    const solved = count(exercise, done.exercise, "done");
    const share = (answered + solved) / (quiz.length + exercise.length || 1);
    any ||= share > 0;
    place.style.setProperty("--share", share);
    place.classList.toggle("begun", share > 0);
    place.textContent = describeProgress(answered, quiz.length, solved, exercise.length);
  }
  const reset = document.querySelector("[data-progress-reset]");
  if (reset) reset.hidden = !any;
}

document.querySelector("[data-progress-reset]")?.addEventListener("click", () => {
  if (!confirm("Forget all answers and solved exercises on this device?")) return;
  localStorage.removeItem(progressKey);
  showProgress();
});
addEventListener("dlcv:progress", showProgress);
addEventListener("storage", showProgress);
showProgress();
