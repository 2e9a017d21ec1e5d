"""`flyball init`: begin a project, from an example or from the data file found here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flyball.core.errors import DataError, UsageError
from flyball.demo.project import EXAMPLES, refuse_existing, write_example, write_texts
from flyball.spec.propose import ColumnSeen, Kind, propose

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = (".csv", ".parquet")
# A text column counts as time when its values read as times; this many are tried.
_TRIED = 1000


@click.command()
@click.argument("name", required=False)
@click.option("--example", type=click.Choice(list(EXAMPLES)), help="Write this example project, with its data.")
@click.pass_obj
def command(folder: Path, name: str | None, example: str | None) -> None:
    """Begin a project here, or in a new folder NAME. Asks nothing and overwrites nothing.

    With a CSV or Parquet file in the folder (or in its data/): proposes flyball.toml and pipeline.py from the columns.
    """
    target = folder / name if name else folder
    if example:
        written = write_example(example, target)
        _tell(target, written)
        return
    found = _data_files(target)
    if not found:
        _say_what_to_do(target, name)
        return
    source = max(found, key=lambda path: path.stat().st_size)
    refuse_existing(target, ["flyball.toml", "pipeline.py"])
    proposal = propose(
        target.resolve().name,
        source.relative_to(target).as_posix(),
        describe(source),
        others=[path.relative_to(target).as_posix() for path in found if path != source],
    )
    write_texts(target, {"flyball.toml": proposal.toml, "pipeline.py": proposal.pipeline})
    for note in proposal.notes:
        click.echo(f"  {note}", err=True)
    _tell(target, ["flyball.toml", "pipeline.py"], next_verb="check")


def describe(path: Path) -> list[ColumnSeen]:
    """What can be seen of each column of a CSV or Parquet file."""
    import pandas as pd

    try:
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (ValueError, OSError, UnicodeDecodeError) as error:  # pandas' parser errors and pyarrow's are ValueErrors
        raise DataError(
            f"{path} cannot be read: {error}", hint="a CSV file in UTF-8 with a header line, or a Parquet file, is needed"
        ) from error
    if frame.empty:
        raise DataError(f"{path} has no rows", hint="a project needs some labelled rows to begin with")
    frame.columns = [str(column) for column in frame.columns]
    times = {column: times for column in frame.columns if (times := _times(frame[column])) is not None}
    return [_seen(frame, column, times) for column in frame.columns]


def _seen(frame: pd.DataFrame, name: str, times: dict[str, pd.Series[pd.Timestamp]]) -> ColumnSeen:
    column = frame[name]
    never_before: tuple[str, ...] = ()
    if name in times:
        own = times[name]
        never_before = tuple(
            other for other, values in times.items() if other != name and bool((own >= values)[own.notna() & values.notna()].all())
        )
    return ColumnSeen(
        name=name,
        kind="time" if name in times else _kind(column),
        rows=len(column),
        distinct=int(column.astype(str).nunique() if column.dtype == object else column.nunique()),
        missing=int(column.isna().sum()),
        never_before=never_before,
    )


def _kind(column: pd.Series[Any]) -> Kind:
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    if pd.api.types.is_integer_dtype(column):
        return "integer"
    if pd.api.types.is_numeric_dtype(column):
        # whole numbers with gaps are read as floats
        whole = column.dropna()
        return "integer" if len(whole) and bool((whole.astype(float) % 1 == 0).all()) and column.isna().any() else "number"
    return "text"


def _times(column: pd.Series[Any]) -> pd.Series[pd.Timestamp] | None:
    """The column as times in UTC, if it is one: by type, or because its texts read as ISO 8601."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    if not pd.api.types.is_datetime64_any_dtype(column):
        some = column.dropna().head(_TRIED).astype(str)
        if some.empty or not some.str.match(r"\d{4}-\d{2}-\d{2}").all():
            return None
    try:
        return pd.to_datetime(column, utc=True, format=None if pd.api.types.is_datetime64_any_dtype(column) else "ISO8601")
    except (ValueError, TypeError):
        return None


def _data_files(folder: Path) -> list[Path]:
    places = [folder, folder / "data"]
    return sorted(path for place in places if place.is_dir() for path in place.iterdir() if path.suffix in _SUFFIXES and path.is_file())


def _say_what_to_do(target: Path, name: str | None) -> None:
    if name:
        if target.exists() and any(target.iterdir()):
            raise UsageError(f"{target} has no CSV or Parquet file", hint="copy your data there, then run flyball init in it")
        (target / "data").mkdir(parents=True, exist_ok=True)
        click.echo(f"made {target}/data", err=True)
        click.echo(f"next: copy a CSV or Parquet file with labelled rows into {target}/data, then: cd {target} && flyball init", err=True)
        return
    raise UsageError(
        f"there is no CSV or Parquet file in {target.resolve()}",
        hint="copy one here (or into data/) and run flyball init again; or begin with an example: flyball init --example churn",
    )


def _tell(target: Path, written: list[str], *, next_verb: str = "train") -> None:
    for name in written:
        click.echo(str(target / name))
    place = "" if target == Path() else f" -C {target}"
    click.echo(f"next: flyball{place} {next_verb}", err=True)
