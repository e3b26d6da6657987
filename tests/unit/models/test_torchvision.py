"""FasterRCNN from a run directory: weights only, every weight in its place, and the network torchvision's own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if find_spec("torchvision") is None:
    pytest.skip("run directories need torchvision", allow_module_level=True)

import torch
import yaml

from parity.errors import BadInput, UntrustedInput
from parity.models import Checkpoint, load_checkpoint
from parity.models.architectures import build
from parity.spec import BoxUnits, Fit, HeadLayout, Suppressor

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = {"name": "fasterrcnn_light_fpn", "num_classes": 3, "box_score_thresh": 0.1, "box_detections_per_img": 7}


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """The state dict of a light detector with random weights."""
    torch.manual_seed(0)
    return build("fasterrcnn_light_fpn", num_classes=3).state_dict()


@pytest.fixture
def run(tmp_path: Path, weights: dict[str, torch.Tensor]) -> Callable[..., Path]:
    """Make a run directory; ``stored`` is what its checkpoint holds, ``model`` what its configuration says."""

    def make(stored: Any = None, **model: Any) -> Path:
        (tmp_path / ".hydra").mkdir(exist_ok=True)
        config = {"model": {**MODEL, **model}, "dataset": {"classes": ["cat", "dog"]}}
        (tmp_path / ".hydra/config.yaml").write_text(yaml.safe_dump(config))
        torch.save(weights if stored is None else stored, tmp_path / "best_model.pth")
        return tmp_path

    return make


def outputs(checkpoint: Checkpoint) -> tuple[torch.Tensor, ...]:
    """What a network answers to two structured images."""
    images = torch.rand(2, 3, 96, 130, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return tuple(checkpoint.network(images))


def test_the_spec_is_torchvisions(run: Callable[..., Path]) -> None:
    spec = load_checkpoint(run()).spec
    assert (spec.names, spec.preprocess.fit, spec.preprocess.target_size) == (("cat", "dog"), Fit.NATIVE, None)
    assert (spec.head.layout, spec.head.box_units, spec.head.class_offset) == (HeadLayout.BOXES_SCORES_LABELS, BoxUnits.NORMALISED, 1)
    assert (spec.suppress.method, spec.suppress.graph_confidence, spec.suppress.iou) == (Suppressor.IN_GRAPH, 0.1, 0.5)
    assert (spec.suppress.confidence, spec.suppress.max_detections) == (0.1, 7)


def test_a_batch_answers_as_torchvision_does_image_by_image(run: Callable[..., Path], weights: dict[str, torch.Tensor]) -> None:
    detector = build("fasterrcnn_light_fpn", num_classes=3, box_detections_per_img=7).eval()
    detector.load_state_dict(weights)
    images = torch.rand(2, 3, 96, 130, generator=torch.Generator().manual_seed(1))

    location, score, category = outputs(load_checkpoint(run(box_score_thresh=0.05)))

    with torch.inference_mode():
        theirs = detector(list(images))
    assert location.shape == (2, max(len(each["scores"]) for each in theirs), 4)
    assert sum(len(each["scores"]) for each in theirs) > 0
    for row, each in enumerate(theirs):
        n = len(each["scores"])
        torch.testing.assert_close(location[row, :n] * torch.tensor([130, 96, 130, 96]), each["boxes"], rtol=1e-6, atol=1e-4)
        torch.testing.assert_close(score[row, :n], each["scores"], rtol=0, atol=0)
        assert torch.equal(category[row, :n], each["labels"])
        assert not score[row, n:].any()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: {"model_state_dict": w, "epoch": 3},
        lambda w: {"state_dict": {f"model.{name}": value for name, value in w.items()}},
        lambda w: {f"module.{name}": value for name, value in w.items()},
        lambda w: {name: value.half() if value.is_floating_point() else value for name, value in w.items()},
        lambda w: {name: value for name, value in w.items() if not name.endswith("num_batches_tracked")},
    ],
    ids=["in a checkpoint", "of Lightning", "of DataParallel", "half precision", "of frozen normalisation"],
)
def test_weights_are_found_however_they_were_kept(run: Callable[..., Path], weights: dict[str, torch.Tensor], wrap: Any) -> None:
    plain, wrapped = load_checkpoint(run()), load_checkpoint(run(wrap(weights)))
    pairs = zip(plain.network.state_dict().items(), wrapped.network.state_dict().values(), strict=True)
    assert all(torch.allclose(one, other, rtol=1e-3, atol=1e-3) for (name, one), other in pairs if "num_batches" not in name)
    assert all(value.dtype is torch.float32 for value in wrapped.network.parameters())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda w: {name: value for name, value in w.items() if name != "rpn.head.cls_logits.bias"}, "1 missing: rpn.head.cls_logits.bias"),
        (lambda w: {**w, "extra.weight": torch.zeros(1)}, "1 not of this network: extra.weight"),
        (lambda w: {**w, "rpn.head.cls_logits.bias": torch.zeros(9)}, r"1 of another shape: rpn.head.cls_logits.bias \(9,\)"),
    ],
    ids=["missing", "foreign", "misshapen"],
)
def test_weights_that_do_not_fit_are_refused(run: Callable[..., Path], weights: dict[str, torch.Tensor], change: Any, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        load_checkpoint(run(change(weights)))


def test_an_unsupported_architecture_is_refused_with_those_that_are(run: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match=r"model\.name is not supported; found retinanet_resnet50_fpn; expected fasterrcnn_resnet50_fpn, "):
        load_checkpoint(run(name="retinanet_resnet50_fpn"))


def test_another_number_of_classes_is_refused(run: Callable[..., Path]) -> None:
    path = run(num_classes=4)
    (path / ".hydra/config.yaml").write_text(
        yaml.safe_dump({"model": {**MODEL, "num_classes": 4}, "dataset": {"classes": ["a", "b", "c"]}})
    )
    with pytest.raises(BadInput, match=r"of another shape: roi_heads.box_predictor"):
        load_checkpoint(path)


def test_a_whole_model_is_refused_without_running_it(run: Callable[..., Path]) -> None:
    with pytest.raises(UntrustedInput, match=r"holds more than weights.*\n.*model\.state_dict\(\)"):
        load_checkpoint(run(build("fasterrcnn_light_fpn", num_classes=3)))


@pytest.mark.parametrize("stored", [[1, 2], {"a": 1}, {}], ids=["a list", "no tensors", "nothing"])
def test_what_is_no_state_dict_is_refused(run: Callable[..., Path], stored: Any) -> None:
    with pytest.raises(BadInput, match="is not a state dict"):
        load_checkpoint(run(stored))


def test_weights_that_are_no_numbers_are_refused(run: Callable[..., Path], weights: dict[str, torch.Tensor]) -> None:
    with pytest.raises(BadInput, match=r"the training diverged; found 1 tensors with NaN or infinity: rpn\.head"):
        load_checkpoint(run({**weights, "rpn.head.cls_logits.bias": torch.full((3,), torch.nan)}))


def test_a_truncated_file_is_refused(run: Callable[..., Path]) -> None:
    path = run() / "best_model.pth"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadInput, match="truncated or damaged"):
        load_checkpoint(path.parent)


def test_the_digest_covers_weights_and_configuration(run: Callable[..., Path], weights: dict[str, torch.Tensor]) -> None:
    first = load_checkpoint(run()).sha256
    assert load_checkpoint(run()).sha256 == first
    assert load_checkpoint(run(box_nms_thresh=0.6)).sha256 != first
    assert load_checkpoint(run({**weights, "rpn.head.cls_logits.bias": torch.ones(3)})).sha256 != first


def test_the_first_image_does_not_decide_what_later_ones_give(run: Callable[..., Path]) -> None:
    fresh, path = load_checkpoint(run(box_score_thresh=0.0)), run(box_score_thresh=0.0)
    used = load_checkpoint(path)
    with torch.inference_mode():
        used.network(torch.rand(1, 3, 20, 640))
    assert all(torch.equal(one, other) for one, other in zip(outputs(fresh), outputs(used), strict=True))


def test_loading_draws_no_random_numbers(run: Callable[..., Path]) -> None:
    path = run()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_checkpoint(path)
    assert torch.equal(torch.rand(1), expected)
