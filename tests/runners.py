"""GitLab CI and Jenkins as far as our pipelines use them: their scripts, by real shells, in the order of their needs."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from groovy import stages


def gitlab(
    text: str, origin: Path, commit: str, folder: Path, variables: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    """Every job whose rules fit these variables, each in a clone of its own: what it said, with its exit code at the end."""
    tree: Any = yaml.safe_load(text)
    jobs = {
        name: job for name, job in tree.items() if not name.startswith(".") and any(_fits(rule["if"], variables) for rule in job["rules"])
    }
    ran: dict[str, str] = {}
    while len(ran) < len(jobs):
        name = next(one for one, job in jobs.items() if one not in ran and set(_needs(job)) <= set(ran))
        job, work = jobs[name], folder / name.replace(":", "-")
        subprocess.run(["git", "clone", "-q", origin, work], check=True)
        subprocess.run(["git", "-C", work, "checkout", "-q", commit], check=True)
        for needed in _needs(job):
            if needed in jobs and (folder / "artifacts" / needed.replace(":", "-")).is_dir():
                shutil.copytree(folder / "artifacts" / needed.replace(":", "-"), work, dirs_exist_ok=True)
        if any(not ran[needed].endswith("\n0") for needed in _needs(job)) and job["rules"][0].get("when") != "always":
            ran[name] = "skipped\n1"
            continue
        lines = [*tree[job["extends"]]["before_script"], *job["script"]]
        env = {**environment, **variables, "CI_PROJECT_DIR": str(work), "HOME": str(folder)}
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)], cwd=work, env=env, capture_output=True, text=True, check=False
        )
        ran[name] = f"{done.stdout}{done.stderr}\n{done.returncode}"
        for path in job.get("artifacts", {}).get("paths", ()):
            _keep(work, path.rstrip("/"), folder / "artifacts" / name.replace(":", "-"))
    return ran


def jenkins(text: str, origin: Path, commit: str, folder: Path, branch: str, environment: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """The stages of a Jenkinsfile in one workspace: name, exit code and what was said; after a failure only what always follows."""
    work = folder / "workspace"
    subprocess.run(["git", "clone", "-q", origin, work], check=True)
    subprocess.run(["git", "-C", work, "checkout", "-q", commit], check=True)
    ran: list[tuple[str, int, str]] = []
    for stage in stages(text):
        if (stage.branch and stage.branch != branch) or (any(code for _, code, _ in ran) and stage.name != "post"):
            continue
        code, said = 0, ""
        for script in stage.runs:
            done = subprocess.run(["sh", "-xe", "-c", script], cwd=work, env={**environment}, capture_output=True, text=True, check=False)
            said += done.stdout + done.stderr
            code = code or done.returncode
            if code:
                break
        ran.append((stage.name, code, said))
    return ran


def _needs(job: Mapping[str, Any]) -> list[str]:
    return [one["job"] if isinstance(one, dict) else one for one in job["needs"]]


def _fits(rule: str, variables: Mapping[str, str]) -> bool:
    """A condition of GitLab: variables, texts and patterns, joined by &&."""
    for part in rule.split(" && "):
        found = re.fullmatch(r"\$(\w+)(?: (==|=~) (.+))?", part)
        assert found is not None, part
        value = variables.get(found[1], "")
        if not (value if found[2] is None else value == found[3][1:-1] if found[2] == "==" else re.search(found[3].strip("/"), value)):
            return False
    return True


def _keep(work: Path, path: str, kept: Path) -> None:
    source, target = work / path, kept / path
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
