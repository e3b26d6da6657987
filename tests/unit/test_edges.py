"""What noise decides is excused with its cause, whatever the noise does within its margins; what lies beyond is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles.samples import found
from scipy.special import expit
from scipy.stats import chi2, poisson

from parity.comparison import ImageComparison, Rounding, compare_image
from parity.decode import Candidates
from parity.detections import Detections
from parity.doubts import Cause, Doubt, NoiseMargins, doubts_of, log_odds
from parity.edges import Near, largest_rate, most_edges, take_edges
from parity.limits import EDGE_CONFIDENCE, EDGE_QUANTILE, FLOAT32, Limit, Limits
from parity.match import match
from parity.preprocess import Geometry
from parity.spec import PipelineSpec, Restore, RestoreGeometry, Suppress
from parity.suppress import suppress

MARGINS = NoiseMargins(box_px=0.01, logit=5e-4)
LIMITS: Limits = replace(FLOAT32, logit=Limit(MARGINS.logit, "logit", "a test"), score=Limit(MARGINS.logit / 4, "score", "a test"))
GEOMETRY = Geometry((640, 640), (640, 640), 1.0, 1.0, 0, 0, 0, 0)
THRESHOLD = float(log_odds(np.array(0.25)))
NOISE_FLOORS_BEYOND = 100 / 10  # margins: one is ten noise floors
Scene = list[tuple[float, float, float, float, float, int]]  # x1, y1, x2, y2, logit, class


@dataclass(frozen=True, slots=True)
class Run:
    """What a pipeline makes of raw boxes, and what it is in doubt about."""

    detections: Detections
    doubts: tuple[Doubt, ...]


def run(scene: Scene, settings: Suppress) -> Run:
    """Suppress a scene."""
    table = np.array(scene, np.float64).reshape(-1, 6)
    classes = int(table[:, 5].max(initial=0)) + 1
    scores = np.where(table[:, 5:] == np.arange(classes), expit(table[:, 4:5]), 0.0)
    found = Candidates(table[:, :4].astype(np.float32), scores.astype(np.float32), np.broadcast_to(np.arange(classes), scores.shape))
    spec = PipelineSpec(("a",) * classes, suppress=settings, restore=Restore(RestoreGeometry.NETWORK, clip=False))
    kept = suppress(found, settings)
    return Run(kept, tuple(doubts_of(found, kept, GEOMETRY, spec, MARGINS)))


def compared(reference: Scene, candidate: Scene, settings: Suppress) -> ImageComparison:
    """One scene held against another."""
    first, second = run(reference, settings), run(candidate, settings)
    options = {"thresholds": settings, "gain": 1.0, "rounding": Rounding(), "absent": False, "doubts": first.doubts}
    return compare_image(first.detections, second.detections, LIMITS, **options)


def unexplained(comparison: ImageComparison) -> int:
    """How many differences are not excused."""
    found = (comparison.missed, comparison.ghosts, comparison.shifted, comparison.rescored, comparison.matches.class_flips)
    return sum(map(len, found))


# One scene for each cause: what turns over where ``by`` margins change their sign


def at_the_confidence(by: float) -> Scene:
    """A box with the score of the threshold."""
    return [(300, 300, 400, 400, THRESHOLD + by * MARGINS.logit, 0)]


def at_the_overlap(by: float) -> Scene:
    """Two boxes that overlap by 0.7; every coordinate of both moves apart."""
    px = by * MARGINS.box_px
    return [(-px, -px, 100 + px, 100 + px, 2.0, 0), (10 + px, 10 + px, 90 - px, 97.5 - px, 1.0, 0)]


def of_one_score(by: float) -> Scene:
    """Two boxes that overlap too much and have one score."""
    return [(0, 0, 100, 100, 1.0 + by * MARGINS.logit, 0), (0, 0, 100, 90, 1.0, 0)]


def behind_another(by: float) -> Scene:
    """A third box that only the second would remove, which is at the overlap with the first."""
    return [*at_the_overlap(by), (10, 22, 90, 97.5, 0.0, 0)]


def at_the_cut(by: float) -> Scene:
    """Two boxes of one score at the last place."""
    return [(0, 0, 100, 100, 2.0, 0), (200, 0, 300, 100, 1.0 + by * MARGINS.logit, 0), (400, 0, 500, 100, 1.0, 0)]


SCENES = {
    Cause.CONFIDENCE: (at_the_confidence, {Cause.CONFIDENCE}),
    Cause.OVERLAP: (at_the_overlap, {Cause.OVERLAP}),
    Cause.ORDER: (of_one_score, {Cause.ORDER}),
    Cause.CASCADE: (behind_another, {Cause.OVERLAP, Cause.CASCADE}),
    Cause.CUT: (at_the_cut, {Cause.CUT}),
}


@pytest.mark.parametrize("sides", [slice(None), slice(None, None, -1)], ids=["vanishes", "appears"])
@pytest.mark.parametrize("cause", SCENES)
def test_each_cause_is_named_where_noise_turns_it_over(cause: Cause, sides: slice) -> None:
    scene, causes = SCENES[cause]
    comparison = compared(*(scene(0.3), scene(-0.3))[sides], Suppress(max_detections=2))
    assert unexplained(comparison) == 0
    assert {edge.cause for edge in comparison.edges} == causes
    assert comparison.agrees


@pytest.mark.parametrize("sides", [slice(None), slice(None, None, -1)], ids=["vanishes", "appears"])
@pytest.mark.parametrize("cause", SCENES)
def test_a_hundred_noise_floors_turn_nothing_over_that_is_excused(cause: Cause, sides: slice) -> None:
    scene, _ = SCENES[cause]
    beyond = scene(NOISE_FLOORS_BEYOND), scene(-NOISE_FLOORS_BEYOND)
    comparison = compared(*beyond[sides], Suppress(max_detections=2))
    assert comparison.edges == ()
    assert unexplained(comparison) > 0


@given(st.sampled_from(list(SCENES)), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_within_the_margins_all_that_turns_over_is_excused_with_its_cause(cause: Cause, one: float, other: float) -> None:
    scene, causes = SCENES[cause]
    comparison = compared(scene(one), scene(other), Suppress(max_detections=2))
    assert unexplained(comparison) == 0
    assert {edge.cause for edge in comparison.edges} in (causes, set())


SIDES = st.sampled_from([60.0, 70.0, 70.05, 69.95, 100.0])
PLACES = st.sampled_from([0.0, 5.0, 12.0, 150.0])
LOGITS = st.builds(lambda base, steps: base + steps * MARGINS.logit / 4, st.sampled_from([THRESHOLD, 0.0, 1.0]), st.integers(-8, 8))
ROWS = st.builds(lambda x, y, w, h, z, k: (x, y, x + w, y + h, z, k), PLACES, PLACES, SIDES, SIDES, LOGITS, st.integers(0, 1))
SETTINGS = st.builds(
    lambda iou, agnostic, most: Suppress(iou=iou, class_agnostic=agnostic, max_detections=most),
    st.sampled_from([0.7, 0.45]),
    st.booleans(),
    st.sampled_from([3, 300]),
)


@given(st.lists(ROWS, min_size=1, max_size=8), SETTINGS, st.data())
def test_no_noise_within_the_margins_keeps_or_drops_a_box_that_is_not_in_doubt(
    scene: Scene, settings: Suppress, data: st.DataObject
) -> None:
    moved = noisy(scene, data)
    before, after = fates(scene, settings), fates(moved, settings)
    changed = {key(row[:4], expit(row[4])) for row, first, second in zip(scene, before, after, strict=True) if first is not second}
    assert changed <= {key(each.box, each.score) for each in run(scene, settings).doubts}


def fates(scene: Scene, settings: Suppress) -> list[bool]:
    """Whether each box of a scene is kept."""
    detections = run(scene, settings).detections
    kept = {key(box, score) for box, score in zip(detections.boxes, detections.scores, strict=True)}
    return [key(np.float32(row[:4]), np.float32(expit(row[4]))) in kept for row in scene]


def key(box: Sequence[float], score: float) -> tuple[float, ...]:
    """What a box is known by, as the float32 that a network gives."""
    return (*np.float32(box).tolist(), float(np.float32(score)))


def test_a_box_that_the_reference_never_had_is_no_edge_however_near_its_score() -> None:
    strange = [*at_the_overlap(5), (300, 0, 400, 100, THRESHOLD + 0.1 * MARGINS.logit, 0)]
    assert len(compared(at_the_overlap(5), strange, Suppress()).ghosts) == 1


def test_a_box_in_doubt_that_moved_is_no_edge() -> None:
    before, after = of_one_score(0.3), of_one_score(-0.3)
    moved = [(x1 + 1, y1, x2 + 1, y2, logit, label) for x1, y1, x2, y2, logit, label in after]
    assert len(compared(before, moved, Suppress()).shifted) == 1


def test_one_doubt_accounts_for_one_detection() -> None:
    row, there = (300.0, 300.0, 400.0, 400.0, 0.25, 0.0), Near(0.01, 1e-4)
    doubt = Doubt(row[:4], 0.25, 0, kept=False, cause=Cause.CONFIDENCE, margin=0.0)
    matches = match(Detections.none(), found(row, row))
    assert len(take_edges(matches, np.empty(0, np.intp), (doubt,), there)[1]) == 1
    assert len(take_edges(matches, np.empty(0, np.intp), (doubt, doubt), there)[1]) == 2


def test_the_share_that_would_be_excused_is_that_of_the_boxes_in_doubt_that_were_kept() -> None:
    assert compared(at_the_overlap(0.3), at_the_overlap(0.3), Suppress()).excusable == 1
    assert compared(at_the_overlap(5), at_the_overlap(5), Suppress()).excusable == 0


@given(st.integers(0, 50), st.integers(1, 10_000))
def test_the_largest_rate_is_garwoods_limit(edges: int, detections: int) -> None:
    theirs = chi2.ppf(EDGE_CONFIDENCE, 2 * (edges + 1)) / 2
    assert largest_rate(edges, detections) == pytest.approx(theirs / detections)


def test_where_none_was_seen_the_largest_rate_follows_the_rule_of_three() -> None:
    assert largest_rate(0, 1000) == pytest.approx(3 / 1000, rel=0.01)


@given(st.floats(1e-6, 0.1), st.integers(1, 2000))
def test_most_edges_is_the_quantile_of_a_poisson_distribution(rate: float, detections: int) -> None:
    theirs = poisson.ppf(EDGE_QUANTILE, rate * detections)
    assert most_edges(rate, detections) == max(1, theirs)


@pytest.mark.parametrize("rate", [1e3, 1e12, 1e18, 1e300])
def test_most_edges_ends_for_every_finite_rate(rate: float) -> None:
    assert most_edges(rate, 100) >= 100 * rate


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate of edges"):
        most_edges(rate, 100)


@given(st.lists(ROWS, min_size=1, max_size=8, unique=True), SETTINGS, st.data())
def test_whatever_noise_within_the_margins_does_nothing_is_left_unexplained(scene: Scene, settings: Suppress, data: st.DataObject) -> None:
    comparison = compared(scene, noisy(scene, data), settings)
    assert unexplained(comparison) == 0


def noisy(scene: Scene, data: st.DataObject) -> Scene:
    """A scene with noise within the margins."""
    noise = data.draw(arrays(np.float64, (len(scene), 5), elements=st.floats(-0.9, 0.9)))
    scale = np.array([*[MARGINS.box_px] * 4, MARGINS.logit])
    return [(*(np.array(row[:5]) + by * scale).tolist(), row[5]) for row, by in zip(scene, noise, strict=True)]


@pytest.mark.parametrize("logit", [12.0, 16.0, 40.0])
def test_a_score_that_rounds_to_certainty_is_in_no_doubt(logit: float) -> None:
    sure = [(0.0, 0.0, 100.0, 100.0, logit, 0)]
    assert run(sure, Suppress()).doubts == ()
    assert len(compared(sure, [], Suppress()).missed) == 1


@pytest.mark.parametrize("score", [1.0, 1.5, 255.0])
@pytest.mark.parametrize("rounding", [Rounding(), Rounding(score=0.01)])
def test_a_score_that_is_no_share_excuses_nothing(score: float, rounding: Rounding) -> None:
    side = Detections.best_first([[0, 0, 100, 100]], [score], [0])
    options = {"thresholds": Suppress(), "gain": 1.0, "rounding": rounding, "absent": False}
    assert len(compare_image(side, Detections.none(), LIMITS, **options).missed) == 1
    assert len(compare_image(Detections.none(), side, LIMITS, **options).ghosts) == 1
