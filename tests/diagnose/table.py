"""The table of planted faults: ``tox run -e faults``, or ``python -m diagnose.table`` with ``tests`` on the path.

Plants every fault that detections alone can show singly, the same with numbers rounded, and random pairs, and asks the diagnosis for
the causes; then every fault of a model file, and asks the gate. Prints what was planted against what was named.
"""

from __future__ import annotations

import argparse
import atexit
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, product
from multiprocessing import get_context
from pathlib import Path

from diagnose.conftest import CHOSEN, FIXTURES, SIDE
from diagnose.file_judge import FileJudge
from diagnose.file_plants import FILE_PLANTS, FilePlant
from diagnose.planting import Case, Field, Ground, Judge, Outcome
from diagnose.plants import Plant, compatible, plants
from diagnose.table_text import failures, markdown, summary
from independent_pipeline import onnx_network

from parity.convert import convert
from parity.models import load_checkpoint

DECIMALS = 3
MORE = ("many small.jpg", "panorama.jpg")  # boxes by the dozen, and an image four times as wide as high
README = Path(__file__).parents[2] / "README.md"
KINDS = ("single", "rounded", "pair", "file")
START, END = "<!-- faults -->", "<!-- /faults -->"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A pair that cannot be told from one fault alone, or of which nothing is left to read."""

    planted: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that was planted and named."""

    outcomes: tuple[Outcome, ...]
    skipped: tuple[Skipped, ...]
    images: int
    seconds: float


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description="plant every fault and see which is named")
    parser.add_argument("--checkpoint", type=Path, default=FIXTURES / "models/yolov8n_shapes.pt")
    parser.add_argument("--data", type=Path, help="default: the embedded images that faults show on")
    parser.add_argument("--imgsz", type=int, default=SIDE)
    parser.add_argument("--images", type=int, default=16, help="of --data; a diagnosis looks at the 16 that differ most")
    parser.add_argument("--offset", type=int, default=0, help="images of --data to leave out at the start")
    parser.add_argument("--only", action="append", metavar="FAULT", help="repeatable; pairs then hold one of these")
    parser.add_argument("--kinds", type=kinds, default=KINDS, help=f"some of {','.join(KINDS)}; default: all")
    parser.add_argument("--files", action=argparse.BooleanOptionalAction, default=True, help="plant in model files as well")
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    parser.add_argument("--readme", action="store_true", help="write the table into the README")
    parser.add_argument("--check", action="store_true", help="exit 1 where less is named than the project requires")
    options = parser.parse_args(given)
    options.kinds = tuple(kind for kind in options.kinds if options.files or kind != "file")
    return options


def kinds(text: str) -> tuple[str, ...]:
    """The kinds of a list with commas."""
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(KINDS):
        raise argparse.ArgumentTypeError(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    return chosen


def ground_of(options: argparse.Namespace) -> Ground:
    """Where to plant."""
    if options.data is None:
        return Ground(options.checkpoint, FIXTURES / "shapes/data.yaml", options.imgsz, chosen=(*CHOSEN, *MORE))
    return Ground(options.checkpoint, options.data, options.imgsz, options.images, options.offset)


@contextmanager
def opened(ground: Ground) -> Iterator[tuple[Field, tuple[Plant, ...]]]:
    """The second pipeline on another runtime, and what there is to plant."""
    checkpoint = load_checkpoint(ground.checkpoint)
    with tempfile.TemporaryDirectory(prefix="parity-faults-") as folder:
        exported = convert(checkpoint, "onnx", size=(ground.side, ground.side), out=Path(folder), dynamic=True)
        yield Field(onnx_network(exported), ground.open(), ground.side), plants(ground.side, len(checkpoint.spec.names))


def singles(field: Field, wanted: Iterable[Plant]) -> list[Case]:
    """The healthy pipeline, and every fault alone."""
    return [field.plant((), kind="healthy"), *(field.plant((plant,)) for plant in wanted)]


def pairs(field: Field, judge: Judge, alone: Sequence[Case], options: argparse.Namespace) -> Iterator[Case | Skipped]:
    """Random pairs of compatible faults, each fault as likely as any other, until there are enough that show both."""
    by_fault: dict[str, list[Case]] = {}
    for case in alone:
        by_fault.setdefault(case.planted[0].fault, []).append(case)
    left = options.pairs
    for one, other in drawn(by_fault, options):
        if not left:
            return
        case = field.plant((*one.planted, *other.planted), kind="pair")
        reason = hidden(judge, case, (one, other))
        left -= reason is None
        yield case if reason is None else Skipped((one.id, other.id), reason)


def drawn(by_fault: dict[str, list[Case]], options: argparse.Namespace) -> Iterator[tuple[Case, Case]]:
    """Two faults at a time in random order, of each some variant that goes with the other's."""
    chance = random.Random(options.seed)  # noqa: S311 - a reproducible draw
    names = list(combinations(sorted(by_fault), 2))
    chance.shuffle(names)
    for one, other in names:
        fitting = [both for both in product(by_fault[one], by_fault[other]) if compatible(both[0].planted[0], both[1].planted[0])]
        if fitting and (not options.only or {one, other} & set(options.only)):
            yield chance.choice(fitting)


def hidden(judge: Judge, case: Case, alone: tuple[Case, Case]) -> str | None:
    """Why a pair cannot show both its faults: one of them alone leaves the same detections, or no detection is left."""
    if not any(map(len, judge.read(case)[0])):
        return "nothing is detected"
    shown = next((single for single in alone if judge.same(single, case)), None)
    return None if shown is None else f"the same as {shown.id} alone"


class Judges:
    """What judges detections and what judges files on one ground, each opened when it is first asked."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @cached_property
    def detections(self) -> Judge:
        """The reference, and the diagnosis of detections."""
        return Judge(self._ground)

    @cached_property
    def files(self) -> FileJudge:
        """The open gate; what it has made lies in its folder until this process ends."""
        opened = FileJudge(self._ground)
        atexit.register(opened.close)
        return opened

    def judge(self, case: Case | FilePlant) -> Outcome:
        """What came of planting a case, or a file."""
        return self.files.judge(case) if isinstance(case, FilePlant) else self.detections.judge(case)


class Workers:
    """Judges in processes of their own, or in this one where there is only one job."""

    def __init__(self, ground: Ground, judges: Judges, jobs: int) -> None:
        self._judges, self._pool = judges, None
        if jobs > 1:
            self._pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=open_judges, initargs=(ground,))

    def judge(self, cases: Sequence[Case | FilePlant]) -> Iterator[Outcome]:
        """The outcomes in the order of the cases, each shown as it comes."""
        answers = self._pool.map(judge_here, cases) if self._pool else map(self._judges.judge, cases)
        for number, outcome in enumerate(answers, 1):
            named = ", ".join(outcome.named) or outcome.refused or ("-" if outcome.visible else "not visible")
            line = f"{outcome.kind} {number}/{len(cases)}  {' + '.join(outcome.planted) or 'healthy'}: {named}"
            print(f"{line}  ({outcome.seconds:.1f} s)", file=sys.stderr, flush=True)  # noqa: T201 - progress
            yield outcome

    def close(self) -> None:
        """End the processes."""
        if self._pool:
            self._pool.shutdown()


HERE: list[Judges] = []  # the judges of a worker process


def open_judges(ground: Ground) -> None:
    """Say in a worker process where faults are planted."""
    HERE.append(Judges(ground))


def judge_here(case: Case | FilePlant) -> Outcome:
    """Judge a case in a worker process."""
    return HERE[0].judge(case)


def run(options: argparse.Namespace) -> Table:
    """Plant and name everything that was asked for."""
    ground, started = ground_of(options), time.perf_counter()
    judges = Judges(ground)
    workers = Workers(ground, judges, options.jobs)
    outcomes: list[Outcome] = []
    skipped: list[Skipped] = []
    if set(options.kinds) - {"file"}:
        outcomes, skipped = of_detections(ground, judges.detections, workers, options)
    if "file" in options.kinds:
        outcomes += workers.judge(files(options))
    workers.close()
    return Table(tuple(outcomes), tuple(skipped), len(ground.open()), round(time.perf_counter() - started, 1))


def files(options: argparse.Namespace) -> list[FilePlant]:
    """What is planted in files."""
    return [plant for plant in FILE_PLANTS if not (options.only and plant.faults) or set(plant.faults) & set(options.only)]


def of_detections(ground: Ground, judge: Judge, workers: Workers, options: argparse.Namespace) -> tuple[list[Outcome], list[Skipped]]:
    """The outcomes of everything that detections alone can show, and the pairs that are not counted."""
    with opened(ground) as (field, known):
        wanted = [plant for plant in known if not options.only or plant.fault in options.only]
        alone = singles(field, wanted)
        outcomes = list(workers.judge([*alone, alone[0].rounded(DECIMALS)] if "single" in options.kinds else []))
        told = [case for case in alone if judge.shows(case)]
        if "rounded" in options.kinds:
            outcomes += workers.judge([case.rounded(DECIMALS) for case in told])
        found: list[Case | Skipped] = []
        if "pair" in options.kinds and options.pairs:
            others = singles(field, [plant for plant in known if plant not in wanted])[1:]
            found += pairs(field, judge, [*told, *others], options)
        outcomes += workers.judge([case for case in found if isinstance(case, Case)])
    return outcomes, [case for case in found if isinstance(case, Skipped)]


def write_between(path: Path, text: str) -> None:
    """Put a text between the two markers of a file."""
    before, _, rest = path.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{path}: expected the markers {START} and {END}")
    path.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


def main(given: Sequence[str] | None = None) -> int:
    """Make the table; 1 where ``--check`` finds too little named."""
    options = arguments(given)
    table = run(options)
    text, short = markdown(table.outcomes), failures(table.outcomes)
    skipped = [f"skipped: {' + '.join(pair.planted)}: {pair.reason}" for pair in table.skipped]
    report = [text, "", *summary(table.outcomes), *skipped, *(f"TOO FEW: {line}" for line in short)]
    print("\n".join([*report, f"{table.images} images, {table.seconds:.0f} s"]))  # noqa: T201 - the product
    if options.json:
        options.json.write_text(json.dumps(asdict(table), indent=1), encoding="utf-8")
    if options.readme:
        write_between(README, text)
    return int(options.check and bool(short))


if __name__ == "__main__":
    raise SystemExit(main())
