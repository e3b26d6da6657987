"""What `parity verify` prints."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.text import Text

from parity.report.brief import print_brief
from parity.report.terminal import safe
from parity.report.text import STYLES, indented
from parity.verdict import Status
from parity.verification import Verification


def print_verification(found: Verification, console: Console) -> None:
    """Print the gate that was repeated, then whether the certificate holds, of what it is, and all that differs."""
    if found.rerun is not None:
        print_brief(found.rerun, console)
        console.print()
    certified = found.certified
    says, style = ("DIFFERS", STYLES["fail"]) if found.differences else ("CERTIFIED", STYLES["pass"])
    console.print(Text.assemble((says, style), "  ", safe(found.artefact)))
    by = "from a source tree" if certified.parity_version is None else certified.parity_version
    counts = Counter(check.status for check in certified.checks)
    told = ", ".join(f"{counts[status]} {status.replace('_', ' ')}" for status in Status if counts[status])
    lines = [
        f"on {certified.date} by parity-gate {by}, sha256 {certified.artefact_sha256}",
        f"against {certified.reference.path}, sha256 {certified.reference.sha256}",
        f"on {certified.dataset.name}, {certified.dataset.images} images, sha256 {certified.dataset.sha256}",
        f"as {', '.join(config.id for config in certified.configs)}; checks: {told}",
        *(f"waived: {check.config}: {check.name}: {check.detail}" for check in certified.checks if check.status is Status.WAIVED),
        *(f"differs: {difference}" for difference in found.differences),
    ]
    for line in lines:
        console.print(indented(safe(line)))
