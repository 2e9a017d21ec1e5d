"""The receiver `slack`: what incoming webhooks of Slack, Mattermost, Rocket.Chat and others take, a document with a `text`."""

from flyball.adapters.notify.http import address, post_json
from flyball.adapters.notify.text import lines, title
from flyball.adapters.notify.tools import Tools
from flyball.alerting.records import Notification, Parcel
from flyball.core.codec import to_json
from flyball.words.sentences import Language

_MOST = 20
_LONGEST = 12_000  # below what any of them cuts off


def deliver(parcel: Parcel, tools: Tools) -> None:
    """POST it."""
    body = to_json({"text": text(parcel.notification, tools.language)}).encode()
    post_json(address(tools.secret(parcel.receiver.url)), body, seconds=tools.seconds)


def text(notification: Notification, language: Language) -> str:
    """The message: a bold title, a line for each alert, the link."""
    said = [f"*{escape(title(notification, language))}*", *(f"• {escape(line)}" for line in lines(notification, language, most=_MOST))]
    if notification.link:
        said.append(escape(notification.link))
    return "\n".join(said)[:_LONGEST]


def escape(words: str) -> str:
    """A text that is only text: no link, no mention of a channel or of everybody in it, whatever a column is called.

    >>> escape("a<b> & @here")
    'a&lt;b&gt; &amp; @\\u200bhere'
    """
    plain = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("@", "@\u200b")
