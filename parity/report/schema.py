"""The JSON Schemas of what is written, made from the classes themselves: ``python -m parity.report.schema`` writes the shipped files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.bench import BENCH_SCHEMA, Bench
from parity.drift import HISTORY_SCHEMA, History
from parity.photos import PHOTOS_SCHEMA, PhotosComparison, SideDetections
from parity.study_result import STUDY_SCHEMA, Study
from parity.verdict import RESULT_SCHEMA, Result
from parity.wire import adapter

FOLDER = Path(__file__).parents[1] / "schema"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A class whose JSON is a contract, its name for people, and the number of its shape."""

    kind: type
    name: str
    number: int

    @property
    def file(self) -> Path:
        """Where its schema is shipped."""
        return FOLDER / f"{self.name}.schema.json"

    def text(self) -> str:
        """The schema as JSON text, as it is shipped."""
        made = adapter(self.kind).json_schema(mode="serialization")
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Parity {self.name}, schema {self.number}"}
        parts = {name: complete(part) for name, part in made["$defs"].items()}
        return json.dumps({**complete(made), **head, "$defs": parts}, indent=1, sort_keys=True) + "\n"


RESULT_JSON = Shipped(Result, "result", RESULT_SCHEMA)
BENCH_JSON = Shipped(Bench, "bench", BENCH_SCHEMA)
DETECTIONS_JSON = Shipped(SideDetections, "detections", PHOTOS_SCHEMA)
COMPARISON_JSON = Shipped(PhotosComparison, "comparison_results", PHOTOS_SCHEMA)
HISTORY_JSON = Shipped(History, "history", HISTORY_SCHEMA)
STUDY_JSON = Shipped(Study, "study", STUDY_SCHEMA)


def complete(part: dict[str, Any]) -> dict[str, Any]:
    """The schema of a class with all its keys required, also those that the class has a default for: they are always written."""
    return {**part, "required": list(part["properties"])} if "properties" in part else part


if __name__ == "__main__":
    for shipped in (RESULT_JSON, BENCH_JSON, DETECTIONS_JSON, COMPARISON_JSON, HISTORY_JSON, STUDY_JSON):
        shipped.file.write_text(shipped.text(), encoding="utf-8")
