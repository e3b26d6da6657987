"""The kinds of files that the contract is held against; those of a package that is not installed are skipped."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from parity.convert.conversion import TARGETS

WITHOUT_OPENVINO = pytest.mark.skipif(find_spec("openvino") is None, reason="needs the extra openvino")
OPENVINO = pytest.param("openvino", marks=WITHOUT_OPENVINO)
RUNTIMES = ["onnx", "torchscript", OPENVINO]
MADE = [name for name, target in TARGETS.items() if target.package is None or find_spec(target.package)]
