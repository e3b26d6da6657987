"""Hostile checkpoints run nothing, install nothing, and are refused with the globals that they wanted."""

from __future__ import annotations

import builtins
import hashlib
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tiny_detector
import torch

from parity.errors import BadInput, ParityError, UntrustedInput
from parity.models import load_checkpoint
from parity.models.allowed import MAY_BE_NAMED
from parity.models.census import take_census
from parity.models.unpickle import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (tiny_detector.SIDE, tiny_detector.SIDE)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The call."""
        return self.function, self.arguments


class Fill(Call):
    """Pickles as a call whose result is then filled."""

    def __reduce__(self) -> Any:
        """The call and the state."""
        return self.function, self.arguments, {"state": 1}


def ways_to_write(canary: Path) -> dict[str, Any]:
    """Calls that would leave a file behind."""
    return {
        "open": Call(open, str(canary), "w"),
        "system": Call(os.system, f"touch {canary}"),
        "eval": Call(eval, f"open({str(canary)!r}, 'w')"),
        "exec": Call(exec, f"open({str(canary)!r}, 'w')"),
        "popen": Call(subprocess.Popen, ["touch", str(canary)]),
        "getattr": Call(getattr, Call(__import__, "os"), "system"),
        "import": Call(__import__, "os"),
        "torch.load": Call(torch.load, str(canary)),
        "hub": Call(torch.hub.download_url_to_file, "http://localhost:9/x", str(canary)),
        "mkdir": Call(os.mkdir, str(canary)),
        "write_text": Call(Path.write_text, Call(Path, str(canary)), "x"),
        "nested": {"a": [{"b": (Call(open, str(canary), "w"),)}]},
        "as key": {Call(os.system, f"touch {canary}"): 1},
        "filled": Fill(builtins.map, print, [canary]),
        "type": Call(type, "T", (), {}),
    }


WAYS = sorted(ways_to_write(Path("canary")))


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    folder = tmp_path / "nest"
    folder.mkdir()
    return folder / "canary"


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("way", WAYS)
def test_a_pickle_that_calls_something_is_refused_unrun(way: str, legacy: bool, canary: Path, tmp_path: Path) -> None:  # noqa: FBT001
    torch.save({"model": ways_to_write(canary)[way]}, tmp_path / "m.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ParityError) as refusal:
        load_checkpoint(tmp_path / "m.pt")
    assert refusal.value.exit_code == 11
    assert not canary.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_of_any_protocol_is_refused_unrun(protocol: int, canary: Path, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(pickle.dumps(Call(os.system, f"touch {canary}"), protocol))
    with pytest.raises(UntrustedInput, match=r"posix\.system"):
        load_checkpoint(tmp_path / "m.pt")
    assert not canary.exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"cos\nsystem\n(S'x'\ntR.",
        b"(ios\nsystem\n.",
        b"(cos\nsystem\nS'x'\no.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"cos\nsystem\n0N.",
    ],
    ids=["GLOBAL", "INST", "OBJ", "STACK_GLOBAL", "named and dropped"],
)
def test_every_opcode_that_names_a_global_is_seen(stream: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(stream)
    with pytest.raises(UntrustedInput, match=r"os\.system"):
        load_checkpoint(tmp_path / "m.pt")


def test_a_truncated_pickle_does_not_hide_its_globals() -> None:
    assert "os.system" in take_census(b"cos\nsystem\n(S'x'\nt").named


def test_the_refusal_names_the_globals_and_three_ways_out(canary: Path, tmp_path: Path) -> None:
    torch.save({"model": Call(open, str(canary), "w")}, tmp_path / "m.pt")
    with pytest.raises(UntrustedInput) as refusal:
        load_checkpoint(tmp_path / "m.pt")
    message = str(refusal.value)
    digest = hashlib.sha256((tmp_path / "m.pt").read_bytes()).hexdigest()
    assert "io.open" in message
    assert "ONNX" in message
    assert f"--trust-checkpoint sha256:{digest}" in message
    assert "weights_only" not in message
    assert "\x1b" not in message


def test_an_unknown_module_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = types.ModuleType("foo_evil")
    monkeypatch.setitem(sys.modules, "foo_evil", foreign)
    kind = type("Layer", (torch.nn.Module,), {"__module__": "foo_evil"})
    foreign.Layer = kind  # type: ignore[attr-defined]
    torch.save({"model": kind()}, tmp_path / "m.pt")
    monkeypatch.delitem(sys.modules, "foo_evil")
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    monkeypatch.setattr(subprocess, "Popen", pytest.fail)
    with pytest.raises(UntrustedInput, match=r"foo_evil\.Layer"):
        load_checkpoint(tmp_path / "m.pt")


def test_an_allowed_class_may_not_be_called(tmp_path: Path) -> None:
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415

    torch.save({"model": Call(DetectionModel, "http://localhost:9/model.yaml")}, tmp_path / "m.pt")
    with pytest.raises(UntrustedInput, match=r"DetectionModel \(called with arguments\)"):
        load_checkpoint(tmp_path / "m.pt")


def test_a_default_of_torch_that_is_not_on_our_list_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Call(torch.FloatTensor, 1 << 40)}, tmp_path / "m.pt")
    with pytest.raises(UntrustedInput, match="FloatTensor"):
        load_checkpoint(tmp_path / "m.pt")


@pytest.mark.parametrize("attribute", ["forward", "_forward_hooks"])
def test_a_method_hidden_in_an_instance_is_refused(attribute: str, tmp_path: Path) -> None:
    network = tiny_detector.build()
    hidden = torch.nn.SiLU
    setattr(network.model[0], attribute, {0: hidden} if attribute == "_forward_hooks" else hidden)
    with pytest.raises(UntrustedInput, match=f"{attribute} in model.0"):
        load_checkpoint(tiny_detector.save(network, tmp_path / "m.pt"), size=SIZE)


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_a_trusted_digest_loads_what_the_list_refuses(prefix: str, tmp_path: Path) -> None:
    path = tiny_detector.save(tiny_detector.build(), tmp_path / "m.pt", extra=Call(os.path.basename, "a/b"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UntrustedInput):
        load_checkpoint(path, size=SIZE)
    assert load_checkpoint(path, size=SIZE, trusted=frozenset({prefix + digest})).sha256 == digest


def test_another_trusted_digest_is_refused_with_both(tmp_path: Path, canary: Path) -> None:
    torch.save({"model": Call(open, str(canary), "w")}, tmp_path / "m.pt")
    digest = hashlib.sha256((tmp_path / "m.pt").read_bytes()).hexdigest()
    with pytest.raises(UntrustedInput, match=f"{digest} is not the trusted sha256:{'0' * 64}"):
        load_checkpoint(tmp_path / "m.pt", trusted=frozenset({"sha256:" + "0" * 64}))


def test_a_trusted_digest_that_is_not_needed_is_no_error(saved: Path) -> None:
    assert load_checkpoint(saved, size=SIZE, trusted=frozenset({"0" * 64})).family == "ultralytics"


def test_a_checkpoint_of_the_yolov5_repository_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("models.yolo")
    monkeypatch.setitem(sys.modules, "models", types.ModuleType("models"))
    monkeypatch.setitem(sys.modules, "models.yolo", module)
    kind = type("DetectionModel", (torch.nn.Module,), {"__module__": "models.yolo"})
    module.DetectionModel = kind  # type: ignore[attr-defined]
    torch.save({"model": kind()}, tmp_path / "yolov5s.pt")
    with pytest.raises(BadInput, match=r"original YOLOv5"):
        load_checkpoint(tmp_path / "yolov5s.pt")


def test_a_family_does_not_excuse_a_hostile_global(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ultralytics.nn.tasks import SegmentationModel  # noqa: PLC0415

    torch.save({"model": Call(SegmentationModel), "x": Call(os.system, "true")}, tmp_path / "m.pt")
    with pytest.raises(UntrustedInput, match="system"):
        load_checkpoint(tmp_path / "m.pt")


def test_every_name_on_the_list_exists_or_is_renamed() -> None:
    from parity.models.allowed import RENAMED  # noqa: PLC0415

    present = {name for name in MAY_BE_NAMED if name.startswith(("torch.nn.", "ultralytics.")) and resolve(RENAMED.get(name, name))}
    assert len(present) > 70


def test_the_list_reaches_nothing_that_runs_code() -> None:
    roots = {name.rpartition(".")[0] for name in MAY_BE_NAMED}
    assert not roots & {
        "os",
        "posix",
        "io",
        "sys",
        "subprocess",
        "importlib",
        "torch.jit",
        "torch.hub",
        "runpy",
        "pickle",
        "operator",
        "functools",
    }
    assert {name for name in MAY_BE_NAMED if name.startswith(("builtins.", "__builtin__."))} == {"builtins.set", "__builtin__.set"}
