"""Names as paths and labels: the short, harmless form of a model's name."""

import hashlib
import re


def slug(name: str) -> str:
    """Lower-case letters, digits and single dashes, at most 60 characters; another name never gives the same slug in practice.

    Whatever is lost on the way (signs, spaces, other scripts, case, length) is made up for by a short digest of the name.

    >>> slug("churn")
    'churn'
    >>> slug("Flight delay!")
    'flight-delay-3160af83'
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-")
    if plain == name:
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest
