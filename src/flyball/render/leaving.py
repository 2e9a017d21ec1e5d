"""What stands beside an exported history: a manifest for programs and a page for people, who have no Flyball."""

import json
from collections.abc import Mapping
from datetime import datetime

from flyball.loop.leaving.records import Left, TableSaid

FORMAT = 1


def manifest(
    model: str, left: Left, tables: Mapping[str, TableSaid], *, since: str | None, until: str | None, at: datetime
) -> dict[str, object]:
    """Every file with size and digest, every column with its type and what it means, and what a reader has to know of the versions."""
    return {
        "format": FORMAT,
        "model": model,
        "exported_at": at,
        "since": since,
        "until": until,
        "unreadable_reports": left.unreadable,
        "versions": {
            str(number): {
                "run_id": one.run_id,
                "bundle": one.bundle,
                "snapshot": one.snapshot,
                "created_at": one.created_at,
                "classes": list(one.classes),
            }
            for number, one in left.versions.items()
        },
        "tables": {
            name: {
                "says": tables[name].says,
                "rows": written.rows,
                "files": {file: {"bytes": size, "sha256": digest} for file, (size, digest) in written.files.items()},
                "columns": {column: {"type": kind, "says": _says(tables[name], column)} for column, kind in written.types.items()},
            }
            for name, written in left.tables.items()
        },
    }


def readme(model: str, left: Left, tables: Mapping[str, TableSaid]) -> str:
    """How to read it, in plain words. A model's name is said as JSON says it, so that it is text and nothing else in this page."""
    lines = [
        "# A history, exported from Flyball",
        "",
        "The model, as JSON: " + _plain(model),
        "",
        "| table | rows | files | what a row is |",
        "|---|---|---|---|",
        *(f"| {name} | {one.rows} | {', '.join(one.files)} | {tables[name].says} |" for name, one in left.tables.items()),
        "",
        "`manifest.json` has the digest of every file, and the type and meaning of every column. Nothing here needs Flyball:",
        "",
        "```python",
        "import pandas",
        'predictions = pandas.read_parquet("predictions.parquet")',
        'outcomes = pandas.read_parquet("outcomes.parquet")',
        'joined = predictions[predictions["variant"] != "shadow"].merge(outcomes, on=["prediction_id", "version"], how="left")',
        "```",
        "",
        "- Times are UTC. In JSON lines they are RFC 3339 text.",
        "- What was asked stands in columns `features.NAME`, what was said beside it in `context.NAME`; in JSON lines they are objects.",
        "- JSON has no word for some numbers: there they are the texts `NaN`, `Infinity` and `-Infinity`.",
        "- What clients sent stands here as they sent it. If you make CSV of it, put an apostrophe before texts that begin with `=`, `+`,",
        "  `-` or `@`: spreadsheets run them as formulas.",
        "- `journal` also holds `admitted` entries with digests (scrypt) of the admin tokens of shared stores. Nobody gets a token of good",
        "  length back from them; leave them out all the same before you hand the journal to strangers.",
        "- The models are in MLflow, as they always were: `mlflow.pyfunc.load_model` reads them.",
        "",
    ]
    return "\n".join(lines)


def _says(table: TableSaid, column: str) -> str:
    said = table.columns.get(column) or table.columns[column.split(".", 1)[0]]
    return said.says


def _plain(text: str) -> str:
    """Text that is no markup: everything but letters, digits, spaces and a few signs as JSON escapes it."""
    return (
        '"' + "".join(c if c.isalnum() or c in " -_." else f"\\u{ord(c):04x}" if c.isascii() else json.dumps(c)[1:-1] for c in text) + '"'
    )
