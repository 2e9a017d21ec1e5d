"""The style sheet: that of the reports, whose charts are shown here too, the dashboard's own, and both themes by hand."""

import re
from functools import cache
from importlib.resources import files

from flyball.render.report.paper import style

_LIGHT = re.compile(r":root \{([^}]*)\}")
_DARK = re.compile(r"prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}")


@cache
def sheet() -> str:
    """The style sheet as text. A theme that was chosen on the page goes before the system's."""
    shared = str(style())
    static = files("flyball.dashboard") / "static"
    pages = sorted((one for one in (static / "pages").iterdir() if one.name.endswith(".css")), key=lambda one: one.name)
    own = "".join(one.read_text(encoding="utf-8") for one in (static / "dashboard.css", *pages))
    light, dark = _LIGHT.search(shared), _DARK.search(shared)
    assert light is not None and dark is not None
    themes = {"light": light[1], "dark": dark[1]}
    chosen = "".join(f':root[data-theme="{name}"] {{{colours} color-scheme: {name}; }}\n' for name, colours in themes.items())
    return shared + chosen + own
