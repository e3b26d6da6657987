"""An OpenVINO file in INT8, by NNCF over the calibration images, up to the head's arithmetic."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from parity.backends.base import missing
from parity.backends.openvino_import import require_openvino, without_telemetry
from parity.backends.quiet import quiet_logs
from parity.convert import openvino_ir
from parity.convert.onnx_int8 import all_but
from parity.environment import environment

if TYPE_CHECKING:
    from parity.convert.int8_files import Ingredients

RANGES = "NNCF, mixed preset, with fast bias correction"
OWN_NAME = "/WithoutBiases"  # ends the name that OpenVINO gives a convolution whose bias it splits off
VNNI = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})  # or what ARM has in its place
FULL = "weights have 8 bits: on a processor without VNNI sums saturate, and what is detected differs; gate it there"
HALVED = "weights have 7 bits, since sums of 8 saturate on this processor, which has no VNNI; on one with it, 8 bits lose less"


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoInt8:
    """Makes INT8 files for OpenVINO; ``saturates`` says that this processor's sums do."""

    ingredients: Ingredients
    plain: Path
    saturates: bool
    ranges: str = RANGES

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the file depends on."""
        return (HALVED if self.saturates else FULL,)

    def write(self, file: Path, returned: Collection[str]) -> None:
        """A file in which these layers are in float."""
        nncf, images = require_nncf(), list(self.ingredients.images)
        kept = all_but(self.ingredients.graph, returned)
        with quiet_logs(), redirect_stdout(StringIO()):  # stdout may be JSON
            model = nncf.quantize(
                require_openvino().Core().read_model(self.plain),
                nncf.Dataset(images),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(images),
                fast_bias_correction=True,
                ignored_scope=nncf.IgnoredScope(names=sorted(kept | {name + OWN_NAME for name in kept}), validate=False),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    overflow_fix=nncf.OverflowFix.ENABLE if self.saturates else nncf.OverflowFix.DISABLE
                ),
            )
        openvino_ir.save(model, file)


def maker(ingredients: Ingredients, folder: Path) -> OpenVinoInt8:
    """The maker for OpenVINO, with the float32 file in a folder."""
    require_nncf()
    plain = folder / "float32.xml"
    openvino_ir.derive(ingredients.source, plain)
    return OpenVinoInt8(ingredients, plain, saturates=VNNI.isdisjoint(environment().instruction_sets))


def require_nncf() -> ModuleType:
    """NNCF, imported so that it asks no network; raises ``BackendUnavailable`` where it is not installed."""
    require_openvino()
    try:
        with without_telemetry():
            import nncf  # noqa: PLC0415 - only by this door
    except ImportError:
        raise missing("nncf", extra="quantize") from None
    module: ModuleType = nncf
    return module
