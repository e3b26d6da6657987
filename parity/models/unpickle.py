"""Torch files to objects, through the allow-list."""

from __future__ import annotations

import io
import pickle
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from parity.backends.artefact import ZIP
from parity.errors import BadInput, UntrustedInput
from parity.models.allowed import MAY_BE_CALLED, MAY_BE_CREATED, MAY_BE_NAMED, RENAMED
from parity.models.census import Census, take_census
from parity.models.families import explain_family

if TYPE_CHECKING:
    from pathlib import Path

SHOWN_GLOBALS = 8


def unpickle(content: bytes, path: Path, *, sha256: str, trusted: frozenset[str]) -> Any:
    """The object that a torch file holds.

    Raises ``UntrustedInput`` where reading it would run code that is not on the allow-list, unless the digest is trusted;
    ``BadInput`` where the file is damaged or belongs to another family.
    """
    census = census_of(content, path)
    refused = refused_globals(census)
    is_trusted = sha256 in {digest.lower().removeprefix("sha256:") for digest in trusted}
    if refused and not is_trusted:
        explain_family(refused, path)
        raise refusal(refused, path, sha256=sha256, trusted=trusted)
    try:
        if refused:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)  # the user vouched for this digest
        with torch.serialization.safe_globals(allowed_objects(census.named)):
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (ImportError, AttributeError) as absent:
        next_step = "install what it was saved with, or export it to ONNX where it was trained"
        raise BadInput("needs code that is not installed", file=path, found=absent, next_step=next_step) from None
    except Exception:  # noqa: BLE001 - torch's own text advises weights_only=False and carries raw escapes of the file
        raise damaged(content, path) from None


def census_of(content: bytes, path: Path) -> Census:
    """The globals of a torch file, zip or bare pickle."""
    try:
        return take_census(zipped_pickle(content, path) if content.startswith(ZIP) else content)
    except ValueError:
        raise damaged(content, path) from None


def zipped_pickle(content: bytes, path: Path) -> bytes:
    """The pickle within a torch zip, read by torch's own reader so that both see the same bytes."""
    try:
        reader = torch._C.PyTorchFileReader(io.BytesIO(content))  # noqa: SLF001 - what torch.load uses; zipfile may disagree with it
        records = reader.get_all_records()
        if "constants.pkl" not in records and not any(record.startswith("code/") for record in records):
            pickled: bytes = reader.get_record("data.pkl")
            return pickled
    except RuntimeError:
        raise damaged(content, path) from None
    next_step = "give it as a candidate with the suffix .torchscript, or give the checkpoint that it was exported from"
    raise UntrustedInput("is a TorchScript archive, which is code, not a checkpoint", file=path, next_step=next_step)


def refused_globals(census: Census) -> list[str]:
    """What a census names, calls or creates beyond the allow-list."""
    calls = census.called - MAY_BE_CALLED
    creations = census.created_with_arguments - MAY_BE_CALLED
    created_freely = {f"{name} (called with arguments)" for name in (calls | creations) & MAY_BE_NAMED}
    return sorted((census.named - MAY_BE_NAMED) | created_freely)


def allowed_objects(named: set[str]) -> list[Any]:
    """The allow-list's objects under the names that a file uses, for ``safe_globals``."""
    own = sorted(named & (MAY_BE_CREATED | {name for name in MAY_BE_CALLED if name.startswith(("ultralytics.", "pathlib"))}))
    return [(resolve(RENAMED.get(name, name)), name) for name in own]


def resolve(full_name: str) -> Any:
    """The object of a name on the allow-list."""
    module, _, name = full_name.rpartition(".")
    return getattr(import_module(module), name)


def refusal(refused: list[str], path: Path, *, sha256: str, trusted: frozenset[str]) -> UntrustedInput:
    """The error for a file that needs more than the allow-list, with the ways out."""
    more = f" and {len(refused) - SHOWN_GLOBALS} more" if len(refused) > SHOWN_GLOBALS else ""
    problem = "would run code that is not on the list of known detector parts"
    if trusted:
        problem += f", and its sha256:{sha256} is not the trusted {', '.join(sorted(digest[:80] for digest in trusted))}"
    next_step = (
        "export it to ONNX on a machine where it is trusted and give that; or save it again with a plain Ultralytics detector; "
        f"or, if you know who made it: --trust-checkpoint sha256:{sha256}"
    )
    return UntrustedInput(problem, file=path, found=", ".join(refused[:SHOWN_GLOBALS]) + more, next_step=next_step)


def damaged(content: bytes, path: Path) -> BadInput:
    """The error for a file that torch cannot read."""
    legacy = content.startswith(pickle.PROTO)
    problem = "is truncated or damaged" if content.startswith(ZIP) else "is not a PyTorch checkpoint"
    problem = "is damaged, or was saved in PyTorch's format from before 1.6" if legacy else problem
    next_step = "save it again with a current PyTorch" if legacy else "download it again and compare its sha256"
    return BadInput(problem, file=path, found=f"{len(content)} bytes", expected="an Ultralytics .pt", next_step=next_step)
