"""Raw heads of both sides on the same tensors: what a fault of the network is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from parity.backends.base import Session
from parity.candidates import ModelDetector
from parity.contests import Contest
from parity.datasets import DatasetImage
from parity.decode import Outputs
from parity.errors import ParityError
from parity.images import read_image
from parity.limits import Limits
from parity.open_gate import Gate
from parity.preprocess import preprocess
from parity.raw_heads import RAW, Array, RawHead, distance, read_head, same
from parity.spec import Head, Preprocess

MOST_PROBES = 4  # images: two to fit on and two to judge on


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One image as both networks get it, (1, 3, H, W) or (1, H, W, 3), what the reference says, and all that the candidate gives."""

    tensor: Array
    size: tuple[int, int]
    reference: RawHead
    outputs: Outputs


@dataclass(frozen=True, slots=True)
class Proof:
    """How much of the distance a counterfactual takes away on images it was not fitted on, and whether nothing is left on any."""

    explains: float
    confirmed: bool


@dataclass(frozen=True, eq=False)
class Case:
    """A candidate network against the reference's, on a few tensors."""

    gate: Gate
    contest: Contest
    probes: tuple[Probe, ...]
    candidate: ModelDetector
    names: tuple[str, ...]

    @property
    def head(self) -> Head:
        """The candidate's head as it is declared."""
        return self.candidate.pipeline.spec.head

    @property
    def limits(self) -> Limits:
        """The noise floor."""
        return self.gate.limits

    @property
    def fitted(self) -> Sequence[Probe]:
        """The probes that values are solved on."""
        return self.probes[::2]

    @cached_property
    def plain(self) -> tuple[RawHead | None, ...]:
        """The candidate's heads as they are."""
        return tuple(self.read(probe.outputs, probe) for probe in self.probes)

    @cached_property
    def agrees(self) -> bool:
        """Whether both networks are the same on every probe."""
        return all(same(probe.reference, head, self.limits) for probe, head in zip(self.probes, self.plain, strict=True))

    def read(self, outputs: Outputs, probe: Probe, head: Head | None = None) -> RawHead | None:
        """Outputs as a head says, the candidate's own by default."""
        return read_head(outputs, head or self.head, classes=len(self.candidate.pipeline.spec.names), size=probe.size)

    def prove(self, heads: Sequence[RawHead | None]) -> Proof:
        """Hold the heads of a counterfactual, one a probe, against the reference's."""
        return self.proof([(probe.reference, head) for probe, head in zip(self.probes, heads, strict=True)])

    def reproduce(self, heads: Sequence[RawHead | None]) -> Proof:
        """Hold the heads of a fault put into the reference, one a probe, against the candidate's."""
        return self.proof(list(zip(self.plain, heads, strict=True)))

    def proof(self, pairs: Sequence[tuple[RawHead | None, RawHead | None]]) -> Proof:
        """What is left between pairs of heads that a counterfactual should make equal, one a probe."""
        before = [distance(probe.reference, head, self.limits) for probe, head in zip(self.probes, self.plain, strict=True)]
        after = [distance(*pair, self.limits) for pair in pairs]
        judged = slice(1, None, 2) if sum(before[1::2]) > 0 else slice(None)
        whole = sum(before[judged])
        confirmed = all(own is not None and same(own, head, self.limits) for own, head in pairs)
        return Proof(max(0.0, 1 - sum(after[judged]) / whole) if whole else 0.0, confirmed)

    def run(self, session: Session) -> tuple[RawHead | None, ...]:
        """The heads of another network on the probes."""
        return tuple(self.read(answer(session, probe.tensor), probe) for probe in self.probes)


def answer(session: Session, tensor: Array) -> Outputs:
    """The outputs of a network, none where it fails."""
    try:
        return session.run(tensor)
    except ParityError:
        return ()


def open_case(gate: Gate, contest: Contest, images: Sequence[DatasetImage]) -> Case | None:
    """Run both networks on the reference's tensors; ``None`` where either has no raw head, or there is no image."""
    reference, candidate = contest.reference, contest.candidate
    if not (isinstance(reference, ModelDetector) and isinstance(candidate, ModelDetector)) or not images:
        return None
    own, other = reference.pipeline.spec, candidate.pipeline.spec
    if own.head.layout not in RAW or other.head.layout not in RAW:
        return None
    probes = tuple(probe_of(image, reference, candidate) for image in images[:MOST_PROBES])
    return Case(gate, contest, probes, candidate, own.names)


def probe_of(image: DatasetImage, reference: ModelDetector, candidate: ModelDetector) -> Probe:
    """One image, preprocessed as the reference does, in the colours and layout that the candidate's file asks for."""
    spec = reference.pipeline.spec
    pixels = read_image(image.path, exif=spec.preprocess.exif)
    fitted = preprocess(pixels, spec.preprocess)
    size = fitted.geometry.network_size
    outputs = reference.pipeline.session.run(fitted.tensor)
    head = read_head(outputs, spec.head, classes=len(spec.names), size=size)
    if head is None:
        raise ParityError("the reference's output does not fit its own head")
    tensor = preprocess(pixels, as_asked(spec.preprocess, candidate.pipeline.spec.preprocess)).tensor
    return Probe(tensor, size, head, answer(candidate.pipeline.session, tensor))


def as_asked(reference: Preprocess, candidate: Preprocess) -> Preprocess:
    """The reference's geometry in the candidate's declared tensor: its order, range and layout are its interface, not a fault."""
    return replace(
        reference,
        channel_order=candidate.channel_order,
        divisor=candidate.divisor,
        mean=candidate.mean,
        std=candidate.std,
        layout=candidate.layout,
    )
