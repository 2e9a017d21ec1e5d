"""`flyball comment`: put the evaluation of a training under the change that is proposed."""

from pathlib import Path
from xml.etree import ElementTree

import click

from flyball.cli.frame import as_json, say, show_json
from flyball.cli.train_report import COMMENT, read_report
from flyball.core.errors import DataError, NotFoundError
from flyball.settings import chosen_environment, chosen_language, proposed_change
from flyball.spec.load import load_spec

_TESTS = "tests.xml"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="evaluation")
@click.option("--link", default="", metavar="URL", help="Where the page with the plots is; named at the end.")
@click.option("--print", "only_print", is_flag=True, help="Print the comment, and send it to nobody.")
@as_json
@click.pass_context
def command(ctx: click.Context, folder: Path, link: str, only_print: bool, as_json: bool) -> None:
    """Comment what `flyball train --report FOLDER` found on the pull request or merge request that a CI system looks at.

    GitHub Actions, GitLab CI and Jenkins say which that is; GITHUB_TOKEN or GITLAB_TOKEN opens it. The comment of an earlier run is
    replaced. If FOLDER has a tests.xml (`flyball test --junit`), the comment says what failed.
    """
    from flyball.adapters.forge.comments import change_of, put
    from flyball.render.review.markdown import mark, with_tests

    spec = load_spec(ctx.obj, chosen_environment())  # no store is needed, so nothing has to be said of any
    there = ctx.obj / folder
    read_report(there, spec.model.name)
    try:
        text = (there / COMMENT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFoundError(f"there is no {COMMENT} in {folder}", hint="`flyball train --report DIR` writes it") from None
    text = with_tests(text, *_tests(there / _TESTS), link=link, language=chosen_language())
    if only_print:
        click.echo(text, nl=False)
        return
    address = put(change_of(proposed_change()), text, mark(spec.model.name))
    if as_json:
        show_json({"comment": address})
    else:
        say(f"commented: {address}")


def _tests(path: Path) -> tuple[int, list[str]]:
    """How many tests there were, and the names of those that failed; none if nothing was tested."""
    if not path.is_file():
        return 0, []
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))  # noqa: S314 - our own file, and expat expands nothing from elsewhere
    except ElementTree.ParseError as error:
        raise DataError(f"{path} is not XML: {error}", hint="`flyball test --junit FILE` writes it") from None
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return len(cases), [".".join(part for part in (case.get("classname"), case.get("name")) if part) for case in failed]
