"""INT8 files for the suite: made of the checkpoint with calibration images that judge nothing, and no layer returned to float."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from parity.calibration_images import divided_images
from parity.contests import Contest, model_contest
from parity.convert.int8_files import KINDS, Kind
from parity.convert.int8_making import making
from parity.errors import UsageError
from parity.open_gate import Gate, checkpoint_of
from parity.request import DEFAULT_SIZE, Size

MOST_IMAGES = 128
BY_BACKEND: Mapping[str, Kind] = {kind.target.name: kind for kind in KINDS.values()}


def quantized_contest(gate: Gate, backend: str, size: Size | None, *, calibration: Path | None) -> Contest:
    """The reference checkpoint, quantized into a folder that goes with the gate."""
    request = gate.request
    if request.data is None:
        raise UsageError("no images", expected="--parity-data")
    images = divided_images(gate.full, request.data, calibration, most=MOST_IMAGES, seed=request.seed)
    if len(images.judged) < len(gate.full):
        problem, step = "the images to calibrate with would be those that judge", "give --parity-calibration a folder of training images"
        raise UsageError(problem, file=request.data, next_step=step)
    folder = Path(gate.resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-int8-")))
    checkpoint = checkpoint_of(gate, request.reference)
    made = making(checkpoint, BY_BACKEND[backend], images.calibration, size=size or DEFAULT_SIZE, folder=folder, threads=request.threads)
    return model_contest(gate, made.file(), size)
