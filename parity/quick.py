"""Whether a faster session may stand for the reference: where what it says differs by noise alone."""

from __future__ import annotations

from pathlib import Path

from parity.backends.base import Session
from parity.decode import decode
from parity.images import read_image
from parity.limits import Limits
from parity.noise import head_noise
from parity.pipeline import Pipeline
from parity.preprocess import preprocess


def equal_but_for_noise(pipeline: Pipeline, other: Session, image: Path, *, limits: Limits) -> bool:
    """Whether another session of a pipeline's network gives the same raw head for one image, within the floors of the limits."""
    spec = pipeline.spec
    fitted = preprocess(read_image(image, exif=spec.preprocess.exif), spec.preprocess)
    own, faster = (
        decode(session.run(fitted.tensor), spec.head, classes=len(spec.names), network_size=fitted.geometry.network_size)
        for session in (pipeline.session, other)
    )
    noise = head_noise(own, faster, confidence=spec.suppress.confidence)
    pairs = ((noise.box_px, limits.box), (noise.score, limits.score), (noise.logit, limits.logit))
    return all(measured <= (limit.floor or 0.0) for measured, limit in pairs)
