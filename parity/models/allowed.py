"""The globals that a checkpoint may use, each by its exact name.

Taken from the checkpoints of all detection models that Ultralytics 8.4.190 can build (v3, v5u, v6, v8, v9, v10, 11, 12, 26, with
their p2, p6 and ghost variants, half trained ones with their loss included). What was considered:

- *Created* classes only ever come to be empty and are then filled. Filling runs ``nn.Module.__setstate__``, which sets
  attributes. None opens a file, imports or evaluates while doing so, or when it later runs forward.
- *Called* ones build tensors, dictionaries and plain values. ``pathlib`` paths become pure ones, which cannot touch the disk.
- Left out on purpose: ``builtins.getattr`` (reaches everything), ``eval``, ``io``, ``os``, ``torch.jit``, ``torch.hub``,
  ``torch.load``, and NumPy's scalars and arrays, whose data types come from the file. A checkpoint saved after fusing needs
  ``getattr``, one saved in the middle of training may need NumPy: both ask for trust.
- An attribute can hide a method: hooks and a ``forward`` in an instance are refused after loading (``models/ultralytics.py``).
"""

from __future__ import annotations

CREATED: dict[str, tuple[str, ...]] = {
    "torch.nn.modules.activation": ("ELU", "GELU", "Hardswish", "LeakyReLU", "Mish", "ReLU", "ReLU6", "SiLU", "Sigmoid"),
    "torch.nn.modules.batchnorm": ("BatchNorm2d",),
    "torch.nn.modules.container": ("ModuleList", "Sequential"),
    "torch.nn.modules.conv": ("Conv2d", "ConvTranspose2d"),
    "torch.nn.modules.linear": ("Identity",),
    "torch.nn.modules.loss": ("BCEWithLogitsLoss",),
    "torch.nn.modules.padding": ("ZeroPad2d",),
    "torch.nn.modules.pooling": ("AvgPool2d", "MaxPool2d"),
    "torch.nn.modules.upsampling": ("Upsample",),
    "ultralytics.nn.modules.block": (
        *("A2C2f", "AAttn", "ABlock", "AConv", "ADown", "Attention", "Bottleneck", "BottleneckCSP", "C1", "C2", "C2PSA", "C2f"),
        *("C2fCIB", "C2fPSA", "C3", "C3Ghost", "C3k", "C3k2", "C3x", "CBFuse", "CBLinear", "CIB", "DFL", "ELAN1", "GhostBottleneck"),
        *("PSA", "PSABlock", "RepBottleneck", "RepC3", "RepCSP", "RepNCSPELAN4", "RepVGGDW", "SCDown", "SPP", "SPPELAN", "SPPF"),
    ),
    "ultralytics.nn.modules.conv": ("Concat", "Conv", "Conv2", "ConvTranspose", "DWConv", "Focus", "GhostConv", "RepConv"),
    "ultralytics.nn.modules.head": ("Detect", "v10Detect"),
    "ultralytics.nn.tasks": ("DetectionModel", "YOLOv10DetectionModel"),
    "ultralytics.utils.loss": ("BboxLoss", "DFLoss", "E2EDetectLoss", "E2ELoss", "v8DetectionLoss", "v10DetectLoss"),
    "ultralytics.utils.tal": ("TaskAlignedAssigner",),
}
CALLED: dict[str, tuple[str, ...]] = {
    "_codecs": ("encode",),
    "collections": ("OrderedDict",),
    "pathlib": ("PosixPath", "WindowsPath"),
    "pathlib._local": ("PosixPath", "WindowsPath"),
    "torch": ("Size", "device"),
    "torch._utils": ("_rebuild_parameter", "_rebuild_tensor_v2"),
    "torch.serialization": ("_get_layout",),
    "ultralytics.utils": ("IterableSimpleNamespace",),
    "ultralytics.yolo.utils": ("IterableSimpleNamespace",),  # before Ultralytics 8.0.44
    "builtins": ("set",),
    "__builtin__": ("set",),  # the same, as pickle protocol 2 writes it
}
NAMED: dict[str, tuple[str, ...]] = {
    "torch": (
        *("BFloat16Storage", "BoolStorage", "ByteStorage", "CharStorage", "DoubleStorage", "FloatStorage", "HalfStorage", "IntStorage"),
        *("LongStorage", "ShortStorage"),
        *("bfloat16", "bool", "float16", "float32", "float64", "int16", "int32", "int64", "int8", "uint8"),
    ),
}
# old names -> where the class lives now
RENAMED: dict[str, str] = {
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
    "ultralytics.utils.loss.v10DetectLoss": "ultralytics.utils.loss.E2EDetectLoss",
    "ultralytics.yolo.utils.IterableSimpleNamespace": "ultralytics.utils.IterableSimpleNamespace",
    "pathlib.PosixPath": "pathlib.PurePosixPath",
    "pathlib.WindowsPath": "pathlib.PureWindowsPath",
    "pathlib._local.PosixPath": "pathlib.PurePosixPath",
    "pathlib._local.WindowsPath": "pathlib.PureWindowsPath",
}


def full_names(table: dict[str, tuple[str, ...]]) -> frozenset[str]:
    """A table as ``module.name`` strings."""
    return frozenset(f"{module}.{name}" for module, names in table.items() for name in names)


MAY_BE_CREATED = full_names(CREATED)
MAY_BE_CALLED = full_names(CALLED)
MAY_BE_NAMED = MAY_BE_CREATED | MAY_BE_CALLED | full_names(NAMED)
