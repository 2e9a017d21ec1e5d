"""GitHub Actions as far as our workflows use it: jobs in order, each on a machine that forgets, with real shells and artifacts."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Context = dict[str, Any]
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>==|!=|&&|\|\||[!(),]))")


@dataclass
class Ran:
    """What came of a job: success, failure or skipped; what its steps said."""

    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    said: str = ""


class Actions:
    """Runs workflows for commits of a repository. `event`: what GitHub says of what happened; `secrets`: what the repository keeps."""

    def __init__(self, folder: Path, origin: Path, secrets: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.folder, self.origin, self.secrets, self.environment = folder, origin, dict(secrets), dict(environment)
        self.artifacts = folder / "artifacts"
        self.runs = 0

    def run(self, text: str, commit: str, event_name: str, event: Context | None = None, **environment: str) -> dict[str, Ran]:
        """Every job of a workflow, in the order of their needs."""
        self.runs += 1
        shutil.rmtree(self.artifacts, ignore_errors=True)
        workflow: Any = yaml.safe_load(text)
        ran: dict[str, Ran] = {}
        jobs = workflow["jobs"]
        while len(ran) < len(jobs):
            name = next(one for one, job in jobs.items() if one not in ran and set(job.get("needs", ())) <= set(ran))
            github = {"event_name": event_name, "event": event or {}, "repository": "team/churn", "token": "t", "triggering_actor": "ada"}
            github |= {"ref": environment.get("GITHUB_REF", "refs/heads/main"), "run_id": str(self.runs)}
            context: Context = {"github": github, "secrets": self.secrets, "runner": {"os": "Linux"}, "steps": {}}
            context["needs"] = {one: {"result": ran[one].result, "outputs": ran[one].outputs} for one in jobs[name].get("needs", ())}
            ran[name] = self._job(name, jobs[name], context, commit, environment)
        return ran

    def _job(self, name: str, job: Context, context: Context, commit: str, environment: Mapping[str, str]) -> Ran:
        well = all(one["result"] == "success" for one in context["needs"].values())
        condition = str(job.get("if", ""))
        asked = truth(evaluate(condition, {**context, "well": well})) if condition else True
        if not asked or ("cancelled()" not in condition and not well):
            return Ran(result="skipped")
        machine = self.folder / f"machine-{self.runs}-{name}"
        (machine / "home").mkdir(parents=True)
        env = {**self.environment, **environment, "HOME": str(machine / "home"), "GITHUB_ACTIONS": "true", "CI": "true"}
        env |= {"GITHUB_STEP_SUMMARY": str(machine / "summary.md"), "GITHUB_REPOSITORY": "team/churn"}
        ran = Ran(result="success")
        place = filled(job.get("defaults", {}).get("run", {}).get("working-directory", "."), context)
        for step in job["steps"]:
            well = ran.result == "success"
            if not (truth(evaluate(str(step["if"]), {**context, "well": well})) if "if" in step else well):
                continue
            code, said, outputs = self._step(step, context, machine / "work", place, env, commit)
            ran.said += said
            if "id" in step:
                context["steps"][step["id"]] = {"outputs": outputs}
            if code and not step.get("continue-on-error"):
                ran.result = "failure"
        ran.outputs = {key: filled(value, context) for key, value in job.get("outputs", {}).items()}
        if (machine / "summary.md").exists():
            ran.said += (machine / "summary.md").read_text()
        return ran

    def _step(
        self, step: Context, context: Context, work: Path, place: str, env: Mapping[str, str], commit: str
    ) -> tuple[int, str, dict[str, str]]:
        if "run" in step:
            more = {key: filled(value, context) for key, value in step.get("env", {}).items()}
            script = work.parent / "step.sh"
            script.write_text(filled(step["run"], context))
            done = subprocess.run(
                ["bash", "-e", script], cwd=work / place, env={**env, **more}, capture_output=True, text=True, check=False, timeout=250
            )
            return done.returncode, done.stdout + done.stderr, {}
        given = {key: filled(value, context) for key, value in step.get("with", {}).items()}
        kind = step["uses"].partition("@")[0]
        if kind == "actions/checkout":
            subprocess.run(["git", "clone", "-q", self.origin, work], check=True, env=env)
            subprocess.run(["git", "-C", work, "checkout", "-q", commit], check=True, env=env)
        elif kind == "actions/upload-artifact":
            return self._upload(given, work)
        elif kind == "actions/download-artifact":
            kept = self.artifacts / given["name"]
            if not kept.is_dir():
                return 1, f"no artifact {given['name']}\n", {}
            shutil.copytree(kept, work / given["path"], dirs_exist_ok=True)
        else:
            assert kind in ("actions/setup-python", "actions/cache"), kind
        return 0, "", {}

    def _upload(self, given: Context, work: Path) -> tuple[int, str, dict[str, str]]:
        """As the action does it: below the nearest folder that all have in common; hidden files only if asked for."""
        hidden = given.get("include-hidden-files") == "true"
        paths = [work / re.sub(r"\[(.)\]", r"\1", line) for line in given["path"].splitlines()]
        found = [
            file
            for path in paths
            for file in ([path] if path.is_file() else path.rglob("*"))
            if file.is_file() and (hidden or not any(part.startswith(".") for part in file.relative_to(work).parts))
        ]
        if not found:
            return int(given["if-no-files-found"] == "error"), "nothing to upload\n", {}
        top = paths[0] if len(paths) == 1 and paths[0].is_dir() else Path(os.path.commonpath([path.parent for path in paths]))
        kept = self.artifacts / given["name"]
        shutil.rmtree(kept, ignore_errors=True)
        for file in found:
            (kept / file.relative_to(top)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, kept / file.relative_to(top))
        return 0, "", {"artifact-url": f"https://github.example/artifacts/{hashlib.sha256(given['name'].encode()).hexdigest()[:8]}"}


def filled(text: Any, context: Context) -> str:
    """A text with its expressions evaluated, as GitHub does before anybody sees it."""
    if isinstance(text, bool):
        return "true" if text else "false"
    out, rest = "", str(text)
    while "${{" in rest:
        before, _, rest = rest.partition("${{")
        value, length = _parse(rest, {"well": True, **context})
        end = rest.index("}}", length)
        assert not rest[length:end].strip(), text
        out, rest = out + before + shown(value), rest[end + 2 :]
    return out + rest


def evaluate(text: str, context: Context) -> Any:
    """The value of an `if`, which may or may not stand in braces."""
    match = re.fullmatch(r"\s*\$\{\{(.*)\}\}\s*", text, re.DOTALL)
    text = match[1] if match else text
    assert "${{" not in text, text
    value, length = _parse(text, context)
    assert not text[length:].strip(), text[length:]
    return value


def shown(value: Any) -> str:
    return "" if value is None else ("true" if value else "false") if isinstance(value, bool) else str(value)


def truth(value: Any) -> bool:
    return value not in (None, False, "", 0)


def _parse(text: str, context: Context) -> tuple[Any, int]:
    parser = _Parser(text, context)
    return parser.either(), parser.at


class _Parser:
    def __init__(self, text: str, context: Context) -> None:
        self.text, self.context, self.at = text, context, 0

    def _next(self) -> re.Match[str] | None:
        return _TOKEN.match(self.text, self.at)

    def _sign(self, *wanted: str) -> str:
        found = self._next()
        if found is not None and found["sign"] in wanted:
            self.at = found.end()
            return str(found["sign"])
        return ""

    def either(self) -> Any:
        value = self.both()
        while self._sign("||"):
            other = self.both()
            value = value if truth(value) else other
        return value

    def both(self) -> Any:
        value = self.equal()
        while self._sign("&&"):
            other = self.equal()
            value = other if truth(value) else value
        return value

    def equal(self) -> Any:
        value = self.one()
        while sign := self._sign("==", "!="):
            other = self.one()
            value = (shown(value) == shown(other)) == (sign == "==")
        return value

    def one(self) -> Any:
        if self._sign("!"):
            return not truth(self.one())
        if self._sign("("):
            value = self.either()
            assert self._sign(")")
            return value
        found = self._next()
        assert found is not None, self.text[self.at :]
        self.at = found.end()
        if found["text"]:
            return found["text"][1:-1].replace("''", "'")
        if found["number"]:
            return int(found["number"])
        return self._call(found["name"]) if self._sign("(") else self._look_up(found["name"])

    def _call(self, name: str) -> Any:
        given: list[Any] = []
        while not self._sign(")"):
            given.append(self.either())
            self._sign(",")
        if name == "format":
            return re.sub(r"\{(\d+)\}|\{\{|\}\}", lambda m: shown(given[1 + int(m[1])]) if m[1] else m[0][0], given[0])
        return {"cancelled": False, "always": True, "success": self.context.get("well"), "hashFiles": "abc"}[name]

    def _look_up(self, name: str) -> Any:
        value: Any = self.context
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value
