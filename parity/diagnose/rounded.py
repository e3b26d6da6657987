"""Outputs on a coarse grid: half precision, and INT8 steps, reproduced by rounding the reference's numbers to the same grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently
from parity.diagnose.heads import Case
from parity.diagnose.naming import UNPROVEN, Finding, Named
from parity.raw_heads import Boxes, RawHead

MOST_VALUES = 256  # of an INT8 tensor
LEAST_VALUES = 2
FLOAT16 = (10, 2.0**-14)  # bits of the mantissa, smallest normal number
BFLOAT16 = (7, 2.0**-126)


def rounded_outputs(case: Case) -> Iterator[Finding]:
    """What the grid of the candidate's numbers names."""
    raw = [np.concatenate([output.ravel() for output in probe.outputs[:1]]) for probe in case.probes if probe.outputs]
    heads = [head for head in case.plain if head is not None]
    if not raw or len(heads) != len(case.probes):
        return
    values = np.concatenate(raw)
    yield from int8_steps(case, values, heads)
    if is_bfloat16(values):
        said = "the reference's numbers rounded to bfloat16"
        yield Finding((Named("bf16_or_fp16_plugin_default", said),), "reproduce", case.prove(moved(case, heads, BFLOAT16)))
    elif is_float16(values):
        proof = case.prove(moved(case, heads, FLOAT16))
        yield Finding((Named("fp16_precision", "the reference's numbers rounded to float16"),), "reproduce", proof)
        yield Finding((Named("fp16_precision", "every number that it gives is a float16"),), "inspect", UNPROVEN)


@silently
def is_float16(values: NDArray[np.float32]) -> bool:
    """Whether all numbers are float16."""
    return bool((values.astype(np.float16).astype(np.float32) == values).all())


def is_bfloat16(values: NDArray[np.float32]) -> bool:
    """Whether all numbers are bfloat16: the upper half of a float32."""
    return not bool((values.view(np.uint32) & 0xFFFF).any())


def int8_steps(case: Case, values: NDArray[np.float32], heads: list[RawHead]) -> Iterator[Finding]:
    """Scores, boxes or both that take no more values than an INT8 tensor has."""
    scores, boxes = (np.unique(np.concatenate([getattr(head, part).ravel() for head in heads])) for part in ("scores", "boxes"))
    every = np.unique(values)
    step = float(np.diff(every).min()) if len(every) > 1 else 0.0
    if LEAST_VALUES <= len(every) <= MOST_VALUES and every[-1] - every[0] <= MOST_VALUES * step:
        said = f"boxes and scores of the reference rounded to one step of {step:.4g}"
        named = Named("int8_head_concat_one_scale", said, {"step": round(step, 6)})
        yield Finding((named,), "reproduce", case.prove(stepped(case, heads, step, step)))
        yield Finding((Named("int8_head_concat_one_scale", f"{said}, {len(every)} values in all", named.parameters),), "inspect", UNPROVEN)
    elif LEAST_VALUES <= len(scores) <= MOST_VALUES:
        step = float(np.diff(scores).min())
        fine = float(np.diff(boxes).min()) if len(boxes) <= MOST_VALUES else 0.0
        said = f"the reference's scores rounded to steps of {step:.4g}"
        named = Named("int8_head_quantised", said, {"step": round(step, 6)})
        yield Finding((named,), "reproduce", case.prove(stepped(case, heads, step, fine)))


def stepped(case: Case, heads: list[RawHead], scores: float, boxes: float) -> list[RawHead | None]:
    """The candidate's heads moved towards the reference's within half a step and beyond the ends of the candidate's range.

    A corner is made of a centre and half of a size, so that its error is that of one step and a half.
    """
    top = max(float(head.scores.max()) for head in heads)
    edge = max(float(np.abs(head.boxes).max()) for head in heads)
    return [
        RawHead(
            towards(head.boxes, np.clip(probe.reference.boxes, -edge, edge), np.full(1, 0.75 * boxes)),
            towards(head.scores, np.clip(probe.reference.scores, 0, top), np.full(1, 0.5 * scores)),
        )
        for probe, head in zip(case.probes, heads, strict=True)
    ]


def moved(case: Case, heads: list[RawHead], kind: tuple[int, float]) -> list[RawHead | None]:
    """The candidate's heads moved towards the reference's within what rounding to half precision may have changed."""
    return [
        RawHead(
            towards(head.boxes, probe.reference.boxes, 1.5 * half_step(np.abs(head.boxes).max(axis=1, keepdims=True), kind)),
            towards(head.scores, probe.reference.scores, half_step(head.scores, kind)),
        )
        for probe, head in zip(case.probes, heads, strict=True)
    ]


def towards(own: Boxes, other: Boxes, reach: Boxes) -> Boxes:
    """Numbers moved towards others by ``reach`` at most."""
    return own + np.clip(other - own, -reach, reach)


def half_step(values: Boxes, kind: tuple[int, float]) -> Boxes:
    """Half the distance to the next number of a floating-point kind."""
    bits, smallest = kind
    return np.asarray(2.0 ** (np.floor(np.log2(np.maximum(np.abs(values), smallest))) - bits - 1))
