"""The protocol buffers of the Open Inference Protocol's gRPC form, with Triton's extensions, made from a table of fields and numbers."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
HEALTH_PACKAGE = "grpc.health.v1"

_TENSOR = "name:1 string | datatype:2 string | shape:3 *int64 | parameters:4 %InferParameter"
_NAMED = "name:1 string | version:2 string"

# message → its fields: `name:number type`, * before the type of a repeated field, % before the type of a map's values (its keys are
# texts), ? before the fields of a union. A type that begins with a capital is a message.
_MESSAGES = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live:1 bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready:1 bool",
    "ModelReadyRequest": _NAMED,
    "ModelReadyResponse": "ready:1 bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name:1 string | version:2 string | extensions:3 *string",
    "ModelMetadataRequest": _NAMED,
    "TensorMetadata": "name:1 string | datatype:2 string | shape:3 *int64",
    "ModelMetadataResponse": (
        "name:1 string | versions:2 *string | platform:3 string | inputs:4 *TensorMetadata | outputs:5 *TensorMetadata"
    ),
    "InferParameter": (
        "bool_param:1 ?bool | int64_param:2 ?int64 | string_param:3 ?string | double_param:4 ?double | uint64_param:5 ?uint64"
    ),
    "InferTensorContents": (
        "bool_contents:1 *bool | int_contents:2 *int32 | int64_contents:3 *int64 | uint_contents:4 *uint32 | uint64_contents:5 *uint64"
        " | fp32_contents:6 *float | fp64_contents:7 *double | bytes_contents:8 *bytes"
    ),
    "InferTensor": f"{_TENSOR} | contents:5 InferTensorContents",
    "InferRequestedOutputTensor": "name:1 string | parameters:2 %InferParameter",
    "ModelInferRequest": (
        "model_name:1 string | model_version:2 string | id:3 string | parameters:4 %InferParameter | inputs:5 *InferTensor"
        " | outputs:6 *InferRequestedOutputTensor | raw_input_contents:7 *bytes"
    ),
    "ModelInferResponse": (
        "model_name:1 string | model_version:2 string | id:3 string | parameters:4 %InferParameter | outputs:5 *InferTensor"
        " | raw_output_contents:6 *bytes"
    ),
    "ModelStreamInferResponse": "error_message:1 string | infer_response:2 ModelInferResponse",
    "ModelRepositoryParameter": "bool_param:1 ?bool | int64_param:2 ?int64 | string_param:3 ?string | bytes_param:4 ?bytes",
    "RepositoryIndexRequest": "repository_name:1 string | ready:2 bool",
    "ModelIndex": "name:1 string | version:2 string | state:3 string | reason:4 string",
    "RepositoryIndexResponse": "models:1 *ModelIndex",
    "RepositoryModelLoadRequest": "repository_name:1 string | model_name:2 string | parameters:3 %ModelRepositoryParameter",
    "RepositoryModelLoadResponse": "",
    "RepositoryModelUnloadRequest": "repository_name:1 string | model_name:2 string | parameters:3 %ModelRepositoryParameter",
    "RepositoryModelUnloadResponse": "",
    "ModelStatisticsRequest": _NAMED,
    "StatisticDuration": "count:1 uint64 | ns:2 uint64",
    "InferStatistics": (
        "success:1 StatisticDuration | fail:2 StatisticDuration | queue:3 StatisticDuration | compute_input:4 StatisticDuration"
        " | compute_infer:5 StatisticDuration | compute_output:6 StatisticDuration | cache_hit:7 StatisticDuration"
        " | cache_miss:8 StatisticDuration"
    ),
    "ModelStatistics": (
        "name:1 string | version:2 string | last_inference:3 uint64 | inference_count:4 uint64 | execution_count:5 uint64"
        " | inference_stats:6 InferStatistics"
    ),
    "ModelStatisticsResponse": "model_stats:1 *ModelStatistics",
}
# The health service that Kubernetes asks; `status` is an enumeration, which stands on the wire as the integer it is here.
_HEALTH = {"HealthCheckRequest": "service:1 string", "HealthCheckResponse": "status:1 int32"}

_UNION = "parameter_choice"

Messages = Mapping[str, Any]


def make_messages() -> Messages:
    """Message name → its class. They stand in a pool of their own, beside whatever else this process has of that name."""
    pool = DescriptorPool()
    found: dict[str, Any] = {}
    for package, table in ((PACKAGE, _MESSAGES), (HEALTH_PACKAGE, _HEALTH)):
        file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
        for name, fields in table.items():
            message = file.message_type.add(name=name)
            for field in fields.split(" | ") if fields else ():
                _add(message, package, field)
        pool.Add(file)
        found |= {name: GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in table}
    return found


def _add(message: DescriptorProto, package: str, text: str) -> None:
    named, kind = text.split(" ")
    name, number = named.split(":")
    field = message.field.add(name=name, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
    if kind[0] in "*%":
        field.label = FieldDescriptorProto.LABEL_REPEATED
    if kind[0] == "?":
        if not message.oneof_decl:
            message.oneof_decl.add(name=_UNION)
        field.oneof_index = 0
    if kind[0] == "%":
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _type(entry.field.add(name="key", number=1, label=FieldDescriptorProto.LABEL_OPTIONAL), package, "string")
        _type(entry.field.add(name="value", number=2, label=FieldDescriptorProto.LABEL_OPTIONAL), package, kind[1:])
        _type(field, package, f"{message.name}.{entry.name}")
    else:
        _type(field, package, kind.lstrip("*?"))


def _type(field: FieldDescriptorProto, package: str, kind: str) -> None:
    if kind[0].isupper():
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
