"""A certificate is written for what passed and nothing else, says of what, and every change of it or of the file is noticed."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from oracles.results import check, config, result

from parity import cli
from parity.certificate import Certificate, certificate_path, check_certifiable, write_certificates
from parity.errors import BadInput, CertificateError, UsageError
from parity.files import write_whole
from parity.request import GateRequest
from parity.sealed import write_sealed
from parity.verdict import CandidateId, Result, Status, Verdict
from parity.verification import changes, read_certificate, repeated_request, verify
from parity.wire import sha256_of_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = ("m-onnx-320", "m-onnx-640")
WAIVED = check(Status.WAIVED, config=BOTH[1], name="ghosts", measured=1.0, detail="waived by Ada until 2027-01-01: why")


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    """An ONNX file whose weights lie in a file beside it."""
    folder = tmp_path / "ship"
    folder.mkdir()
    weights = onnx.numpy_helper.from_array(np.arange(64, dtype=np.float32), "w")
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [64]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:], [weights]))
    path = folder / "m.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="m.weights", size_threshold=0)
    return path


@pytest.fixture
def request_of(artefact: Path) -> GateRequest:
    """A request that asks for a certificate, with everything that is not recorded."""
    return GateRequest(
        artefact.parents[1] / "trained" / "best.pt",
        candidates=(str(artefact),),
        data=artefact.parents[1] / "data.yaml",
        sizes=((320, 320), (640, 640)),
        trusted=frozenset({"sha256:00"}),
        evidence=Path("evidence"),
        report=Path("r.html"),
        plots=Path("plots"),
        history=Path("h.sqlite"),
        least_speedup=0.9,
        certify=True,
    )


def passing(artefact: Path, **others: Any) -> Result:
    """The result of a gate that passed at two sizes."""
    candidate = CandidateId("model", str(artefact), hashlib.sha256(artefact.read_bytes()).hexdigest())
    sizes = ((320, 320), (640, 640))
    configs = tuple(config(id=name, candidate=candidate, imgsz=size, spec_sha256="5" * 64) for name, size in zip(BOTH, sizes, strict=True))
    checks = (*(check(config=name, limit=0.0, measured=0.0) for name in BOTH), WAIVED)
    return replace(result(), **({"configs": configs, "checks": checks} | others))


@pytest.fixture
def certified(artefact: Path, request_of: GateRequest) -> Path:
    """The file with its certificate beside it."""
    assert list(write_certificates(request_of, passing(artefact))) == [f"certificate written: {certificate_path(artefact)}"]
    return artefact


# What is written


def test_it_says_what_was_held_against_what_by_which_checks(certified: Path) -> None:
    found = read_certificate(certified)
    assert [one.id for one in found.configs] == list(BOTH)
    assert [one.imgsz for one in found.configs] == [(320, 320), (640, 640)]
    assert found.checks == passing(certified).checks
    assert found.checks[-1].status is Status.WAIVED
    assert (found.reference.path, found.reference.sha256) == ("../trained/best.pt", "1" * 64)
    assert (found.dataset.sha256, found.configs[0].spec_sha256, set(found.external)) == ("2" * 64, "5" * 64, {"m.weights"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found.date)


def test_the_recorded_request_repeats_the_gate_and_makes_no_code_run(certified: Path, request_of: GateRequest) -> None:
    recorded = read_certificate(certified).request
    assert (recorded.reference, recorded.data) == (Path("../trained/best.pt"), Path("../data.yaml"))
    assert (recorded.candidates, recorded.trusted, recorded.evidence, recorded.certify) == ((), frozenset(), None, False)
    assert (recorded.report, recorded.plots, recorded.history) == (None, None, None)
    again = repeated_request(read_certificate(certified), certified, reference=None, data=None)
    unwritten = replace(request_of, evidence=None, report=None, plots=None, history=None, certify=False)
    assert replace(again, reference=again.reference.resolve(), data=request_of.data) == replace(
        unwritten, reference=request_of.reference.resolve(), trusted=frozenset()
    )
    elsewhere = repeated_request(read_certificate(certified), certified, reference=Path("other.pt"), data=Path("other"))
    assert (elsewhere.reference, elsewhere.data, elsewhere.images) == (Path("other.pt"), Path("other"), None)


@pytest.mark.parametrize("status", [Status.FAIL, Status.INCONCLUSIVE])
def test_what_did_not_pass_gets_none_and_loses_none(artefact: Path, request_of: GateRequest, status: Status) -> None:
    red = passing(artefact, checks=(check(config=BOTH[0]), check(status, config=BOTH[1])), verdict=Verdict.FAIL)
    assert list(write_certificates(request_of, red)) == []
    assert not certificate_path(artefact).exists()
    list(write_certificates(request_of, passing(artefact)))
    before = certificate_path(artefact).read_bytes()
    (note,) = write_certificates(replace(request_of, certify=False), red)
    assert note == f"{artefact} did not pass: the certificate beside it is not of this result"
    assert certificate_path(artefact).read_bytes() == before


def test_nothing_checked_is_no_pass(artefact: Path, request_of: GateRequest) -> None:
    assert list(write_certificates(request_of, passing(artefact, checks=(check(Status.NOT_CHECKED, config=BOTH[0]),)))) == []


def test_of_two_files_the_one_that_passed_is_certified(artefact: Path, request_of: GateRequest) -> None:
    other = artefact.with_name("other.onnx")
    red = config(id="other", candidate=CandidateId("model", str(other), "0" * 64))
    both = passing(artefact)
    both = replace(both, configs=(*both.configs, red), checks=(*both.checks, check(Status.FAIL, config="other")), verdict=Verdict.FAIL)
    notes = list(write_certificates(replace(request_of, candidates=(str(artefact), str(other))), both))
    assert notes == [f"certificate written: {certificate_path(artefact)}"]
    assert {one.config for one in read_certificate(artefact).checks} == set(BOTH)


def test_a_check_of_no_configuration_speaks_of_every_file(artefact: Path, request_of: GateRequest) -> None:
    both = passing(artefact)
    assert list(write_certificates(request_of, replace(both, checks=(*both.checks, check(Status.FAIL, config=""))))) == []


def test_none_is_written_without_being_asked_for(artefact: Path, request_of: GateRequest) -> None:
    assert list(write_certificates(replace(request_of, certify=False), passing(artefact))) == []
    assert not certificate_path(artefact).exists()


def test_a_file_that_changed_during_the_gate_is_not_certified(artefact: Path, request_of: GateRequest) -> None:
    before = passing(artefact)
    artefact.write_bytes(artefact.read_bytes() + b"\x00")
    with pytest.raises(BadInput, match="changed while it was gated"):
        list(write_certificates(request_of, before))


def test_a_write_that_fails_leaves_the_old_one(certified: Path, request_of: GateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    before = certificate_path(certified).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        list(write_certificates(request_of, passing(certified)))
    assert certificate_path(certified).read_bytes() == before
    assert sorted(path.name for path in certified.parent.iterdir()) == ["m.onnx", "m.onnx.parity.json", "m.weights"]


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"backends": ("onnx",), "candidates": ()}, r"--backend makes temporary ones\n  next: convert first"),
        ({"candidates": ("p.json",)}, "--certify is for exported files; found p.json"),
        ({"candidates": ("package:detect",)}, "--certify is for exported files; found package:detect"),
        ({"candidates": ("m.pt",)}, "--certify is for exported files; found m.pt"),
    ],
)
def test_what_is_no_exported_file_is_refused(request_of: GateRequest, others: dict[str, Any], says: str) -> None:
    check_certifiable(request_of)
    check_certifiable(replace(request_of, certify=False, **others))
    with pytest.raises(UsageError, match=says):
        check_certifiable(replace(request_of, **others))


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(
    artefact: Path, request_of: GateRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(place: Path, mode: int) -> bool:
        return place != artefact.parent  # the folder of the certificate

    monkeypatch.setattr("os.access", refused)
    with pytest.raises(UsageError, match="cannot write beside the file"):
        check_certifiable(request_of)


# What is noticed


def test_an_untouched_file_is_valid(certified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(certified).differences == ()
    assert cli.main(["verify", str(certified)]) == 0
    shown = capsys.readouterr().out
    assert "CERTIFIED" in shown
    assert "2 pass, 1 waived" in shown
    assert "waived: m-onnx-640: ghosts: waived by Ada until 2027-01-01: why" in " ".join(shown.split())


def test_it_goes_with_the_file_under_another_name_and_place(certified: Path, tmp_path: Path) -> None:
    moved = tmp_path / "renamed.onnx"
    certificate_path(certified).rename(certificate_path(moved))
    certified.with_name("m.weights").rename(tmp_path / "m.weights")
    assert verify(certified.rename(moved)).differences == ()


def flip(path: Path, place: int) -> None:
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_changed_byte_of_the_file_is_noticed(certified: Path, capsys: pytest.CaptureFixture[str], place: int) -> None:
    flip(certified, place)
    assert cli.main(["verify", str(certified), "--json", "-"]) == CertificateError.exit_code
    (difference,) = json.loads(capsys.readouterr().out)["differences"]
    assert difference.startswith("the file itself: sha256 ")


def test_a_changed_byte_of_its_weights_is_noticed(certified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(certified.with_name("m.weights"), 7)
    assert cli.main(["verify", str(certified)]) == CertificateError.exit_code
    assert "differs: its weights in m.weights: sha256 " in capsys.readouterr().out


def test_a_missing_certificate_is_bad_input(artefact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(artefact)]) == BadInput.exit_code
    assert "there is no certificate\n  next: certify the file again with `parity gate --certify`" in capsys.readouterr().err
    assert cli.main(["verify", str(artefact.with_name("none.onnx"))]) == BadInput.exit_code


def test_an_older_or_newer_schema_is_refused(certified: Path) -> None:
    write_sealed(certificate_path(certified), "certificate", replace(read_certificate(certified), schema=2))
    with pytest.raises(CertificateError, match="has another schema; found 2; expected 1"):
        read_certificate(certified)


def leaves(plain: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every value of a JSON document."""
    parts = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    nested = [leaf for key, value in parts for leaf in leaves(value, (*place, key))]
    yield from nested or [place]


def changed(value: Any) -> Any:
    """Another value, of the same type where it has one."""
    others = {str: lambda text: f"{text}0", int: lambda number: number + 1, float: lambda number: number + 1, bool: lambda flag: not flag}
    return others.get(type(value), lambda _: 1)(value)


def edited(plain: Any, place: tuple[str | int, ...]) -> str:
    """The text of a document in which one value is another."""
    holder = plain = json.loads(json.dumps(plain))
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = changed(holder[place[-1]])
    return json.dumps(plain)


def is_refused(artefact: Path, text: str) -> bool:
    """Whether a certificate with this text is noticed to be damaged."""
    write_whole(text, certificate_path(artefact))
    try:
        read_certificate(artefact)
    except CertificateError:
        return True
    return False


def test_one_changed_value_anywhere_is_noticed(certified: Path) -> None:
    plain = json.loads(certificate_path(certified).read_bytes())
    places = list(leaves(plain))
    assert len(places) > 70
    assert not is_refused(certified, json.dumps(plain))  # other spaces and line breaks are no change
    assert [place for place in places if not is_refused(certified, edited(plain, place))] == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"certificate": 1, "sha256": "0"}', '{"certificate": {}, "sha256": NaN}'])
def test_what_is_no_certificate_is_refused(certified: Path, text: str) -> None:
    assert is_refused(certified, text)


def test_the_certificate_of_another_file_is_noticed(certified: Path) -> None:
    other = certified.with_name("other.onnx")
    other.write_bytes(certified.read_bytes() + b"\x00")
    certificate_path(certified).rename(certificate_path(other))
    assert len(verify(other).differences) == 1


def test_hostile_names_in_it_do_not_reach_the_terminal(certified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_certificate(certified)
    hostile = replace(found, reference=replace(found.reference, path="\x1b[2J"), dataset=replace(found.dataset, name="\u202eevil"))
    write_sealed(certificate_path(certified), "certificate", replace(hostile, date="\x07", external={"\x1b]0;": "\x9b"}))
    assert cli.main(["verify", str(certified)]) == CertificateError.exit_code
    assert not {"\x1b", "\u202e", "\x07", "\x9b"} & set(capsys.readouterr().out)


# A gate that is repeated


def again(certified: Path, **others: Any) -> list[str]:
    """What differs where the gate's result is this."""
    return list(changes(read_certificate(certified), passing(certified, **others)))


def test_the_same_result_differs_in_nothing(certified: Path) -> None:
    assert again(certified) == []


def test_configurations_are_matched_in_order_since_their_names_come_from_the_reference(certified: Path) -> None:
    renamed = passing(certified)
    configs = tuple(replace(one, id=f"other-{one.id}") for one in renamed.configs)
    checks = tuple(replace(one, config=f"other-{one.config}") for one in renamed.checks)
    assert again(certified, configs=configs, checks=checks) == []


def test_what_differs_is_named(certified: Path) -> None:
    now = passing(certified)
    assert again(certified, reference=replace(now.reference, sha256="9" * 64))[0].startswith("the reference: sha256 999")
    assert again(certified, dataset=replace(now.dataset, sha256="9" * 64))[0].startswith("the data: sha256 999")
    assert again(certified, configs=now.configs[:1]) == ["the configurations are others than the certified ones"]
    other = (replace(now.configs[0], spec_sha256="6" * 64), now.configs[1])
    assert again(certified, configs=other)[0].startswith("m-onnx-320: it runs as another pipeline: sha256 666")
    assert again(certified, checks=now.checks[1:]) == ["m-onnx-320: missed: is not checked any more"]
    failing = (replace(now.checks[0], status=Status.FAIL), replace(now.checks[1], limit=3.0), now.checks[2])
    assert again(certified, checks=failing) == [
        "m-onnx-320: missed: status fail, certified pass",
        "m-onnx-640: missed: limit 3.0, certified 0.0",
    ]
    assert again(certified, checks=(replace(now.checks[0], measured=0.5), *now.checks[1:])) == []


@pytest.mark.parametrize(
    ("others", "code"),
    [
        ({}, 0),
        ({"verdict": Verdict.FAIL}, 1),
        ({"verdict": Verdict.INCONCLUSIVE}, 12),
        ({"checks": (check(config=BOTH[0]),)}, 14),  # it passes, by fewer checks
    ],
)
def test_a_repeated_gate_gives_its_exit_code_and_fewer_checks_are_no_pass(
    certified: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], others: dict[str, Any], code: int
) -> None:
    asked: list[GateRequest] = []

    def run_gate(request: GateRequest, *, track: object) -> Result:
        del track
        asked.append(request)
        return passing(certified, **others)

    monkeypatch.setattr("parity.gate.run_gate", run_gate)
    words = ("--rerun", "--reference", "new.pt", "--data", "new.yaml", "--images", "i", "--trust-checkpoint", "sha256:11")
    assert cli.main(["verify", str(certified), *words]) == code
    (request,) = asked
    assert (request.reference, request.data, request.images) == (Path("new.pt"), Path("new.yaml"), Path("i"))
    assert (request.candidates, request.trusted, request.least_speedup) == ((str(certified),), {"sha256:11"}, 0.9)
    assert ("CERTIFIED" in capsys.readouterr().out) == (not again(certified, **others))


def test_a_changed_file_is_not_gated_again(certified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.gate.run_gate", None)
    flip(certified, -1)
    assert cli.main(["verify", str(certified), "--rerun"]) == CertificateError.exit_code


def test_the_digest_is_of_the_canonical_json(certified: Path) -> None:
    plain = json.loads(certificate_path(certified).read_bytes())
    assert plain["sha256"] == sha256_of_plain(plain["certificate"])
    assert isinstance(read_certificate(certified), Certificate)
