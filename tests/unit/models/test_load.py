"""Checkpoints of every family become the spec that Ultralytics predicts with; what is not a detector is told what it is."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_detector
import torch

from parity.backends.pytorch import PyTorchSession
from parity.errors import BadInput, ResourceLimit, UntrustedInput, UsageError
from parity.models import load_checkpoint
from parity.spec import BoxFormat, Head, HeadLayout, Suppressor

SIZE = (tiny_detector.SIDE, tiny_detector.SIDE)
FAMILIES = ["yolov5nu", "yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n"]
ANCHORS = 84  # 8x8 + 4x4 + 2x2


def saved_family(name: str, folder: Path) -> Path:
    """A checkpoint of a family; v5u is what Ultralytics makes of ``yolov5n.yaml``."""
    return tiny_detector.save(tiny_detector.build(f"{name.removesuffix('u')}.yaml"), folder / f"{name}.pt")


def raw(network: Any) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    (output,) = PyTorchSession(network).run(np.random.default_rng(0).random((1, 3, *SIZE), np.float32))
    return output


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_loads_without_trust(name: str, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(saved_family(name, tmp_path), size=SIZE)
    assert checkpoint.spec.names == tiny_detector.NAMES
    assert checkpoint.spec.head == Head()
    assert raw(checkpoint.network).shape == (1, 4 + len(tiny_detector.NAMES), ANCHORS)


@pytest.mark.parametrize("name", ["yolov10n", "yolo26n"])
def test_the_end_to_end_head_is_taken_when_asked_for(name: str, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(saved_family(name, tmp_path), size=SIZE, end_to_end=True)
    assert checkpoint.spec.head == Head(layout=HeadLayout.END_TO_END, box_format=BoxFormat.XYXY)
    assert (checkpoint.spec.suppress.method, checkpoint.spec.suppress.iou) == (Suppressor.IN_GRAPH, None)
    output = raw(checkpoint.network)
    assert output.shape == (1, ANCHORS, 6)
    assert set(np.unique(output[0, :, 5])) <= {0.0, 1.0, 2.0}


def test_a_checkpoint_that_chose_its_end_to_end_head_keeps_it(tmp_path: Path) -> None:
    network = tiny_detector.build("yolo26n.yaml")
    network.model[-1].end2end = True
    checkpoint = load_checkpoint(tiny_detector.save(network, tmp_path / "m.pt"), size=SIZE)
    assert checkpoint.spec.head.layout is HeadLayout.END_TO_END


def test_a_family_without_an_end_to_end_head_says_so(saved: Path) -> None:
    with pytest.raises(UsageError, match="no end-to-end head"):
        load_checkpoint(saved, size=SIZE, end_to_end=True)


def test_the_averaged_weights_come_first(tmp_path: Path) -> None:
    network, averaged = tiny_detector.build(), tiny_detector.build()
    averaged.names = {0: "a", 1: "b", 2: "c"}
    path = tiny_detector.save(network, tmp_path / "m.pt", ema=averaged.half())
    assert load_checkpoint(path, size=SIZE).spec.names == ("a", "b", "c")


def test_a_checkpoint_in_the_middle_of_training_loads(tmp_path: Path) -> None:
    network = tiny_detector.build("yolo26n.yaml")
    network.args = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
    network.criterion = None
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.01, "params": [0]}]}
    path = tiny_detector.save(network, tmp_path / "last.pt", optimizer=optimizer, where=Path("runs/train"))
    assert load_checkpoint(path, size=SIZE).spec.names == tiny_detector.NAMES


def test_the_network_is_ready_to_run(saved: Path) -> None:
    network = load_checkpoint(saved, size=SIZE).network
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert not any(weight.requires_grad for weight in network.parameters())
    assert not any(module.training for module in network.modules())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_the_output_is_that_of_ultralytics(saved: Path) -> None:
    from ultralytics.nn.tasks import load_checkpoint as load_theirs  # noqa: PLC0415

    theirs, _ = load_theirs(str(saved), fuse=True)
    ours = load_checkpoint(saved, size=SIZE).network
    assert np.array_equal(raw(ours), raw(theirs))


def test_the_digest_is_that_of_the_file_and_the_file_stays(saved: Path) -> None:
    before = saved.read_bytes()
    checkpoint = load_checkpoint(saved, size=SIZE)
    assert checkpoint.sha256 == hashlib.sha256(before).hexdigest()
    assert saved.read_bytes() == before
    assert sorted(saved.parent.iterdir()) == [saved]


def test_stride_and_size_go_into_the_spec(saved: Path) -> None:
    preprocess = load_checkpoint(saved, size=(96, 64)).spec.preprocess
    assert (preprocess.size, preprocess.stride) == ((96, 64), 32)


@pytest.mark.parametrize("size", [(100, 64), (64, 0)])
def test_a_size_that_the_stride_does_not_divide_is_a_usage_error(saved: Path, size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="multiples of 32"):
        load_checkpoint(saved, size=size)


@pytest.mark.parametrize("names", [{0: "a", 1: "b", 3: "c"}, {0: "a"}, {}, {0: "a", 1: "b", 2: None}, {"0": "a", "1": "b", "2": "c"}])
def test_damaged_class_names_are_bad_input(names: dict[Any, Any], tmp_path: Path) -> None:
    network = tiny_detector.build()
    network.names = names
    with pytest.raises(BadInput, match="class names"):
        load_checkpoint(tiny_detector.save(network, tmp_path / "m.pt"), size=SIZE)


@pytest.mark.parametrize(
    ("model", "task"), [("yolov8n-seg.yaml", "segmentation"), ("yolov8n-pose.yaml", "pose"), ("yolov8n-cls.yaml", "classification")]
)
def test_another_task_is_named(model: str, task: str, tmp_path: Path) -> None:
    from ultralytics.nn import tasks  # noqa: PLC0415

    kind = {"segmentation": "SegmentationModel", "pose": "PoseModel", "classification": "ClassificationModel"}[task]
    network = getattr(tasks, kind)(model, verbose=False)
    with pytest.raises(BadInput, match=f"task is {task}"):
        load_checkpoint(tiny_detector.save(network, tmp_path / "m.pt"))


def test_a_checkpoint_in_the_legacy_format_is_told_to_be_saved_again(tmp_path: Path) -> None:
    torch.save({"model": tiny_detector.build().half()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(BadInput, match=r"before 1\.6"):
        load_checkpoint(tmp_path / "old.pt", size=SIZE)


def test_weights_without_architecture_are_explained(tmp_path: Path) -> None:
    torch.save(tiny_detector.build().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(BadInput, match="state_dict"):
        load_checkpoint(tmp_path / "weights.pt")


@pytest.mark.parametrize("content", [{"epoch": 3, "model": None}, [1, 2], {}], ids=["no model", "a list", "nothing"])
def test_what_is_no_checkpoint_holds_no_network(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(BadInput, match="holds no network"):
        load_checkpoint(tmp_path / "other.pt")


def test_a_truncated_checkpoint_is_bad_input(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    (tmp_path / "half.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match=rf"truncated.*{len(content) // 2} bytes"):
        load_checkpoint(tmp_path / "half.pt")


def test_a_torchscript_archive_is_code(tmp_path: Path) -> None:
    writer = torch._C.PyTorchFileWriter(str(tmp_path / "traced.pt"))
    writer.write_record("constants.pkl", b"\x80\x02).", 4)
    writer.write_end_of_file()
    with pytest.raises(UntrustedInput, match="TorchScript archive"):
        load_checkpoint(tmp_path / "traced.pt")


def test_a_tensor_larger_than_its_storage_is_a_resource_limit(tmp_path: Path) -> None:
    network = tiny_detector.build().half()
    network.model[0].conv.weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float16).expand(1 << 20, 1 << 20), requires_grad=False)
    torch.save({"model": network}, tmp_path / "bomb.pt")
    with pytest.raises(ResourceLimit, match=r"model\.0\.conv\.weight.*claims more memory"):
        load_checkpoint(tmp_path / "bomb.pt")


def test_layers_that_do_not_fit_are_bad_input(tmp_path: Path) -> None:
    network = tiny_detector.build()
    network.model[1].conv.weight.data = torch.zeros(5, 5, 3, 3)
    with pytest.raises(BadInput):
        load_checkpoint(tiny_detector.save(network, tmp_path / "m.pt"), size=SIZE)


@pytest.mark.parametrize("name", ["absent.pt", "."])
def test_what_is_not_there_or_a_folder_is_bad_input(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        load_checkpoint(tmp_path / name)


def test_importing_the_package_loads_neither_torch_nor_ultralytics() -> None:
    program = "import sys, parity.models, parity.convert; print(sorted({'torch', 'ultralytics'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert done.stdout.strip() == "[]"


def test_loading_writes_nothing_into_the_home_folder_and_prints_nothing(saved: Path, tmp_path: Path) -> None:
    program = f"from pathlib import Path; from parity.models import load_checkpoint; load_checkpoint(Path({str(saved)!r}), size={SIZE})"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("YOLO_", "ULTRALYTICS_", "XDG_"))}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.rglob("*")) == []


def test_pillow_is_as_it_was() -> None:
    code = "from parity.models.ultralytics import require_ultralytics as load; load(); from PIL import Image; print(Image.open.__module__)"
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # other tests load it otherwise
    assert alone.stdout.split() == ["PIL.Image"]


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n"])
def test_published_weights_load_without_trust(name: str) -> None:
    folder = os.environ.get("PARITY_MODELS")
    if not folder:
        pytest.skip("PARITY_MODELS names no folder of published weights")
    assert len(load_checkpoint(Path(folder) / f"{name}.pt").spec.names) == 80
