"""Threads that share an eager network: heads remember the shape they last saw, and nothing of that may cross from one to another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from torch import nn

from parity.backends.pytorch import PyTorchSession
from parity.models import load_checkpoint

CHECKPOINT = Path(__file__).parents[2] / "fixtures/models/yolov8n_shapes.pt"
SHAPES = [(1, 3, 64, 128), (1, 3, 128, 64)] * 6


class RemembersShape(nn.Module):
    """Stores the height of its input, meets the other thread, and answers with what is stored then."""

    def __init__(self, meeting: Barrier) -> None:
        super().__init__()
        self.weight, self.height, self.meeting = nn.Parameter(torch.ones(1)), 0, meeting

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The height of the input, if nobody else has stored another."""
        self.height = batch.shape[2]
        self.meeting.wait()
        return self.weight * self.height

    def __deepcopy__(self, memo: dict[int, object]) -> RemembersShape:
        """Another one that shares the weight."""
        copy = RemembersShape(self.meeting)
        copy.weight = memo[id(self.weight)]  # type: ignore[assignment]
        return copy


def picture(shape: tuple[int, ...]) -> np.ndarray:
    """An image that is the same each time."""
    return np.random.default_rng(shape[2]).random(shape, np.float32)


def test_what_a_network_remembers_stays_in_its_thread() -> None:
    session = PyTorchSession(RemembersShape(Barrier(2, timeout=20)), threads=1)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda shape: session.run(np.zeros(shape, np.float32))[0].item(), SHAPES[:2]))
    assert answers == [64, 128]


@pytest.mark.parametrize("fast", [False, True])
def test_images_of_several_shapes_at_once_are_answered_as_alone(*, fast: bool) -> None:
    session = PyTorchSession(load_checkpoint(CHECKPOINT).network, threads=1)
    used = session.faster() if fast else session
    alone = [used.run(picture(shape))[0] for shape in SHAPES]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda shape: used.run(picture(shape))[0], SHAPES))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_copies_share_their_weights() -> None:
    network = load_checkpoint(CHECKPOINT).network
    session = PyTorchSession(network, threads=1)
    with ThreadPoolExecutor(1) as pool:
        copy = pool.submit(session._for_this_thread).result()
    assert copy is not network
    assert all(one is other for one, other in zip(network.parameters(), copy.parameters(), strict=True))
