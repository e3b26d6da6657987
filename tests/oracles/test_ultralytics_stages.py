"""Every stage equals Ultralytics' own: fitting, suppression, restoring, and the heads of its networks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles.samples import rows_of, seeds
from oracles.theirs import LetterBox, nms_rows, scaled

from parity.backends.pytorch import PyTorchSession
from parity.decode import decode
from parity.detections import Detections
from parity.preprocess import plan, preprocess
from parity.restore import restore
from parity.spec import Activation, BoxFormat, BoxUnits, Fit, Head, HeadLayout, PadPosition, Preprocess, Restore, Suppress, Suppressor
from parity.suppress import suppress

sides = st.integers(1, 900)
network_sides = st.integers(1, 6).map(lambda n: 32 * n)
images = st.tuples(sides, sides, seeds)


def picture(height: int, width: int, seed: int) -> np.ndarray:
    """Noise, so that every pixel matters."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


# Preprocess


@given(
    images, st.tuples(network_sides, network_sides), st.sampled_from([Fit.LETTERBOX, Fit.RECT, Fit.STRETCH]), st.booleans(), st.booleans()
)
def test_preprocess_equals_letterbox_pixel_for_pixel(
    image: tuple[int, int, int],
    size: tuple[int, int],
    fit: Fit,
    scale_up: bool,  # noqa: FBT001 - hypothesis draws it
    center: bool,  # noqa: FBT001
) -> None:
    pixels = picture(*image)
    position = PadPosition.CENTER if center else PadPosition.TOP_LEFT
    ours = preprocess(pixels, Preprocess(size=size, fit=fit, scale_up=scale_up, pad_position=position))
    theirs = LetterBox(size, auto=fit is Fit.RECT, scale_fill=fit is Fit.STRETCH, scaleup=scale_up, center=center)(image=pixels)
    assert ours.geometry.network_size == theirs.shape[:2]
    np.testing.assert_array_equal(ours.tensor[0].transpose(1, 2, 0), theirs.astype(np.float32) / np.float32(255))


def test_another_interpolation_is_seen_by_that_comparison() -> None:
    pixels = picture(50, 70, 0)
    ours = preprocess(pixels, Preprocess(size=(64, 64))).tensor[0].transpose(1, 2, 0)
    theirs = LetterBox((64, 64), interpolation=cv2.INTER_AREA)(image=pixels).astype(np.float32) / 255
    assert not np.array_equal(ours, theirs)


# Restore


@given(st.tuples(sides, sides), st.tuples(network_sides, network_sides), seeds)
def test_restore_equals_scale_boxes(image_size: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    geometry, _ = plan(image_size, Preprocess(size=size))
    boxes = np.random.default_rng(seed).uniform(-20, 220, (5, 4))
    ours = restore(Detections.best_first(boxes, np.zeros(5), np.zeros(5)), geometry, Restore())
    np.testing.assert_allclose(ours.boxes, scaled(boxes, geometry), rtol=1e-12, atol=1e-9)


def test_the_unrounded_padding_is_seen_by_that_comparison() -> None:
    geometry, _ = plan((31, 64), Preprocess(size=(64, 64)))
    boxes = np.array([[10.0, 20.0, 30.0, 40.0]])
    off = restore(Detections.best_first(boxes, [0.5], [0]), replace(geometry, pad_y=geometry.exact_pad_y), Restore())
    assert not np.allclose(off.boxes, scaled(boxes, geometry), atol=1e-9)


# Decode and suppress


def random_head(rng: np.random.Generator, anchors: int, classes: int) -> np.ndarray:
    """A raw head [1, 4 + classes, anchors] whose scores all differ and whose boxes crowd."""
    places = np.concatenate([rng.uniform(20, 100, (2, anchors)), rng.uniform(5, 60, (2, anchors))])
    scores = rng.permutation(anchors * classes).reshape(classes, anchors) / (anchors * classes)
    return np.concatenate([places, scores]).astype(np.float32)[None]


settings_of_nms = st.builds(
    Suppress,
    confidence=st.sampled_from([0.0, 0.001, 0.25, 0.3, 0.9, 1.0]),
    iou=st.sampled_from([0.0, 0.3, 0.45, 0.7, 1.0]),
    class_agnostic=st.booleans(),
    multi_label=st.booleans(),
    max_candidates=st.sampled_from([1, 20, 30_000]),
    max_detections=st.sampled_from([1, 10, 300]),
)


@given(seeds, st.sampled_from([1, 2, 3, 7, 84, 300]), st.integers(1, 5), settings_of_nms)
def test_decode_and_suppress_equal_non_max_suppression(seed: int, anchors: int, classes: int, settings: Suppress) -> None:
    output = random_head(np.random.default_rng(seed), anchors, classes)
    ours = suppress(decode((output,), Head(), classes=classes, network_size=(128, 128)), settings)
    np.testing.assert_array_equal(rows_of(ours), nms_rows(output, settings))


def test_a_score_at_the_threshold_is_below_it_on_both_sides() -> None:
    output = np.array([[[50.0], [50.0], [20.0], [20.0], [0.3]]], np.float32)
    settings = Suppress(confidence=0.3)
    ours = suppress(decode((output,), Head(), classes=1, network_size=(128, 128)), settings)
    assert (len(ours), len(nms_rows(output, settings))) == (0, 0)


def test_another_iou_is_seen_by_that_comparison() -> None:
    output = random_head(np.random.default_rng(0), 300, 2)
    ours = suppress(decode((output,), Head(), classes=2, network_size=(128, 128)), Suppress(iou=0.5))
    assert len(ours) != len(nms_rows(output, Suppress(iou=0.7)))


@given(seeds, st.integers(1, 4), settings_of_nms)
def test_every_other_raw_layout_decodes_to_the_same(seed: int, classes: int, settings: Suppress) -> None:
    rng = np.random.default_rng(seed)
    output = random_head(rng, 40, classes)
    expected = nms_rows(output, settings)
    half = np.full((1, 40, 1), 0.5, np.float32)
    rows = output.transpose(0, 2, 1)
    corners = np.concatenate([rows[..., :2] - rows[..., 2:4] / 2, rows[..., :2] + rows[..., 2:4] / 2, rows[..., 4:]], axis=-1)
    variants = {
        Head(layout=HeadLayout.CHANNELS_LAST): rows,
        Head(layout=HeadLayout.CHANNELS_LAST, box_format=BoxFormat.XYXY): corners,
        Head(layout=HeadLayout.OBJECTNESS): np.concatenate([rows[..., :4], half, rows[..., 4:] * 2], axis=-1),
        Head(layout=HeadLayout.CHANNELS_LAST, box_units=BoxUnits.NORMALISED): np.concatenate([rows[..., :4] / 128, rows[..., 4:]], axis=-1),
    }
    ours = [suppress(decode((raw,), head, classes=classes, network_size=(128, 128)), settings) for head, raw in variants.items()]
    assert [rows_of(each).tolist() for each in ours] == [expected.tolist()] * len(variants)


def test_normalised_boxes_are_shares_of_each_axis() -> None:
    output = np.array([[[0.5, 0.5, 0.5, 1.0, 0.9]]], np.float32)
    head = Head(layout=HeadLayout.CHANNELS_LAST, box_units=BoxUnits.NORMALISED)
    assert decode((output,), head, classes=1, network_size=(100, 200)).boxes.tolist() == [[50, 0, 150, 100]]


@given(seeds, settings_of_nms)
def test_logits_decode_as_their_probabilities(seed: int, settings: Suppress) -> None:
    rng = np.random.default_rng(seed)
    logits = random_head(rng, 40, 2)
    logits[:, 4:] = logits[:, 4:] * 12 - 6
    probabilities = logits.copy()
    probabilities[:, 4:] = 1 / (1 + np.exp(-logits[:, 4:].astype(np.float64)))
    assume(not (np.abs(probabilities[:, 4:] - settings.confidence) < 1e-5).any())
    ours = suppress(decode((logits,), Head(activation=Activation.SIGMOID), classes=2, network_size=(128, 128)), settings)
    np.testing.assert_allclose(rows_of(ours), nms_rows(probabilities, settings), rtol=0, atol=1e-6)


@given(seeds, st.integers(1, 30), st.sampled_from([0.0, 0.25, 0.9]), st.sampled_from([1, 10, 300]))
def test_end_to_end_rows_equal_their_filter(seed: int, n: int, confidence: float, most: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.permutation(n) / n)[::-1]  # in a graph, best first
    output = np.column_stack([rng.uniform(0, 100, (n, 4)), scores, rng.integers(0, 3, n)]).astype(np.float32)[None]
    settings = Suppress(method=Suppressor.IN_GRAPH, iou=None, confidence=confidence, max_detections=most)
    head = Head(layout=HeadLayout.END_TO_END, box_format=BoxFormat.XYXY)
    ours = suppress(decode((output,), head, classes=3, network_size=(128, 128)), settings)
    np.testing.assert_array_equal(rows_of(ours), nms_rows(output, settings, end_to_end=True))


# Heads of real architectures with random weights


@cache
def random_network(model: str) -> Any:
    """A network of three classes in evaluation mode, with statistics that spread its outputs over the image."""
    import torch  # noqa: PLC0415
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415 - after oracles.theirs has set its environment

    torch.manual_seed(3)
    network = DetectionModel(model, nc=3, verbose=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 1.5)
    return network.eval()


def raw_output(model: str, *, end_to_end: bool) -> np.ndarray:
    """What one of the network's heads says about noise of 96 by 64 pixels."""
    noise, network = np.random.default_rng(1).random((1, 3, 96, 64), np.float32), random_network(model)
    network.model[-1].end2end = end_to_end
    with PyTorchSession(network) as session:
        return session.run(noise)[0]


@pytest.mark.parametrize("model", ["yolov5n.yaml", "yolov10n.yaml", "yolo26n.yaml"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_our_decoding_of_a_raw_network_equals_theirs(model: str, multi_label: bool) -> None:  # noqa: FBT001 - parametrized
    output = raw_output(model, end_to_end=False)
    settings = Suppress(confidence=float(np.median(output[0, 4:].max(0))), multi_label=multi_label)
    ours = suppress(decode((output,), Head(), classes=3, network_size=(96, 64)), settings)
    assert len(ours) > 5
    np.testing.assert_array_equal(rows_of(ours), nms_rows(output, settings))


@pytest.mark.parametrize("model", ["yolov10n.yaml", "yolo26n.yaml"])
def test_our_decoding_of_an_end_to_end_network_equals_theirs(model: str) -> None:
    output = raw_output(model, end_to_end=True)
    settings = Suppress(method=Suppressor.IN_GRAPH, iou=None, confidence=float(np.median(output[0, :, 4])))
    head = Head(layout=HeadLayout.END_TO_END, box_format=BoxFormat.XYXY)
    ours = suppress(decode((output,), head, classes=3, network_size=(96, 64)), settings)
    assert len(ours) > 5
    np.testing.assert_array_equal(rows_of(ours), nms_rows(output, settings, end_to_end=True))
