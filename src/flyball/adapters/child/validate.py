"""In the child: the user's own schema held against prepared rows, or against rows that were asked of the model."""

from pathlib import Path
from typing import Any

import pandas as pd

from flyball.adapters.pandas.frames import read_source
from flyball.adapters.pandera.validate import complaints
from flyball.core.codec import to_plain


def run_schema(command: dict[str, Any], project: Path) -> dict[str, object]:
    """The findings of the schema `name` in the Parquet file `rows`.

    `ids` is the column that examples are told by (empty: the row's number); with `partly` it is not itself a column to look at.
    """
    frame = read_source(Path(command["rows"]))
    named = command["ids"] if command["ids"] in frame.columns else ""
    ids: pd.Series[Any] = frame[named] if named else pd.Series(frame.index, index=frame.index)
    if command["partly"] and named:
        frame = frame.drop(columns=named)
    return {"findings": to_plain(complaints(command["name"], frame, ids, project, partly=command["partly"]))}
