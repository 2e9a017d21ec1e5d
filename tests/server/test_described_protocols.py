"""What `/openapi.json` says of the protocols of MLflow and TensorFlow Serving is what the server does, as a fuzzer finds it."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from served import Site, linear, serving

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "negative_data_rejection",
]
OURS = r"^/(v1/models|invocations|ping|version|models/.*/invocations)"


@pytest.mark.slow
def test_a_fuzzer_finds_no_answer_that_the_description_does_not_know(made: Site, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="the fuzzer of the description needs schemathesis")
    made.add(2, linear([0.0, -0.5, 1.0], 0.0))
    made.deploy(1, challenger=2, share=0.3)
    with serving(made.settings()) as (url, _):
        for _ in range(100):
            if httpx.get(f"{url}/ping").status_code == 200:
                break
            time.sleep(0.05)
        fuzz = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{url}/openapi.json",
            "--include-path-regex",
            OURS,
            "--checks",
            ",".join(CHECKS),
        ]
        limits = ["--max-examples", "4", "--phases", "coverage,fuzzing", "--generation-database", "none", "--seed", "1", "--no-color"]
        done = subprocess.run([*fuzz, *limits], capture_output=True, text=True, timeout=200, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "19 passed" in done.stdout
