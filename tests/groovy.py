"""A Jenkinsfile as a Groovy parser reads it: its blocks, and the texts in them."""

from dataclasses import dataclass, field

import tree_sitter_groovy
from tree_sitter import Language, Node, Parser

_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass
class Step:
    """A stage: what `sh` runs there, and on which branch alone."""

    name: str
    branch: str = ""
    runs: list[str] = field(default_factory=list)


def parsed(text: str) -> Node:
    """The tree of a Groovy file; it has to be one."""
    root = Parser(Language(tree_sitter_groovy.language())).parse(text.encode()).root_node
    assert not root.has_error, text
    return root


def strings(node: Node) -> list[str]:
    """Every text of a tree, as Groovy understands it."""
    if node.type in ("string", "string_literal", "character_literal"):
        return [unquoted((node.text or b"").decode())]
    return [text for child in node.children for text in strings(child)]


def unquoted(literal: str) -> str:
    """What a text in quotes stands for; nothing in it may be filled in but by us."""
    quote, inner, out, at = literal[0], literal[1:-1], "", 0
    assert literal[-1] == quote
    while at < len(inner):
        letter = inner[at]
        assert letter not in "\n\r", "a text that goes over lines"
        assert letter != quote
        if letter == "\\":
            at += 1
            assert inner[at] != "u", "Groovy reads these before it reads texts"
            letter = _SIGNS.get(inner[at], inner[at])
        out += letter
        at += 1
    return out


def stages(text: str) -> list[Step]:
    """The stages of a Jenkinsfile, by its lines, which are one statement each."""
    parsed(text)
    found: list[Step] = []
    for line in (one.strip() for one in text.split("\n")):
        if line.startswith("stage("):
            found.append(Step(name=unquoted(line[len("stage(") : -len(") {")])))
        elif line.startswith("branch comparator"):
            found[-1].branch = unquoted(line.partition("pattern: ")[2])
        elif line.startswith("sh ") and found:
            found[-1].runs.append(unquoted(line[3:]))
        elif line.startswith("post {"):
            found.append(Step(name="post"))
    return found
