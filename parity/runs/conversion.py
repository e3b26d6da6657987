"""Convert the checkpoint of a run directory to ONNX, check it on an image, and say in words what was made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parity.convert import convert
from parity.convert.check import Agreement, agreement
from parity.convert.manifest import installed_versions
from parity.display import display
from parity.errors import BadInput
from parity.files import write_whole
from parity.images import read_image
from parity.limits import SAME_NETWORK
from parity.models import Checkpoint
from parity.models.run_directory import RunDirectory, read_config
from parity.preprocess import preprocess
from parity.runs.places import ONNX_FOLDER, SUMMARY, onnx_stem

EXAMPLE = """\
import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

image = ImageOps.exif_transpose(Image.open({image})).convert("RGB")
img_tensor = np.array(image).astype(np.float32) / 255.0
session = ort.InferenceSession({model})
locations, scores, categories = session.run(None, {{"input": img_tensor.transpose(2, 0, 1)[np.newaxis, ...]}})

names = {names}
for (x1, y1, x2, y2), score, category in zip(locations[0], scores[0], categories[0]):
    box = [round(float(share * side), 1) for share, side in zip((x1, y1, x2, y2), image.size * 2)]
    print(names[category - 1], round(float(score), 3), box)
"""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion made: the file, the image it was checked with, and how far it is from PyTorch there."""

    file: Path
    image: Path
    agreement: Agreement
    summary: Path


def convert_run(run: RunDirectory, checkpoint: Checkpoint, image: Path, *, device: str = "cpu") -> Conversion:
    """Write ``onnx_model/model.onnx`` and its summary; raises ``ConversionError`` where it is not the same network on the image."""
    tensor = preprocess(read_image(image), checkpoint.spec.preprocess).tensor
    stem = onnx_stem(run, checkpoint.sha256)
    file = convert(checkpoint, "onnx", out=run.path / ONNX_FOLDER, stem=stem, image=tensor, device=device)
    found = agreement(checkpoint, file, tensor, device=device)
    summary = run.path / ONNX_FOLDER / SUMMARY
    write_whole(summary_text(run, checkpoint, Conversion(file, image, found, summary), tensor), summary)
    return Conversion(file, image, found, summary)


def summary_text(run: RunDirectory, checkpoint: Checkpoint, made: Conversion, tensor: NDArray[np.float32]) -> str:
    """The details of a conversion and an example of its use."""
    config, settings = read_config(run), checkpoint.spec.suppress
    facts = {
        "Checkpoint": run.checkpoint,
        "Checkpoint file sha256": hashlib.sha256(run.checkpoint.read_bytes()).hexdigest(),
        "Checkpoint identity (weights and configuration)": checkpoint.sha256,
        "Architecture": f"{config.model.name}, {config.model.num_classes} classes with the background",
        "Classes": ", ".join(f"{label} {unfenced(display(name))}" for label, name in enumerate(config.names, 1)),
        "ONNX file": f"{made.file} ({made.file.stat().st_size / 1e6:.1f} MB)",
        "ONNX sha256": hashlib.sha256(made.file.read_bytes()).hexdigest(),
        "Input": "input: float32 [batch_size, 3, height, width], RGB, 0.0 to 1.0; batch, height and width are free",
        "Outputs": "location [batch_size, N, 4] x1 y1 x2 y2 from 0 to 1; score [batch_size, N]; category [batch_size, N], labels from 1",
        "In the graph": f"score > {settings.graph_confidence:g}, NMS at IoU {settings.iou:g}, {settings.max_detections} detections",
        "Checked with": f"{made.image} ({tensor.shape[3]} x {tensor.shape[2]} px)",
        "Agreement": agreement_text(made.agreement),
        "Versions": ", ".join(f"{name} {version}" for name, version in installed_versions().items()),
    }
    lines = [f"{name}: {value}" for name, value in facts.items()]
    values = {"image": str(made.image.resolve()), "model": str(made.file.resolve()), "names": list(config.names)}
    example = EXAMPLE.format_map({name: unfenced(repr(value)) for name, value in values.items()})
    return "\n".join(["FasterRCNN converted to ONNX", "", *lines, "", "Usage example (Python):", "", "```python", example + "```", ""])


def unfenced(text: str) -> str:
    """Text, or a Python literal of the same value, that cannot end a block of code."""
    return text.replace("`", "\\x60")


def agreement_text(found: Agreement) -> str:
    """How far both networks are apart, in words; nothing compared is said to be that."""
    if not found.compared:
        return "not shown: neither network detects anything on this image; give one with objects"
    difference = found.difference
    limits = f"limits {SAME_NETWORK.box_px:g} px and {SAME_NETWORK.score:g}"
    return f"{found.compared} detections, at most {difference.box_px:.2g} px and {difference.score:.2g} in score from PyTorch ({limits})"


def readable_image(path: Path) -> Path:
    """The image that was given; raises ``BadInput`` where there is none."""
    if not path.is_file():
        raise BadInput("is no image", file=path, expected="an image file as --image-input", next_step="check the path")
    return path
