"""The pretended GPU refuses what a real one refuses, and lets pass what a real one does."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from pretended_gpu import GPU
from torch import nn

from dlcv.device import seed_everything

pytestmark = pytest.mark.usefixtures("on_pretended_gpu")


def there(*shape):
    seed_everything(0)
    return torch.randn(*shape).to(GPU)


@pytest.mark.parametrize(
    "mixed",
    [
        lambda: there(4, 3) + torch.ones(4, 3),
        lambda: nn.Linear(3, 2).to(GPU)(torch.ones(4, 3)),
        lambda: nn.Linear(3, 2)(there(4, 3)),
        lambda: torch.cat([there(4, 3), torch.ones(1, 3)]),
        lambda: torch.ones(4)[there(4) > 0],
        lambda: torch.randperm(3, device=GPU, generator=torch.Generator()),
        lambda: there(3).normal_(generator=torch.Generator()),
    ],
)
def test_what_mixes_devices_is_refused(mixed):
    with pytest.raises(RuntimeError, match="pretended"):
        mixed()


@pytest.mark.parametrize("reader", [torch.Tensor.numpy, np.asarray])
def test_numpy_reads_nothing_from_there(reader):
    with pytest.raises(TypeError, match="pretended"):
        reader(there(2))


def test_what_comes_from_there_is_there_and_cpu_brings_it_back():
    x = there(4, 3)
    model = nn.Sequential(nn.Conv1d(4, 2, 1), nn.BatchNorm1d(2)).to(GPU)
    out = model(x[None].double().float())
    out.sum().backward()
    made = (x, out, x[torch.tensor([0, 2])], x.max(1).values, torch.ones(2, device=x.device))
    assert all(tensor.device == GPU for tensor in (*made, *deepcopy(model).state_dict().values()))
    assert model[0].weight.grad.device == GPU
    made_there = nn.Linear(3, 2, device=GPU)
    assert made_there(x).device == nn.Parameter(x.data).device == GPU
    assert nn.Parameter(torch.ones(2)).device != GPU
    back = (x.cpu(), out.to("cpu"), torch.ones(2), torch.zeros_like(x, device="cpu"))
    assert all(tensor.device != GPU for tensor in back)
    assert x.device == GPU
    assert np.array_equal(x.cpu().numpy(), there(4, 3).cpu().numpy())


def test_numbers_go_both_ways():
    x = there(4)
    assert (x * torch.tensor(2.0)).device == GPU
    x[torch.tensor([0, 1])] = torch.tensor(1.0)
    x[2:] = torch.tensor([5.0, 6.0])
    assert x.tolist() == [1, 1, 5, 6]
