"""The parent's side of the project's test functions: port ProjectTests."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from flyball.adapters.child.process import Child
from flyball.adapters.pandas.arrow import write_parquet
from flyball.core.codec import from_plain
from flyball.core.table import Table
from flyball.ports.behaving import Ran


class ChildTests:
    """Runs `model_tests.py` in a child process of the project."""

    def __init__(self, project: Path, *, tracking_uri: str, artifacts: str, timeout: timedelta, echo: Callable[[str], None]) -> None:
        hello = {"lock": "", "environment": {"MLFLOW_TRACKING_URI": tracking_uri}, "tracking_uri": tracking_uri, "artifacts": artifacts}
        self._child = Child(project.resolve(), hello=hello, echo=echo)
        self._timeout = timeout

    def run(self, bundle: Path, digest: str, rows: Table, target: str) -> Sequence[Ran]:
        """The rows go as a file, what came of the functions comes back as an answer."""
        with tempfile.TemporaryDirectory(prefix="flyball-tests-") as folder:
            path = Path(folder) / "rows.parquet"
            write_parquet(rows, path)
            command = {"do": "tests", "bundle": str(bundle), "digest": digest, "rows": str(path), "target": target, "folder": folder}
            answer = self._child.ask(command, timeout=self._timeout, doing="model_tests.py")
        return from_plain(answer["ran"], list[Ran])

    def close(self) -> None:
        """End the process group."""
        self._child.close()
