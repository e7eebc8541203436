"""Fits the decision rule: `python -m training.decision OUTCOMES.. --out DIR`.

OUTCOMES are the `outcomes.jsonl` that `parotidd evaluate` wrote of calibration cohorts: never of
cases that a network was trained on, never of those that the rule will be measured on. Those of an
earlier state of the networks may stand beside them: what it outlined falsely is an example too, and
a good network gives too few. For the same reason `--false-too` takes outcomes of training
patients: only what was outlined falsely is learnt from, and none of it counts in the figures or
the operating point. Patients are known by their name in all of them. Writes
`DIR/decision.toml` (gamma 5), `DIR/gamma/<gamma>.toml` for a sweep, and `DIR/gamma.csv` with the
out-of-fold figures of each gamma.

Candidates are judged by an RBF support vector machine on features scaled to 0..1. The operating
point is the decision value that keeps the wanted specificity out of fold, or a higher one that
gives up next to no mass; what it costs in sensitivity is in the table.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.svm import SVC

from .journal import write_table
from .manifest import table

GAMMA = 5.0
GAMMAS = [float(gamma) for gamma in range(1, 11)]
FEATURES = [
    "log10_weight",
    "log10_outlined",
    "probability_mean",
    "probability_max",
    "hu_mean",
    "hu_contrast",
    "hu_spread",
    "center_distance_mm",
    "surface",
    "box_fill",
    "heatmap_peak",
]
"""As `screening::features::NAMES`; the program refuses a file with others."""
WEIGHT_MIN = 20.0
"""Candidates that weigh fewer voxels are dust."""
TRUE_SHARE_MIN = 0.3
"""A candidate is true from this share of mass on."""
TARGET_OVERLAP_MAX = 0.25
"""A real gland more inside a radiotherapy target may be ill: no example of a false candidate."""
VOXELS_MIN = 500
GIVEN_UP_MAX = 0.005
"""Share of the outlined masses that the operating point may give up for what looks like none."""
N_FOLDS = 10
PENALTY = 10.0
DIGITS = 5


@dataclass
class Candidates:
    """All candidates that may be learnt from."""

    features: np.ndarray
    true: np.ndarray
    voxels: np.ndarray
    patient: np.ndarray


@dataclass
class Glands:
    """One entry a gland."""

    has_mass: np.ndarray
    n_true: list[float]
    """Voxels of the mass."""
    outlined: list[list[tuple[int, int, int]]]
    """For each: candidate's row, voxels, true voxels."""

    def scores(self, scores: np.ndarray) -> np.ndarray:
        """A gland's: its highest candidate's; an outline too small to flag has half of its own."""
        share = {True: 1.0, False: 0.5}
        each = [[scores[row] * share[v >= VOXELS_MIN] for row, v, _ in it] for it in self.outlined]
        return np.array([max(of_gland, default=0.0) for of_gland in each])


def _glands(paths: list[Path]) -> Iterator[tuple[str, dict]]:
    """Patient and outcome of every gland that was found and whose truth is certain."""
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            for gland in case["glands"]:
                mass = gland["mass"]
                certain = mass is not None or gland["target_overlap"] <= TARGET_OVERLAP_MAX
                if gland["found_center_mm"] is not None and certain:
                    yield case["patient"], gland


def read(paths: list[Path], false_too: list[Path] = ()) -> tuple[Candidates, Glands]:
    """Every gland that says something, its candidates, and the false ones of `false_too`."""
    rows, glands = [], Glands(np.array([]), [], [])
    has_mass = []
    for patient, gland in _glands(paths):
        mass = gland["mass"]
        has_mass.append(mass is not None)
        glands.n_true.append(float(mass["voxels"]) if mass else 0.0)
        glands.outlined.append([])
        for candidate in gland["candidates"]:
            voxels, true_voxels = candidate["voxels"], candidate["true_voxels"]
            # What is not outlined has no truth of its own beside a mass.
            if 10 ** candidate["features"][0] < WEIGHT_MIN or (mass and not voxels):
                continue
            true = bool(voxels) and true_voxels >= TRUE_SHARE_MIN * voxels
            glands.outlined[-1].append((len(rows), voxels, true_voxels))
            rows.append((candidate["features"], true, voxels, patient))
    for patient, gland in _glands(false_too):
        for candidate in gland["candidates"] if gland["mass"] is None else ():
            if 10 ** candidate["features"][0] >= WEIGHT_MIN:
                rows.append((candidate["features"], False, candidate["voxels"], patient))
    glands.has_mass = np.array(has_mass)
    features, true, voxels, patient = (list(column) for column in zip(*rows, strict=True))
    names = {name: n for n, name in enumerate(dict.fromkeys(patient))}
    return (
        Candidates(
            np.array(features),
            np.array(true),
            np.array(voxels),
            np.array([names[name] for name in patient]),
        ),
        glands,
    )


@dataclass
class Scale:
    """Feature values that become 0 and 1."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "Scale":
        """From the first to the 99th percentile: one odd value does not squeeze all others."""
        low, high = np.percentile(features, [1, 99], axis=0)
        return cls(low, np.maximum(high, low + 1e-6))

    def apply(self, features: np.ndarray) -> np.ndarray:
        """To 0..1."""
        return np.clip((features - self.low) / (self.high - self.low), 0.0, 1.0)


def machine(gamma: float) -> SVC:
    """Both kinds weigh the same, however many there are of each."""
    return SVC(C=PENALTY, kernel="rbf", gamma=gamma, class_weight="balanced")


def out_of_fold(candidates: Candidates, scaled: np.ndarray, gamma: float) -> np.ndarray:
    """Decision value of each candidate from a machine that never saw its patient."""
    values = np.zeros(len(scaled))
    folds = GroupKFold(min(N_FOLDS, len(set(candidates.patient))))
    for train, test in folds.split(scaled, candidates.true, candidates.patient):
        fitted = machine(gamma).fit(scaled[train], candidates.true[train])
        values[test] = fitted.decision_function(scaled[test])
    return values


def gland_figures(values: np.ndarray, glands: Glands, cut: float) -> dict[str, float]:
    """Sensitivity, specificity, PPV and Dice over glands for one operating point."""
    flagged, dice = [], []
    for has_mass, n_true, outlined in zip(
        glands.has_mass, glands.n_true, glands.outlined, strict=True
    ):
        kept = [(v, t) for row, v, t in outlined if v >= VOXELS_MIN and values[row] >= cut]
        flagged.append(bool(kept))
        if has_mass:
            total = sum(v for v, _ in kept) + n_true
            dice.append(2.0 * sum(t for _, t in kept) / total)
    flagged = np.array(flagged)
    n_right = int((flagged & glands.has_mass).sum())
    return {
        "sensitivity": n_right / max(int(glands.has_mass.sum()), 1),
        "specificity": float(
            (~flagged & ~glands.has_mass).sum() / max((~glands.has_mass).sum(), 1)
        ),
        "ppv": n_right / max(int(flagged.sum()), 1),
        "dice_median": float(np.median(dice)) if dice else float("nan"),
        "dice_mean": float(np.mean(dice)) if dice else float("nan"),
    }


def operating_point(
    candidates: Candidates, values: np.ndarray, glands: Glands, specificity: float
) -> float:
    """The lowest decision value that keeps the specificity, or one that costs hardly a mass.

    A good network gives so few false candidates that size alone may keep the specificity; what no
    mass looks like is refused all the same.
    """
    masses = values[candidates.true & (candidates.voxels >= VOXELS_MIN)]
    hardly_a_mass = float(np.quantile(masses, GIVEN_UP_MAX))
    worst = []
    for has_mass, outlined in zip(glands.has_mass, glands.outlined, strict=True):
        if not has_mass:
            large = [values[row] for row, voxels, _ in outlined if voxels >= VOXELS_MIN]
            worst.append(max(large, default=-np.inf))
    worst = np.sort(worst)[::-1]
    # So many empty glands may be flagged.
    allowed = int(np.floor((1.0 - specificity) * len(worst) + 1e-9))
    highest_refused = worst[min(allowed, len(worst) - 1)]
    if not np.isfinite(highest_refused):
        return hardly_a_mass
    above = worst[worst > highest_refused]
    keeps = float((highest_refused + above.min()) / 2.0) if above.size else highest_refused + 0.05
    return max(keeps, hardly_a_mass)


def write_policy(
    path: Path, version: str, gamma: float, candidates: Candidates, scale: Scale, figures: dict
) -> None:
    """A decision policy with its machine; the numbers beside it come from the shipped text."""
    scaled = scale.apply(candidates.features)
    fitted = machine(gamma).fit(scaled, candidates.true)
    shipped = (Path(__file__).parent.parent / "decision.toml").read_text(encoding="utf-8")
    head = shipped.split("\n[svm]")[0]
    lines = []
    for line in head.splitlines():
        key = line.split("=")[0].strip()
        replaced = {
            "version": f'version = "{version}"',
            "rule": 'rule = "svm"',
            "gamma": f"gamma = {gamma}",
        }
        lines.append(replaced.get(key, line))
    rows = {
        "features": FEATURES,
        "low": [round(value, DIGITS) for value in scale.low.tolist()],
        "high": [round(value, DIGITS) for value in scale.high.tolist()],
        "intercept": round(float(fitted.intercept_[0]), DIGITS),
        "cut": round(figures["cut"], DIGITS),
        "slope": round(figures["slope"], DIGITS),
        "offset": round(figures["offset"], DIGITS),
        "coefficients": np.round(fitted.dual_coef_[0], DIGITS).tolist(),
        "support": np.round(fitted.support_vectors_, DIGITS).tolist(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines).rstrip() + "\n" + table("svm", rows)
    path.write_text(text.replace("], [", "],\n  ["), encoding="utf-8")


def fit(candidates: Candidates, glands: Glands, gamma: float, options) -> dict[str, float]:
    """Out-of-fold figures of one gamma, its operating point, and its probabilities."""
    scaled = Scale.of(candidates.features).apply(candidates.features)
    values = out_of_fold(candidates, scaled, gamma)
    cut = operating_point(candidates, values, glands, options.specificity)
    odds = LogisticRegression().fit(values[:, None], candidates.true)
    row = {"gamma": gamma, "cut": cut}
    row |= {"slope": float(odds.coef_[0, 0]), "offset": float(odds.intercept_[0])}
    scores = glands.scores(expit(row["slope"] * (values - cut)))
    row["auc"] = float(roc_auc_score(glands.has_mass, scores))
    return row | gland_figures(values, glands, cut)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outcomes", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--false-too", type=Path, nargs="+", default=[], help="outcomes of training"
    )
    parser.add_argument("--version", required=True)
    parser.add_argument("--specificity", type=float, default=0.99)
    options = parser.parse_args()
    candidates, glands = read(options.outcomes, options.false_too)
    n_true = int(candidates.true.sum())
    print(f"{len(candidates.true)} candidates, {n_true} true, of {len(glands.has_mass)} glands")
    by_size = gland_figures(np.full(len(candidates.true), 1.0), glands, 0.0)
    print("size alone", by_size)
    scale = Scale.of(candidates.features)
    table_rows = []
    for gamma in GAMMAS:
        row = fit(candidates, glands, gamma, options)
        table_rows.append({name: round(value, 4) for name, value in row.items()})
        print(table_rows[-1])
        name = f"gamma/{gamma:g}.toml"
        write_policy(options.out / name, options.version, gamma, candidates, scale, row)
        if gamma == GAMMA:
            path = options.out / "decision.toml"
            write_policy(path, options.version, gamma, candidates, scale, row)
    write_table(options.out / "gamma.csv", table_rows)


if __name__ == "__main__":
    main()
