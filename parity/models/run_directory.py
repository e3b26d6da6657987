"""What a training run left behind: ``RUN_DIR/best_model.pth`` and ``RUN_DIR/.hydra/config.yaml``, which decides the architecture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from parity.display import display
from parity.errors import BadInput
from parity.plain_text import read_yaml
from parity.spec import STRICT
from parity.wire import from_plain

BEST = "best_model.pth"
CONFIG = Path(".hydra", "config.yaml")
WEIGHTS_SUFFIX = ".pth"
REFERENCE = re.compile(r"\$\{([\w.]+)\}")  # ${dataset.classes}: Hydra stores a configuration as it was written
DEEPEST_REFERENCE = 8
BACKGROUND = ("background", "__background__", "_background_")
FEWEST_CLASSES, MOST_CLASSES, MOST_DETECTIONS, SMALLEST_SIDE, LARGEST_SIDE = 2, 10_000, 10_000, 32, 4096


@dataclass(frozen=True, slots=True)
class RunModel:
    """The keys under ``model`` that are read; ``num_classes`` counts the background, ``None`` leaves torchvision's own value."""

    name: str
    num_classes: int
    min_size: int | None = None
    max_size: int | None = None
    box_score_thresh: float | None = None
    box_nms_thresh: float | None = None
    box_detections_per_img: int | None = None
    __pydantic_config__ = STRICT

    @property
    def options(self) -> dict[str, float]:
        """Torchvision's keywords that were given."""
        optional = (field.name for field in fields(self) if field.name not in {"name", "num_classes"})
        return {name: value for name in optional if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run's configuration says of its network; ``names`` are the class names from label 1 on."""

    model: RunModel
    names: tuple[str, ...]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A run directory, or another checkpoint of one."""

    path: Path
    checkpoint: Path

    @property
    def config(self) -> Path:
        """The configuration that Hydra stored."""
        return self.path / CONFIG

    @property
    def is_best(self) -> bool:
        """Whether this is the checkpoint that the run chose."""
        return self.checkpoint.resolve() == (self.path / BEST).resolve()


def find_run(path: Path, checkpoint: Path | None = None) -> RunDirectory:
    """The run of a directory, or of a ``.pth`` that lies in one; raises ``BadInput`` where a part is missing.

    ``checkpoint`` is another file than ``best_model.pth``.
    """
    run = RunDirectory(path, checkpoint or path / BEST) if path.suffix.lower() != WEIGHTS_SUFFIX else RunDirectory(path.parent, path)
    if not run.path.is_dir():
        step = "check the path of the run directory"
        raise BadInput(
            f"Checkpoint not found: there is no run directory {display(run.path)}", expected=f"a folder with {BEST}", next_step=step
        )
    if not run.checkpoint.is_file():
        problem = f"Checkpoint not found: {display(run.checkpoint)}"
        found = ", ".join(sorted(each.name for each in run.path.glob(f"*{WEIGHTS_SUFFIX}"))[:5]) or f"no {WEIGHTS_SUFFIX} file there"
        step = "check that this is the run directory, or give --checkpoint-path"
        raise BadInput(problem, found=found, expected=f"a training run's {BEST}", next_step=step)
    if not run.config.is_file():
        step = "give the folder that the training wrote, with its hidden .hydra folder"
        raise BadInput(f"Hydra config not found: {display(run.config)}", expected=f"the run directory to hold {CONFIG}", next_step=step)
    return run


def read_config(run: RunDirectory) -> RunConfig:
    """What the configuration says of the network; keys that are not ours are left alone."""
    config = read_yaml(run.config, kind="a Hydra config", expected="keys model and dataset")
    model_section, dataset_section = section(config, "model"), section(config, "dataset")
    known = [field.name for field in fields(RunModel) if model_section.get(field.name) is not None]
    wanted = {key: resolve(model_section[key], config) for key in known}
    step = "correct the file, or train again"
    model = from_plain(RunModel, wanted, source=run.config, next_step=step)
    check_ranges(model, run.config)
    return RunConfig(model, class_names(resolve(dataset_section.get("classes"), config), model.num_classes, run.config))


def section(config: Mapping[Any, Any], name: str) -> dict[Any, Any]:
    """One of the top-level mappings; empty where there is none."""
    found = resolve(config.get(name), config)
    return found if isinstance(found, dict) else {}


def resolve(value: Any, config: Mapping[Any, Any], depth: int = 0) -> Any:
    """A value with its references to other keys replaced by what stands there; one that leads nowhere stays text."""
    reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if reference is None or depth >= DEEPEST_REFERENCE:
        return value
    target: Any = config
    for key in reference[1].split("."):
        target = target.get(key) if isinstance(target, dict) else None
    return value if target is None else resolve(target, config, depth + 1)


def check_ranges(model: RunModel, source: Path) -> None:
    """Raise ``BadInput`` for a number that no detector has."""
    shares = (model.box_score_thresh, model.box_nms_thresh)
    sides = [side for side in (model.min_size, model.max_size) if side is not None]
    detections = model.box_detections_per_img
    checks = (
        (FEWEST_CLASSES <= model.num_classes <= MOST_CLASSES, "num_classes", "2 (background and one class) or more"),
        (
            all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides) and sides == sorted(sides),
            "min_size or max_size",
            f"{SMALLEST_SIDE} to {LARGEST_SIDE} px, min_size <= max_size",
        ),
        (all(share is None or 0 <= share <= 1 for share in shares), "box_score_thresh or box_nms_thresh", "numbers from 0 to 1"),
        (detections is None or 0 < detections <= MOST_DETECTIONS, "box_detections_per_img", f"1 to {MOST_DETECTIONS}"),
    )
    for holds, key, expected in checks:
        if not holds:
            raise BadInput(f"model.{key} is out of range", file=source, found=model, expected=expected, next_step="correct the file")


def class_names(stored: Any, num_classes: int, source: Path) -> tuple[str, ...]:
    """The names under ``dataset.classes`` from label 1 on; a list may begin with the background, a mapping counts from 1."""
    if isinstance(stored, dict):
        first = 0 if str(stored.get(0)).lower() in BACKGROUND else 1
        stored = [stored.get(label) for label in range(first, first + len(stored))]
    names = stored if isinstance(stored, list) else []
    if len(names) == num_classes and names and str(names[0]).lower() in BACKGROUND:
        names = names[1:]
    if len(names) != num_classes - 1 or not all(isinstance(name, str) and name.strip() for name in names) or len(set(names)) != len(names):
        expected = f"dataset.classes: {num_classes - 1} distinct names, one for each class but the background"
        step = "write the class names in the order of their labels"
        raise BadInput("its class names do not fit model.num_classes", file=source, found=stored, expected=expected, next_step=step)
    return tuple(names)
