"""The catalogue of faults as Markdown, from ``parity/faults.py``, the diagnosis, and the table of planted faults in the README."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from parity.faults import CATALOGUE, Fault, Frequency, Stage

ROOT = Path(__file__).parents[2]
README, DIAGNOSIS = ROOT / "README.md", ROOT / "parity/diagnose"
PLANTED = re.compile(r"<!-- faults -->\n(.*)<!-- /faults -->", re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (\d+)/(\d+) \| (.*) \|$", re.MULTILINE)
PLACES = {
    Stage.PREPROCESS: ("Preprocessing", "From the image to the network's input."),
    Stage.GRAPH: ("Graph and runtime", "The network itself, its export and what executes it."),
    Stage.DECODE: ("Decoding", "From the network's output to boxes and scores."),
    Stage.NMS: ("NMS and thresholds", "Which boxes are kept."),
    Stage.RESTORE: ("Coordinates", "From the network's coordinates back to those of the image."),
    Stage.QUANTISATION: ("Quantisation", "Eight bits instead of thirty-two."),
    Stage.WEIGHTS: ("Weights", "The right network with other numbers in it."),
    Stage.EVALUATION: ("Evaluation", "From detections to files of results and to AP."),
}
MET = {Frequency.MANY: "often", Frequency.SOME: "sometimes", Frequency.RARE: "rarely"}
OUTSIDE, INSIDE, BOTH, UNTRIED, UNNAMED = "detections", "a file", "both", "a file, not tried", "-"
NOT_PLANTED = (
    "The diagnosis can name it inside a model file. It is not among the faults that are planted, so there is no record of how well."
)
NO_SEARCH = "It has no search of its own: the checks fail where it shows, and the report says at most at which stage the difference starts."


@dataclass(frozen=True, slots=True)
class Record:
    """How often a fault was named first of how often it was planted, and in a file by which proof."""

    named: int
    planted: int
    proof: str = ""


def fault_list() -> str:
    """The whole catalogue: an index of all faults, then every one below its stage."""
    return "\n".join([*index(), *(line for stage in PLACES for line in section(stage))])


def index() -> Iterator[str]:
    """A table of all faults, the often met first."""
    yield from ("| fault | what happened | met | named from |", "|---|---|---|---|")
    yield from (
        f"| [`{fault.id}`](#{fault.id}) | {fault.cause} | {MET[fault.frequency]} | {named_from(fault)} |" for fault in CATALOGUE.values()
    )
    yield ""


def section(stage: Stage) -> Iterator[str]:
    """One stage with its faults."""
    title, what = PLACES[stage]
    yield from (f"## {title}", "", what, "")
    for fault in CATALOGUE.values():
        if fault.stage is stage:
            yield from entry(fault)


def entry(fault: Fault) -> Iterator[str]:
    """One fault: what happened, how it shows and where not, how it is found, what to do."""
    hidden = f" It cannot be seen on {fault.hidden_on}." if fault.hidden_on else ""
    yield from (f"### `{fault.id}` {{ #{fault.id} }}", "", fault.cause, "")
    yield f"- **How it shows.** {fault.shows}{hidden}"
    yield f"- **How Parity finds it.** {' '.join(found(fault))}"
    yield f"- **What to do.** {fault.fix}"
    yield ""


def named_from(fault: Fault) -> str:
    """Which way in leads to the name."""
    outside, inside = records(0).get(fault.id), records(1).get(fault.id)
    if outside and inside:
        return BOTH
    if outside or inside:
        return OUTSIDE if outside else INSIDE
    return UNTRIED if fault.id in named_by_the_diagnosis() else UNNAMED


def found(fault: Fault) -> Iterator[str]:
    """How a fault is found, with how often it was when it was planted."""
    outside, inside = records(0).get(fault.id), records(1).get(fault.id)
    if outside:
        yield f"By the detections alone: named first in {outside.named} of {outside.planted} planted."
    if inside:
        yield f"In a model file: named first in {inside.named} of {inside.planted} planted ({inside.proof})."
    if not outside and not inside:
        yield NOT_PLANTED if fault.id in named_by_the_diagnosis() else NO_SEARCH
    if (outside or inside) and fault.parameters:
        yield f"The name comes with {' and '.join(f'`{name}`' for name in fault.parameters)}."


@cache
def records(table: int) -> dict[str, Record]:
    """What the README says of planted faults: in table 0 those in detections, in table 1 those in files."""
    text = PLANTED.search(README.read_text(encoding="utf-8"))
    parts = text[1].split("\n\n") if text else []
    rows = ROW.findall(parts[table]) if table < len(parts) else []
    return {name: Record(int(named), int(planted), rest.split(" | ")[0] if table else "") for name, named, planted, rest in rows}


@cache
def named_by_the_diagnosis() -> frozenset[str]:
    """The faults that the search has a name for: every id that stands in its code."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(DIAGNOSIS.glob("*.py")))
    return frozenset(node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in CATALOGUE)
