"""Exercises on sequences: backwards in time, the LSTM, hello, BLEU, beam search, a captioner."""

from dlcv.study.exercises.base import Exercise
from dlcv.study.exercises.captioning_cells import (
    check_bptt,
    check_hello,
    check_lstm,
    solve_bptt,
    solve_hello,
    solve_lstm,
)
from dlcv.study.exercises.captioning_sentences import (
    CAPTIONER_SOLUTION,
    check_beam,
    check_captioner,
    check_clipped,
    solve_beam,
    solve_clipped,
)

EXERCISES = {
    "15.bptt": Exercise(
        title="Backpropagation through time",
        check=check_bptt,
        hints=(
            "Go from the last step to the first. The gradient of a state has two parts: what its "
            "own output sends, and what the next step sends back.",
            "Through the tanh: `delta = (grad_states[:, t] + carried) * (1 - s ** 2)`. With it "
            "`grad_W += delta.T @ (the state before)`, and `carried = delta @ W`.",
        ),
        solution=solve_bptt,
        praise="The slopes found by nudging every weight agree. One W, and every step adds its "
        "share to one gradient.",
    ),
    "15.lstm": Exercise(
        title="The LSTM cell",
        check=check_lstm,
        hints=(
            "One product gives all four: `(x @ U.T + h @ W.T + b).chunk(4, dim=1)`, in the order "
            "i, f, g, o.",
            "`c = σ(f) * c + σ(i) * tanh(g)`, and only then `h = σ(o) * tanh(c)`.",
        ),
        solution=solve_lstm,
        praise="Equal to `nn.LSTMCell`. The line that matters is the sum: it is the way on which "
        "gradients travel far.",
    ),
    "15.hello": Exercise(
        title="A network that says hello",
        check=check_hello,
        hints=(
            "Letters are rows of `torch.eye(4)`, in the order h, e, l, o. The input is h, e, l, l, "
            "the target e, l, l, o.",
            "The gradient of the cross-entropy with softmax is `probs - target`; times V it is "
            "what the outputs send to the states. `rnn_backward` does the rest.",
            "Summed over the four letters, a rate of 0.1 and 500 steps are enough for 8 units.",
        ),
        solution=solve_hello,
        praise="e, l, l, o: the second l is told from the first by the state alone.",
    ),
    "15.clipped": Exercise(
        title="BLEU's clipped counts",
        check=check_clipped,
        hints=(
            "List the pieces of n neighbouring words, then go through the *different* ones.",
            "A piece counts as often as it occurs in the candidate, but at most as often as in "
            "that reference which has it most often.",
        ),
        solution=solve_clipped,
        praise="“the the the …” gets 2 of 7, as in the paper, and not 7 of 7.",
    ),
    "15.beam": Exercise(
        title="Beam search",
        check=check_beam,
        hints=(
            "A hypothesis is a pair (words, sum of the log-probabilities). Begin with one, "
            "`((), 0.0)`; before the first word stands the start, number 1.",
            "At each step grow every hypothesis that has not ended by each word; the finished ones "
            "stay as they are. Sort all by score and keep `width` of them.",
        ),
        solution=solve_beam,
        praise="Wide enough, it finds the best of all sentences; with width 1 it is the greedy "
        "choice, which the first toy fools.",
    ),
    "15.captioner": Exercise(
        title="A captioner of your own",
        check=check_captioner,
        hints=(
            "`my_describe` gets uint8 images [300, 3, 64, 64]: features, words, text, with the "
            "*same* vocabulary and encoder as in training, and everything in evaluation mode.",
            "Short of 60 %? More scenes help more than more epochs; rendering them is cheap. The "
            "mistakes in the message say what is lacking.",
        ),
        solution=CAPTIONER_SOLUTION,
        praise="More than six of ten sentences right to the last word, on scenes that nobody had "
        "seen.",
    ),
}
