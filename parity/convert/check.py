"""Is the exported file the same network at all? One image, raw outputs, before the file is let out of the workshop."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.backends.base import open_session
from parity.backends.pytorch import PyTorchSession
from parity.errors import ConversionError
from parity.limits import SAME_NETWORK, Tolerance
from parity.spec import HeadLayout

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from parity.models import Checkpoint

SEED = 20240229
PATCHES = 8  # coarse cells on each axis of the test image
BOX = 4  # numbers of a box, which come first


def check_same_network(checkpoint: Checkpoint, file: Path, *, size: tuple[int, int], tolerance: Tolerance = SAME_NETWORK) -> None:
    """Raise ``ConversionError`` unless the file gives the checkpoint's raw outputs for one image."""
    image = structured_image(size)
    with open_session(file) as session:
        candidate = session.run(image)
    end_to_end = checkpoint.spec.head.layout is HeadLayout.END_TO_END
    with PyTorchSession(without_selection(checkpoint.network) if end_to_end else checkpoint.network) as session:
        reference = session.run(image)
    measure = end_to_end_difference if end_to_end else raw_difference
    found = measure(reference[0], candidate[0]) if len(reference) == len(candidate) == 1 else Tolerance(np.inf, np.inf)
    if not (found.box_px <= tolerance.box_px and found.score <= tolerance.score):
        shown = f"differences of {found.box_px:.3g} px and {found.score:.3g} in score"
        expected = f"at most {tolerance.box_px:g} px and {tolerance.score:g}"
        next_step = "report it with the versions of torch and ultralytics; the file was removed"
        problem = "the export is not the same network"
        raise ConversionError(problem, file=checkpoint.path, found=shown, expected=expected, next_step=next_step)


def structured_image(size: tuple[int, int]) -> NDArray[np.float32]:
    """A network input (1, 3, height, width) in 0..1 with coarse patches and fine noise, always the same."""
    generator = np.random.default_rng(SEED)
    height, width = size
    rows, columns = np.arange(height) * PATCHES // height, np.arange(width) * PATCHES // width
    coarse = generator.random((1, 3, PATCHES, PATCHES))[:, :, rows][:, :, :, columns]
    return np.asarray(0.8 * coarse + 0.2 * generator.random((1, 3, height, width)), np.float32)


def raw_difference(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> Tolerance:
    """The largest differences of two raw heads (1, 4 + nc, N); infinite where the shapes differ."""
    if reference.shape != candidate.shape or not reference.size:
        return Tolerance(np.inf, np.inf)
    difference = np.abs(reference.astype(np.float64) - candidate)
    return Tolerance(float(difference[:, :BOX].max()), float(difference[:, BOX:].max()))


def end_to_end_difference(everything: NDArray[np.float32], candidate: NDArray[np.float32]) -> Tolerance:
    """The largest difference of a candidate's rows (1, n, 6) from the nearest of all the reference's boxes (1, N, 4 + nc).

    Row by row would be wrong: rounding swaps rows of almost equal score, and changes which is the last of the best 300.
    """
    reference, kept = everything[0].astype(np.float64), candidate[0].astype(np.float64)
    classes = reference.shape[-1] - BOX
    if kept.shape[-1] != BOX + 2 or not len(kept) or not np.isin(kept[:, -1], np.arange(classes)).all():
        return Tolerance(np.inf, np.inf)
    best = np.sort(reference[:, BOX:], axis=None)[::-1][: len(kept)]
    order = np.abs(best - kept[:, BOX]).max() if len(best) == len(kept) else np.inf
    nearest = [nearest_difference(reference, row) for row in kept]
    boxes, scores = [each.box_px for each in nearest], [each.score for each in nearest]
    return Tolerance(float(np.max(boxes)), float(np.max([order, *scores])))  # unlike max(), these keep NaN


def nearest_difference(reference: NDArray[np.float64], row: NDArray[np.float64]) -> Tolerance:
    """The difference of one row (x1, y1, x2, y2, score, class) from the reference's box (of N, 4 + nc) that explains it best."""
    boxes = np.abs(reference[:, :BOX] - row[:BOX]).max(axis=1)
    scores = np.abs(reference[:, BOX + int(row[-1])] - row[BOX])
    best = int(np.argmin(np.maximum(boxes / SAME_NETWORK.box_px, scores / SAME_NETWORK.score)))
    return Tolerance(float(boxes[best]), float(scores[best]))


def without_selection(network: nn.Module) -> nn.Module:
    """A copy of an end-to-end network that hands out all its boxes with all their scores (1, N, 4 + nc), not the best 300."""
    copy: Any = deepcopy(network)
    copy.model[-1].postprocess = lambda boxes_and_scores: boxes_and_scores
    everything: nn.Module = copy
    return everything
