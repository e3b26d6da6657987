"""Which images calibrate and which judge: never the same, by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHARE = 0.25  # of the images, that calibrate where none are there but those to be judged by
LEAST = 8  # images; fewer do not show what the values of a tensor are


@dataclass(frozen=True, slots=True)
class Division:
    """Places of calibration images among those offered, of judged images among those to judge by, and how many were refused as judged.

    ``held_out`` says that the calibration images are places among those to judge by, and were taken out of them.
    """

    calibration: tuple[int, ...]
    judged: tuple[int, ...]
    refused: int
    held_out: bool = False


def divide(offered: Sequence[bytes], to_judge: Sequence[bytes], *, most: int, seed: int, hold_out: bool) -> Division:
    """Divide images by the digests of their bytes.

    What is offered and not judged by calibrates, at most ``most``, drawn by ``seed``. With ``hold_out``, where fewer than ``LEAST`` are
    left, a share of the images to judge by calibrates instead and judges no more, each with all its copies.
    """
    judges = set(to_judge)
    first = {digest: place for place, digest in reversed(list(enumerate(offered)))}
    free = [place for digest, place in first.items() if digest not in judges]
    refused = sum(digest in judges for digest in offered)
    if len(free) >= LEAST or not hold_out:
        return Division(drawn(sorted(free), most, seed), tuple(range(len(to_judge))), refused)
    different = {digest: place for place, digest in reversed(list(enumerate(to_judge)))}
    chosen = drawn(sorted(different.values()), min(most, int(SHARE * len(different))), seed)
    taken = {to_judge[place] for place in chosen}
    judged = tuple(place for place, digest in enumerate(to_judge) if digest not in taken)
    return Division(chosen, judged, refused, held_out=True)


def drawn(places: Sequence[int], count: int, seed: int) -> tuple[int, ...]:
    """So many of the places, rising, the same for the same seed."""
    if count >= len(places):
        return tuple(places)
    return tuple(sorted(places[i] for i in np.random.default_rng(seed).permutation(len(places))[:count].tolist()))


def digest_of(digests: Sequence[bytes]) -> str:
    """One digest of a set of images, whatever their order."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()
