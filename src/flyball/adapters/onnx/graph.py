"""Writing ONNX graphs with Flyball's inputs and outputs: nodes one after the other, features out of columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from flyball.adapters.onnx.engine import VECTOR
from flyball.core.schema import Schema
from flyball.spec.records import Task

ML = "ai.onnx.ml"
_OPSETS = {"": 18, ML: 3}


class Graph:
    """Nodes and constants as they come; every value has the name of what made it."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: Sequence[str], *, domain: str = "", output: str = "", **attributes: Any) -> str:
        """Add a node with one output; its name."""
        output = output or f"{kind.lower()}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant; its name."""
        name = f"constant/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def looked_up(self, name: str, words: Sequence[str], table: NDArray[np.float64]) -> str:
        """The line of a table that belongs to each text; the last one for every other text."""
        position = self.node(
            "LabelEncoder",
            [name],
            domain=ML,
            keys_strings=list(words) or ["\x00"],
            values_int64s=list(range(len(words))) or [0],
            default_int64=len(words),
        )
        flat = self.node("Reshape", [position, self.constant(np.array([-1]))])
        return self.node("Gather", [self.constant(table.astype(np.float64)), flat], axis=0)

    def columns(self, schema: Schema, places: Sequence[int]) -> str:
        """Number columns side by side, as float64."""
        if schema.numeric:
            return self.node("Gather", [VECTOR, self.constant(np.array(places, dtype=np.int64))], axis=1)
        return self.node("Concat", [schema.names[place] for place in places], axis=1)

    def answer(self, scores: str, task: Task) -> None:
        """Make float32 scores, (n, 1) for binary, the output of the model."""
        if task == "binary":
            rest = self.node("Sub", [self.constant(np.ones(1, np.float32)), scores])
            self.node("Concat", [rest, scores], output="probabilities", axis=1)
        else:
            self.node("Identity", [scores], output="variable" if task == "regression" else "probabilities")

    def model(self, schema: Schema, task: Task, width: int, opsets: dict[str, int] | None = None) -> bytes:
        """The bytes of a model that reads the schema's columns and answers with `width` numbers."""
        name = "variable" if task == "regression" else "probabilities"
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])]
        if schema.numeric:
            inputs = [helper.make_tensor_value_info(VECTOR, TensorProto.DOUBLE, [None, len(schema.columns)])]
        else:
            kinds = {True: TensorProto.STRING, False: TensorProto.DOUBLE}
            inputs = [helper.make_tensor_value_info(one.name, kinds[one.kind == "category"], [None, 1]) for one in schema.columns]
        made = helper.make_graph(self.nodes, "model", inputs, outputs, initializer=self.constants)
        known = [helper.make_opsetid(domain, version) for domain, version in (_OPSETS | (opsets or {})).items()]
        model = helper.make_model(made, opset_imports=known, ir_version=9)
        checker.check_model(model)
        return bytes(model.SerializeToString())
