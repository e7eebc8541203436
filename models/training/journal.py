"""The run's log: one CSV line now and then, and its curve as a picture."""

import csv
from pathlib import Path


class Journal:
    """Appends rows to `log.csv`; a new column starts a new file beside the old one."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, row: dict[str, float]) -> None:
        """One line, flushed."""
        fresh = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def read(self) -> list[dict[str, float]]:
        """All lines so far."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def write_table(path: Path, rows: list[dict]) -> None:
    """A CSV file of rows with the same columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def draw(losses: Journal, figures: Journal, metrics: tuple[str, ...], path: Path) -> None:
    """Loss and metrics over steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (top, bottom) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 6))
    rows = losses.read()
    top.plot([row["step"] for row in rows], [row["loss"] for row in rows], linewidth=0.8)
    top.set_ylabel("loss")
    rows = figures.read()
    for metric in metrics:
        values = [row[metric] for row in rows]
        bottom.plot([row["step"] for row in rows], values, marker=".", label=metric)
    bottom.set_xlabel("step")
    bottom.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
