"""The Sparkplug B payload as a protobuf class, built from the field numbers of the specification (Sparkplug 3.0)."""

from __future__ import annotations

import zlib
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as ProtobufError

from ioc.errors import DecodeError

LARGEST = 8_000_000  # bytes of an unpacked body

_FIELD = descriptor_pb2.FieldDescriptorProto
_NUMBERS = {
    "u32": _FIELD.TYPE_UINT32, "u64": _FIELD.TYPE_UINT64, "f32": _FIELD.TYPE_FLOAT, "f64": _FIELD.TYPE_DOUBLE,
    "bool": _FIELD.TYPE_BOOL, "text": _FIELD.TYPE_STRING, "bytes": _FIELD.TYPE_BYTES,
}  # fmt: skip

# message: field: (number, type or message, repeated). Fields we never read are left to protobuf's unknown fields.
_MESSAGES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "PropertyValue": {
        "type": (1, "u32", False), "is_null": (2, "bool", False), "int_value": (3, "u32", False),
        "long_value": (4, "u64", False), "float_value": (5, "f32", False), "double_value": (6, "f64", False),
        "boolean_value": (7, "bool", False), "string_value": (8, "text", False),
    },
    "PropertySet": {"keys": (1, "text", True), "values": (2, "PropertyValue", True)},
    "Template": {"metrics": (2, "Metric", True), "is_definition": (5, "bool", False)},
    "Metric": {
        "name": (1, "text", False), "alias": (2, "u64", False), "timestamp": (3, "u64", False),
        "datatype": (4, "u32", False), "is_historical": (5, "bool", False), "is_null": (7, "bool", False),
        "properties": (9, "PropertySet", False), "int_value": (10, "u32", False), "long_value": (11, "u64", False),
        "float_value": (12, "f32", False), "double_value": (13, "f64", False), "boolean_value": (14, "bool", False),
        "string_value": (15, "text", False), "template_value": (18, "Template", False),
    },
    "Payload": {
        "timestamp": (1, "u64", False), "metrics": (2, "Metric", True), "seq": (3, "u64", False),
        "uuid": (4, "text", False), "body": (5, "bytes", False),
    },
}  # fmt: skip


def _build() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="ioc_sparkplug_b.proto", package="ioc.sparkplug", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            if kind in _NUMBERS:
                message.field.add(name=field, number=number, type=_NUMBERS[kind], label=label)
            else:
                own = f".ioc.sparkplug.{kind}"
                message.field.add(name=field, number=number, type=_FIELD.TYPE_MESSAGE, type_name=own, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ioc.sparkplug.Payload"))


Payload = _build()


def parse(data: bytes) -> Any:
    """A Payload, unpacked where it is compressed. Raises DecodeError `not_sparkplug`, `too_large`."""
    payload = _parsed(data)
    if payload.uuid != "SPBV1.0_COMPRESSED":
        return payload
    unpack = zlib.decompressobj(wbits=47 if payload.body[:2] == b"\x1f\x8b" or payload.body[:1] == b"\x78" else -15)
    try:
        body = unpack.decompress(payload.body, LARGEST)
    except zlib.error as error:
        raise DecodeError("not_sparkplug", f"compressed body: {error}") from error
    if unpack.unconsumed_tail:
        raise DecodeError("too_large", f"the body unpacks to more than {LARGEST} bytes")
    return _parsed(body)


def _parsed(data: bytes) -> Any:
    try:
        return Payload.FromString(data)
    except ProtobufError as error:
        raise DecodeError("not_sparkplug", str(error)) from error
