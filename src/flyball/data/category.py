"""A category as the text it is counted, shown and compared by; apart from counting, which servers have no use for."""


def text_of(value: object) -> str | None:
    """A category as text, None if missing. The empty text is missing, as it is to the model that answers."""
    if value.__class__ is str:
        return value or None
    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    return str(value) or None
