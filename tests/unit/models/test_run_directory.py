"""What a training run left behind: found, read, and refused where it is not what it should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from parity.errors import BadInput
from parity.models.run_directory import RunConfig, find_run, read_config

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = {"name": "fasterrcnn_resnet50_fpn", "num_classes": 3}
CLASSES = ["cat", "dog"]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Make a run directory with a configuration; its checkpoint holds nothing."""

    def make(**config: Any) -> Path:
        (tmp_path / ".hydra").mkdir(exist_ok=True)
        (tmp_path / ".hydra/config.yaml").write_text(yaml.safe_dump(config))
        (tmp_path / "best_model.pth").write_bytes(b"weights")
        return tmp_path

    return make


def read(path: Path) -> RunConfig:
    """The configuration of a run directory."""
    return read_config(find_run(path))


def test_name_classes_and_options_are_read_and_other_keys_left_alone(run: Callable[..., Path]) -> None:
    model = {**MODEL, "min_size": 320, "max_size": 640, "box_score_thresh": 0.1, "backbone": "anything"}
    found = read(run(model=model, dataset={"classes": CLASSES, "path": "somewhere"}, optimiser={"lr": 0.1}))
    assert (found.model.name, found.model.num_classes, found.names) == ("fasterrcnn_resnet50_fpn", 3, ("cat", "dog"))
    assert found.model.options == {"min_size": 320, "max_size": 640, "box_score_thresh": 0.1}


def test_references_between_keys_are_followed(run: Callable[..., Path]) -> None:
    model = {"name": "${backbone.name}", "num_classes": "${dataset.count}"}
    found = read(run(model=model, dataset={"count": 3, "classes": "${names}"}, backbone={"name": "fasterrcnn_resnet50_fpn"}, names=CLASSES))
    assert (found.model.name, found.model.num_classes, found.names) == ("fasterrcnn_resnet50_fpn", 3, ("cat", "dog"))


def test_references_that_would_multiply_are_not_followed(run: Callable[..., Path]) -> None:
    keys = {f"k{index}": "${model}" for index in range(40)}
    assert read(run(model={**MODEL, **keys}, dataset={"classes": CLASSES})).names == ("cat", "dog")


def test_a_reference_that_leads_in_a_circle_ends(run: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match=r"\$\{model.name\}|num_classes"):
        read(run(model={"name": "x", "num_classes": "${model.num_classes}"}, dataset={"classes": CLASSES}))


@pytest.mark.parametrize(
    "classes",
    [["background", "cat", "dog"], ["__background__", "cat", "dog"], {1: "cat", 2: "dog"}, {0: "background", 1: "cat", 2: "dog"}],
    ids=["with background", "with torchvision's background", "by label", "by label with background"],
)
def test_class_names_count_from_label_one(run: Callable[..., Path], classes: Any) -> None:
    assert read(run(model=MODEL, dataset={"classes": classes})).names == ("cat", "dog")


@pytest.mark.parametrize(
    "classes",
    [None, ["cat"], ["cat", "dog", "cow"], ["cat", "cat"], ["cat", 7], ["cat", ""], {0: "cat", 1: "dog"}, "cat,dog"],
    ids=["none", "too few", "too many", "twice", "a number", "empty", "from zero", "text"],
)
def test_class_names_that_do_not_fit_are_refused(run: Callable[..., Path], classes: Any) -> None:
    with pytest.raises(BadInput, match=r"class names do not fit model\.num_classes.*dataset\.classes: 2 distinct names"):
        read(run(model=MODEL, dataset={"classes": classes}))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"num_classes": 1}, "num_classes"),
        ({"num_classes": 10**9}, "num_classes"),
        ({"min_size": 800, "max_size": 400}, "max_size"),
        ({"min_size": 1, "max_size": 1}, "min_size"),
        ({"max_size": 16384}, "max_size"),
        ({"box_score_thresh": 1.5}, "box_score_thresh"),
        ({"box_nms_thresh": -0.1}, "box_nms_thresh"),
        ({"box_detections_per_img": 0}, "box_detections_per_img"),
        ({"num_classes": "three"}, "num_classes"),
        ({"name": None}, "name"),
    ],
)
def test_a_value_out_of_range_is_named(run: Callable[..., Path], change: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        read(run(model={**MODEL, **change}, dataset={"classes": CLASSES}))


def test_a_directory_without_a_checkpoint_says_what_is_there(run: Callable[..., Path]) -> None:
    path = run(model=MODEL, dataset={"classes": CLASSES})
    (path / "best_model.pth").rename(path / "epoch_9.pth")
    with pytest.raises(BadInput, match=r"^Checkpoint not found: .*found epoch_9\.pth.*\n.*--checkpoint-path"):
        find_run(path)
    assert find_run(path, path / "epoch_9.pth").checkpoint == path / "epoch_9.pth"


def test_no_directory_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^Checkpoint not found: there is no run directory"):
        find_run(tmp_path / "absent")


def test_a_missing_configuration_is_said(run: Callable[..., Path]) -> None:
    path = run(model=MODEL, dataset={"classes": CLASSES})
    (path / ".hydra/config.yaml").unlink()
    with pytest.raises(BadInput, match=r"^Hydra config not found: .*expected the run directory to hold \.hydra/config\.yaml"):
        find_run(path)


def test_weights_within_a_run_directory_stand_for_it(run: Callable[..., Path]) -> None:
    path = run(model=MODEL, dataset={"classes": CLASSES})
    assert find_run(path / "best_model.pth") == find_run(path)


@pytest.mark.parametrize("text", ["- a list", "model: *alias", "model: !!python/object:os.system {}", "\x00"])
def test_a_configuration_that_is_not_plain_is_refused(run: Callable[..., Path], text: str) -> None:
    path = run(model=MODEL)
    (path / ".hydra/config.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"config\.yaml: is not"):
        read(path)
