"""Sentences about differences between what was served and what is trained on, English and Chinese."""

SENTENCES: dict[str, tuple[str, str]] = {}
