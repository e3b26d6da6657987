"""Where the files of a run directory lie."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from parity.baselines import slug

if TYPE_CHECKING:
    from parity.models.run_directory import RunDirectory

ONNX_FOLDER = "onnx_model"
SUMMARY, COMPARISON = "conversion_summary.txt", "comparison.json"
BEST_STEM = "model"  # of the ONNX file of ``best_model.pth``; every other checkpoint keeps its own
METRICS, PREDICTIONS, GROUND_TRUTH, PICTURES = "metrics.json", "predictions.json", "ground_truth_coco.json", "visualizations"
LONGEST_NAME = 100  # bytes; two of them make a folder name, of which file systems take 255


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two networks that are evaluated: ``name`` begins its files, ``suffix`` ends its folder."""

    name: str
    suffix: str


PYTORCH, ONNX = Side("pytorch", "pth"), Side("onnx", "onnx")


def onnx_stem(run: RunDirectory, sha256: str) -> str:
    """The name of the ONNX file without suffix; a checkpoint that is called model would take the place of the best one."""
    if run.is_best:
        return BEST_STEM
    stem = run.checkpoint.stem
    return f"{stem}_{sha256[:8]}" if stem == BEST_STEM else stem


def onnx_path(run: RunDirectory, sha256: str) -> Path:
    """The ONNX file of a checkpoint."""
    return run.path / ONNX_FOLDER / f"{onnx_stem(run, sha256)}.onnx"


def evaluation_path(run: RunDirectory, side: Side, dataset: str, sha256: str) -> Path:
    """The folder of an evaluation, as long as no other one has taken it."""
    stem = run.checkpoint.stem if side is PYTORCH else onnx_stem(run, sha256)
    return run.path / f"eval_{folder_part(dataset)}_{folder_part(stem)}_{side.suffix}"


def folder_part(name: str) -> str:
    """A name as it is, or a slug of one that a file system or a shell could take amiss."""
    plain = re.fullmatch(r"[\w.=+-]+", name) and not name.startswith(".") and len(name.encode()) <= LONGEST_NAME
    return name if plain else slug(name)


def evaluate_command(run: RunDirectory, side: Side, dataset_dir: Path) -> str:
    """The command that makes an evaluation."""
    words = ["parity", "eval", str(run.path), "--dataset-dir", str(dataset_dir)]
    words += [] if run.is_best else ["--checkpoint-path", str(run.checkpoint)]
    return shlex.join(words + (["--onnx"] if side is ONNX else []))


def convert_command(run: RunDirectory, dataset_dir: Path) -> str:
    """The command that converts the checkpoint."""
    words = ["parity", "convert", str(run.path), "--dataset-dir", str(dataset_dir)]
    return shlex.join(words + ([] if run.is_best else ["--checkpoint-path", str(run.checkpoint)]))
