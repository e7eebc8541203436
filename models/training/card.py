"""Fills the model card's tables: `python -m training.card REPORTS.. --card models/README.md`.

REPORTS are folders that `parotidd evaluate --out` wrote. What stands between the two marks of the
card is replaced; a row names its cohort, so that no figure can be taken for one of another kind.
"""

import argparse
import json
from pathlib import Path

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
KINDS = {
    "phantom": "phantoms",
    "drawn_into_real": "masses drawn into real CT",
    "real": "real CT",
    "no_gland": "no parotid gland",
}


def share(figure: dict | None, percent: bool = True) -> str:
    """A share with its interval and counts."""
    if figure is None:
        return "–"
    scale = 100.0 if percent else 1.0
    unit = " %" if percent else ""
    low, high = (figure["interval"][end] * scale for end in ("low", "high"))
    value = f"{figure['value'] * scale:.1f}{unit} ({low:.1f}–{high:.1f})"
    return f"{value}, {figure['n_hit']} of {figure['n']}"


def number(figure: dict | None, key: str = "median", digits: int = 3) -> str:
    """A median or value with its interval."""
    if figure is None:
        return "–"
    text = f"{figure[key]:.{digits}f}"
    interval = figure.get("interval")
    if interval:
        text += f" ({interval['low']:.{digits}f}–{interval['high']:.{digits}f})"
    return text


def at_half(predictive: list[dict], rates: dict) -> str:
    """PPV where half of the cases have a mass, from sensitivity and specificity."""
    sensitivity, specificity = rates["sensitivity"], rates["specificity"]
    if not predictive or sensitivity is None or specificity is None:
        return "–"
    false = 1.0 - specificity["value"]
    flagged = sensitivity["value"] + false
    return f"{100.0 * sensitivity['value'] / flagged:.1f} %" if flagged else "–"


def rows(name: str, cohort: dict) -> list[tuple[str, str]]:
    """The card's rows of one cohort."""
    if cohort["kind"] == "no_gland":
        return [("no gland found", share(cohort["no_gland"]["none_found"]))]
    glands, dice, case = cohort["localizer"], cohort["dice"], cohort["by_case"]
    healthy = cohort["healthy_glands"]
    found = [
        ("both centres within 10 mm, a scan", share(glands["both_within_10_mm"])),
        ("centre within 10 mm, a gland", share(glands["within_10_mm"])),
        ("distance of the centre, median, mm", number(glands["center_error_mm"], digits=1)),
        ("sides swapped", share(glands["sides_swapped"])),
        ("Dice, median", number(dice["all"])),
        ("Dice, masses from 10 mm on", number(dice["from_10_mm"])),
    ]
    found += [(f"Dice, {row['name']}", number(row["dice"])) for row in dice["by_size"]]
    found += [(f"Dice, {row['name']}", number(row["dice"])) for row in dice["by_place"]]
    found += [
        ("AUC, a scan", number(case["auc"], "value")),
        ("sensitivity, a scan", share(case["rates"]["sensitivity"])),
        ("specificity, a scan", share(case["rates"]["specificity"])),
        ("PPV where half have a mass", at_half(case["predictive"], case["rates"])),
        ("glands without a mass not flagged", share(healthy["not_flagged"])),
    ]
    if healthy["not_flagged_in_target"]:
        row = ("the same, inside a radiotherapy target", share(healthy["not_flagged_in_target"]))
        found.append(row)
    return found + [row for it in cohort["comparisons"] for row in comparison(it)]


def comparison(groups: dict) -> list[tuple[str, str]]:
    """Dice of two sites or protocols, whether they differ, and whether that could be seen."""
    dice = groups["dice"]
    if dice is None or dice["power"] is None:
        return []
    first, second = (f"{median:.3f}" for median in dice["medians"])
    power = dice["power"]
    seen = f"power to see {power['difference']:g}: {100.0 * power['power']:.0f} %"
    value = f"{first} against {second}: p = {dice['test']['p']:.3f}; {seen}"
    return [(f"Dice, {groups['what']} {' against '.join(groups['groups'])}", value)]


def tables(reports: list[dict]) -> str:
    """One table for all cohorts, a row a figure."""
    versions = reports[0]["versions"]
    lines = [
        "Measured with " + ", ".join(str(value) for value in versions.values()) + ".",
        "In parentheses: intervals of 95 %.",
        "",
        "| cohort | figure | value |",
        "|---|---|---|",
    ]
    for report in reports:
        if report["versions"] != versions:
            raise SystemExit("the reports are of different versions")
        for cohort in report["cohorts"]:
            label = f"{cohort['name']} ({KINDS[cohort['kind']]})"
            for figure, value in rows(label, cohort):
                lines.append(f"| {label} | {figure} | {value} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", type=Path, nargs="+")
    parser.add_argument("--card", type=Path, required=True)
    options = parser.parse_args()
    reports = [
        json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        for folder in options.reports
    ]
    text = options.card.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    text = f"{head}{BEGIN}\n{tables(reports)}\n{END}{tail}"
    options.card.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
