"""What a refusal of the loop advises, for whoever reads it over HTTP: routes and fields where a verb and its options stand."""

import re

_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"`flyball status`", "GET /admin/status"),
        (r"`flyball models`", "GET /admin/versions"),
        (r"`flyball why [^@`]*@(\d+)`", r"GET /admin/why/\1"),
        (r"`flyball promote [^`]*--to none`", 'POST /admin/promote with "to": "none"'),
        (r"`flyball promote`", "POST /admin/promote"),
        (r"`flyball thaw`", "POST /admin/thaw"),
        (r"`flyball train`", "POST /admin/jobs/train"),
        (r"(?<![`\w])--force --reason '\.\.\.'(?!`)", '"force": true and a "reason"'),
        (r"(?<![`\w])--reason '\.\.\.'(?!`)", 'a "reason"'),
        (r"(?<![`\w])--for (\w+)(?!`)", r'"for": "\1"'),
    )
)
_VERB = re.compile(r"`flyball \w+")


def over_http(hint: str) -> str:
    """A hint in words of HTTP. A verb that has no route keeps its name, and it is said where it is run."""
    for pattern, said in _WORDS:
        hint = pattern.sub(said, hint)
    return f"{hint} (`flyball …` is run in the project's folder on the server's machine)" if _VERB.search(hint) else hint
