"""The JSON Schema of a result, made from the classes themselves: ``python -m parity.report.schema`` writes the shipped file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from parity.verdict import RESULT_SCHEMA, Result
from parity.wire import adapter

SCHEMA_FILE = Path(__file__).parents[1] / "schema" / "result.schema.json"


def result_schema() -> str:
    """The schema as JSON text, as it is shipped."""
    made = adapter(Result).json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Parity result, schema {RESULT_SCHEMA}"}
    parts = {name: complete(part) for name, part in made["$defs"].items()}
    return json.dumps({**complete(made), **head, "$defs": parts}, indent=1, sort_keys=True) + "\n"


def complete(part: dict[str, Any]) -> dict[str, Any]:
    """The schema of a class with all its keys required, also those that the class has a default for: they are always written."""
    return {**part, "required": list(part["properties"])} if "properties" in part else part


if __name__ == "__main__":
    SCHEMA_FILE.write_text(result_schema(), encoding="utf-8")
