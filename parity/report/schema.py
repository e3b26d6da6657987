"""The JSON Schema of a result, made from the classes themselves: ``python -m parity.report.schema`` writes the shipped file."""

from __future__ import annotations

import json
from pathlib import Path

from parity.verdict import RESULT_SCHEMA, Result
from parity.wire import adapter

SCHEMA_FILE = Path(__file__).parents[1] / "schema" / "result.schema.json"


def result_schema() -> str:
    """The schema as JSON text, as it is shipped."""
    made = adapter(Result).json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Parity result, schema {RESULT_SCHEMA}"}
    everything = {"required": sorted(made["properties"])}  # also what the class has a default for
    return json.dumps({**made, **head, **everything}, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(result_schema(), encoding="utf-8")
