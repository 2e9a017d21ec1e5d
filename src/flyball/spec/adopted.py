"""The first `flyball.toml` around a model that was made elsewhere: what the model says is filled in, what it cannot say is marked. Pure."""

from collections.abc import Sequence

from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.spec.propose import one_line, quoted
from flyball.spec.records import Task


@record
class Around:
    """What is known of an adopted model. `data` and `target` are empty where nobody named them; `note` says where MLflow is."""

    name: str
    task: Task
    schema: Schema
    classes: Sequence[object]
    source: str
    made: str
    data: str
    target: str
    note: str


def propose_around(model: Around) -> str:
    """The text of a spec that serves, watches and explains at once, and trains once what is marked `complete:` is completed."""
    answers = f"its classes: {one_line(', '.join(map(str, model.classes))[:200])}" if model.classes else "it answers with numbers"
    target = model.target or _free("label", model.schema.names)
    kinds = {column.name: column.kind for column in model.schema.columns}
    where = "where the labelled rows are" if model.data else "complete: a file with labelled rows (CSV, Parquet), once there is one"
    what = "what is predicted" if model.target else "complete: the column of that file with what really happened"
    lines = [
        f"# {one_line(model.name)}: adopted from {one_line(model.source)} on {model.made}.",
        "# It is served, watched and explained as it is. To let Flyball train its successors, correct the lines that say `complete:`.",
        f"# {one_line(model.note)}",
        "",
        "[model]",
        f"name = {quoted(model.name)}  # as the registry calls it",
        f"task = {quoted(model.task)}  # {answers}",
    ]
    if model.task == "binary":
        lines.append("# threshold = 0.5  # of versions that are trained here; the adopted one answers from 0.5 on")
    lines += [
        "influences_outcome = false  # true if people act on the answer, so that it changes what happens (offers, blocks)",
        "",
        "[data]",
        f"source = {quoted(model.data or 'data/labelled.csv')}  # {where}",
        f"target = {quoted(target)}  # {what}",
        "features = [  # as the model reads them, in its order",
        *(f"  {quoted(name)},  # {kinds[name]}" for name in model.schema.names),
        "]",
        '# id = "…"            # names a row: outcomes can then be told by it',
        '# unit = "…"          # whom a row is about (customer, machine): one unit always gets one variant',
        '# time = "…"          # when a row was observed: rows are then split, and compared, by time',
        '# matures = "24h"     # the age at which the outcome of a prediction is known, or will never be',
        "",
        "[train]",
        'run = "pipeline:train"  # complete: in pipeline.py, def train(frame, target): return model.fit(frame, target)',
        "",
        "[serve]",
        'address = "127.0.0.1:8000"',
        "",
        "[monitor]",
        'window = "1d"  # the span that is held against the reference',
        "",
        "[retrain]",
        'on = []  # complete: ["performance", "drift"], once [data] and [train] are; until then nothing is trained by itself',
        "",
    ]
    return "\n".join(lines)


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"{name}_"
    return name
