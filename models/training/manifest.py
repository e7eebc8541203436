"""The TOML file beside each ONNX file: what it is, what it takes, how it was made and measured."""

import hashlib
from pathlib import Path

from .tasks import Task


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value)


def table(name: str, rows: dict[str, object]) -> str:
    """Rows of one TOML table."""
    head = f"\n[{name}]\n" if name else ""
    return head + "".join(f"{key} = {_value(value)}\n" for key, value in rows.items())


def sha256(path: Path) -> str:
    """Of the file's bytes, lower-case hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(
    task: Task,
    model: Path,
    version: str,
    training: dict[str, object],
    figures: dict[str, dict[str, float]],
) -> None:
    """Writes `<model>.toml`. `figures` is a table a cohort; what is not a number is left out."""
    rows = {
        "name": f"parotidd-{task.name}",
        "version": version,
        "sha256": sha256(model),
    }
    shape = {"shape": list(task.input_shape)} if task.input_shape else {}
    text = table("", rows)
    text += table(
        "input",
        {
            "spacing_mm": task.spacing_mm,
            "hu_min": task.hu_min,
            "hu_max": task.hu_max,
            "multiple": 16,
            **shape,
        },
    )
    text += table("output", {"probability_min": 0.5})
    text += table("training", training)
    for cohort, values in figures.items():
        numbers = {name: value for name, value in values.items() if value == value}
        text += table(f"figures.{cohort}", numbers)
    model.with_suffix(".toml").write_text(text, encoding="utf-8")
