"""What `[alerts]` may say, and how everything else is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.load import parse_spec
from flyball.spec.records import AlertsSpec

PROJECT = """
[model]
name = "churn"
task = "binary"
[data]
source = "d.csv"
target = "y"
[train]
run = "pipeline:train"
[alerts]
"""
MAIL = 'kind = "email", server = "mail.example:587", from = "a@b", to = ["c@d"]'


def alerts(text: str) -> AlertsSpec:
    return parse_spec(PROJECT + text, folder=Path("p")).alerts


def test_every_kind_of_receiver_is_read() -> None:
    found = alerts(
        f"""
to = [
  {{ kind = "log" }},
  {{ kind = "log", file = "logs/alerts.jsonl" }},
  {{ kind = "webhook", url = "https://hooks.example.com/x" }},
  {{ kind = "slack", url = "env:SLACK_URL" }},
  {{ {MAIL}, user = "env:U", password = "env:P" }},
  {{ kind = "alertmanager", url = "http://127.0.0.1:9093" }},
]
repeat = "4h"
link = "https://wiki.example"
"""
    )
    assert [one.kind for one in found.to] == ["log", "log", "webhook", "slack", "email", "alertmanager"]
    assert (found.repeat, found.link) == (timedelta(hours=4), "https://wiki.example")
    assert (found.to[4].tls, found.to[4].recipients) == ("starttls", ("c@d",))


MAILED = f"to = [{{ {MAIL} }}]"
REFUSED = {
    'to = "log"': "a list such as",
    'to = [{ kind = "pager" }]': "one of",
    'to = [{ kind = "log" }, { kind = "log" }]': "alerts.to[1] is the same receiver as alerts.to[0]",
    'to = [{ kind = "log", file = "/var/log/alerts" }]': "a file in the project",
    'to = [{ kind = "log", file = "a/../../b" }]': "a file in the project",
    'to = [{ kind = "webhook" }]': "url is missing",
    'to = [{ kind = "webhook", url = "hooks.example.com/very-secret" }]': "https://...",
    'to = [{ kind = "webhook", url = "env:not a name" }]': "env:NAME",
    'to = [{ kind = "webhook", url = "https://u:p@hooks.example.com" }]': "holds a password",
    'to = [{ kind = "webhook", url = "http://[x" }]': "https://...",
    'to = [{ kind = "webhook", url = "http://h:99999/very-secret" }]': "https://...",
    f"to = [{{ {MAIL.replace(':587', '')} }}]": "smtp.example.com:587",
    f'to = [{{ {MAIL}, password = "plain" }}]': "stands in the file",
    f'to = [{{ {MAIL}, password = "env:P", tls = "none" }}]': "for all to read",
    f"to = [{{ {MAIL.replace('c@d', 'c@d, e@f')} }}]": "an address such as",
    MAILED.replace("a@b", "a@b\\nBcc: x@y"): "an address such as",
    'repeat = "10s"': "at least",
    'link = "a\\nb"': "a text on one line",
    'pager = "x"': "unknown key alerts.pager",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_a_receiver_is_refused_in_words(text: str) -> None:
    with pytest.raises(SpecError) as refused:
        alerts(text)
    assert REFUSED[text] in str(refused.value)
    assert "very-secret" not in str(refused.value)
    assert refused.value.hint
