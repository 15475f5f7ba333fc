"""The transfer surface: how many stages to freeze for how many images, and what is resolved."""

from collections.abc import Mapping, Sequence

import traitlets

from dlcv.study.widgets.base import Widget


class TransferSurface(Widget):
    """Test accuracies of every strategy at every number of images, with all seeds.

    The reader chooses a number of frozen stages and a number of images; the page shows all
    strategies at that number, each seed as a dot, and ranks two strategies only where every seed of
    one lies above every seed of the other.

    Args:
        frozen: accuracies in [0, 1] as frozen stages → images a class → one for each seed.
        scratch: accuracies of training from scratch, images a class → one for each seed.
        stages: how many stages the network has.

    Attributes (all follow what the reader does, and can be set from Python):
        strategy: which row is chosen: the position of the number of frozen stages, from 0; the row
            after the last one is training from scratch.
        column: which number of images is chosen, from 0.

    Raises:
        ValueError: nothing to show, a hole in the table, or a position or accuracy out of range.

    Taught in: lectures/07_transfer
    """

    module = "transfer_surface"
    rows = traitlets.List().tag(sync=True)
    counts = traitlets.List().tag(sync=True)
    strategy = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        frozen: Mapping[int, Mapping[int, Sequence[float]]],
        scratch: Mapping[int, Sequence[float]],
        stages: int,
    ):
        counts = list(scratch)
        if not frozen or not counts:
            raise ValueError("expected at least one strategy and one number of images, got none")
        table = {_name(k, stages): row for k, row in frozen.items()} | {"from scratch": scratch}
        for name, row in table.items():
            if list(row) != counts:
                raise ValueError(f"expected images a class {counts} for {name}, got {list(row)}")
            if not all(row.values()) or not all(0 <= a <= 1 for v in row.values() for a in v):
                raise ValueError(f"expected accuracies in [0, 1] for {name}, got {dict(row)}")
        super().__init__(
            label="Transfer surface: frozen stages, images a class, accuracy",
            rows=[
                {"name": name, "values": [[round(float(a), 4) for a in v] for v in row.values()]}
                for name, row in table.items()
            ],
            counts=counts,
            strategy=min(1, len(frozen) - 1),
            column=0,
        )

    @traitlets.validate("strategy", "column")
    def _in_range(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        count = len(self.rows if name == "strategy" else self.counts)
        if not 0 <= value < count:
            raise ValueError(f"expected a {name} from 0 to {count - 1}, got {value}")
        return value

    def winner(self, column: int) -> list[str]:
        """The strategies that no other one beats with every seed, best mean first."""
        rows = [(row["name"], row["values"][column]) for row in self.rows]
        beaten = {name for name, mine in rows if any(min(theirs) > max(mine) for _, theirs in rows)}
        left = [(name, sum(values) / len(values)) for name, values in rows if name not in beaten]
        return [name for name, _ in sorted(left, key=lambda pair: -pair[1])]

    def fallback_html(self) -> str:
        """The mean accuracies as a table."""
        head = "".join(f"<th>{count}</th>" for count in self.counts)
        body = "".join(
            f"<tr><th>{row['name']}</th>"
            + "".join(f"<td>{sum(v) / len(v):.2f}</td>" for v in row["values"])
            + "</tr>"
            for row in self.rows
        )
        return f"<table><tr><th>images a class</th>{head}</tr>{body}</table>"


def _name(frozen: int, stages: int) -> str:
    if not 0 <= frozen <= stages:
        raise ValueError(f"expected 0 to {stages} frozen stages, got {frozen}")
    if frozen == 0:
        return "none frozen"
    return f"all {stages} frozen" if frozen == stages else f"{frozen} of {stages} frozen"
