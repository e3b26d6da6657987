"""Ultralytics detectors. The only file, with the exporter's, that touches the package, and always through ``require_ultralytics``."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from parity.backends.artefact import read_artefact
from parity.backends.base import missing
from parity.errors import BadInput, ResourceLimit, UntrustedInput, UsageError
from parity.models.checkpoint import Checkpoint
from parity.spec import BoxFormat, Head, HeadLayout, PipelineSpec, Preprocess, Suppress, Suppressor

try:
    import torch
except ImportError:
    raise missing("torch", extra="ultralytics") from None

from parity.models.unpickle import unpickle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADS = frozenset({"Detect", "v10Detect"})
HOOKS = (
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
    *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
)


@cache
def require_ultralytics() -> None:
    """Import Ultralytics so that it installs nothing, asks no network, and writes its settings into a folder of this process.

    Raises ``BackendUnavailable`` where it is not installed.
    """
    if "ultralytics" not in sys.modules:
        settings = tempfile.mkdtemp(prefix="parity-ultralytics-")
        atexit.register(shutil.rmtree, settings, ignore_errors=True)
        os.environ["YOLO_CONFIG_DIR"] = settings
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false", ULTRALYTICS_SAFE_LOAD="1")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # its exporter imports ONNX Runtime
    open_image = Image.open
    try:
        import ultralytics.nn.tasks  # noqa: F401, PLC0415 - the environment has to be set before
    except ImportError:
        raise missing("ultralytics", extra="ultralytics") from None
    finally:
        Image.open = open_image  # Ultralytics replaces it by one that pip-installs decoders for files it cannot read


def load(path: Path, *, size: tuple[int, int], trusted: frozenset[str], end_to_end: bool | None) -> Checkpoint:
    """Load a ``.pt`` file; the arguments are those of ``load_checkpoint``."""
    content = read_artefact(path, kind="an Ultralytics .pt, or the run directory of a FasterRCNN")
    sha256 = hashlib.sha256(content).hexdigest()
    require_ultralytics()
    network = find_network(unpickle(content, path, sha256=sha256, trusted=trusted), path)
    check_memory(network, path)
    check_untampered(network, path)
    network = ready(network, path, end_to_end=end_to_end)
    return Checkpoint(path, sha256, "ultralytics", spec_of(network, path, size=size), network, len(content))


def find_network(content: Any, path: Path) -> Any:
    """The detection network of a checkpoint's content; the averaged weights come first, as in Ultralytics."""
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415

    next_step = "give the .pt that Ultralytics' training wrote (weights/best.pt)"
    if isinstance(content, dict) and content and all(isinstance(value, torch.Tensor) for value in content.values()):
        problem = "holds weights only (a state_dict), no architecture"
        raise BadInput(problem, file=path, found=f"{len(content)} tensors", expected="an Ultralytics .pt", next_step=next_step)
    candidates = (content.get("ema"), content.get("model")) if isinstance(content, dict) else ()
    network = next((each for each in candidates if isinstance(each, torch.nn.Module)), None)
    if network is None:
        found = sorted(map(str, content))[:8] if isinstance(content, dict) else type(content).__name__
        raise BadInput("holds no network", file=path, found=found, expected="a checkpoint with `model` or `ema`", next_step=next_step)
    layers = getattr(network, "model", None)
    head = type(layers[-1]).__name__ if isinstance(layers, torch.nn.Sequential) and len(layers) else "no head"
    if type(network) is not DetectionModel or head not in HEADS:
        found = f"{type(network).__name__} with {head}"
        raise BadInput("its task is not detection", file=path, found=found, expected="a detector (task=detect)", next_step=next_step)
    return network


def check_memory(network: torch.nn.Module, path: Path) -> None:
    """Raise ``ResourceLimit`` where a tensor claims more elements than the file stores for it."""
    for name, tensor in tensors_of(network):
        stored, claimed = tensor.untyped_storage().nbytes(), tensor.numel() * tensor.element_size()
        if claimed > stored or tensor.is_meta:
            problem = f"tensor {name[:60]!r} claims more memory than the file holds"
            raise ResourceLimit(problem, file=path, found=f"{claimed} bytes", expected=f"at most the stored {stored}")


def tensors_of(network: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of a network: parameters, buffers and plain attributes."""
    yield from network.named_parameters()
    yield from network.named_buffers()
    for name, module in network.named_modules():
        yield from ((f"{name}.{key}", value) for key, value in vars(module).items() if isinstance(value, torch.Tensor))


def check_untampered(network: torch.nn.Module, path: Path) -> None:
    """Raise ``UntrustedInput`` for hooks and for methods replaced in an instance, neither of which training leaves behind."""
    for name, module in network.named_modules():
        replaced = [key for key, value in vars(module).items() if callable(value) and callable(getattr(type(module), key, None))]
        hooked = [hook for hook in HOOKS if getattr(module, hook, None)]
        if replaced or hooked:
            found = f"{', '.join(replaced + hooked)} in {name or 'the model'}"
            raise UntrustedInput("carries code of its own in its layers", file=path, found=found, expected="plain layers")


def ready(network: Any, path: Path, *, end_to_end: bool | None) -> Any:
    """The network as it predicts: one head chosen, float32, fused, in evaluation mode, without gradients."""
    head = network.model[-1]
    if end_to_end and getattr(head, "one2one_cv2", None) is None:
        raise UsageError("has no end-to-end head", file=path, expected="a v10 or 26 detector", next_step="leave the end-to-end option out")
    try:
        if end_to_end is not None:
            head.end2end = end_to_end
        network = network.float().fuse(verbose=False).eval().requires_grad_(requires_grad=False)
    except (RuntimeError, AttributeError, TypeError, ValueError) as failure:
        raise BadInput("its layers do not fit together", file=path, found=failure, next_step="train or export it again") from None
    network.task, network.criterion = "detect", None
    vars(network).pop("args", None)  # the training's arguments hold paths of the machine, which the exporter would publish
    return network


def spec_of(network: Any, path: Path, *, size: tuple[int, int]) -> PipelineSpec:
    """The pipeline that Ultralytics predicts with; one run of an empty image shows that its head is as told."""
    stride = int(max(network.stride))
    if any(side < stride or side % stride for side in size):
        raise UsageError("the network does not take this size", file=path, found=size, expected=f"multiples of {stride}")
    names = class_names(network.names, path)
    preprocess = Preprocess(size=size, stride=stride)
    if network.model[-1].end2end:
        head = Head(layout=HeadLayout.END_TO_END, box_format=BoxFormat.XYXY)
        suppress = Suppress(method=Suppressor.IN_GRAPH, iou=None, max_detections=int(network.model[-1].max_det))
    else:
        head, suppress = Head(), Suppress()
    check_output(network, path, side=stride * 2, channels=6 if network.model[-1].end2end else 4 + len(names))
    return PipelineSpec(names=names, preprocess=preprocess, head=head, suppress=suppress)


def class_names(names: Any, path: Path) -> tuple[str, ...]:
    """The class names in index order; raises ``BadInput`` unless the indices are 0, 1, 2 and so on."""
    table = dict(enumerate(names)) if isinstance(names, list | tuple) else names
    contiguous = isinstance(table, dict) and sorted(table, key=str) == sorted(range(len(table)), key=str)
    if not table or not contiguous or not all(isinstance(name, str) for name in table.values()):
        expected = "{0: name, 1: name, ...}"
        raise BadInput("its class names are damaged", file=path, found=names, expected=expected, next_step="train it again")
    return tuple(table[index] for index in range(len(table)))


def check_output(network: Any, path: Path, *, side: int, channels: int) -> None:
    """Raise ``BadInput`` unless one run gives the output that the head promises."""
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - backends.pytorch loads checkpoints with this module

    (output,) = PyTorchSession(network).run(np.zeros((1, 3, side, side), np.float32))
    found = output.shape[-1] if channels == 6 and network.model[-1].end2end else output.shape[1]  # noqa: PLR2004
    if found != channels:
        expected = f"{channels}: four for the box and one for each named class"
        raise BadInput("its output does not fit its class names", file=path, found=f"{found} channels", expected=expected)
