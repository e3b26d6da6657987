"""Greedy non-maximum suppression by ONNX Runtime's operator, which compares a box with those that are kept only."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPERATOR = """
<ir_version: 8, opset_import: ["": 11]>
nms (float[1, n, 4] boxes, float[1, 1, n] scores) => (int64[kept, 3] chosen)
<int64[1] most = {%d}, float[1] iou = {%r}>
{ chosen = NonMaxSuppression(boxes, scores, most, iou) }
"""
MOST = np.iinfo(np.int64).max
SETTINGS = 64  # that are ready to be used again; a gate has two, a search for a fault tries more


def nms(boxes: NDArray[np.float32], scores: NDArray[np.float32], *, iou: float, most: int) -> NDArray[np.int64]:
    """Indices of the kept of (n, 4) xyxy boxes, best score first and equal scores in their order; at most ``most``.

    The same float32 arithmetic in the same order as torchvision's ``nms``, so that an overlap at the threshold falls the same way.
    Exchanged corners overlap nothing there, and the operator would put them right: such a box is made empty, which overlaps nothing.
    """
    if not len(boxes):
        return np.empty(0, np.int64)
    upright = np.array(boxes.T, np.float32, order="C")
    np.maximum(upright[:2], upright[2:], out=upright[2:])
    fed = {"boxes": np.ascontiguousarray(upright.T)[None], "scores": np.ascontiguousarray(scores, np.float32)[None, None]}
    (chosen,) = operator(iou, most).run(["chosen"], fed)
    return np.asarray(chosen[:, 2])  # of batch, class and box


@lru_cache(SETTINGS)
def operator(iou: float, most: int) -> Any:
    """ONNX Runtime's session of the one operator, which threads may share; its settings are inside, since every input costs a call 4 us."""
    from onnx.parser import parse_model  # noqa: PLC0415 - a runtime loads when it is needed

    from parity.backends.onnx_runtime import PROVIDERS, start  # noqa: PLC0415

    model = parse_model(OPERATOR % (min(most, MOST), float(largest_float32(iou))))
    return start(model.SerializeToString(), Path("nms.onnx"), provider=PROVIDERS["cpu"], threads=1)


def largest_float32(bound: float) -> np.float32:
    """The largest float32 that is not above a bound: being above it is being above the bound."""
    nearest = np.float32(bound)
    return nearest if float(nearest) <= bound else np.nextafter(nearest, np.float32(-np.inf))
