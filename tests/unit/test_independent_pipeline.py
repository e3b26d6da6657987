"""The second pipeline equals Ultralytics when it is healthy, and each of its faults shows as that fault should."""

from __future__ import annotations

import ast
import math
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import independent_pipeline as pipeline
import numpy as np
import pytest
from independent_pipeline import Settings, as_array, detect
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIDE = 320
BOX_PX, SCORE = 0.01, 1e-4  # measured: 1.8e-4 px and 0 on 240 images at 640 and 320


# Agreement with Ultralytics


@dataclass(frozen=True, slots=True)
class Oracle:
    """One exported network, as Ultralytics and as the second pipeline run it."""

    model: Any
    network: Callable[[np.ndarray], np.ndarray]
    images: list[Path]

    def expected(self, **arguments: Any) -> list[np.ndarray]:
        """Return what Ultralytics finds in each image."""
        results = [self.model.predict(path, imgsz=SIDE, verbose=False, **arguments)[0] for path in self.images]
        return [result.boxes.data.numpy() for result in results]

    def found(self, **settings: Any) -> list[np.ndarray]:
        """Return what the second pipeline finds in each image."""
        return [as_array(detect(path, self.network, Settings(side=SIDE, **settings))) for path in self.images]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Export YOLOv8n once, with free height and width so that the rectangular fit runs too."""
    if "PARITY_MODELS" not in os.environ or "PARITY_DATA" not in os.environ:
        pytest.skip("PARITY_MODELS (a folder with yolov8n.pt) and PARITY_DATA (the folder coco128-val) are not set")
    folder = tmp_path_factory.mktemp("oracle")
    checkpoint = shutil.copy(Path(os.environ["PARITY_MODELS"]) / "yolov8n.pt", folder)
    images = sorted((Path(os.environ["PARITY_DATA"]) / "images").rglob("*.jpg"))[:16]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_OFFLINE", "true")
        patch.setenv("YOLO_AUTOINSTALL", "false")
        patch.setenv("YOLO_CONFIG_DIR", str(folder))
        ultralytics = pytest.importorskip("ultralytics")
        exported = ultralytics.YOLO(checkpoint).export(format="onnx", imgsz=SIDE, dynamic=True)
        yield Oracle(ultralytics.YOLO(exported, task="detect"), pipeline.onnx_network(Path(exported)), images)


@pytest.fixture(scope="module")
def healthy(oracle: Oracle) -> list[np.ndarray]:
    """Run the healthy pipeline once."""
    return oracle.found()


def differing(expected: list[np.ndarray], found: list[np.ndarray]) -> list[str]:
    """Describe each image in which two lists of detections differ."""
    return [
        f"image {place}: {len(ours)} detections for {len(theirs)}"
        for place, (theirs, ours) in enumerate(zip(expected, found, strict=True))
        if theirs.shape != ours.shape
        or not np.array_equal(theirs[:, 5], ours[:, 5])
        or not np.allclose(theirs[:, :4], ours[:, :4], rtol=0, atol=BOX_PX)
        or not np.allclose(theirs[:, 4], ours[:, 4], rtol=0, atol=SCORE)
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, about its own exporter
@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        pytest.param({"rect": False, "conf": 0.25, "iou": 0.7}, {}, id="defaults"),
        pytest.param({"rect": True}, {"fit": "rect"}, id="rect"),
        pytest.param({"rect": False, "conf": 0.1, "iou": 0.45}, {"confidence": 0.1, "iou": 0.45}, id="thresholds"),
        pytest.param({"rect": False, "agnostic_nms": True}, {"agnostic": True}, id="agnostic"),
        pytest.param({"rect": False, "max_det": 3}, {"max_detections": 3}, id="max_detections"),
    ],
)
def test_equals_ultralytics_on_the_same_network(oracle: Oracle, arguments: dict[str, Any], settings: dict[str, Any]) -> None:
    expected = oracle.expected(**arguments)

    assert sum(map(len, expected)) >= 16
    assert differing(expected, oracle.found(**settings)) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {"fit": "stretch"},
        {"fit": "rect"},
        {"pad": 0},
        {"pad_position": "top_left"},
        {"channels": "bgr"},
        {"divisor": 127.5},
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"interpolation": "area"},
        {"interpolation": "cubic"},
        {"interpolation": "nearest"},
        {"interpolation": "pil_bilinear"},
        {"input_layout": "reshape"},
        {"box_format": "xyxy"},
        {"box_scale": 1 / SIDE},
        {"score_scale": 0.9},
        {"sigmoids": 1},
        {"objectness": True},
        {"confidence": 0.3},
        {"iou": 0.3},
        {"class_offset": 1},
        {"unletterbox": "none"},
        {"unletterbox": "stretch"},
        {"unletterbox": "no_pad"},
        {"unletterbox": "exact_pad"},
        {"integer": True},
    ],
    ids=str,
)
def test_fault_changes_the_detections_of_a_real_network(oracle: Oracle, healthy: list[np.ndarray], settings: dict[str, Any]) -> None:
    assert differing(healthy, oracle.found(**settings)) != []


def test_comparison_with_ultralytics_turns_red_on_a_moved_box() -> None:
    expected = np.array([[0.0, 0.0, 10.0, 10.0, 0.5, 0.0]])

    assert differing([expected], [np.add(expected, [0.02, 0, 0, 0, 0, 0])]) == ["image 0: 1 detections for 1"]


# Faults before the network, on a painted picture


def painted_network(tensor: np.ndarray) -> np.ndarray:
    """See red as class 0 and blue as class 1, scored by 8 times their share of the input, and the whole input as class 2, by its mean."""
    red, green, blue = tensor[0]
    height, width = red.shape
    masks = [(red > 0.5) & (green < 0.2) & (blue < 0.2), (blue > 0.5) & (green < 0.2) & (red < 0.2)]
    whole = [width / 2, height / 2, width, height, 0, 0, 2 * tensor.mean()]
    return head([*around(masks[0]), 8 * masks[0].mean(), 0, 0], [*around(masks[1]), 0, 8 * masks[1].mean(), 0], whole)


def around(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Return centre and size of the box around the true pixels, zeros if there are none."""
    if not mask.any():
        return 0.0, 0.0, 0.0, 0.0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def head(*anchors: list[float]) -> np.ndarray:
    """Return a network output of one column per anchor: x, y, width, height and the class scores."""
    return np.array(anchors, dtype=np.float32).T[np.newaxis]


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    """Paint 128 by 64 pixels black, with a red square of 32 pixels at (32, 16)."""
    picture = np.zeros((64, 128, 3), dtype=np.uint8)
    picture[16:48, 32:64, 0] = 255
    Image.fromarray(picture).save(tmp_path / "painted.png")
    return tmp_path / "painted.png"


def test_healthy_pipeline_finds_the_square_where_it_was_painted(painted: Path) -> None:
    found = detect(painted, painted_network, Settings(side=64))

    assert found[0] == pipeline.Row(32, 16, 64, 48, score=0.5, class_index=0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"fit": "stretch"}, [32, 16, 64, 48, 1.0, 0], id="stretch doubles the square's share"),
        pytest.param({"fit": "rect"}, [32, 16, 64, 48, 1.0, 0], id="rect doubles the square's share"),
        pytest.param({"fit": "stretch", "unletterbox": "letterbox"}, [32, 0, 64, 64, 1.0, 0], id="stretch undone as a letterbox"),
        pytest.param({"pad_position": "top_left"}, [32, 16, 64, 48, 0.5, 0], id="top-left pad undone as such"),
        pytest.param(
            {"pad_position": "top_left", "unletterbox": "letterbox"}, [32, 0, 64, 16, 0.5, 0], id="top-left pad undone as centred"
        ),
        pytest.param({"channels": "bgr"}, [32, 16, 64, 48, 0.5, 1], id="red is seen as blue"),
        pytest.param({"unletterbox": "none"}, [16, 24, 32, 40, 0.5, 0], id="network coordinates"),
        pytest.param({"unletterbox": "no_pad"}, [32, 48, 64, 64, 0.5, 0], id="the pad stays on"),
        pytest.param({"unletterbox": "stretch"}, [32, 24, 64, 40, 0.5, 0], id="each axis by its own gain"),
        pytest.param({"swapped": "resize"}, [48, 0, 64, 64, 0.5, 0], id="the picture stands upright, the boxes do not"),
        pytest.param({"swapped": "restore"}, [0, 48, 32, 80, 0.5, 0], id="the pad of an upright picture comes off"),
        pytest.param({"corner_offset": (0, 1)}, [32, 16, 65, 49, 0.5, 0], id="last pixel counted in"),
        pytest.param({"corner_offset": (-0.5, -0.5)}, [31.5, 15.5, 63.5, 47.5, 0.5, 0], id="half a pixel off"),
    ],
)
def test_geometry_or_colour_fault_moves_the_square_as_foretold(painted: Path, settings: dict[str, Any], expected: list[float]) -> None:
    found = as_array(detect(painted, painted_network, Settings(side=64, **settings)))

    assert found.tolist()[0] == expected


@pytest.mark.parametrize(
    ("settings", "mean"),
    [
        pytest.param({}, (64 * 32 * 114 + 16 * 16 * 255 / 3) / 4096 / 255, id="healthy"),
        pytest.param({"pad": 0}, 16 * 16 / 3 / 4096, id="black pad"),
        pytest.param({"integer_division": True}, 16 * 16 / 3 / 4096, id="whole numbers only"),
        pytest.param({"divisor": 1.0}, (64 * 32 * 114 + 16 * 16 * 255 / 3) / 4096, id="no division"),
        pytest.param({"mean": (-1.0, -1.0, -1.0)}, 1 + (64 * 32 * 114 + 16 * 16 * 255 / 3) / 4096 / 255, id="mean"),
        pytest.param({"std": (0.5, 0.5, 0.5)}, 2 * (64 * 32 * 114 + 16 * 16 * 255 / 3) / 4096 / 255, id="standard deviation"),
    ],
)
def test_value_fault_gives_the_input_the_mean_it_should(painted: Path, settings: dict[str, Any], mean: float) -> None:
    tensor, _ = pipeline.prepare(painted, Settings(side=64, **settings))

    assert tensor.mean(dtype=np.float64) == pytest.approx(mean, rel=1e-6)


def test_missing_division_lifts_a_score_above_one(painted: Path) -> None:
    assert detect(painted, painted_network, Settings(side=64, divisor=1.0))[0].score > 100


def test_second_division_loses_the_square(painted: Path) -> None:
    assert detect(painted, painted_network, Settings(side=64, divisor=255.0**2)) == []


def test_reshaped_input_loses_the_square(painted: Path) -> None:
    found = as_array(detect(painted, painted_network, Settings(side=64, input_layout="reshape")))

    assert 0 not in found[:, 5]


def test_small_image_stays_small_without_scale_up(painted: Path) -> None:
    _, placement = pipeline.prepare(painted, Settings(side=256, scale_up=False))

    assert (placement.resized_width, placement.left, placement.top) == (128, 64, 96)


@pytest.mark.parametrize("reader", ["opencv", "pillow"])
@pytest.mark.parametrize(("exif", "box"), [(True, (16, 32, 48, 64)), (False, (32, 16, 64, 48))])
def test_orientation_is_applied_only_when_asked(painted: Path, reader: str, exif: bool, box: tuple[float, ...]) -> None:  # noqa: FBT001
    orientation = Image.Exif()
    orientation[0x0112] = 6  # the stored picture has to be turned a quarter clockwise
    Image.open(painted).save(painted.with_suffix(".jpg"), exif=orientation, quality=95)

    found = detect(painted.with_suffix(".jpg"), painted_network, Settings(side=64, exif=exif, reader=reader))

    assert found[0].box == box


def test_pad_of_the_other_border_moves_boxes_by_a_whole_network_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (64, 33)).save(tmp_path / "odd.png")  # 31 rows of padding: 15 above, 16 below

    healthy, faulty = (
        detect(tmp_path / "odd.png", lambda _: head([32, 32, 8, 8, 0.9]), Settings(side=64, unletterbox=way))[0].box
        for way in ("inverse", "other_pad")
    )

    assert np.subtract(faulty, healthy).tolist() == [0, -1, 0, -1]


def test_each_interpolation_gives_other_pixels(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (75, 150, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    names = ["linear", "area", "cubic", "nearest", "pil_bilinear"]

    tensors = {pipeline.prepare(tmp_path / "noise.png", Settings(side=64, interpolation=name))[0].tobytes() for name in names}

    assert len(tensors) == len(names)


def test_unrounded_pad_moves_boxes_by_half_a_network_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (64, 33)).save(tmp_path / "odd.png")  # 31 rows of padding: 15 above, 16 below

    healthy, faulty = (
        detect(tmp_path / "odd.png", lambda _: head([32, 32, 8, 8, 0.9]), Settings(side=64, unletterbox=way))[0].box
        for way in ("inverse", "exact_pad")
    )

    assert np.subtract(faulty, healthy).tolist() == [0, -0.5, 0, -0.5]


# Faults after the network: the picture is as large as the input, so network and image coordinates are the same

SCRIPTED = head(
    [32.6, 20, 16, 16, 0.9, 0.4],
    [33.6, 20, 16, 16, 0.8, 0.1],  # overlaps the first by 0.88 in its class
    [32.6, 22, 16, 16, 0.2, 0.7],  # overlaps the first by 0.78 in the other class
    [32.6, 26, 16, 16, 0.6, 0.1],  # overlaps the first by 0.45 in its class
    [60.0, 60, 16, 16, 0.0, 0.3],  # hangs over the border
)
FIRST, OTHER_CLASS, NEIGHBOUR, BORDER = 0, 1, 2, 3  # places among the healthy detections


def scripted(tmp_path: Path, **settings: Any) -> list[list[float]]:
    """Return what is made of the scripted output, with 5 decimals."""
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    found = detect(tmp_path / "black.png", lambda _: SCRIPTED, Settings(side=64, **settings))
    return as_array(found).round(5).tolist()


def test_healthy_decoding_keeps_one_box_per_object_and_class(tmp_path: Path) -> None:
    assert scripted(tmp_path) == [
        [24.6, 12, 40.6, 28, 0.9, 0],
        [24.6, 14, 40.6, 30, 0.7, 1],
        [24.6, 18, 40.6, 34, 0.6, 0],
        [52, 52, 64, 64, 0.3, 1],
    ]


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        pytest.param({"confidence": 0.3001}, [FIRST, OTHER_CLASS, NEIGHBOUR], id="confidence"),
        pytest.param({"iou": 0.4}, [FIRST, OTHER_CLASS, BORDER], id="iou"),
        pytest.param({"agnostic": True}, [FIRST, NEIGHBOUR, BORDER], id="agnostic"),
        pytest.param({"max_detections": 2}, [FIRST, OTHER_CLASS], id="max detections"),
        pytest.param({"max_candidates": 3}, [FIRST, OTHER_CLASS], id="max candidates"),
        pytest.param({"nms": False, "max_detections": 1}, [FIRST], id="no suppression, one detection"),
    ],
)
def test_suppression_setting_keeps_exactly_these(tmp_path: Path, settings: dict[str, Any], kept: list[int]) -> None:
    healthy = scripted(tmp_path)

    assert scripted(tmp_path, **settings) == [healthy[place] for place in kept]


def test_lax_overlap_lets_the_twin_through(tmp_path: Path) -> None:
    assert [25.6, 12, 41.6, 28, 0.8, 0] in scripted(tmp_path, iou=0.9)


def test_without_suppression_every_box_stays(tmp_path: Path) -> None:
    assert [score for *_, score, _ in scripted(tmp_path, nms=False)] == [0.9, 0.8, 0.7, 0.6, 0.3]


def test_multi_label_gives_the_first_anchor_its_second_class(tmp_path: Path) -> None:
    found = scripted(tmp_path, multi_label=True, iou=0.99)

    assert [24.6, 12, 40.6, 28, 0.4, 1] in found


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        pytest.param({"box_format": "xyxy"}, [32.6, 20, 16, 16, 0.9, 0], id="xywh read as corners"),
        pytest.param({"box_scale": 0.5}, [12.3, 6, 20.3, 14, 0.9, 0], id="scaled boxes"),
        pytest.param({"score_scale": 0.5}, [24.6, 12, 40.6, 28, 0.45, 0], id="scaled scores"),
        pytest.param({"objectness": True, "confidence": 0.1}, [24.6, 12, 40.6, 28, 0.36, 0], id="first class as objectness"),
        pytest.param({"class_offset": 1}, [24.6, 12, 40.6, 28, 0.9, 1], id="class offset"),
        pytest.param({"integer": True}, [24, 12, 40, 28, 0.9, 0], id="integer"),
    ],
)
def test_decoding_fault_changes_the_best_detection_as_foretold(tmp_path: Path, settings: dict[str, Any], first: list[float]) -> None:
    assert scripted(tmp_path, **settings)[0] == first


def test_extra_sigmoid_lifts_all_scores_to_at_least_a_half(tmp_path: Path) -> None:
    scores = [score for *_, score, _ in scripted(tmp_path, sigmoids=1)]

    assert min(scores) > 0.5
    assert max(scores) == pytest.approx(1 / (1 + math.exp(-0.9)), abs=1e-5)


def test_logits_of_scores_lie_where_the_sigmoid_gives_the_scores_back(tmp_path: Path) -> None:
    logits = [score for *_, score, _ in scripted(tmp_path, sigmoids=-1)]

    assert [1 / (1 + math.exp(-logit)) for logit in logits] == pytest.approx([0.9, 0.7, 0.6], abs=1e-5)  # a logit of 0.3 is negative


def test_scaled_boxes_are_suppressed_by_their_scaled_overlap(tmp_path: Path) -> None:
    assert len(scripted(tmp_path, box_scale=0)) == 5  # boxes without extent overlap nothing


def test_second_extra_sigmoid_compresses_the_scores_again(tmp_path: Path) -> None:
    scores = [score for *_, score, _ in scripted(tmp_path, sigmoids=2)]

    assert max(scores) == pytest.approx(1 / (1 + math.exp(-1 / (1 + math.exp(-0.9)))), abs=1e-5)


def test_reshaped_output_puts_pixels_among_the_scores(tmp_path: Path) -> None:
    assert scripted(tmp_path, output_layout="reshape")[0][4] > 1


def test_box_over_the_border_stays_there_without_clipping(tmp_path: Path) -> None:
    assert scripted(tmp_path, clip=False)[BORDER] == [52, 52, 68, 68, 0.3, 1]


def test_nothing_found_is_an_array_of_no_rows(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")

    assert as_array(detect(tmp_path / "black.png", lambda _: SCRIPTED, Settings(side=64, confidence=1.0))).shape == (0, 6)


def test_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")

    with pytest.raises(ValueError, match=r"broken\.jpg"):
        detect(tmp_path / "broken.jpg", painted_network, Settings())


# Independence


def imported(source: str) -> set[str]:
    """Return the top-level names of all modules that a source text imports anywhere."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    relative = {"." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name if name.startswith(".") else name.partition(".")[0] for name in plain | relative}


def test_second_pipeline_imports_nothing_that_it_judges() -> None:
    allowed = {"PIL", "cv2", "numpy", "onnxruntime"}

    assert imported(Path(pipeline.__file__).read_text(encoding="utf-8")) - sys.stdlib_module_names == allowed


@pytest.mark.parametrize("source", ["import parity.boxes", "def f():\n    from parity import boxes", "import os, parity as p"])
def test_import_check_turns_red_on_an_import_of_parity(source: str) -> None:
    assert "parity" in imported(source)
