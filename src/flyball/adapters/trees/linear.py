"""Linear models as an engine: a forest of no trees, with weights; the same kernel from values to the score."""

from pathlib import Path

from flyball.adapters.trees.engine import load_flat
from flyball.registry.records import Manifest
from flyball.serving.engine import Engine

FILE = "linear.bin"


def load(folder: Path, manifest: Manifest) -> Engine:
    """The engine of a bundle. Where the kernel was not built, ONNX answers, or numpy."""
    return load_flat(folder, manifest, FILE)
