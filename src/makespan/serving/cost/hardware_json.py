"""Devices in JSON files: one's own GPU, or the result of a calibration.

A file holds every number with its kind and source. What it may leave out is the efficiency of a
kind of kernel: ``like`` names a known device whose efficiency is then taken, marked as inferred.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from makespan.core.errors import FormatError, OptionError
from makespan.io.json_values import Node, check_head, parse
from makespan.serving.cost.calibration.columns import Source, load_text
from makespan.serving.cost.calibration.record import (
    KIND_NAMES,
    Calibration,
    fields_of,
    real,
    record_of,
)
from makespan.serving.cost.hardware import (
    AttentionEfficiency,
    Efficiency,
    Figure,
    Hardware,
    Line,
    hardware,
)
from makespan.serving.cost.roofline import Roofline

FORMAT: Final = "makespan-hardware"
VERSION: Final = 1
_FIGURES: Final = ("compute", "bandwidth", "memory", "host_link", "gpu_link", "power")
_ROOFLINE: Final = ("fixed", "compute", "memory", "q")
_LINE: Final = ("fixed", "slope")
_ATTENTION: Final = ("fixed", "per_sequence", "memory", "chunk_fixed", "chunk_per_sequence",
                     "shared", "compute", "diagonal")  # fmt: skip
_PARTS: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "gemm": (Roofline, _ROOFLINE),
    "experts": (Roofline, _ROOFLINE),
    "attention": (AttentionEfficiency, _ATTENTION),
    "norm": (Line, _LINE),
    "activation": (Line, _LINE),
    "sampling": (Line, _LINE),
}


def write_hardware(device: Hardware) -> str:
    """JSON text of a device."""
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": device.name,
                                "kind": device.kind}  # fmt: skip
    for name in _FIGURES:
        figure: Figure = getattr(device, name)
        document[name] = {"value": figure.value, "kind": figure.kind, "source": figure.source}
    found = device.efficiency
    if found is not None:
        document["efficiency"] = {
            name: _written(getattr(found, name), names) for name, (_, names) in _PARTS.items()
        } | {
            "all_reduce": [{"workers": workers} | _written(line, _LINE)
                           for workers, line in found.all_reduce]
        }  # fmt: skip
    return json.dumps(document, indent=2) + "\n"


def _written(part: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(part, name) for name in names} | {
        "calibration": fields_of(part.calibration)
    }


def read_hardware(source: Source) -> Hardware:
    """Device of a JSON text.

    Raises
    ------
    FormatError
        If the text is not such a device.
    """
    root = parse(load_text(source))
    check_head(root, FORMAT, VERSION)
    kind = root.get("kind", lambda node: node.one_of(("gpu", "cpu")))
    try:
        like = root.get("like", Node.text, "")
        model = hardware(like) if like else None
        efficiency = None
        if kind == "gpu":
            efficiency = _efficiency(root, model)
        figures = {name: root.get(name, _figure, Figure(0.0, "inferred", "not given"))
                   for name in _FIGURES}  # fmt: skip
        found = Hardware(root.get("name", Node.text), kind, **figures,  # type: ignore[arg-type]
                         efficiency=efficiency)  # fmt: skip
    except OptionError as error:
        raise FormatError(str(error), source=root.source) from error
    root.only({"format", "version", "name", "kind", "like", "efficiency", *_FIGURES})
    return found


def _figure(node: Node) -> Figure:
    kind = node.get("kind", lambda part: part.one_of(KIND_NAMES), "inferred")
    value, source = node.get("value", real), node.get("source", Node.text, "")
    found = Figure(value, kind, source)  # type: ignore[arg-type]
    node.only({"value", "kind", "source"})
    return found


def _efficiency(root: Node, like: Hardware | None) -> Efficiency:
    known = like.efficiency if like is not None else None
    given = root.get("efficiency", lambda node: node, None)
    parts: dict[str, Any] = {}
    for name, (kind, names) in _PARTS.items():
        if given is not None and given.has(name):
            parts[name] = given.get(name, lambda node, kind=kind, names=names: _part(
                node, kind, names))  # type: ignore[misc]  # fmt: skip
        elif known is not None and like is not None:
            part = getattr(known, name)
            parts[name] = replace(part, calibration=Calibration(
                f"{part.calibration.id}-borrowed", "inferred", f"as {like.name}"
            ))  # fmt: skip
        else:
            raise root.error(f"no efficiency of {name!r}", "one, or 'like' with a known device")
    links: tuple[tuple[int, Line], ...] = ()
    if given is not None:
        links = tuple(given.get("all_reduce", lambda node: [_link(i) for i in node.items()], []))
        given.only({*_PARTS, "all_reduce"})
    return Efficiency(**parts, all_reduce=links)


def _link(node: Node) -> tuple[int, Line]:
    workers = node.get("workers", lambda part: part.whole(2, 1 << 20))
    return workers, _part(node, Line, (*_LINE,), {"workers"})


def _part(node: Node, kind: Any, names: tuple[str, ...], more: set[str] | None = None) -> Any:
    values = {name: node.get(name, real) for name in names}
    record = node.get("calibration", record_of,
                      Calibration("own", "inferred", "not given"))  # fmt: skip
    node.only({*names, "calibration", *(more or ())})
    return kind(**values, calibration=record)
