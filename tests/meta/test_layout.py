"""The rules of the layout, read from the syntax tree; every rule is also seen to be broken by a small example."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "parity"
MODULES = sorted(PACKAGE.rglob("*.py"))
STAGES = ("boxes", "preprocess", "decode", "suppress", "restore", "match", "doubts", "edges", "noise")
EDGES = (
    *("backends", "models", "convert", "datasets", "images", "candidates", "baselines"),
    *("report", "commands", "cli", "pytest_plugin", "suite"),
)
RUNTIMES = ("torch", "torchvision", "ultralytics", "onnxruntime", "onnx", "openvino")
MAY_IMPORT_PYTEST = ("parity/pytest_plugin.py", "parity/suite/")
MAY_IMPORT_ULTRALYTICS = ("parity/models/ultralytics.py", "parity/convert/ultralytics_export.py")  # the second through the first
DANGEROUS = {
    "eval",
    "exec",
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "yaml.load",
    "yaml.unsafe_load",
    "os.system",
    "marshal.loads",
}
TRUSTED_PATH = ("parity/models/unpickle.py", 1)  # the only file, and how often it loads what the user vouched for


def relative(path: Path) -> str:
    """The path within the project, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


# What a tree says


def imports(tree: ast.AST) -> set[str]:
    """Every module that is imported anywhere, by statement or by ``import_module`` of a literal, and names imported from packages."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {"import_module", "__import__"}:
            found |= {argument.value for argument in node.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)}
    return found


def imports_any(tree: ast.AST, packages: tuple[str, ...]) -> set[str]:
    """The imports that belong to one of the packages."""
    return {name for name in imports(tree) if any(name == package or name.startswith(f"{package}.") for package in packages)}


def top_level_imports(tree: ast.Module) -> set[str]:
    """What importing the module imports: statements outside functions and outside ``TYPE_CHECKING``."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= imports(node)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += list(ast.iter_child_nodes(node))
    return found


def dotted(node: ast.AST) -> str:
    """A name such as ``torch.load``, empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call and the name it is called by."""
    yield from ((dotted(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def loads_plain_yaml(tree: ast.AST, call: ast.Call) -> bool:
    """Whether a call's second argument is PyYAML's safe loader or a class made from it in the same module."""
    derived = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and "yaml.SafeLoader" in map(dotted, node.bases)}
    return dotted(call.func) == "yaml.load" and any(dotted(loader) in derived | {"yaml.SafeLoader"} for loader in call.args[1:])


def dangerous_calls(tree: ast.AST) -> list[str]:
    """Calls that run what a file says, by the name they are called with."""
    names = [name for name, call in calls(tree) if not loads_plain_yaml(tree, call)]
    imported = {name for name in imports(tree) if name in DANGEROUS}
    return [name for name in names if name in DANGEROUS] + sorted(imported)


def unsafe_torch_loads(tree: ast.AST) -> int:
    """Calls of ``torch.load`` that do not say ``weights_only=True``."""
    loads = [call for name, call in calls(tree) if name == "torch.load"]
    safe = [call for call in loads if any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in call.keywords)]
    return len(loads) - len(safe)


def without_docstring(tree: ast.Module) -> list[str]:
    """Public functions, methods and classes that do not say what they are; and the module."""
    silent = [] if ast.get_docstring(tree) else ["module"]
    for holder in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        members = [node for node in holder.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        silent += [node.name for node in members if not node.name.startswith("_") and not ast.get_docstring(node)]
    return silent


# Arrows


def stage_trespasses(tree: ast.Module) -> set[str]:
    """What a stage imports and must not."""
    return imports_any(tree, (*(f"parity.{edge}" for edge in EDGES), *RUNTIMES, "pytest"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_edge_and_no_runtime(stage: str) -> None:
    assert stage_trespasses(read(PACKAGE / f"{stage}.py")) == set()


def test_suppression_reaches_one_operator_of_one_runtime_and_no_more() -> None:
    reached = {".".join(name.split(".")[:3]) for name in stage_trespasses(read(PACKAGE / "nms.py"))}
    assert reached == {"onnx.parser", "onnx.parser.parse_model", "parity.backends.onnx_runtime"}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from parity.backends.base import Session", "parity.backends.base"),
        ("from parity import images", "parity.images"),
        ("def f():\n    import torch", "torch"),
        ("from importlib import import_module\nimport_module('onnxruntime')", "onnxruntime"),
        ("import torch.nn.functional as F", "torch.nn.functional"),
    ],
)
def test_a_stage_that_did_is_found(code: str, found: str) -> None:
    assert found in stage_trespasses(ast.parse(code))


def test_a_package_of_a_similar_name_is_none_of_these() -> None:
    assert stage_trespasses(ast.parse("import torchmetrics, parity.boxes\nfrom parity.spec import Fit")) == set()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_only_the_plugin_and_the_suite_import_pytest(path: Path) -> None:
    assert relative(path).startswith(MAY_IMPORT_PYTEST) or not imports_any(read(path), ("pytest", "_pytest"))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_only_the_guarded_modules_import_ultralytics(path: Path) -> None:
    assert relative(path) in MAY_IMPORT_ULTRALYTICS or not imports_any(read(path), ("ultralytics",))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_imports_ultralytics_by_being_imported(path: Path) -> None:
    assert not [name for name in top_level_imports(read(path)) if name.split(".")[0] == "ultralytics"]


def test_imports_of_pytest_and_ultralytics_are_found() -> None:
    code = "import pytest\ntry:\n    from ultralytics import YOLO\nexcept ImportError:\n    pass"
    assert imports_any(ast.parse(code), ("pytest",)) == {"pytest"}
    assert imports_any(ast.parse(code), ("ultralytics",)) == {"ultralytics", "ultralytics.YOLO"}
    assert "ultralytics" in top_level_imports(ast.parse(code))
    assert top_level_imports(ast.parse("def f():\n    import ultralytics\nif TYPE_CHECKING:\n    import torch")) == set()


# What must not be called


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_nothing_runs_what_a_file_says(path: Path) -> None:
    assert dangerous_calls(read(path)) == []


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "def f(x):\n    exec(x)",
        "import pickle\npickle.loads(b'')",
        "import yaml\nyaml.load('', Loader=yaml.Loader)",
        "class Mine(yaml.Loader): ...\nyaml.load('', Mine)",
        "from pickle import load\nload(file)",
        "import os\nos.system('true')",
    ],
)
def test_running_what_a_file_says_is_found(code: str) -> None:
    assert dangerous_calls(ast.parse(code)) != []


def test_reading_safely_is_not_called_running() -> None:
    assert (
        dangerous_calls(
            ast.parse("class Mine(yaml.SafeLoader): ...\nyaml.load(x, Mine)\nast.literal_eval(x)\nnetwork.eval()\njson.loads(x)")
        )
        == []
    )


def test_torch_files_are_loaded_as_weights_but_for_the_one_trusted_path() -> None:
    unsafe = {relative(path): unsafe_torch_loads(read(path)) for path in MODULES}
    assert {path: count for path, count in unsafe.items() if count} == dict([TRUSTED_PATH])


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("torch.load(f)", 1),
        ("torch.load(f, weights_only=False)", 1),
        ("torch.load(f, weights_only=safe)", 1),
        ("torch.load(f, weights_only=True)", 0),
        ("torch.jit.load(f)", 0),
    ],
)
def test_an_unsafe_torch_load_is_found(code: str, count: int) -> None:
    assert unsafe_torch_loads(ast.parse(code)) == count


# Words


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_public_name_says_what_it_is(path: Path) -> None:
    assert without_docstring(read(path)) == []


def test_a_name_that_does_not_is_found() -> None:
    code = '"""M."""\ndef f(): ...\nclass C:\n    """C."""\n    def g(self): ...\n    def _h(self): ...'
    assert without_docstring(ast.parse(code)) == ["f", "g"]
    assert without_docstring(ast.parse("")) == ["module"]


# Importing the plugin


def loaded_by(module: str) -> set[str]:
    """The packages that a fresh process has after importing a module."""
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


@pytest.mark.skipif(find_spec("parity.pytest_plugin") is None, reason="the plugin has not been written")
def test_importing_the_plugin_loads_neither_numpy_nor_torch() -> None:
    assert not {"numpy", "torch", "cv2", "onnxruntime", "ultralytics", "scipy"} & loaded_by("parity.pytest_plugin")


@pytest.mark.parametrize("module", ["parity.models", "parity.convert", "parity.pipeline", "parity.gate", "parity.bench_worker"])
def test_importing_the_base_loads_no_torch(module: str) -> None:
    assert not {"torch", "ultralytics", "pytest"} & loaded_by(module)


def test_what_is_loaded_is_found() -> None:
    assert {"numpy", "parity"} <= loaded_by("parity.boxes")


# Traces of the machine

SLASH = "/"
WORK_FOLDER, JOB_FOLDER, OUTSIDE = f"{SLASH}work{SLASH}", f"{SLASH}tmp{SLASH}bash_jobs", f"..{SLASH}shared"
TRACES = re.compile(rf"(?<![\w./-]){WORK_FOLDER}|{JOB_FOLDER}|{re.escape(OUTSIDE)}")
MAY_NAME_THE_OUTSIDE = ".ci/run"
TEXT = {".py", ".toml", ".md", ".ini", ".cfg", ".yaml", ".yml", ".json", ".txt", ".sh", ".html", ""}


def tracked() -> list[Path]:
    """The project's text files: what git tracks and what it would, or without git all that lies here."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - wherever git lies
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and Path(name).suffix in TEXT and (ROOT / name).is_file()]


def traces(text: str) -> list[str]:
    """The paths of one machine that a text names."""
    return TRACES.findall(text)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the list of files comes from git")
def test_no_file_names_a_path_of_one_machine() -> None:
    files = [path for path in tracked() if relative(path) != MAY_NAME_THE_OUTSIDE]
    found = {relative(path): traces(path.read_text(encoding="utf-8", errors="replace")) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("trace", [f'"{WORK_FOLDER}main"', f"see {JOB_FOLDER}.0", f"{OUTSIDE}/models"])
def test_a_path_of_one_machine_is_found(trace: str) -> None:
    assert len(traces(trace)) == 1


@pytest.mark.parametrize("harmless", ["https://example.com/work/x", "work/", "shared/", "./work/a"])
def test_a_path_of_every_machine_is_not(harmless: str) -> None:
    assert traces(harmless) == []
