"""The tally outlives its process, and never stands in the way of one."""

import os
import subprocess
import sys
from pathlib import Path

from flyball.server.tally import Tally


def test_what_was_taken_and_not_written_is_known_after_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, sys, signal; from pathlib import Path; from flyball.server.tally import Tally\n"
        "tally = Tally(Path(sys.argv[1])); tally.take(9); tally.settle(4); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "w0.tally")]).returncode == -9
    after = Tally(tmp_path / "w0.tally")
    assert after.lost == 5
    after.close()
    again = Tally(tmp_path / "w0.tally")
    assert again.lost == 0
    again.close()


def test_a_place_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tally = Tally(tmp_path / "file" / "w0.tally")
    tally.take(1)
    assert tally.lost == 0
    tally.close()


def test_a_file_of_another_size_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "w0.tally").write_bytes(os.urandom(7))
    tally = Tally(tmp_path / "w0.tally")
    assert tally.lost == 0 and (tmp_path / "w0.tally").stat().st_size == 16
    tally.close()
