"""Minimal evidence as a folder: the images, both sides' detections, the record, and the command that replays the failure."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from parity.baselines import slug
from parity.datasets import Dataset
from parity.datasets.base import file_digest
from parity.detections import Detections
from parity.diagnose.minimal import COUNTS, Proof, Witness
from parity.errors import ParityError, UsageError
from parity.images import IMAGE_SUFFIXES
from parity.judging import Outcome
from parity.replay import Record, RecordedImage, read_record
from parity.report.output import ANOTHER, check_apart, check_folder, said_as_usage
from parity.request import GateRequest, size_label
from parity.verdict import Check, ConfigResult, Result, Status
from parity.wire import to_json

RECORD, IMAGES, REFERENCE, CANDIDATE = "evidence.json", "images", "reference.json", "candidate.json"
REPLAY = f"parity compare --reference {REFERENCE} --candidate {CANDIDATE} --images {IMAGES} --terms {RECORD} --out replay"
REPLAY_SAYS = "The recorded detections of both sides, compared again: the same checks fail, with exit code 1. No model is needed."
LIVE_SAYS = "Both models, run again on these images from where they lay."
LISTED = frozenset({"folder", "yolo"})  # data sets that take whatever image lies in their folders


# Where it may go


def check_evidence_folder(request: GateRequest, dataset: Dataset) -> None:
    """Raise ``UsageError`` before any work for a folder that cannot be written, holds anything else, or would mix with the inputs."""
    if request.evidence is None:
        return
    folder = request.evidence.resolve()
    check_folder(folder, option="--evidence")
    for path in inputs(request, dataset):
        if path.is_relative_to(folder):
            raise UsageError("--evidence holds an input", found=path, expected="a folder of its own", next_step=ANOTHER)
    check_apart(folder, walked_folders(request, dataset), option="--evidence")
    strangers = [each for each in sorted(folder.iterdir()) if not is_evidence(each)] if folder.exists() else []
    if strangers:
        expected = "a new or empty folder, or one that holds only evidence"
        raise UsageError("--evidence holds something else", found=strangers[0], expected=expected, next_step=ANOTHER)


def inputs(request: GateRequest, dataset: Dataset) -> Iterator[Path]:
    """Every file that is read, by its real place."""
    yield from (path.resolve() for path in request.inputs)
    yield from (image.path.resolve() for image in dataset.images)


def walked_folders(request: GateRequest, dataset: Dataset) -> Iterator[Path]:
    """The folders that are inputs as wholes."""
    yield from (path.resolve() for path in request.inputs if path.is_dir())
    if dataset.kind in LISTED:
        yield from {image.path.resolve().parent for image in dataset.images}


def is_evidence(path: Path) -> bool:
    """Whether something is the evidence of one configuration."""
    if path.is_symlink() or not (path / RECORD).is_file():
        return False
    try:
        return bool(read_record(path / RECORD).config)
    except ParityError:
        return False


# What is written


@dataclass(frozen=True, slots=True, eq=False)
class Failed:
    """A configuration that failed, ``checks`` those that its witnesses show."""

    request: GateRequest
    result: Result
    config: ConfigResult
    checks: tuple[Check, ...]
    proof: Proof


def write_evidence(request: GateRequest, outcomes: Sequence[Outcome], result: Result) -> Iterator[str]:
    """Write a folder for every configuration that failed, where that was asked for, and say what was written or why nothing was."""
    if request.evidence is None:
        return
    failing = [check for check in result.checks if check.status is Status.FAIL]
    if not failing:
        yield f"evidence: nothing failed, so {request.evidence} was left as it is"
    for outcome in outcomes:
        own = tuple(check for check in failing if check.config == outcome.result.id)
        if outcome.proof is not None and outcome.proof.witnesses:
            shown = tuple(check for check in own if check.name in COUNTS)
            yield write_folder(request.evidence, Failed(request, result, outcome.result, shown, outcome.proof))
        elif own:
            names = ", ".join(check.name for check in own)
            yield f"evidence of {outcome.result.id}: no single image shows {names}, so nothing was written"


def write_folder(folder: Path, failed: Failed) -> str:
    """Write the folder of one configuration, whole or not at all, in place of older evidence of the same, and say where it is."""
    target = folder / failed.config.id
    with said_as_usage(target):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".parity-") as place:
            made = Path(place) / target.name
            (made / IMAGES).mkdir(parents=True)
            fill(made, failed)
            if target.exists():
                shutil.rmtree(target)
            made.rename(target)
    shown, images = ", ".join(check.name for check in failed.checks), len(failed.proof.witnesses)
    of = f"{images} of {failed.result.dataset.images} images"
    return f"evidence of {failed.config.id}: {of} show {shown}; to replay it: sh {shlex.quote(str(target / 'replay.sh'))}"


def fill(folder: Path, failed: Failed) -> None:
    """Write everything that belongs to the evidence of one configuration."""
    witnesses = {file_name(place, each): each for place, each in enumerate(failed.proof.witnesses, 1)}
    for name, each in witnesses.items():
        shutil.copyfile(each.image.path, folder / IMAGES / name)
    write_rows(folder / REFERENCE, {name: each.reference.deployed for name, each in witnesses.items()})
    write_rows(folder / CANDIDATE, {name: each.candidate.deployed for name, each in witnesses.items()})
    record = record_of(folder, failed, witnesses)
    (folder / RECORD).write_text(readable(to_json(record, indent=2)) + "\n", encoding="utf-8")
    (folder / "replay.sh").write_bytes(script(record.replay, REPLAY_SAYS))
    if record.live is not None:
        (folder / "live.sh").write_bytes(script(record.live, LIVE_SAYS))


def readable(text: str) -> str:
    r"""JSON text in which a file name that is not UTF-8 shows its bytes as ``\udcff`` in words: no strict reader takes a lone surrogate."""
    return re.sub("[\ud800-\udfff]", lambda lone: f"\\\\u{ord(lone[0]):x}", text)


def file_name(place: int, witness: Witness) -> str:
    """A name for the copy of an image that no shell minds, unique by its number; the suffix only lists it, since its bytes are read."""
    name = Path(witness.image.file_name)
    suffix = name.suffix.lower()
    return f"{place}-{slug(name.stem)}{suffix if suffix in IMAGE_SUFFIXES else '.jpg'}"


def write_rows(path: Path, found: Mapping[str, Detections]) -> None:
    """Write detections by file name as a COCO results array, every number as it was."""
    rows = [row for name, detections in found.items() for row in result_rows(name, detections)]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def result_rows(name: str, detections: Detections) -> Iterator[dict[str, Any]]:
    """The results of one image; ``category_id`` is the class index, and an output that was no number stays none."""
    corners = detections.boxes
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
    for box, score, index in zip(boxes, detections.scores.tolist(), detections.classes.tolist(), strict=True):
        yield {"file_name": name, "category_id": index, "bbox": box, "score": score}
    for _ in range(detections.non_finite):
        yield {"file_name": name, "category_id": 0, "bbox": [0.0] * 4, "score": float("nan")}


def record_of(folder: Path, failed: Failed, witnesses: Mapping[str, Witness]) -> Record:
    """What the folder is evidence of."""
    config, result, proof = failed.config, failed.result, failed.proof
    return Record(
        config=config.id,
        reference=result.reference,
        candidate=config.candidate,
        dataset=result.dataset,
        checks=failed.checks,
        causes=tuple(cause for cause in result.diagnosis if cause.config == config.id),
        thresholds=proof.thresholds,
        limits=proof.limits,
        rounding=proof.rounding,
        images=tuple(recorded_image(folder / IMAGES / name, each) for name, each in witnesses.items()),
        files={name: file_digest(folder / name).hex() for name in (REFERENCE, CANDIDATE)},
        environment=result.environment,
        replay=REPLAY,
        live=live_command(failed),
    )


def recorded_image(copy: Path, witness: Witness) -> RecordedImage:
    """One image as the record has it."""
    reference, candidate = witness.reference, witness.candidate
    gain, absent = reference.gain or candidate.gain, reference.absent or candidate.absent
    return RecordedImage(copy.name, witness.image.file_name, file_digest(copy).hex(), witness.shows, gain, absent, reference.doubts)


def live_command(failed: Failed) -> str | None:
    """The command that runs both models again on these images; recorded detections and callables know others only."""
    request, config = failed.request, failed.config
    if failed.result.reference.family == "predictions" or config.candidate.kind != "model":
        return None
    given = config.candidate.path in {str(Path(name)) for name in request.candidates}
    side = ("--candidate", Path(config.candidate.path).absolute()) if given else ("--backend", config.backend)
    options: list[tuple[str, object]] = [("--reference", request.reference.absolute()), side, ("--data", IMAGES)]
    spec = request.candidate_spec
    values = {
        "--imgsz": None if config.imgsz is None else size_label(config.imgsz),
        "--conf": request.confidence,
        "--iou": request.iou,
        "--candidate-spec": None if spec is None else spec.absolute(),
        "--threads": request.threads,
    }
    options += [(name, value) for name, value in values.items() if value is not None]
    options += [("--trust-checkpoint", digest) for digest in sorted(request.trusted)]
    words = [str(word) for option in options for word in option] + ["--end-to-end"] * request.end_to_end
    return shlex.join(["parity", "gate", *words, "--no-latency"])


def script(command: str, says: str) -> bytes:
    """A shell script of one command; a path in it need not be UTF-8."""
    return os.fsencode(f'#!/bin/sh\n# {says}\ncd "$(dirname "$0")" || exit\n{command}\n')
