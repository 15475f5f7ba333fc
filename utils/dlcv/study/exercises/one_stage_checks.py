"""The checks of lecture 13: YOLO's targets and loss, default boxes, matching, the focal loss."""

import functools

import torch
from torch import Tensor

from dlcv.detection.retinanet import focal_loss
from dlcv.detection.yolo import cell_boxes, paired_iou, yolo_losses, yolo_targets
from dlcv.study.exercises.base import attempt, expect
from dlcv.study.exercises.detection_checks import mistake


def same_tensor(a: object, b: Tensor) -> bool:
    """Whether an answer is this tensor, up to rounding."""
    return isinstance(a, Tensor) and a.shape == b.shape and torch.allclose(a.float(), b.float())


def expect_tensor(value: object, shape: list[int]) -> None:
    """Ends a check unless the answer is a tensor of this shape."""
    expect(isinstance(value, Tensor), f"expected a tensor {shape}, got {value!r}.")
    expect(list(value.shape) == shape, f"expected the shape {shape}, got {list(value.shape)}.")


# ---------------------------------------------------------------------------------- 13.yolo_targets
TARGET_CASES = [
    ([(200.0, 130.0, 300.0, 230.0)], [3], 448, 7, 5),
    ([(0.0, 0.0, 20.0, 40.0), (60.0, 10.0, 90.0, 40.0)], [1, 0], 100, 4, 2),
    ([(10.0, 10.0, 20.0, 20.0), (8.0, 12.0, 24.0, 18.0)], [0, 2], 90, 3, 3),
    ([], [], 64, 2, 2),
]


def targets_with(
    boxes, labels, size, grid, classes, swap=False, picture=False, px=False, first=False
):
    """YOLO's targets with a mistake built in."""
    target = torch.zeros(grid, grid, 5 + classes)
    for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True):
        x, y = (x1 + x2) / 2 / size, (y1 + y2) / 2 / size
        w, h = (x2 - x1) / size, (y2 - y1) / size
        column, row = int(x * grid), int(y * grid)
        at = (column, row) if swap else (row, column)
        if first and target[at][4] > 0:
            continue
        target[at] = 0
        inside = (x, y) if picture else (x * grid - column, y * grid - row)
        extent = (w * size, h * size) if px else (w, h)
        target[at][:5] = torch.tensor([*inside, *extent, 1.0])
        target[at][5 + label] = 1
    return target


TARGET_MISTAKES = {
    "row and column are exchanged; rows go with $y$": functools.partial(targets_with, swap=True),
    "$x$ and $y$ are measured from the corner of the *cell*, in units of the cell": (
        functools.partial(targets_with, picture=True)
    ),
    "sizes are shares of the picture, not pixels": functools.partial(targets_with, px=True),
    "where two centres lie in one cell, the last object stays": (
        functools.partial(targets_with, first=True)
    ),
}


def check_targets(answer: object) -> None:
    """Compares whole tensors with the package's."""
    got = [attempt(answer, *case) for case in TARGET_CASES]
    for (*_, grid, classes), value in zip(TARGET_CASES, got, strict=True):
        expect_tensor(value, [grid, grid, 5 + classes])
    reason = mistake(got, TARGET_CASES, TARGET_MISTAKES, same_tensor)
    for case, value in zip(TARGET_CASES, got, strict=True):
        boxes, labels, size, grid, classes = case
        expected = yolo_targets(
            torch.tensor(boxes).reshape(1, -1, 4),
            torch.tensor(labels, dtype=torch.int64)[None],
            size,
            grid,
            classes,
        )[0]
        wrong = (value.float() - expected).abs() > 1e-4
        if wrong.any():
            at = tuple(wrong.nonzero()[0].tolist())
            numbers = f"expected {expected[at]:.4g}, got {value[at]:.4g}"
            expect(False, f"boxes {boxes}: at {list(at)} {numbers}{reason}.")


def solve_targets(boxes, labels, size, grid, classes):
    """Find the cell of each centre, and write one vector into it."""
    target = torch.zeros(grid, grid, 5 + classes)
    for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True):
        x, y = (x1 + x2) / 2 / size * grid, (y1 + y2) / 2 / size * grid
        column, row = min(int(x), grid - 1), min(int(y), grid - 1)
        one_hot = torch.eye(classes)[label]
        place = torch.tensor([x - column, y - row, (x2 - x1) / size, (y2 - y1) / size, 1.0])
        target[row, column] = torch.cat([place, one_hot])
    return target


# ------------------------------------------------------------------------------------ 13.focal_loss
def focal_with(logits, targets, gamma, alpha, power=True, which=True, sign=-1, flip=False):
    """The focal loss with a mistake built in."""
    p = torch.sigmoid(logits)
    p_t = torch.where(targets > 0, p, 1 - p) if which else p
    factor = ((1 - p_t) if power else p_t) ** gamma
    loss = sign * factor * p_t.clamp(min=1e-30).log()
    if alpha is None:
        return loss
    positive = targets == 0 if flip else targets > 0
    return loss * torch.where(positive, alpha, 1 - alpha)


FOCAL_MISTAKES = {
    "the factor is $(1-p_t)^\\gamma$: what is *well* classified shall count less": (
        functools.partial(focal_with, power=False)
    ),
    "$p_t$ is the probability given to the truth: $1-p$ where the target is 0": (
        functools.partial(focal_with, which=False)
    ),
    "a loss is positive: the logarithm of a probability is not": (
        functools.partial(focal_with, sign=1)
    ),
    "$\\alpha$ is the weight of the targets 1, $1-\\alpha$ that of the targets 0": (
        functools.partial(focal_with, flip=True)
    ),
}


def focal_cases() -> list[tuple[Tensor, Tensor, float, float | None]]:
    """Logits and targets, float64, with several settings."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(4, 5, generator=generator, dtype=torch.float64)
    targets = (torch.rand(4, 5, generator=generator) < 0.4).double()
    return [(logits, targets, g, a) for g, a in ((0.0, None), (2.0, None), (2.0, 0.25), (0.5, 0.9))]


def check_focal(answer: object) -> None:
    """Values, cross-entropy as the special case, the gradient by small steps, large logits."""
    cases = focal_cases()
    got = [attempt(answer, *case) for case in cases]
    for value in got:
        expect_tensor(value, [4, 5])
    reason = mistake(got, cases, FOCAL_MISTAKES, same_tensor)
    for (logits, targets, gamma, alpha), value in zip(cases, got, strict=True):
        expected = focal_loss(logits, targets, gamma, alpha)
        expect(
            torch.allclose(value.double(), expected, atol=1e-6),
            f"gamma {gamma}, alpha {alpha}: the values differ by up to "
            f"{(value.double() - expected).abs().max():.3g}{reason}.",
        )
    logits, targets, gamma, alpha = cases[2]
    x = logits.clone().requires_grad_()
    loss = attempt(answer, x, targets, gamma, alpha).sum()
    expect(loss.requires_grad, "no gradient reaches the logits; keep to torch's functions.")
    (gradient,) = torch.autograd.grad(loss, x)
    step = 1e-6
    up, down = (answer(logits + s, targets, gamma, alpha) for s in (step, -step))
    expect(
        torch.allclose(gradient, (up - down) / (2 * step), atol=1e-4),
        "the gradient differs from small steps; is a part of the loss detached?",
    )
    sure = attempt(answer, torch.tensor([200.0, -200.0]), torch.tensor([0.0, 1.0]), 2.0, None)
    expect(
        sure.isfinite().all(),
        "a logit of 200 gives an infinite loss; `torch.nn.functional.logsigmoid` does not.",
    )


def solve_focal(logits, targets, gamma, alpha):
    """Take the logarithm inside the sigmoid, and the signed logit for $p_t$."""
    signed = torch.where(targets > 0, logits, -logits)  # p_t = sigmoid(signed)
    loss = -(torch.sigmoid(-signed) ** gamma) * torch.nn.functional.logsigmoid(signed)
    if alpha is None:
        return loss
    return loss * torch.where(targets > 0, alpha, 1 - alpha)


# ------------------------------------------------------------------------------------- 13.tiny_yolo
SIDE, GRID, CLASSES = 32, 4, 2


def toy_scenes(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Bright squares (0) and discs (1) on a dark picture: images, boxes [N, 2, 4], labels."""
    generator = torch.Generator().manual_seed(seed)
    half = torch.randint(3, 7, (count, 2), generator=generator).float()
    centre = half[..., None] + torch.rand(count, 2, 2, generator=generator) * (
        SIDE - 2 * half[..., None]
    )
    labels = torch.randint(0, CLASSES, (count, 2), generator=generator)
    labels[torch.rand(count, 2, generator=generator) < 0.25] = -1
    labels[:, 0] = labels[:, 0].clamp(min=0)
    close = (centre[:, 0] - centre[:, 1]).abs().amax(dim=1) < half.sum(dim=1)
    labels[close, 1] = -1  # no two overlap
    pixel = torch.arange(SIDE) + 0.5
    images = 0.1 * torch.rand(count, 1, SIDE, SIDE, generator=generator)
    for k in range(2):
        x, y = centre[:, k, 0, None, None], centre[:, k, 1, None, None]
        dx, dy = (pixel - x).abs(), (pixel[:, None] - y).abs()
        r = half[:, k, None, None]
        square = torch.maximum(dx, dy) <= r
        disc = dx**2 + dy**2 <= r**2
        label = labels[:, k, None, None]
        images[:, 0][(label == 0) & square | (label == 1) & disc] = 1
    boxes = torch.cat([centre - half[..., None], centre + half[..., None]], dim=-1)
    return images, boxes, labels


def tiny_network() -> torch.nn.Module:
    """Three strides of two, a look around, and seven numbers a cell."""
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in ((1, 16), (16, 32), (32, 48)):
        conv = torch.nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1, bias=False)
        layers += [conv, torch.nn.BatchNorm2d(fan_out), torch.nn.ReLU()]
    look = torch.nn.Conv2d(48, 48, 3, padding=1)
    return torch.nn.Sequential(*layers, look, torch.nn.ReLU(), torch.nn.Conv2d(48, 5 + CLASSES, 1))


def loss_with(
    output, targets, coord=5.0, empty=0.5, root=True, one=False, everywhere=False, mean=True
):
    """YOLO's loss with one box a cell and a mistake built in."""
    there = targets[..., 4] > 0
    place = torch.cat([output[..., :2], output[..., 2:4].square()], dim=-1)
    iou = paired_iou(cell_boxes(place[..., None, :]), cell_boxes(targets[..., None, :4]))[
        ..., 0
    ].detach()
    size = targets[..., 2:4].sqrt() if root else targets[..., 2:4]
    spot = (output[..., :2] - targets[..., :2]).square().sum(-1)
    spot = spot + (output[..., 2:4] - size).square().sum(-1)
    goal = torch.ones_like(iou) if one else iou
    classes = (output[..., 5:] - targets[..., 5:]).square().sum(-1)
    total = (
        coord * spot[there].sum()
        + (output[..., 4] - goal)[there].square().sum()
        + empty * output[..., 4][~there].square().sum()
        + (classes.sum() if everywhere else classes[there].sum())
    )
    return total / len(output) if mean else total


LOSS_MISTAKES = {
    "places and sizes count five times": functools.partial(loss_with, coord=1.0),
    "the confidence of empty cells counts half": functools.partial(loss_with, empty=1.0),
    "the network's numbers are roots: compare them with the roots of the sizes": (
        functools.partial(loss_with, root=False)
    ),
    "the confidence shall be the IoU of the predicted box, not 1": (
        functools.partial(loss_with, one=True)
    ),
    "classes are compared in cells with an object alone": (
        functools.partial(loss_with, everywhere=True)
    ),
    "sum over a picture, but take the mean over pictures": functools.partial(loss_with, mean=False),
}


def loss_case() -> tuple[Tensor, Tensor]:
    """A random output and its targets."""
    _, boxes, labels = toy_scenes(4, seed=3)
    output = torch.rand(4, GRID, GRID, 5 + CLASSES, generator=torch.Generator().manual_seed(1))
    return output, yolo_targets(boxes, labels, SIDE, GRID, CLASSES)


def check_tiny_yolo(answer: object) -> None:
    """The value first, then a training."""
    output, targets = loss_case()
    got = attempt(answer, output.requires_grad_(), targets)
    expect(isinstance(got, Tensor) and got.numel() == 1, f"expected one number, got {got!r}.")
    expected = sum(yolo_losses(output, targets, 1).values()).detach()
    value = got.detach().reshape(())
    reason = mistake(
        [value], [(output.detach(), targets)], LOSS_MISTAKES, lambda a, b: torch.isclose(a, b)
    )
    expect(
        torch.isclose(value, expected, rtol=1e-4),
        f"on a random output expected {expected:.4f}, got {value:.4f}{reason}.",
    )
    expect(got.requires_grad, "no gradient reaches the output; keep to torch's functions.")
    reached = trained_ap(answer)
    expect(reached > 0.6, f"trained with your loss, the AP at IoU 0.5 is {reached:.2f}.")


def trained_ap(loss) -> float:
    """Train a small network with a loss on toy scenes; its mAP at IoU 0.5 on others."""
    from dlcv.detection.average_precision import mean_average_precision
    from dlcv.detection.pipeline import thin_out
    from dlcv.detection.yolo import yolo_decode

    images, boxes, labels = toy_scenes(512, seed=0)
    targets = yolo_targets(boxes, labels, SIDE, GRID, CLASSES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = tiny_network()
        optimiser = torch.optim.Adam(network.parameters(), lr=4e-3)
        for step in range(240):
            part = torch.arange(32) + 32 * (step % 16)
            output = network(images[part]).permute(0, 2, 3, 1)
            optimiser.zero_grad()
            loss(output, targets[part]).backward()
            optimiser.step()
    images, boxes, labels = toy_scenes(100, seed=1)
    with torch.no_grad():
        output = network.eval()(images).permute(0, 2, 3, 1)
    found = []
    for place, scores in zip(*yolo_decode(output, SIDE, 1), strict=True):
        best, which = scores.max(dim=1)
        found.append(thin_out(place, best, which))
    truth = [{"boxes": b[k >= 0], "labels": k[k >= 0]} for b, k in zip(boxes, labels, strict=True)]
    return mean_average_precision(found, truth)["map"]


def solve_tiny_yolo(output, targets):
    """Five sums; the IoU of the predicted boxes is a constant for the gradient."""
    from dlcv.detection.yolo import cell_boxes, paired_iou

    there = targets[..., 4] > 0
    place = torch.cat([output[..., :2], output[..., 2:4] ** 2], dim=-1)
    predicted, true = (cell_boxes(x[..., None, :]) for x in (place, targets[..., :4]))
    iou = paired_iou(predicted, true)[..., 0].detach()
    answer, truth = output[there], targets[there]
    loss = 5 * ((answer[:, :2] - truth[:, :2]) ** 2).sum()
    loss = loss + 5 * ((answer[:, 2:4] - truth[:, 2:4].sqrt()) ** 2).sum()
    loss = loss + ((answer[:, 4] - iou[there]) ** 2).sum()
    loss = loss + 0.5 * (output[..., 4][~there] ** 2).sum()
    loss = loss + ((answer[:, 5:] - truth[:, 5:]) ** 2).sum()
    return loss / len(output)
