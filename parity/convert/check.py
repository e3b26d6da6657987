"""Is the exported file the same network at all? One image, raw outputs, before the file is let out of the workshop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.backends.base import open_session
from parity.backends.pytorch import PyTorchSession
from parity.decode import Outputs
from parity.errors import ConversionError
from parity.limits import SAME_NETWORK, Tolerance
from parity.spec import HeadLayout, Suppress

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from parity.models import Checkpoint

SEED = 20240229
PATCHES = 8  # coarse cells on each axis of the test image
BOX = 4  # numbers of a box, which come first
APART = Tolerance(np.inf, np.inf)  # not comparable


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two networks differ at most on one input, and by how many boxes that was measured."""

    difference: Tolerance
    compared: int

    def within(self, tolerance: Tolerance) -> bool:
        """Whether no difference is larger."""
        return self.difference.box_px <= tolerance.box_px and self.difference.score <= tolerance.score


def check_same_network(
    checkpoint: Checkpoint, file: Path, *, image: NDArray[np.float32], device: str = "cpu", tolerance: Tolerance = SAME_NETWORK
) -> None:
    """Raise ``ConversionError`` unless the file gives the checkpoint's raw outputs for one network input (1, 3, H, W)."""
    found = agreement(checkpoint, file, image, device=device)
    if not found.within(tolerance):
        shown = f"differences of {found.difference.box_px:.3g} px and {found.difference.score:.3g} in score"
        expected = f"at most {tolerance.box_px:g} px and {tolerance.score:g}"
        next_step = f"report it with the versions of torch and {checkpoint.family}; the file was removed"
        problem = "the export is not the same network"
        raise ConversionError(problem, file=checkpoint.path, found=shown, expected=expected, next_step=next_step)


def agreement(checkpoint: Checkpoint, file: Path, image: NDArray[np.float32], *, device: str = "cpu") -> Agreement:
    """Hold a file against its checkpoint on one network input (1, 3, H, W); infinite where the outputs are of another shape."""
    measure = MEASURES.get(checkpoint.spec.head.layout, raw_difference)
    end_to_end = checkpoint.spec.head.layout is HeadLayout.END_TO_END
    with open_session(file) as session:
        candidate = session.run(image)
    with PyTorchSession(without_selection(checkpoint.network) if end_to_end else checkpoint.network, device=device) as session:
        reference = session.run(image)
    if len(reference) != len(candidate):
        return Agreement(APART, 0)
    return measure(reference, candidate, checkpoint.spec.suppress, image.shape[2:])


def structured_image(size: tuple[int, int]) -> NDArray[np.float32]:
    """A network input (1, 3, height, width) in 0..1 with coarse patches and fine noise, always the same."""
    generator = np.random.default_rng(SEED)
    height, width = size
    rows, columns = np.arange(height) * PATCHES // height, np.arange(width) * PATCHES // width
    coarse = generator.random((1, 3, PATCHES, PATCHES))[:, :, rows][:, :, :, columns]
    return np.asarray(0.8 * coarse + 0.2 * generator.random((1, 3, height, width)), np.float32)


def raw_difference(reference: Outputs, candidate: Outputs, *_: object) -> Agreement:
    """The largest differences of two raw heads (1, 4 + nc, N)."""
    if reference[0].shape != candidate[0].shape or not reference[0].size:
        return Agreement(APART, 0)
    difference = np.abs(reference[0].astype(np.float64) - candidate[0])
    return Agreement(Tolerance(float(difference[:, :BOX].max()), float(difference[:, BOX:].max())), difference.shape[-1])


def end_to_end_difference(everything: Outputs, candidate: Outputs, *_: object) -> Agreement:
    """The largest difference of a candidate's rows (1, n, 6) from the nearest of all the reference's boxes (1, N, 4 + nc).

    Row by row would be wrong: rounding swaps rows of almost equal score, and changes which is the last of the best 300.
    """
    reference, kept = everything[0][0].astype(np.float64), candidate[0][0].astype(np.float64)
    classes = reference.shape[-1] - BOX
    if kept.shape[-1] != BOX + 2 or not len(kept) or not np.isin(kept[:, -1], np.arange(classes)).all():
        return Agreement(APART, 0)
    best = np.sort(reference[:, BOX:], axis=None)[::-1][: len(kept)]
    order = np.abs(best - kept[:, BOX]).max() if len(best) == len(kept) else np.inf
    return largest([nearest_difference(reference[:, :BOX], reference[:, BOX + int(row[-1])], row) for row in kept], at_least=float(order))


def detection_difference(reference: Outputs, candidate: Outputs, settings: Suppress, image_size: tuple[int, int]) -> Agreement:
    """The largest difference of every detection from the nearest of its class on the other side, either way round.

    Three outputs: location (1, n, 4), score (1, n), category (1, n). One at the graph's own cut may be missing on a side.
    """
    extent = np.array([image_size[1], image_size[0]] * 2, np.float64)
    sides = [np.column_stack([each[0][0] * extent, each[1][0], each[2][0]]).astype(np.float64) for each in (reference, candidate)]
    cuts = [side[:, BOX].min() if len(side) >= settings.max_detections else settings.graph_confidence for side in sides]
    certain, possible = ([side[side[:, BOX] > max(cuts) + slack] for side in sides] for slack in (SAME_NETWORK.score, -SAME_NETWORK.score))
    found = [
        nearest_difference(other[same, :BOX], other[same, BOX], row)
        for side, other in (sides, sides[::-1])
        for row in side[side[:, BOX] > max(cuts) + SAME_NETWORK.score]
        for same in [other[:, -1] == row[-1]]
    ]
    if len(certain[0]) > len(possible[1]) or len(certain[1]) > len(possible[0]):  # each has one partner, though several be near
        found.append(APART)
    return replace(largest(found), compared=len(certain[0]))


def largest(differences: Sequence[Tolerance], *, at_least: float = 0.0) -> Agreement:
    """The largest of all; unlike ``max``, this keeps NaN."""
    boxes, scores = [0.0, *(each.box_px for each in differences)], [at_least, *(each.score for each in differences)]
    return Agreement(Tolerance(float(np.max(boxes)), float(np.max(scores))), len(differences))


def nearest_difference(boxes: NDArray[np.float64], scores: NDArray[np.float64], row: NDArray[np.float64]) -> Tolerance:
    """The difference of one row (x1, y1, x2, y2, score, class) from the box (N, 4) with its score (N,) that explains it best."""
    if not len(boxes):
        return APART
    apart, off = np.abs(boxes - row[:BOX]).max(axis=1), np.abs(scores - row[BOX])
    best = int(np.argmin(np.maximum(apart / SAME_NETWORK.box_px, off / SAME_NETWORK.score)))
    return Tolerance(float(apart[best]), float(off[best]))


MEASURES: dict[HeadLayout, Callable[[Outputs, Outputs, Suppress, tuple[int, int]], Agreement]] = {
    HeadLayout.END_TO_END: end_to_end_difference,
    HeadLayout.BOXES_SCORES_LABELS: detection_difference,
}


def without_selection(network: nn.Module) -> nn.Module:
    """A copy of an end-to-end network that hands out all its boxes with all their scores (1, N, 4 + nc), not the best 300."""
    copy: Any = deepcopy(network)
    copy.model[-1].postprocess = lambda boxes_and_scores: boxes_and_scores
    everything: nn.Module = copy
    return everything
