"""Comments on proposed changes, by the APIs of GitHub and GitLab: one for each model, written anew each time."""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, urlsplit

import httpx

from flyball.core.errors import NotFoundError, StoreError, UsageError
from flyball.core.record import record

_PAGE = 100
_PAGES = 50


@record
class Change:
    """A pull request or merge request. `comments`: where its comments are listed and made; `one`: where a comment stands, by its id."""

    kind: Literal["github", "gitlab"]
    comments: str
    one: str
    token: str


def change_of(said: Mapping[str, str]) -> Change:
    """The change that a CI system is looking at; NotFoundError if it looks at none, UsageError without a token."""
    if said["CI_MERGE_REQUEST_IID"]:
        place = f"{said['CI_API_V4_URL']}/projects/{quote(said['CI_PROJECT_ID'], safe='')}/merge_requests/{said['CI_MERGE_REQUEST_IID']}"
        return _gitlab(place, said)
    pull = re.fullmatch(r"refs/pull/(\d+)/merge", said["GITHUB_REF"])
    if pull:
        return _github(said["GITHUB_API_URL"] or "https://api.github.com", said["GITHUB_REPOSITORY"], pull[1], said)
    address = urlsplit(said["CHANGE_URL"])
    origin, path = f"{address.scheme}://{address.netloc}", address.path.rstrip("/")
    merge, pulled = re.fullmatch(r"/(.+)/-/merge_requests/(\d+)", path), re.fullmatch(r"/([^/]+/[^/]+)/pull/(\d+)", path)
    if merge:
        return _gitlab(f"{origin}/api/v4/projects/{quote(merge[1], safe='')}/merge_requests/{merge[2]}", said)
    if pulled:
        api = "https://api.github.com" if address.hostname == "github.com" else f"{origin}/api/v3"
        return _github(said["GITHUB_API_URL"] or api, pulled[1], pulled[2], said)
    raise NotFoundError("no change is proposed here that could be commented on", hint="this runs for pull requests and merge requests")


def put(change: Change, text: str, mark: str) -> str:
    """Write the comment that begins with a mark: the one there is is changed, else there is a new one. Gives its address."""
    headers = {"Authorization": f"Bearer {change.token}"} if change.kind == "github" else {"PRIVATE-TOKEN": change.token}
    with httpx.Client(headers=headers, timeout=30) as client:
        for known in _ours(client, change, mark):
            answer = _ask(client, "PATCH" if change.kind == "github" else "PUT", f"{change.one}/{known}", text)
            if answer.status_code not in (403, 404):  # somebody else's, or gone
                return _address(answer)
        return _address(_ask(client, "POST", change.comments, text))


def _github(api: str, repository: str, number: str, said: Mapping[str, str]) -> Change:
    issues = f"{api}/repos/{repository}/issues"
    return Change(kind="github", comments=f"{issues}/{number}/comments", one=f"{issues}/comments", token=_token(said, "GITHUB_TOKEN"))


def _gitlab(place: str, said: Mapping[str, str]) -> Change:
    return Change(kind="gitlab", comments=f"{place}/notes", one=f"{place}/notes", token=_token(said, "GITLAB_TOKEN"))


def _token(said: Mapping[str, str], name: str) -> str:
    if not said[name]:
        raise UsageError(f"the variable {name} is not set, and only its owner may comment", hint="make it a secret of the pipeline")
    return said[name]


def _ours(client: httpx.Client, change: Change, mark: str) -> list[str]:
    found = []
    for page in range(1, _PAGES + 1):
        try:
            answer = client.get(change.comments, params={"per_page": _PAGE, "page": page})
        except httpx.HTTPError as error:
            raise _silent(change.comments, error) from error
        comments = _sound(answer).json()
        found += [str(one["id"]) for one in comments if str(one.get("body", "")).startswith(mark)]
        if len(comments) < _PAGE:
            break
    return found


def _ask(client: httpx.Client, method: str, url: str, text: str) -> httpx.Response:
    try:
        return client.request(method, url, json={"body": text})
    except httpx.HTTPError as error:
        raise _silent(url, error) from error


def _silent(url: str, error: httpx.HTTPError) -> StoreError:
    return StoreError(f"{urlsplit(url).netloc} does not answer: {error}", hint="the evaluation stands in the artifacts all the same")


def _sound(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    said = " ".join(answer.text.split())[:200]
    hint = "the token needs the permission to comment: pull-requests: write on GitHub, the scope api on GitLab"
    raise StoreError(f"{answer.request.url.host} answered {answer.status_code}: {said}", hint=hint)


def _address(answer: httpx.Response) -> str:
    said = _sound(answer).json()
    return str(said.get("html_url") or said.get("id") or "") if isinstance(said, dict) else ""
