"""Strings that have broken programs before, in the spirit of the Big List of Naughty Strings; and that list where there is a copy of it.

Whatever would run if a page let it sets `window.__pwned`.
"""

import json
import os
from pathlib import Path

SCRIPTS = (
    "<script>window.__pwned=1</script>",
    "</script><script>window.__pwned=2</script>",
    "<img src=x onerror=window.__pwned=3>",
    "\"><svg onload='window.__pwned=4'>",
    "' autofocus onfocus='window.__pwned=5' x='",
    '" autofocus onfocus="window.__pwned=6" x="',
    "javascript:window.__pwned=7",
    "<a href='javascript:window.__pwned=8'>click</a>",
    "</title><script>window.__pwned=9</script>",
    "</text></svg><script>window.__pwned=10</script>",
    "<!--<script>window.__pwned=11</script>-->",
    "<style>*{display:none}</style>",
    "<base href='https://example.com/'>",
    "<meta http-equiv=refresh content='0;url=https://example.com/'>",
    "<iframe srcdoc='<script>parent.__pwned=12</script>'></iframe>",
    "<dialog open><h1>Give us your token</h1></dialog>",
    "</section></main></body></html>",
    "{{ 7 * 7 }} {% raw %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "&lt;script&gt;window.__pwned=13&lt;/script&gt;",
    "&#60;script&#62;window.__pwned=14&#60;/script&#62;",
)
"""Would run, or change the page, where they are not escaped."""

ODD = (
    "undefined",
    "null",
    "None",
    "NaN",
    "-1",
    "1E+02",
    "True",
    "__proto__",
    "constructor",
    "' OR 1=1 --",
    "'; DROP TABLE predictions; --",
    "../../../../etc/passwd%00",
    "C:\\con\\aux",
    "%s%n%x %d",
    "=cmd|' /C calc'!A0",
    "a\u202eb\u2066c\u2069",
    "\ufeffwith a mark before it",
    "zero\u200bwidth",
    "Z̷̡̢̛̬̤̜̈̈a̸l̵g̶o̸ ̵t̸e̵x̴t̶",
    "田中さんにあげて下さい",
    "部落格",
    "사회과학원 어학연구소",
    "الكل في المجمو عة",
    "👩‍👩‍👧‍👦 👨🏿‍🚀 🏳️‍🌈",
    "ﷺ",
    "𝕿𝖍𝖊 𝖖𝖚𝖎𝖈𝖐",
    "ÅÍÎÏ˝ÓÔ\uf8ffÒÚÆ☃",
    "Wow" * 40,
    "W" * 200,
    "a b" * 60,
    "`~!@#$%^&*()_+-=[]{}|;:'\",.<>/?\\",
)
"""Mean something elsewhere, or are hard to set."""

STRINGS = SCRIPTS + ODD


def conformance() -> tuple[str, ...]:
    """The Big List of Naughty Strings, from the folder in FLYBALL_CONFORMANCE; empty where it is not there."""
    path = Path(os.environ.get("FLYBALL_CONFORMANCE", "/nowhere")) / "blns" / "blns.json"
    return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else ()


def names(count: int, longest: int = 300) -> list[str]:
    """So many different names for columns: what is there in one line, ours first."""
    seen: dict[str, None] = {}
    for one in (*STRINGS, *conformance()):
        name = " ".join("".join(letter if letter.isprintable() or ord(letter) > 0x9F else " " for letter in one).split())[:longest]
        if name and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
            seen.setdefault(name)
    return list(seen)[:count]
