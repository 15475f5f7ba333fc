// Beam search over a table of log-probabilities: the same rules as the package's beam_search.
const LONGEST_CAPTION = 9;
const END_OF_CAPTION = 0;

// For each step the hypotheses kept, best first: { words, score, parent (row before), done }.
function searchBeam(scoresAfter, width) {
  let kept = [{ words: [], score: 0, parent: -1, done: false }];
  const steps = [kept];
  for (let t = 0; t < LONGEST_CAPTION && kept.some((one) => !one.done); t++) {
    const grown = [];
    kept.forEach((one, row) => {
      if (one.done) return grown.push({ ...one, parent: row });
      scoresAfter(one.words).forEach((score, word) => {
        const words = [...one.words, word];
        grown.push({ words, score: one.score + score, parent: row, done: word === END_OF_CAPTION });
      });
      return null;
    });
    kept = grown.sort((a, b) => b.score - a.score).slice(0, width);
    steps.push(kept);
  }
  return steps;
}

// The look-up of one scene: log-probabilities and attention after a beginning.
function makeTable({ beginnings, scores, attention }) {
  const rows = new Map(beginnings.map((words, i) => [words.join(), i]));
  const cut = (packed) => {
    const values = unpack(packed);
    const size = values.shape[1];
    return (words) => {
      const row = rows.get(words.join());
      return row === undefined ? null : Array.from(values.subarray(row * size, (row + 1) * size));
    };
  };
  return { scoresAfter: cut(scores), attentionAfter: cut(attention) };
}
