"""The exported FasterRCNN detects what the eager network of torchvision detects, image by image."""

from __future__ import annotations

import io
from contextlib import nullcontext
from copy import deepcopy
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if find_spec("torchvision") is None:
    pytest.skip("the oracle is torchvision, which is not installed", allow_module_level=True)

import onnx
import onnxruntime
import torch
from oracles.seeded_fasterrcnn import image, seeded
from torch import Tensor, nn
from torchvision.ops import batched_nms, boxes

from parity.backends.onnx_file import inspect_model
from parity.backends.quiet import quiet_torch
from parity.convert import torchvision_onnx
from parity.convert.eager_tracing import MOVED_UP_TO, suppress_by_class, traced_as_eager
from parity.convert.torchvision_onnx import export_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Size = tuple[int, int]  # height, width
LIGHT, MOBILENET = "fasterrcnn_light_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn"
SMALL = {"min_size": 160, "max_size": 320}  # half of 320 and 640, and so the same rounding at the same sizes
ORDINARY = (120, 160)
OFF_BY_ONE = [(32, 77), (77, 32), (154, 154), (301, 301)]  # where float32 and double give another size
SIZES = [ORDINARY, (160, 120), (90, 260), (300, 75), (213, 160)]
LIMIT_PX, LIMIT_SCORE = 0.005, 3e-5  # ten times what float32 differs from float64 in these networks: 5e-4 px and 3e-6
APART_PX = 1.0  # that a fault is at least


@pytest.fixture(autouse=True)
def talkative() -> None:
    """ONNX Runtime as it starts: other tests of a process may have silenced it."""
    onnxruntime.set_default_logger_severity(2)


@pytest.fixture(scope="module")
def light() -> Any:
    """The small network."""
    return seeded(LIGHT, **SMALL)


@pytest.fixture(scope="module")
def file(light: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export."""
    return exported(light, tmp_path_factory.mktemp("exported") / "light.onnx")


def exported(network: Any, path: Path) -> Path:
    """The path, after the export."""
    export_onnx(network, path)
    return path


def opened(file: Path) -> Any:
    """A session of one thread: several would wait for one another where tests run side by side."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options)


def batch(size: Size, count: int) -> Tensor:
    """Several images (count, 3, height, width)."""
    return torch.stack([image(size, seed=100 + index) for index in range(count)])


def eager(network: Any, images: Tensor) -> list[NDArray[np.float64]]:
    """What torchvision detects in each image: rows of x1, y1, x2, y2 in pixels, score and label."""
    with torch.no_grad():
        found = [network([single])[0] for single in images]
    return [np.column_stack([each["boxes"], each["scores"], each["labels"]]).astype(np.float64) for each in found]


def run(session: Any, images: Tensor) -> list[NDArray[np.float64]]:
    """The same from the file, in one run; rows of score 0 are the filling."""
    height, width = images.shape[2:]
    location, score, category = session.run(None, {"input": images.numpy()})
    corners = location.astype(np.float64) * [width, height, width, height]
    rows = np.concatenate([corners, score[..., None], category[..., None]], axis=2)
    return [each[each[:, 4] > 0] for each in rows]


def apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    """The largest differences in px and score of any detection from the nearest of its class on the other side."""
    found = [nearest(row, other) for one, other in ((first, second), (second, first)) for row in one]
    return max(px for px, _ in found), max(score for _, score in found)


def nearest(row: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """The difference from the one that explains the row best; infinite where its class is not there."""
    px = np.where(others[:, 5] == row[5], np.abs(others[:, :4] - row[:4]).max(axis=1), np.inf)
    score = np.abs(others[:, 4] - row[4])
    best = np.argmin(np.maximum(px / LIMIT_PX, score / LIMIT_SCORE))
    return px[best], score[best]


def differences(network: Any, file: Path, sizes: Sequence[Size], *, count: int = 1) -> NDArray[np.float64]:
    """The largest difference in px and score (images, 2) in each image of batches of these sizes."""
    session, batches = opened(file), [batch(size, count) for size in sizes]
    pairs = [pair for images in batches for pair in zip(eager(network, images), run(session, images), strict=True)]
    return np.array([apart(reference, candidate) for reference, candidate in pairs])


def assert_agree(network: Any, file: Path, sizes: Sequence[Size], *, count: int = 1) -> None:
    """Every detection of either side is one of the other's."""
    px, score = differences(network, file, sizes, count=count).max(axis=0)
    assert (px <= LIMIT_PX, score <= LIMIT_SCORE) == (True, True), f"apart by {px:.3g} px and {score:.3g} in score"


# The contract


def test_the_file_has_the_names_types_and_open_axes_of_the_contract(file: Path) -> None:
    session = opened(file)
    assert [(each.name, each.type, each.shape) for each in (*session.get_inputs(), *session.get_outputs())] == [
        ("input", "tensor(float)", ["batch_size", 3, "height", "width"]),
        ("location", "tensor(float)", ["batch_size", "detections", 4]),
        ("score", "tensor(float)", ["batch_size", "detections"]),
        ("category", "tensor(int64)", ["batch_size", "detections"]),
    ]


def test_the_file_passes_the_checker_and_strict_shape_inference(file: Path) -> None:
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)


def test_the_file_needs_no_foreign_operator_and_no_other_file(file: Path) -> None:
    assert not inspect_model(file.read_bytes(), file).external


def test_onnx_runtime_opens_and_runs_it_without_a_word(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    onnxruntime.InferenceSession(file).run(None, {"input": batch(ORDINARY, 2).numpy()})
    assert capfd.readouterr() == ("", "")


def test_a_file_that_onnx_runtime_warns_of_is_noticed(file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(file)
    model.graph.initializer.add().CopyFrom(onnx.numpy_helper.from_array(np.zeros(2), "unused"))
    onnx.save(model, tmp_path / "unused.onnx")
    opened(tmp_path / "unused.onnx")
    assert "unused" in capfd.readouterr().err


def test_the_file_names_no_path_of_this_machine(file: Path) -> None:
    content = file.read_bytes()
    assert [trace for trace in (b"/tmp", b"site-packages", b"/work", b"/home", b".py\x22") if trace in content] == []


def test_one_network_gives_the_same_bytes_twice(light: Any, file: Path, tmp_path: Path) -> None:
    assert exported(light, tmp_path / "again.onnx").read_bytes() == file.read_bytes()


def test_the_network_and_torchvision_stay_as_they_were(tmp_path: Path) -> None:
    network = seeded(LIGHT, **SMALL).train()
    state, named = deepcopy(network.state_dict()), set(vars(network.transform))
    export_onnx(network, tmp_path / "light.onnx")
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert (network.training, network.roi_heads.box_roi_pool.scales, set(vars(network.transform))) == (True, None, named)
    assert boxes.batched_nms is batched_nms


def test_torchvision_suppresses_as_before_after_an_export_that_fails(light: Any) -> None:
    network = deepcopy(light)
    with pytest.raises(ValueError, match="unfit"), traced_as_eager(network):
        raise ValueError("unfit")
    assert boxes.batched_nms is batched_nms
    assert set(vars(network.transform)) == set(vars(light.transform))


# The same detections


def test_the_seeded_network_tells_its_detections_apart(light: Any) -> None:
    assert len(np.unique(eager(light, batch(ORDINARY, 1))[0][:, 4])) > 50


@pytest.mark.parametrize("count", [1, 2, 8])
def test_every_image_of_a_batch_has_the_detections_of_the_eager_network(light: Any, file: Path, count: int) -> None:
    assert_agree(light, file, [ORDINARY, (160, 120)], count=count)


def test_images_of_other_sides_agree(light: Any, file: Path) -> None:
    assert_agree(light, file, SIZES)


def test_sizes_at_which_float32_rounds_otherwise_than_double_agree(light: Any, file: Path) -> None:
    assert_agree(light, file, OFF_BY_ONE)


@pytest.mark.parametrize("size", OFF_BY_ONE)
def test_a_plain_trace_is_found_to_differ_there(light: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: Size) -> None:
    monkeypatch.setattr(torchvision_onnx, "traced_as_eager", nullcontext)
    assert differences(light, exported(light, tmp_path / "plain.onnx"), [size])[0, 0] > APART_PX


@pytest.mark.slow
def test_two_hundred_sizes_agree_but_for_boxes_that_overlap_by_just_the_threshold(light: Any, file: Path) -> None:
    sizes = np.random.default_rng(3).integers(40, 700, (200, 2)).tolist()
    found = differences(light, file, [(height, width) for height, width in sizes])
    assert ((found <= [LIMIT_PX, LIMIT_SCORE]).all(axis=1)).sum() >= 197  # float64 keeps another box than float32 in 1 of 200


def test_more_boxes_than_the_eager_network_moves_agree(tmp_path: Path) -> None:
    network = seeded(LIGHT, **SMALL, rpn_pre_nms_top_n_test=1000, rpn_post_nms_top_n_test=1000)
    assert_agree(network, exported(network, tmp_path / "many.onnx"), [(160, 213), *OFF_BY_ONE])


@pytest.mark.slow
def test_the_mobilenet_of_torchvision_agrees(tmp_path: Path) -> None:
    network = seeded(MOBILENET)
    assert len(np.unique(eager(network, batch((480, 640), 1))[0][:, 4])) > 50
    found = differences(network, exported(network, tmp_path / "mobilenet.onnx"), [(480, 640), (640, 427), (154, 154), (301, 301)])
    assert (found <= [0.05, 1e-4]).all(), found  # float32 differs from float64 by 0.03 px and 1.3e-4 at most, mostly 0.007 px and 2e-5


# How many detections there are


def thresholded(network: Any, threshold: float, path: Path) -> tuple[Any, Any]:
    """The network at another score threshold, and a session of its export."""
    copy = deepcopy(network)
    copy.roi_heads.score_thresh = threshold
    return copy, opened(exported(copy, path))


def test_no_detection_in_any_image_gives_no_rows(light: Any, tmp_path: Path) -> None:
    _, session = thresholded(light, 0.999, tmp_path / "none.onnx")
    outputs = session.run(None, {"input": batch(ORDINARY, 2).numpy()})
    assert [output.shape for output in outputs] == [(2, 0, 4), (2, 0), (2, 0)]


def test_shorter_rows_end_in_zeros(light: Any, tmp_path: Path) -> None:
    network, session = thresholded(light, 0.5, tmp_path / "few.onnx")
    images = batch(ORDINARY, 4)
    counts = np.array([len(rows) for rows in eager(network, images)])
    location, score, category = session.run(None, {"input": images.numpy()})
    filled = np.arange(counts.max()) < counts[:, None]
    assert len(set(counts.tolist())) > 1
    assert (score.shape, category.dtype) == (filled.shape, np.int64)
    assert ((score > 0) == filled).all()
    assert ((category > 0) == filled).all()
    assert (location[~filled] == 0).all()


# Suppression


class Suppression(nn.Module):
    """Suppression alone, as a network."""

    def __init__(self, iou: float) -> None:
        super().__init__()
        self.iou = iou

    def forward(self, boxes: Tensor, scores: Tensor, classes: Tensor) -> Tensor:
        """Indices of the kept."""
        return suppress_by_class(boxes, scores, classes, self.iou)


def crowd(count: int, *, seed: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes at whole pixels that overlap much, distinct scores, five classes of which one may be empty."""
    generator = np.random.default_rng(seed)
    corners = generator.integers(0, 30, (count, 2))
    sides = np.concatenate([corners, corners + generator.integers(1, 16, (count, 2))], axis=1)
    scores = generator.permutation(np.linspace(0.1, 0.9, count, dtype=np.float32))
    return torch.from_numpy(sides.astype(np.float32)), torch.from_numpy(scores), torch.from_numpy(generator.integers(0, 5, count))


def kept_by_node(arguments: tuple[Tensor, Tensor, Tensor], iou: float) -> list[int]:
    """What ONNX Runtime keeps, by a graph that was traced with other boxes."""
    names, stream = ["boxes", "scores", "classes"], io.BytesIO()
    axes = {name: {0: "n"} for name in names}
    with quiet_torch():
        torch.onnx.export(Suppression(iou), crowd(7, seed=1), stream, dynamo=False, opset_version=17, input_names=names, dynamic_axes=axes)
    fed = {name: value.numpy() for name, value in zip(names, arguments, strict=True)}
    return onnxruntime.InferenceSession(stream.getvalue()).run(None, fed)[0].tolist()


@pytest.mark.parametrize("iou", [0.0, 0.5, 0.6, 0.7, 1 / 3])  # 0.6 and 1/3 are less than their float32, 0.7 is more
@pytest.mark.parametrize("count", [0, 1, 60, MOVED_UP_TO, MOVED_UP_TO + 1])
def test_the_node_keeps_the_boxes_that_torchvision_keeps(count: int, iou: float) -> None:
    arguments = crowd(count)
    kept = batched_nms(*arguments, iou).tolist()
    assert suppress_by_class(*arguments, iou).tolist() == kept
    assert kept_by_node(arguments, iou) == kept


def test_up_to_a_thousand_boxes_the_rounding_of_moved_boxes_is_torchvisions() -> None:
    corners = [[0.0, 0, 10, 10], [0, 0, 10, 5.01], [9e5, 9e5, 9e5 + 1, 9e5 + 1]]
    everything = torch.tensor(corners), torch.tensor([0.9, 0.8, 0.7]), torch.ones(3).long()
    kept = batched_nms(*everything, 0.5).tolist()
    assert kept != [0, 2]  # as it would be unmoved: the overlap is 0.501
    assert kept_by_node(everything, 0.5) == kept
