"""`flyball render`: to stdout, into a folder, and never over what somebody else made."""

import json
import shutil
from pathlib import Path

import pytest

from flyball.demo.project import example_files, write_texts
from trained import change, flyball

FILES = {
    "prometheus": {"prometheus.yml", "rules/flyball.rules.yml", "flyball_test.yml"},
    "grafana": {
        "dashboards/flyball-overview.json",
        "dashboards/flyball-drift.json",
        "dashboards/flyball-serving.json",
        "provisioning/dashboards/flyball.yml",
        "provisioning/datasources/flyball.yml",
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was never trained: rendering needs the spec alone."""
    folder = tmp_path / "churn"
    write_texts(folder, example_files("churn"))
    return folder


def there(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != ".flyball-render.json"}


@pytest.mark.parametrize("target", FILES)
def test_without_a_folder_everything_is_printed_and_what_to_do_is_told(project: Path, target: str) -> None:
    said = flyball(project, "render", target)
    assert said.status == 0
    for name in FILES[target]:
        assert f"# ==> {name} <==\n" in said.out
    assert f"flyball render {target} --out DIR" in said.err
    assert not (project / "flyball.db").exists()


@pytest.mark.parametrize("target", FILES)
def test_with_json_the_files_are_one_document(project: Path, target: str) -> None:
    said = flyball(project, "render", target, "--json")
    assert set(said.json["files"]) == FILES[target]


def test_into_a_folder_the_files_are_written_and_again_nothing_is(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "ops of mine"
    first = flyball(project, "render", "prometheus", "--out", str(out), "--json")
    assert first.status == 0 and set(first.json["written"]) == FILES["prometheus"]
    assert f"--config.file='{out}'/prometheus.yml" in first.err
    assert there(out) == FILES["prometheus"]
    second = flyball(project, "render", "prometheus", "--out", str(out), "--json")
    assert second.json["written"] == []
    assert flyball(project, "render", "grafana", "--out", str(out)).status == 0
    assert there(out) == FILES["prometheus"] | FILES["grafana"]


def test_a_change_of_the_spec_replaces_what_was_made_here(project: Path, tmp_path: Path) -> None:
    flyball(project, "render", "prometheus", "--out", str(tmp_path / "out"))
    change(project, 'address = "127.0.0.1:8000"', 'address = "127.0.0.1:8123"')
    said = flyball(project, "render", "prometheus", "--out", str(tmp_path / "out"), "--json")
    assert said.json["written"] == ["prometheus.yml"]
    assert "127.0.0.1:8123" in (tmp_path / "out" / "prometheus.yml").read_text()


@pytest.mark.parametrize("known", [True, False])
def test_what_somebody_changed_or_made_is_left_alone_until_forced(project: Path, tmp_path: Path, known: bool) -> None:
    out = tmp_path / "out"
    if known:
        flyball(project, "render", "prometheus", "--out", str(out))
    out.mkdir(exist_ok=True)
    (out / "prometheus.yml").write_text("mine: true\n")
    (out / "rules").mkdir(exist_ok=True)
    (out / "rules" / "mine.yml").write_text("groups: []\n")
    before = there(out)
    said = flyball(project, "render", "prometheus", "--out", str(out))
    assert said.status == 1
    assert "prometheus.yml" in said.err and "--force" in said.err
    assert there(out) == before and (out / "prometheus.yml").read_text() == "mine: true\n", "all or none"
    assert flyball(project, "render", "prometheus", "--out", str(out), "--force").status == 0
    assert "mine" not in (out / "prometheus.yml").read_text()
    assert (out / "rules" / "mine.yml").exists()


def test_a_list_of_what_was_made_that_is_no_list_protects_everything(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    flyball(project, "render", "prometheus", "--out", str(out))
    (out / ".flyball-render.json").write_text("[1")
    (out / "prometheus.yml").write_text("mine: true\n")
    assert flyball(project, "render", "prometheus", "--out", str(out)).status == 1


def test_a_folder_where_a_file_should_stand_is_an_error_with_a_way_out(project: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "prometheus.yml").mkdir(parents=True)
    said = flyball(project, "render", "prometheus", "--out", str(tmp_path / "out"), "--force")
    assert said.status == 1
    assert "is a folder" in said.err and "Traceback" not in said.err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("promtheus",), "did you mean 'prometheus'?"),
        (("nomad",), "targets: prometheus, grafana"),
        (("prometheus", "--latency", "2s"), "between 0 and 1s"),
        (("prometheus", "--latency", "soon"), "is not a duration"),
        (("prometheus", "--latency", "0ms"), "between 0 and 1s"),
        (("prometheus", "--availability", "100"), "not in the range"),
        (("grafana", "--prometheus", "javascript:alert(1)"), "no web address"),
        (("grafana", "--prometheus", "http://["), "no web address"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_rendered_says_what_can(project: Path, words: tuple[str, ...], part: str) -> None:
    said = flyball(project, "render", *words)
    assert said.status == 2
    assert part in said.err


def test_a_folder_of_projects_is_rendered_as_one_and_one_that_is_broken_is_told(project: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(project, tmp_path / "fraud"))
    change(other, 'name = "churn"', 'name = "fraud"')
    change(other, 'address = "127.0.0.1:8000"', 'address = "127.0.0.1:8001"')
    said = flyball(tmp_path, "render", "prometheus", "--json")
    assert said.status == 0
    assert "model: churn" in said.json["files"]["prometheus.yml"] and "model: fraud" in said.json["files"]["prometheus.yml"]
    (other / "flyball.toml").write_text("nonsense")
    broken = flyball(tmp_path, "render", "prometheus", "--json")
    assert broken.status == 1
    assert "fraud: error" in broken.err and "model: churn" in broken.json["files"]["prometheus.yml"]
    assert json.loads(broken.out)


def test_without_a_project_the_error_says_where_one_is_looked_for(tmp_path: Path) -> None:
    said = flyball(tmp_path, "render", "prometheus")
    assert said.status != 0
    assert "flyball.toml" in said.err


@pytest.mark.parametrize("target", ["github", "gitlab", "jenkins"])
def test_a_pipeline_without_shared_stores_is_only_rendered_for_reviews(project: Path, target: str) -> None:
    refused = flyball(project, "render", target)
    assert refused.status == 1 and "render with --review" in refused.err
    said = flyball(project, "render", target, "--review", "--json")
    assert said.status == 0
    assert not any("register" in text.split("flyball snapshot")[0] for text in said.json["files"].values())


@pytest.mark.parametrize(("target", "count"), [("cron", 1), ("systemd", 3)])
def test_one_machine_needs_no_shared_stores(project: Path, target: str, count: int) -> None:
    said = flyball(project, "render", target, "--json", "--program", "/opt/flyball", "--user", "ada")
    assert said.status == 0 and len(said.json["files"]) == count
    assert any("/opt/flyball tick" in text for text in said.json["files"].values())


_STORES = '\n[stores]\ndatabase = "env:DB"\nmlflow = "env:ML"\n'


def with_stores(project: Path, more: str = "") -> None:
    with (project / "flyball.toml").open("a") as file:
        file.write(_STORES + more)


def test_a_gitlab_ci_file_of_ones_own_is_left_alone_and_what_it_needs_is_printed(project: Path) -> None:
    with_stores(project, 'remote = "s3://bucket/churn"\n')
    own = project / ".gitlab-ci.yml"
    own.write_text("stages: [build]\n")
    said = flyball(project, "render", "gitlab", "--out", str(project))
    assert said.status == 0 and own.read_text() == "stages: [build]\n"
    assert "left alone; it needs:\ninclude:\n  - local: '/.gitlab/flyball-churn.yml'" in said.err
    assert (project / ".gitlab" / "flyball-churn.yml").is_file()
    own.write_text("include:\n  - local: '/.gitlab/flyball-churn.yml'\n")
    assert "it needs" not in flyball(project, "render", "gitlab", "--out", str(project)).err
    assert flyball(project, "render", "gitlab", "--out", str(project), "--force").status == 0
    assert "Made by" in own.read_text()


@pytest.mark.parametrize("target", ["github", "gitlab", "jenkins"])
def test_where_no_step_could_push_the_rows_that_the_next_one_needs_nothing_is_rendered(project: Path, target: str) -> None:
    with_stores(project)
    said = flyball(project, "render", target)
    assert said.status != 0 and "has no DVC remote" in said.err and "dvc remote add -d" in said.err
    assert flyball(project, "render", target, "--review").status == 0
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").write_text("[core]\n    analytics = false\n['remote \"team\"']\n    url = s3://b/c\n")
    assert flyball(project, "render", target).status != 0, "there is one, but none that is used unasked"
    (project / ".dvc" / "config").write_text("[core]\n    analytics = false\n    remote = team\n['remote \"team\"']\n    url = s3://b/c\n")
    assert flyball(project, "render", target).status == 0


def test_an_environment_that_asks_for_trainings_and_would_not_see_them_is_warned_of(project: Path) -> None:
    asks = 'external = { kind = "repository_dispatch", url = "https://api.github.com/repos/a/b/dispatches", token = "env:GH_X" }\n'
    stores = 'database = "env:DB"\nmlflow = "env:ML"\nremote = "s3://bucket/churn"\n'
    with (project / "flyball.toml").open("a") as file:
        file.write(f"\n[env.prod.stores]\n{stores}[env.loop.train]\n{asks}")
    said = flyball(project, "--env", "prod", "render", "github")
    assert said.status == 0 and "[env.loop.stores] names no shared stores" in said.err
    with (project / "flyball.toml").open("a") as file:
        file.write(f"[env.loop.stores]\n{stores}")
    assert "warning" not in flyball(project, "--env", "prod", "render", "github").err
