"""``parity verify``: does the certificate beside a file still belong to it, and would the file pass again?"""

from __future__ import annotations

from dataclasses import replace

from parity import arguments
from parity.commands.running import judged, show
from parity.errors import UsageError
from parity.report.output import check_target

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them


def verify(
    model: arguments.Artefact,
    *,
    rerun: arguments.Rerun = False,
    reference: arguments.OtherReference = None,
    data: arguments.OtherData = None,
    images: arguments.ImageRoot = None,
    trust_checkpoint: arguments.Trust = None,
    json: arguments.Json = None,
) -> int:
    """Does the certificate beside a file still belong to it? Exit code 0 it does, 14 it does not or is damaged, 10 there is none.

    With --rerun the gate is repeated as it was recorded, and its exit code is returned.
    """
    if not rerun and (reference or data or images or trust_checkpoint):
        raise UsageError("--reference, --data, --images and --trust-checkpoint are for a repeated gate", expected="--rerun with them")
    check_target(json, inputs=(model, reference, data, images))
    from parity import verification
    from parity.report.certificates import print_verification

    found = verification.verify(model)
    if rerun and not found.differences:
        request = verification.repeated_request(found.certified, model, reference=reference, data=data)
        request = replace(request, images=images or request.images, trusted=frozenset(trust_checkpoint or ()))
        found = verification.repeated(found, judged(request))
    show(found, json, print_verification)
    return found.exit_code
