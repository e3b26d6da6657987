"""The checks on labelled data: AP against the reference's, exactly or within a margin that the data can prove."""

from __future__ import annotations

from collections.abc import Iterator

from parity.accuracy import F1, Accuracy, OperatingPoints
from parity.limits import Limit, Limits, Margins
from parity.margins import judge_classes, judge_margin
from parity.metrics import METRIC_NAMES, CocoMetrics
from parity.statistics import PairedStatistics
from parity.verdict import Check, ConfigResult, Delta, MetricComparison, Status, judge


def accuracy_checks(result: ConfigResult, limits: Limits, margins: Margins | None, *, detail: str) -> Iterator[Check]:
    """AP of the candidate against that of the reference: exactly, or with ``margins`` by what these images can say."""
    if margins is None:
        yield exact_accuracy(result, limits.ap_reference, detail=detail)
    elif result.accuracy is None:
        needed = f"{detail}: what {result.profile} costs is not known without them; give labels, or --profile fp32 to hold every detection"
        yield Check("ap_reference", result.id, Status.INCONCLUSIVE, None, margins.ap.value, margins.ap.origin, needed)
    else:
        yield within_margin("ap_reference", "AP", result, margins.ap, detail=detail)
        yield no_class_lost(result, margins.per_class)
        yield within_margin("f1_deployed", F1, result, margins.f1, detail=operating_words(result.accuracy))


def within_margin(name: str, metric: str, result: ConfigResult, limit: Limit, *, detail: str) -> Check:
    """Whether the drop of a metric is proven to keep its margin; a rise beyond it is a bug too, as a second sigmoid's +9 points."""
    statistics = known(result).statistics
    said, found = judge_margin(metric, statistics, limit.value), statistics.metrics[metric]
    status = {"not_checked": Status.INCONCLUSIVE}.get(said.outcome) or Status(said.outcome)
    words = [said.detail, "" if said.detectable is None else f"a true drop of {said.detectable:.3g} would be found", detail]
    if found.ci95 is not None and found.ci95[0] > limit.value:
        status, words = Status.FAIL, [f"{metric} rose by more than rounding can", *words]
    drop = None if found.delta is None else 0.0 - found.delta
    return Check(name, result.id, status, drop, limit.value, limit.origin, "; ".join(filter(None, words)))


def no_class_lost(result: ConfigResult, limit: Limit) -> Check:
    """Whether no class and size is proven to have lost more than its margin."""
    said = judge_classes(known(result).statistics, limit.value)
    drop = None if said.worst is None or said.worst.ap.delta is None else 0.0 - said.worst.ap.delta
    return Check("ap_classes", result.id, Status(said.outcome), drop, limit.value, limit.origin, said.detail)


def known(result: ConfigResult) -> Accuracy:
    """What labelled data say; a check of it is made where there are labels."""
    if result.accuracy is None:
        raise ValueError(f"{result.id} has no labels")
    return result.accuracy


def operating_words(accuracy: Accuracy) -> str:
    """Precision and recall of both sides, and where each would do best."""
    sides = (("reference", accuracy.reference), ("candidate", accuracy.candidate))
    return "; ".join(f"{name} {points_in_words(side)}" for name, side in sides)


def points_in_words(side: OperatingPoints) -> str:
    """One side at the deployed threshold and at its best."""
    deployed, best = side.deployed, side.best
    said = f"P {shown(deployed.precision)}, R {shown(deployed.recall)}, F1 {shown(deployed.f1)}"
    return said if best is None else f"{said}, best {shown(best.f1)} at {best.confidence:.3f}"


def exact_accuracy(result: ConfigResult, limit: Limit, *, detail: str) -> Check:
    """AP of both sides, which may differ either way by no more than the limit."""
    metrics = result.metrics
    if metrics is None:
        return Check("ap_reference", result.id, Status.NOT_CHECKED, None, limit.value, limit.origin, detail)
    delta = metrics.delta["AP"].value
    both = f"reference {shown(metrics.reference.AP)}, candidate {shown(metrics.candidate.AP)}"
    measured = None if delta is None else abs(delta)
    text = "AP is undefined: no object of a class that the model knows" if delta is None else both
    return judge("ap_reference", result.id, measured, limit, detail="; ".join(filter(None, (text, detail))))


def compare_metrics(reference: CocoMetrics, candidate: CocoMetrics, statistics: PairedStatistics) -> MetricComparison:
    """Both sides' numbers and candidate minus reference by name, with the interval where one was resampled."""
    sides = {name: (getattr(reference, name), getattr(candidate, name)) for name in METRIC_NAMES}
    sure = {name: found.ci95 for name, found in statistics.metrics.items()}
    delta = {name: Delta(None if None in pair else pair[1] - pair[0], sure.get(name)) for name, pair in sides.items()}
    return MetricComparison(reference, candidate, delta)


def shown(value: float | None) -> str:
    """A metric for people."""
    return "undefined" if value is None else f"{value:.4f}"
