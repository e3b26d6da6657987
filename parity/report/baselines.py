"""The tables of `parity baseline`: what is stored, and what would become of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from parity.baselines import Baseline
from parity.metrics import METRIC_NAMES
from parity.report.terminal import safe, table, titled
from parity.report.text import STYLES, note_lines, number
from parity.request import size_label
from parity.revisions import INFORMATION, Change, Revision, Revisions, State, shown

STATE_STYLES = {State.SAME: "dim", State.CHANGED: "bold yellow", State.ADDED: "bold green", State.REMOVED: "bold red"}
SHOWN = 40  # characters of a value that is no number


def print_stored(found: Mapping[str, Baseline], console: Console) -> None:
    """Print a row for each stored result; of a single one also all numbers and where they come from."""
    rows = table("stored result", "backend", "size", "precision", "AP", "AP50", "detections", left=4)
    for file, stored in found.items():
        identity, metrics = stored.identity, stored.metrics
        accuracy = (number(metrics.AP, ".4f"), number(metrics.AP50, ".4f"))
        rows.add_row(
            safe(Path(file).stem), safe(identity.backend), size_label(identity.imgsz), stored.precision, *accuracy, str(stored.detections)
        )
    console.print(titled("Stored results" if found else "No stored results", rows))
    if len(found) == 1:
        for file, stored in found.items():
            console.print(every_value(Revision(file, None, stored)))


def every_value(one: Revision) -> RenderableType:
    """All of one stored result."""
    rows = table("value", "stored", left=2)
    for change in one.values:
        rows.add_row(safe(change.name), safe(shown(change.new)))
    return titled(one.file, rows)


def print_revisions(found: Revisions, console: Console) -> None:
    """Print for every file the metrics before and after, then what else changed, for review."""
    for each in found.revisions:
        console.print(titled_state(each))
        console.print(metrics_table(each))
        for line in other_lines(each):
            console.print(line)
    for note in note_lines(found.notes):
        console.print(note)
    console.print(summary(found))


def titled_state(each: Revision) -> Text:
    """The file and what happens to it."""
    damage = Text("\n  the stored one cannot be read: ").append_text(safe(each.damage)) if each.damage else Text()
    return Text.assemble("\n", (each.state.upper(), STATE_STYLES[each.state]), "  ", safe(each.file, "bold"), damage)


def metrics_table(each: Revision) -> RenderableType:
    """Every metric and the number of detections, old → new."""
    rows = table("metric", "old", "new", "change")
    for change in each.values:
        if change.name in METRIC_NAMES or change.part == "detections":
            rows.add_row(
                change.name, shown(change.old), shown(change.new), Text(moved(change) if each.old and each.new else "", style="yellow")
            )
    return rows


def moved(change: Change) -> str:
    """How far a number moved, empty where it did not or cannot be said."""
    old, new = change.old, change.new
    if isinstance(old, str) or isinstance(new, str) or old is None or new is None:
        return "" if old == new else "defined" if old is None else "undefined"
    return "" if old == new else format(new - old, "+.4f" if isinstance(new, float) else "+d")


def other_lines(each: Revision) -> Iterator[Text]:
    """What changed besides the numbers; the environment is said to be provenance."""
    for change in each.changes if each.old is not None and each.new is not None else ():
        if change.part not in {"metrics", "detections"}:
            kind = "for information" if change.part in INFORMATION else "changed"
            both = f"{shown(change.old):.{SHOWN}} → {shown(change.new):.{SHOWN}}"
            yield Text.assemble(f"  {change.part}", "" if change.part == change.name else f" {change.name}", ": ", safe(both), f" ({kind})")


def summary(found: Revisions) -> Text:
    """How many files change, and what the gate said of the fresh results."""
    counts = {state: sum(each.state is state for each in found.revisions) for state in State}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "nothing stored"
    verdict = (
        Text.assemble("; by all other checks the fresh results ", (found.verdict.upper(), STYLES[found.verdict]))
        if found.verdict
        else Text()
    )
    return Text.assemble("\n", (told, "bold"), verdict)
