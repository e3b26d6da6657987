"""The tables of `parity calibrate`."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.text import Text

from parity.calibrated import Calibration, SizeCalibration
from parity.report.terminal import safe, table, titled
from parity.report.text import number
from parity.request import size_label


def print_calibration(found: Calibration, console: Console) -> None:
    """Print every way at every size, the floors and the limits that stand on them."""
    console.print(Text.assemble(safe(found.checkpoint.path), " on ", safe(found.dataset.name), f", {found.dataset.images} images"))
    for one in found.sizes:
        console.print(noise_table(one))
    console.print(limits_table(found))
    for one in found.sizes:
        console.print(Text.assemble(f"{size_label(one.imgsz)}: edges: ", safe(one.limits.edge_rate.origin)))


def noise_table(one: SizeCalibration) -> RenderableType:
    """A row for each way to run the network."""
    head, found = ("head\nnet. px", "head\nscore", "head\nlogit"), ("box\nnet. px", "box\nimg. px", "\nscore", "\nlogit", "\nedges")
    rows = table("way", *head, *found, gap=1)
    for each in one.noise:
        raw, detections = each.head, each.detections
        at_head = (raw.box_px, raw.score, raw.logit) if raw else (None, None, None)
        values = (detections.box_network_px, detections.box_image_px, detections.score, detections.logit)
        rows.add_row(each.variant, *(number(value, ".2g") for value in (*at_head, *values)), f"{detections.edges}/{detections.detections}")
    against = " and ".join(dict.fromkeys(each.against for each in one.noise))
    return titled(f"Largest differences at {size_label(one.imgsz)}, from {against}", rows)


def limits_table(found: Calibration) -> RenderableType:
    """A row for each kind of difference at each size."""
    rows = table("size", "difference", "unit", "noise\nfloor", "limit", left=3)
    for one in found.sizes:
        kinds = {"box": one.limits.box, "box as drawn": one.box_image, "score": one.limits.score, "logit": one.limits.logit}
        for name, limit in kinds.items():
            rows.add_row(size_label(one.imgsz), name, limit.unit, number(limit.floor, ".2g"), f"{limit.value:.2g}")
        rate = one.limits.edge_rate
        rows.add_row(size_label(one.imgsz), "edges", rate.unit, number(rate.floor, ".2g"), f"{rate.value:.2g}")
    return titled("Limits", rows)
