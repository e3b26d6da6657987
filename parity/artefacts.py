"""What an exported file says about its own pipeline: its stamp, else its metadata and the shapes of its outputs."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from parity.backends.base import CHANNELS, Session
from parity.convert.manifest import Stamp, stamp_beside, stamp_in
from parity.errors import BadInput
from parity.spec import BoxFormat, BoxUnits, Head, HeadLayout, PipelineSpec, Suppress, Suppressor, TensorLayout

FIRST_STRIDES = (8, 4, 16)  # of the finest output level: most models, those with a P2 level, the tiny ones
ANCHORS_A_CELL = 3  # of v5, v7 and other heads with objectness
END_TO_END_ROWS = 300  # by default; a raw head has as many anchors at 192 x 320, and then the metadata has to tell
END_TO_END_COLUMNS = 6  # x1, y1, x2, y2, score, class
DECLARE = "say what the file is with --candidate-spec (parity convert --print-spec shows one)"
THREE_OUTPUTS = (HeadLayout.BOXES_LABELS_SCORES, HeadLayout.BOXES_SCORES_LABELS)
METADATA_TEXTS = ("config.txt", "metadata.yaml")  # of TorchScript and OpenVINO, as JSON
LITERALS = ("names", "args", "end2end")
ULTRALYTICS_GRAPH_NMS = {"conf": 0.25, "iou": 0.7, "max_det": 300}  # of `yolo export nms=True`, where the metadata says nothing
MOST_DETECTIONS = 1_000_000  # of a graph, for one image


@dataclass(frozen=True, slots=True)
class FileSpec:
    """The spec of a file, how it was learned, and the checkpoint it says it came from."""

    spec: PipelineSpec
    origin: str
    checkpoint_sha256: str | None = None
    has_names: bool = True


def spec_of_file(
    path: Path,
    session: Session,
    reference: PipelineSpec,
    *,
    declared: PipelineSpec | None = None,
    asked: tuple[int, int] | None = None,
) -> FileSpec:
    """The declared spec, else the file's stamp, else the reference's spec corrected by what the file says.

    The size is the one that the file fixes, else the one ``asked`` for, else that of the spec.
    """
    stamp = stamp_of(session, path)
    checkpoint = stamp.checkpoint_sha256 if stamp else None
    own = declared or (stamp.spec if stamp else None)
    size = input_size(session) or asked or (own or reference).preprocess.size
    if own is not None:
        origin = "its own stamp" if declared is None else "the spec given with --candidate-spec"
        return FileSpec(with_size(own, size), origin, checkpoint)
    facts = read_facts(session.metadata, path)
    spec = corrected(with_size(reference, size), facts, session, path)
    return FileSpec(spec, "its metadata and output shapes, no stamp", None, has_names=facts.names is not None)


def stamp_of(session: Session, path: Path) -> Stamp | None:
    """The stamp of an open file, in it or beside it."""
    return stamp_in(session.metadata, source=path) or stamp_beside(path)


def with_size(spec: PipelineSpec, size: tuple[int, int]) -> PipelineSpec:
    """The spec at another network size."""
    return replace(spec, preprocess=replace(spec.preprocess, size=size))


def input_size(session: Session) -> tuple[int, int] | None:
    """Height and width that the file fixes, ``None`` where it leaves them open."""
    shape = session.input_shape
    if shape is None:
        return None
    height, width = (shape[1], shape[2]) if shape[3] == CHANNELS else (shape[2], shape[3])
    return None if height is None or width is None else (height, width)


def corrected(base: PipelineSpec, facts: Facts, session: Session, path: Path) -> PipelineSpec:
    """A spec with the class names, tensor layout, head and in-graph NMS that the file tells."""
    if facts.task != "detect":
        raise BadInput(
            "is not a detector", file=path, found=f"task {facts.task}", expected="task detect", next_step="give a detection model"
        )
    names = facts.names or base.names
    nhwc = session.input_shape is not None and session.input_shape[3] == CHANNELS
    preprocess = replace(base.preprocess, layout=TensorLayout.NHWC if nhwc else TensorLayout.NCHW)
    height, width = preprocess.size
    outputs = session.run(np.zeros((1, height, width, 3) if nhwc else (1, 3, height, width), np.float32))
    shapes, stride = [output.shape for output in outputs], preprocess.stride
    if (head := detector_head(shapes, base.head)) is not None:
        if base.head.layout not in THREE_OUTPUTS:
            found, expected = f"three outputs {shapes}", "a stamp, or a reference of the same family"
            raise BadInput(
                "does not say how its three outputs are to be read", file=path, found=found, expected=expected, next_step=DECLARE
            )
        return replace(base, names=names, preprocess=preprocess, head=head)
    layout = head_layout(shapes, len(names), preprocess.size, stride=stride, end_to_end=facts.end_to_end, path=path)
    if layout is HeadLayout.END_TO_END:
        head, suppress = Head(layout=layout, box_format=BoxFormat.XYXY), graph_suppress(base.suppress, facts.arguments, path)
    else:
        head, suppress = Head(layout=layout), replace(base.suppress, method=Suppressor.NMS, iou=base.suppress.iou or Suppress().iou)
    return replace(base, names=names, preprocess=preprocess, head=head, suppress=suppress)


def detector_head(shapes: list[tuple[int, ...]], base: Head) -> Head | None:
    """The head of a file with three outputs, told by their ranks: torchvision's own in pixels, or one with a batch axis."""
    ranks = tuple(len(shape) for shape in shapes)
    if ranks == (2, 1, 1):
        return Head(HeadLayout.BOXES_LABELS_SCORES, BoxFormat.XYXY, BoxUnits.PIXELS, class_offset=1)
    if ranks == (3, 2, 2):
        return replace(base, layout=HeadLayout.BOXES_SCORES_LABELS, box_format=BoxFormat.XYXY)
    return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What Ultralytics' metadata tells: ``arguments`` are those of the export."""

    task: str
    names: tuple[str, ...] | None
    arguments: Mapping[str, Any]
    end_to_end: bool


def read_facts(metadata: Mapping[str, str], path: Path) -> Facts:
    """Read Ultralytics' metadata: one JSON text in TorchScript and OpenVINO, Python literals by key in ONNX; absent ones are ``None``."""
    text = next((metadata[name] for name in METADATA_TEXTS if name in metadata), None)
    try:
        stored = literals(metadata) if text is None else json.loads(text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as failure:
        raise BadInput("its metadata cannot be read", file=path, found=failure, next_step=DECLARE) from None
    arguments = stored.get("args")
    arguments = arguments if isinstance(arguments, dict) else {}
    end_to_end = stored.get("end2end") is True or arguments.get("nms") is True
    return Facts(str(stored.get("task", "detect")), class_names(stored.get("names")), arguments, end_to_end)


def literals(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The metadata of an ONNX file; ``task`` is text, the others are Python literals."""
    values = {key: ast.literal_eval(metadata[key]) for key in LITERALS if key in metadata}
    return {**values, "task": metadata.get("task", "detect")}


def class_names(stored: object) -> tuple[str, ...] | None:
    """The class names in index order, of a list or of a dict by index; ``None`` where there are none."""
    if isinstance(stored, dict):
        by_index = {str(index): name for index, name in stored.items()}
        stored = [by_index.get(str(index)) for index in range(len(by_index))]
    if not isinstance(stored, list) or not all(isinstance(name, str) for name in stored):
        return None
    return tuple(stored)


def graph_suppress(base: Suppress, arguments: Mapping[str, Any], path: Path) -> Suppress:
    """Suppression in the graph, with the constants of an export with ``nms=True``; v10 and 26 have none."""
    if arguments.get("nms") is not True:
        return replace(base, method=Suppressor.IN_GRAPH, iou=None)
    given = {key: value for key, value in arguments.items() if value is not None}
    constants: dict[str, float] = {key: given.get(key, default) for key, default in ULTRALYTICS_GRAPH_NMS.items()}
    damaged = {key: value for key, value in constants.items() if type(value) not in {int, float} or not 0 <= value <= MOST_DETECTIONS}
    if damaged:
        raise BadInput("its metadata cannot be read", file=path, found=damaged, next_step=DECLARE)
    return replace(
        base,
        method=Suppressor.IN_GRAPH,
        iou=float(constants["iou"]),
        max_detections=min(base.max_detections, int(constants["max_det"])),
        graph_confidence=float(constants["conf"]),
    )


def head_layout(
    shapes: list[tuple[int, ...]], classes: int, size: tuple[int, int], *, stride: int, end_to_end: bool, path: Path
) -> HeadLayout:
    """The only layout that the output shape allows; two or none raise ``BadInput``, since a guess would be silent.

    A two-class ``[1, 6, N]`` and an end-to-end ``[1, n, 6]`` differ by the number of rows: a raw head has one for every anchor.
    ``stride`` is the network's largest.
    """
    shape = shapes[0]
    rows, columns = shape[1:] if len(shape) == len(("batch", "rows", "columns")) else (0, 0)
    anchors = anchor_counts(size, stride)
    fitting = {
        HeadLayout.CHANNELS_FIRST: rows == 4 + classes and columns in anchors,
        HeadLayout.CHANNELS_LAST: rows in anchors and columns == 4 + classes,
        HeadLayout.OBJECTNESS: rows in anchors | {ANCHORS_A_CELL * count for count in anchors} and columns == 5 + classes,
        HeadLayout.END_TO_END: columns == END_TO_END_COLUMNS and (end_to_end or rows not in anchors or rows == END_TO_END_ROWS),
    }
    layouts = [layout for layout, fits in fitting.items() if fits and (layout is HeadLayout.END_TO_END or not end_to_end)]
    if len(layouts) == 1:
        return layouts[0]
    found = " and ".join(str(list(each)) for each in shapes) + (f", which fits {' and '.join(layouts)}" if layouts else "")
    count = anchor_counts(size, stride, first=(8,)).pop()
    expected = (
        f"[1, {4 + classes}, {count}], its transpose, [1, {ANCHORS_A_CELL * count}, {5 + classes}] or [1, n, 6] for {classes} classes"
    )
    raise BadInput("the head layout cannot be told from the outputs", file=path, found=found, expected=expected, next_step=DECLARE)


def anchor_counts(size: tuple[int, int], stride: int, *, first: tuple[int, ...] = FIRST_STRIDES) -> set[int]:
    """How many cells the output levels of a YOLO have together: strides double from one of ``first`` up to ``stride``."""
    levels = [[2**k for k in range(start.bit_length() - 1, stride.bit_length())] for start in first]
    return {sum((size[0] // step) * (size[1] // step) for step in steps) for steps in levels}
