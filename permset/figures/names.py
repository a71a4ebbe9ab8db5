"""What runs, axes and values are called in figures."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Entry = Mapping[str, Any]
"""of `runs` in params.yaml"""

MODELS = {
    "equivariant": "Equivariant network",
    "mlp": "MLP",
    "monotone": "Monotone network",
    "multichannel": "Multichannel network",
    "set_transformer": "Set Transformer",
    "svm": "SVM",
}
ORDERS = {
    "symmetric": "all orders",
    "cyclic": "rotations",
    "dihedral": "rotations and reflections",
    "trivial": "one order",
    "blocks": "orders within blocks",
}
POOLING = {"lse": "log-sum-exp"}
CHANNELS = {"sum": "channels summed", "mean": "channels averaged", "scaled": "channels scaled"}
SCHEDULES = {"constant": "constant rate", "cosine": "cosine decay"}
# Of a study's axis: its label, and how a sentence says one of its values.
AXES = {
    "num_params": ("number of parameters", "with {} parameters"),
    "train.data": ("number of training bags", "with {} training bags"),
    "test.task.set_size": ("number of objects in a test bag", "on bags of {} objects"),
    "test.symmetrizer.samples": ("number of orders", "with {} orders"),
    "model.widths": ("hidden layers × width", "with hidden layers of {}"),
    "model.element_widths": ("widths of the element-wise network", "with element-wise widths of {}"),
}


def kind_of(entry: Entry) -> str:
    """The kind of method, which has one colour in all figures."""
    model, symmetrizer = entry["model"], entry.get("symmetrizer")
    if symmetrizer and symmetrizer["kind"] == "frame":
        return "canonical"
    if symmetrizer:
        return "average" if symmetrizer["kind"] == "sampled_average" else str(symmetrizer["kind"])
    if model["kind"] == "set_transformer" or "attention" in _pooling(model):
        return "attention"
    return {"mlp": "plain", "multichannel": "plain", "monotone": "deepset"}.get(model["kind"], str(model["kind"]))


def names(entries: Mapping[str, Entry]) -> dict[str, str]:
    """The name of each run: its method, and what tells it apart from others of its task, at last its own name."""
    named = {run: _method(entry) for run, entry in entries.items()}
    for detail in DETAILS:
        for alike in _alike(named, entries):
            told = {run: detail(entries[run]) for run in alike}
            if len(set(told.values())) > 1:
                named |= {run: f"{named[run]}, {text}" if text else named[run] for run, text in told.items()}
    for alike in _alike(named, entries):
        named |= {run: f"{named[run]}, {plain(run)}" for run in alike}
    return named


def with_settings(entry: Entry, settings: Mapping[str, Any], axis: str) -> Entry:
    """The entry of a study's run: with settings of its own, and without the one that the study varies."""
    changed = json.loads(json.dumps(entry))
    for path, value in settings.items():
        part, _, key = path.partition(".")
        if part != "task":
            changed[part][key] = value
    part, _, key = axis.removeprefix("test.").partition(".")
    if part != "task":
        changed[part].pop(key, None)
    return changed


def axis_name(path: str) -> str:
    return AXES[path][0] if path in AXES else plain(path.removeprefix("test.").replace(".", " "))


def at_value(path: str, value: Any) -> str:
    return AXES[path][1].format(value_name(value)) if path in AXES else f"with {axis_name(path)} = {value_name(value)}"


def value_name(value: Any) -> str:
    """A value of a study's axis: 10,000, 2 × 16 of [16, 16], 5-5-1 of [5, 5, 1]."""
    if isinstance(value, list):
        alike = len(set(map(str, value))) == 1
        return f"{len(value)}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{value[0]}" if alike else "-".join(map(str, value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def plain(name: str) -> str:
    return name.replace("_", " ")


def _method(entry: Entry) -> str:
    model, symmetrizer = entry["model"], entry.get("symmetrizer")
    if not symmetrizer:
        return _model(model)
    match symmetrizer["kind"]:
        case "canonical":
            group = symmetrizer.get("group") or {"kind": "symmetric"}
            return "Canonical order" if group["kind"] == "symmetric" else f"Least of {_orders(group)}"
        case "frame":
            return f"Weighted frame of {symmetrizer['directions']} orders"
        case "average":
            return f"Average over {_orders(symmetrizer['group'])}"
        case "sampled_average":
            samples = symmetrizer.get("samples")
            return f"Average over {samples} orders" if samples else "Average over random orders"
        case _:
            return f"{_model(model)}, augmented"


def _model(model: Mapping[str, Any]) -> str:
    if model["kind"] == "deepset":
        pooling = " and ".join(POOLING.get(kind, kind) for kind in _pooling(model))
        parts = ["DeepSet", f"{pooling} pooling" if pooling else ""]
        parts.append("linear elements" if model.get("element_activation") == "none" else "")
        parts.append("" if model.get("norm", "none") == "none" else f"{model['norm']} norm")
        return ", ".join(filter(None, parts))
    if model["kind"] == "monotone":
        concepts = model["concepts"]
        return f"{MODELS['monotone']}, {model['pooling']} of {concepts} concept{'s' if concepts > 1 else ''}"
    group = model.get("group")
    return MODELS[model["kind"]] + (f" for {_orders(group)}" if group else "")


def _pooling(model: Mapping[str, Any]) -> list[str]:
    pooling = model.get("pooling", [])
    return [pooling] if isinstance(pooling, str) else pooling


def _orders(group: Mapping[str, Any]) -> str:
    if group["kind"] == "generated":
        cycles = group["cycles"]
        return "rotations" if len(cycles) == 1 and len(cycles[0]) == 1 else "orders of a subgroup"
    return ORDERS[group["kind"]]


def _layers(entry: Entry) -> str:
    """2 layers of 50; layers of 64 and 32"""
    widths = entry["model"].get("widths") or entry["model"].get("element_widths") or []
    if len(set(widths)) == 1:
        return f"{len(widths)} layer{'s' if len(widths) > 1 else ''} of {widths[0]}"
    return f"layers of {' and '.join(map(str, widths))}" if widths else ""


# What tells runs of one method apart, in the order in which it is said.
DETAILS: list[Callable[[Entry], str]] = [
    lambda entry: _model(entry["model"]),
    lambda entry: CHANNELS.get(entry["model"].get("channels"), ""),
    _layers,
    lambda entry: SCHEDULES.get(entry["train"].get("schedule"), ""),
]


def _alike(named: Mapping[str, str], entries: Mapping[str, Entry]) -> list[list[str]]:
    """Runs of one task whose names are the same."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run, name in named.items():
        groups.setdefault((entries[run]["task"], name), []).append(run)
    return [runs for runs in groups.values() if len(runs) > 1]
