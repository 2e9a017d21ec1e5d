"""Nouns of a package for another engine: the tensors of its model, and what stands around it."""

from collections.abc import Mapping

from flyball.core.record import record


@record
class TensorForm:
    """A tensor of a model: `datatype` as the Open Inference Protocol calls it, `dims` without the number of rows."""

    name: str
    datatype: str
    dims: tuple[int, ...]


@record
class Packaged:
    """A model for another engine. `name` is harmless in paths; `about`: what the engine is told beside the tensors."""

    name: str
    version: int
    inputs: tuple[TensorForm, ...]
    outputs: tuple[TensorForm, ...]
    labels: tuple[str, ...]
    about: Mapping[str, str]
