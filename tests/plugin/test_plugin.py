"""The plugin as its users meet it: in a folder of their own, by options and ini keys."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = ("-c", "tox.ini", "--pyargs", "parity.suite", "-m", "parity", "-p", "no:cacheprovider")
SMALL = ("--parity-backend", "torchscript", "--parity-imgsz", "320")  # the backend that converts fastest


def gate_arguments(checkpoint: Path, data: Path, baselines: Path, *more: str) -> list[str]:
    """The command line of one small gate."""
    paths = ["--parity-checkpoint", str(checkpoint), "--parity-data", str(data), "--parity-baselines", str(baselines)]
    return [*SUITE, *SMALL, *paths, *more]


def test_the_suite_without_a_checkpoint_is_a_usage_error_that_names_the_options(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*SUITE)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--parity-checkpoint*--parity-data*--parity-baselines*"])


@pytest.mark.parametrize("blank", ["parity_imgsz", "parity_backend"])
def test_a_suite_that_would_skip_everything_is_a_usage_error(pytester: pytest.Pytester, blank: str, checkpoint: Path) -> None:
    pytester.makeini(f"[pytest]\nparity_checkpoint = {checkpoint}\nparity_data = data.yaml\n{blank} =\n")

    assert pytester.runpytest_subprocess(*SUITE).ret == pytest.ExitCode.USAGE_ERROR


def test_an_empty_list_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*SUITE, "--parity-backend", "")

    assert result.ret == pytest.ExitCode.USAGE_ERROR or "UsageError" in result.stdout.str()


def test_a_glob_that_matches_nothing_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*SUITE, "--parity-checkpoint", "none/*.pt", "--parity-data", "data.yaml")

    assert result.ret != 0
    assert "none/*.pt: no such file" in result.stdout.str() + result.stderr.str()


def test_updating_baselines_in_several_processes_is_refused(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*SUITE, "-n", "2", "--parity-update-baselines")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--parity-update-baselines*without -n*"])


def test_latency_in_several_processes_is_skipped_with_the_reason(pytester: pytest.Pytester, checkpoint: Path, small_data: Path) -> None:
    arguments = gate_arguments(checkpoint, small_data, pytester.path, "-n", "1", "-k", "test_latency_is_recorded", "-rs")

    result = pytester.runpytest_subprocess(*arguments)

    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*measured nothing: pytest-benchmark is switched off*"])


@pytest.mark.parametrize(
    "arguments",
    [("--parity-imgsz", "320,640"), ("--parity-imgsz", "320", "--parity-imgsz", "640"), ()],
    ids=["comma", "repeated", "default"],
)
def test_lists_may_be_repeated_or_separated_by_commas(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    from parity.pytest_plugin import settings  # noqa: PLC0415 - the plugin of this run is another copy

    config = pytester.parseconfig(*arguments)

    assert settings(config).sizes == ((320, 320), (640, 640))


def test_ini_paths_are_relative_to_the_ini_file_and_the_command_line_wins(pytester: pytest.Pytester) -> None:
    from parity.pytest_plugin import settings  # noqa: PLC0415

    pytester.makeini("[pytest]\nparity_checkpoint = weights/*.pt\nparity_data = data.yaml\nparity_baselines = stored\n")
    pytester.mkdir("weights").joinpath("best.pt").write_bytes(b"")

    found = settings(pytester.parseconfig("--parity-data", "other.yaml"))

    assert found.checkpoints == (pytester.path / "weights" / "best.pt",)
    assert (found.data, found.baselines) == ({"": pytester.path / "other.yaml"}, pytester.path / "stored")


def test_a_checkpoint_may_have_data_of_its_own(pytester: pytest.Pytester) -> None:
    from parity.pytest_plugin import settings  # noqa: PLC0415

    pytester.makeini("[pytest]\nparity_data =\n  data.yaml\n  run_7=triangles\n")

    found = settings(pytester.parseconfig())

    assert found.data_of(Path("runs/run_7")) == pytester.path / "triangles"
    assert found.data_of(Path("runs/best.pt")) == pytester.path / "data.yaml"


def test_a_path_of_data_may_hold_an_equals_sign(pytester: pytest.Pytester) -> None:
    from parity.pytest_plugin import settings  # noqa: PLC0415

    pytester.mkdir("lr=0.1")
    found = settings(pytester.parseconfig("--parity-data=lr=0.1", "--parity-data=run_7=lr=0.1", "--parity-data=a/lr=1/d"))
    assert found.data_of(Path("run_7")) == pytester.path / "lr=0.1"
    assert found.data_of(Path("other")) == pytester.path / "a/lr=1/d"


@pytest.mark.slow
def test_a_missing_baseline_fails_an_update_writes_and_fails_and_then_the_gate_passes(
    pytester: pytest.Pytester, checkpoint: Path, small_data: Path
) -> None:
    arguments = gate_arguments(checkpoint, small_data, pytester.path / "baselines")

    missing = pytester.runpytest_subprocess(*arguments)
    update = pytester.runpytest_subprocess(*arguments, "--parity-update-baselines")
    green = pytester.runpytest_subprocess(*arguments)

    missing.assert_outcomes(passed=4, failed=1)
    missing.stdout.fnmatch_lines(["*ap_baseline fail*", "*no baseline *--parity-update-baselines*"])
    update.assert_outcomes(passed=4, failed=1)
    update.stdout.fnmatch_lines(["*AP none → 0.*review it and run again*"])
    green.assert_outcomes(passed=5)
    assert green.ret == 0


@pytest.mark.slow
def test_ap_that_moved_from_its_baseline_fails_with_both_values(pytester: pytest.Pytester, checkpoint: Path, small_data: Path) -> None:
    baselines = pytester.path / "baselines"
    arguments = gate_arguments(checkpoint, small_data, baselines, "-k", "baseline")
    pytester.runpytest_subprocess(*arguments, "--parity-update-baselines")
    reseal(next(baselines.glob("*.json")), ap_moved_by=0.003)

    result = pytester.runpytest_subprocess(*arguments)

    result.assert_outcomes(failed=1, deselected=4)
    result.stdout.fnmatch_lines(["*ap_baseline fail: measured 0.003*limit 0.002*", "*baseline 0.*, now 0.*"])


@pytest.mark.slow
def test_a_test_of_ones_own_gets_the_verdict_from_the_fixture(pytester: pytest.Pytester, checkpoint: Path, small_data: Path) -> None:
    pytester.makepyfile(
        f"""
        def test_release(parity_gate):
            result = parity_gate({str(checkpoint)!r}, data={str(small_data)!r}, backends=["torchscript"], sizes=[(320, 320)])
            assert result.verdict == "pass"
            assert result.configs[0].parity.images_agreeing == 6
        """
    )

    result = pytester.runpytest_subprocess("-c", "tox.ini", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)


STRETCHED = """
from dataclasses import replace
from pathlib import Path

from parity import judging
from parity.spec import Fit
from parity.suite import running


def stretched(*arguments, convert=running.converted_contest):
    contest = convert(*arguments)
    pipeline = contest.candidate.pipeline
    spec = replace(pipeline.spec, preprocess=replace(pipeline.spec.preprocess, fit=Fit.STRETCH))
    return replace(contest, candidate=replace(contest.candidate, pipeline=replace(pipeline, spec=spec)))


def counted(*arguments, search=judging.name_causes):
    with Path("searches.txt").open("a") as file:
        file.write("once more\\n")
    return search(*arguments)


running.converted_contest, judging.name_causes = stretched, counted
"""


@pytest.mark.slow
def test_a_red_gate_shows_its_cause_and_searches_for_it_once(pytester: pytest.Pytester, checkpoint: Path, small_data: Path) -> None:
    pytester.makepyfile(stretching=STRETCHED)
    arguments = gate_arguments(checkpoint, small_data, pytester.path / "baselines", "-p", "stretching", "-k", "reference")

    result = pytester.runpytest_subprocess(*arguments)

    result.assert_outcomes(failed=2, deselected=3)
    cause = ["*: CAUSE stretch_instead_of_letterbox (preprocess, confirmed, explains 100%)", "    what: The image was stretched*"]
    text = [*cause, "    evidence: reproduced in the reference's pipeline*", "    fix: Resize both axes by the same gain*"]
    result.stdout.fnmatch_lines([*text, "*: missed fail: *", *text, "*: ap_reference fail: *"])
    assert (pytester.path / "searches.txt").read_text().split() == ["once", "more"]


def test_a_failed_test_of_ones_own_shows_what_its_gate_found(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(
        """
        import pytest
        from oracles.results import check, result
        from parity.suite import running
        from parity.verdict import Diagnosis, Status, Verdict

        CAUSE = Diagnosis("m", "stretch", "preprocess", {}, 1.0, "confirmed", "reproduce", "It was stretched.", "Use a letterbox.")
        RED = result(verdict=Verdict.FAIL, checks=(check(Status.FAIL, measured=3),), diagnosis=(CAUSE,))

        @pytest.fixture(scope="session", autouse=True)
        def answers():
            running.run_gate = lambda request: {"red.pt": RED, "green.pt": result()}[request.reference.name]

        def test_release(parity_gate):
            assert parity_gate("red.pt").verdict == "pass"

        def test_next_release(parity_gate):
            assert parity_gate("green.pt").verdict == "fail"
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"), prepend=":")

    result = pytester.runpytest_subprocess("-c", "tox.ini", "-p", "no:cacheprovider")

    result.assert_outcomes(failed=2)
    section = ["*- parity gate -*", "parity: fail", "m: CAUSE stretch (preprocess, confirmed, explains 100%)", "    fix: Use a letterbox."]
    result.stdout.fnmatch_lines([*section, "*: missed fail: measured 3, limit 0 (every one is a difference)"])
    assert result.stdout.str().count("- parity gate -") == 1


def reseal(path: Path, *, ap_moved_by: float) -> None:
    """Store another AP as a reviewed baseline would."""
    from parity.baselines import Baseline, write_baseline  # noqa: PLC0415
    from parity.wire import from_plain  # noqa: PLC0415

    plain = json.loads(path.read_text())["baseline"]
    plain["metrics"]["AP"] += ap_moved_by
    write_baseline(path, from_plain(Baseline, plain, source=path))
