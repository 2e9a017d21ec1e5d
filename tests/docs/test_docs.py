"""What the documentation says of keys, options, routes, names and numbers is what the code does."""

import ast
import inspect
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

import flyball
from flyball import Project
from flyball.cli.admission import INNER, reach
from flyball.cli.main import VERBS, cli
from flyball.core.errors import FlyballError, SpecError
from flyball.server.metrics import Metrics, Page, render
from flyball.server.pages import openapi
from flyball.server.settings import ServerSettings
from flyball.spec.load import parse_spec
from flyball.words.sentences import catalogue

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
MINIMAL = """
[model]
name = "m"
task = "binary"
{model}
[data]
source = "d.csv"
target = "y"
time = "t"
{data}
[train]
run = "p:t"
{train}
{rest}
"""
# heading in docs/spec.md → how an assignment of one key is written into a whole spec
PLACES = {
    "[model]": ("model", "{}"),
    "[model] costs": ("model", "costs = {{ false_positive = 1, false_negative = 2, {} }}"),
    "[data]": ("data", "{}"),
    "[train]": ("train", "{}"),
    "[train] resources": ("train", "resources = {{ {} }}"),
    "[train] price": ("train", "price = {{ {} }}"),
    "[evaluate]": ("rest", "[evaluate]\n{}"),
    "[evaluate] split": ("rest", "[evaluate]\nsplit = {{ {} }}"),
    "[evaluate] gate": ("rest", '[evaluate]\ngate = [{{ metric = "brier", not_worse = "champion", {} }}]'),
    "[evaluate] replay": ("rest", "[evaluate]\nreplay = {{ {} }}"),
    "[serve]": ("rest", "[serve]\n{}"),
    "[rollout]": ("rest", "[rollout]\n{}"),
    "[rollout] guardrails": ("rest", "[rollout]\nguardrails = {{ {} }}"),
    "[monitor]": ("rest", "[monitor]\n{}"),
    "[monitor] floor": ("rest", '[monitor]\nfloor = {{ metric = "brier", drop = 0.1, {} }}'),
    "[quality]": ("rest", "[quality]\n{}"),
    "[quality] expect": ("rest", "[quality]\nexpect = {{ age = {{ min = 0, {} }} }}"),
    "[alerts]": ("rest", "[alerts]\n{}"),
    "[alerts] to": ("rest", '[alerts]\nto = [{{ kind = "email", server = "localhost:25", from = "a@b", to = ["c@d"], {} }}]'),
    "[retrain]": ("rest", "[retrain]\n{}"),
    "[stores]": ("rest", "[stores]\n{}"),
    "[track]": ("rest", "[track]\n{}"),
    "[deliver]": ("rest", "[deliver]\n{}"),
    "[deliver] server": ("rest", "[deliver]\nserver = {{ {} }}"),
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def sections(text: str) -> dict[str, str]:
    """Heading → what stands under it, up to the next heading of any level."""
    parts = re.split(r"^#{1,4} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str, header: str) -> list[list[str]]:
    """The rows of the tables whose first column is called `header`, cell by cell."""
    found, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            found.append(cells)
        elif cells[0] == header:
            inside = True
    return found


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def spec_with(heading: str, assignment: str) -> str:
    place, form = PLACES[heading]
    parts = dict.fromkeys(("model", "data", "train", "rest"), "")
    return MINIMAL.format(**{**parts, place: form.format(assignment).replace(",  }", " }")})


def command_of(verb: str) -> click.Command:
    command: click.Command = import_module(VERBS[verb][0]).command
    return command


def commands_of(verb: str) -> list[click.Command]:
    """A verb, and what stands under it."""
    command = command_of(verb)
    return [command, *(command.commands.values() if isinstance(command, click.Group) else ())]


def options_of(verb: str) -> set[str]:
    options = [one for command in commands_of(verb) for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return {name for one in options for name in (*one.opts, *one.secondary_opts)}


def test_every_verb_and_every_option_is_documented_and_no_other() -> None:
    found = {heading.removeprefix("flyball "): text for heading, text in sections(read("docs/cli.md")).items() if "flyball " in heading}
    assert list(found) == list(VERBS), "docs/cli.md has the verbs in the order of --help"
    for verb, text in found.items():
        assert {name for row in rows(text, "option") for name in codes(row[0])} == options_of(verb), verb
        for argument in (one for one in command_of(verb).params if isinstance(one, click.Argument)):
            name, other = argument.human_readable_name.strip("[]"), r"(?: \[?[A-Z]+\]?)*"
            assert re.search(rf"`flyball {verb}{other} \[?{name}\]?{other}`", text), (verb, argument.name)
        for command in commands_of(verb)[1:]:
            named = [one.human_readable_name for one in command.params if isinstance(one, click.Argument)]
            assert f"`{' '.join(['flyball', verb, str(command.name), *named])}`" in text, (verb, command.name)
    general = {name for option in cli.params for name in option.opts} | {"-h", "--help"}
    assert {name for row in rows(sections(read("docs/cli.md"))["The command line"], "option") for name in codes(row[0])} == general


@pytest.mark.parametrize("heading", PLACES)
def test_every_key_of_the_spec_is_documented_and_no_other(heading: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec(spec_with(heading, "no_such_key = 1"), folder=ROOT)
    known = set(refused.value.hint.removeprefix("known here: ").split(", "))
    if heading == "[evaluate] gate":
        known |= {"margin", "slice", "slices"}  # asked for only beside better and not_worse, and here it is
    if heading == "[alerts] to":
        known |= {"url", "file"}  # of other kinds of receivers
    documented = [codes(row[0])[0] for row in rows(sections(read("docs/spec.md"))[heading], "key")]
    assert sorted(documented) == sorted(known)


@pytest.mark.parametrize("heading", PLACES)
def test_writing_down_a_documented_default_changes_nothing(heading: str) -> None:
    without = parse_spec(spec_with(heading, ""), folder=ROOT).digest
    for row in rows(sections(read("docs/spec.md"))[heading], "key"):
        default = re.fullmatch(r"`([^`]+)`", row[2])
        if default is not None:
            assignment = f"{codes(row[0])[0]} = {default[1]}"
            assert parse_spec(spec_with(heading, assignment), folder=ROOT).digest == without, assignment


def test_every_key_of_a_query_is_documented_and_no_other() -> None:
    source = 'source = { query = "q.sql", connection = "env:URL", no_such_key = 1 }'
    with pytest.raises(SpecError) as refused:
        parse_spec(spec_with("[data]", "").replace('source = "d.csv"', source), folder=ROOT)
    known = set(refused.value.hint.removeprefix("known here: ").split(", "))
    assert {codes(row[0])[0] for row in rows(sections(read("docs/spec.md"))["[data] source"], "key")} == known


def test_what_each_verb_may_do_in_shared_stores_is_documented() -> None:
    text = sections(read("docs/team.md"))["A laptop does not tick production"]
    for does, verbs, _ in rows(text, "it"):
        for verb in codes(verbs):
            name, *words = verb.split()
            options: dict[str, object] = {"register": False} if "--no-register" in words else {}
            options |= {key: words[0] for of, key in (("rollout", "action"), ("db", INNER)) if name == of}
            options |= {"register": True} if verb == "train" else {"data": "rows.csv"} if name == "reference" else {}
            options |= {INNER: words[0]} if name == "db" else {}
            if name not in ("resume", "abort"):
                assert reach(name, options) == does, verb


def test_every_finding_about_data_is_documented_and_no_other() -> None:
    text = sections(read("docs/data-quality.md"))
    told = [
        code
        for heading in ("Before a training", "What the model is asked")
        for row in rows(text[heading], "finding")
        for code in codes(row[0])
    ]
    known = [code for code in catalogue() if code.startswith(("data.", "quality."))]
    assert sorted(told) == sorted(known)


def test_every_public_name_is_documented() -> None:
    text = read("docs/python.md")
    assert sorted(codes(row[0])[0] for row in rows(sections(text)["Python"], "name")) == sorted(flyball.__all__)
    for name in flyball.__all__:
        assert f"`{name}(" in text, f"{name} has its call written down"


def test_every_method_of_a_project_is_documented_with_its_arguments() -> None:
    text = sections(read("docs/python.md"))["Project"]
    methods = {name: call for name, call in vars(Project).items() if inspect.isfunction(call) and not name.startswith("_")}
    told = {name: rest for cell in rows(text, "method") for name, rest in re.findall(r"`(\w+)\(([^`]*)\)`", cell[0])}
    prose = {name for name in ("train", "monitor") if f"project.{name}(" in text}
    assert set(told) | prose == set(methods)
    for name, arguments in told.items():
        named = [one.split("=")[0].strip() for one in re.sub(r"\([^)]*\)", "", arguments).split(",") if one.strip() not in ("", "*")]
        assert named == list(inspect.signature(methods[name]).parameters)[1:], name


def test_every_route_and_every_series_is_documented() -> None:
    text = read("docs/http.md")
    paths = openapi(None, ServerSettings(model="m", folder=ROOT))["paths"]
    assert isinstance(paths, dict)
    documented = {codes(row[0])[0]: row[1] for row in rows(sections(text)["HTTP"], "route")}
    assert set(documented) == {*paths, "/openapi.json"}
    assert all(documented[path].lower() in operations for path, operations in paths.items())
    series = re.findall(r"^# TYPE (\w+) (\w+)", render([Page("m", Metrics(), [])]), flags=re.MULTILINE)
    table = {name: row[1] for row in rows(sections(text)["GET /metrics"], "series") for name in codes(row[0])}
    assert set(table) == {name for name, _ in series}
    assert all(table[name].startswith(kind) for name, kind in series)


def test_the_vocabulary_has_each_word_once() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\*", read("docs/vocabulary.md"), flags=re.MULTILINE)
    assert len(words) > 40
    assert sorted(words) == sorted(set(words))


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#{1,6} (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(r"^\s+- ([\w./-]+\.md)$", read("mkdocs.yml"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_code_is_what_it_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in blocks(text, "python"):
        ast.parse(block)
    for block in blocks(text, "json"):
        json.loads(block)
    for block in blocks(text, "toml"):
        if {"model", "data", "train"} <= tomllib.loads(block).keys():
            parse_spec(block, folder=ROOT)
    for verb, options in calls("\n".join(blocks(text, "sh"))):
        assert verb in VERBS, verb
        assert set(options) <= options_of(verb), (verb, options)


def calls(script: str) -> Iterator[tuple[str, list[str]]]:
    """Each `flyball VERB` of a script with its options."""
    for line in script.replace("\\\n", " ").splitlines():
        if not line.startswith("flyball "):
            continue
        words = shlex.split(line, comments=True)[1:]
        while words[0] in ("-C", "--env"):
            words = words[2:]
        yield words[0], [word for word in words[1:] if word.startswith("-")]


def test_the_readme_begins_with_two_commands_and_keeps_a_place_for_the_demo() -> None:
    text = read("README.md")
    assert len(text.splitlines()) <= 260
    assert text.index("make demo") < text.index("make test") < text.index("<!-- demo output -->") < text.index("<!-- end -->")
    assert text.index("<!-- end -->") < text.index("docs/loop.svg")


def test_the_levels_we_quote_are_those_the_bench_prints() -> None:
    bench = ROOT / "bench" / "sequential_level.py"
    printed = subprocess.run([sys.executable, bench], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    there = set(re.findall(r"\d+\.\d%", printed))
    how = sections(read("docs/how-it-decides.md"))
    quoted = re.findall(r"(\d+\.\d) %", how["How exact the level is"] + how["The live comparison"])
    quoted += re.findall(r"(\d+\.\d) %", sections(read("README.md"))["What is promised, and what is not"])
    assert len(quoted) > 20
    assert [one for one in quoted if f"{one}%" not in there] == []


def test_no_committed_text_names_a_machine_or_a_thing_to_do() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git repository here: what is committed cannot be listed")
    unwanted = re.compile(
        r"\bTO" r"DO\b|\bFIX" r"ME\b"  # what is not done is not committed
        r"|(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/"  # paths of somebody's machine
        r"|index-" r"url|://[\w.-]*(?:registry|mirror|proxy|artifactory|nexus)[\w.-]*[.:/]"  # where packages came from
    )  # fmt: skip
    found = []
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {match[0]}" for match in unwanted.finditer(text)]
    assert found == []


def test_the_errors_we_quote_are_errors_the_spec_gives() -> None:
    text = sections(read("docs/troubleshooting.md"))["The spec"]
    wrong = {
        "data.featurs": spec_with("[data]", 'featurs = ["a"]'),
        "needs data.time": MINIMAL.format(model="", data='outcome_time = "o"', train="", rest="").replace('time = "t"\n', ""),
        'rollout.strategy = "shadow"': spec_with("[model]", "influences_outcome = true") + '[rollout]\nstrategy = "shadow"\n',
        "retrain.on names": spec_with("[retrain]", 'on = ["schedule"]'),
    }
    for part, spec in wrong.items():
        with pytest.raises(FlyballError) as refused:
            parse_spec(spec, folder=ROOT)
        message = refused.value.message.removeprefix("flyball.toml: ")
        assert part in message
        assert f"`{message}`" in text
