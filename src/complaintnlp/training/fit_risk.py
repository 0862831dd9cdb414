"""Replace the points of the risk policy with weights fitted on a firm's own churn outcomes.

    CSV, one row a scored feedback ──▶ checks ──▶ logistic regression, signs fixed ──▶ points ──▶ policy file
                                                  └─ cross-validation: AUROC, Brier, calibration of the score

Each row holds the strength 0-1 of every signal (`complaintnlp.judgement.risk.signal_values`) and whether the customer
left within the period that the firm chose. What is evaluated is what is served: the whole-numbered score 0-100.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from complaintnlp.errors import InputFileError, InvalidInputError
from complaintnlp.judgement.risk_policy import LOWERING_SIGNALS, SIGNALS, ChurnFit, RiskPolicy

OUTCOME: Final = "churned"
CUSTOMER: Final = "customer_id"
MIN_CASES: Final = 50
"""Fewest churned, and fewest loyal, rows: below it cross-validation says more about chance than about the signals."""

EVENTS_PER_SIGNAL: Final = 10
"""Churners per signal from which logistic weights are steady (Peduzzi et al. 1996); fewer give a warning."""

FOLDS: Final = 5
CALIBRATION_BINS: Final = 5

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows with neighbouring scores: how many, mean predicted probability of churn, share that left."""

    rows: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class FitReport:
    """A fitted policy and what it is worth.

    Attributes:
        policy: the starting policy with new points and a ``fit`` section.
        rows, churners: size of the data.
        weights: log-odds of churn per fitted signal at full strength, before they became points.
        dropped: fitted signals of 0 points because the data gave them the wrong sign.
        auroc, brier: of the score, in rows that the fit had not seen.
        brier_of_base_rate: of the answer "everybody leaves with the mean rate": what ``brier`` must beat.
        auroc_before: of the starting policy's score on the same rows.
        calibration: bins of equal size, in the order of the predicted probability.
        bands: rows and share of churners per band of the fitted score, in rows that the fit had not seen.
        warnings: what a reader should know before using the policy.
    """

    policy: RiskPolicy
    rows: int
    churners: int
    weights: dict[str, float]
    dropped: tuple[str, ...]
    auroc: float
    brier: float
    brier_of_base_rate: float
    auroc_before: float
    calibration: tuple[CalibrationBin, ...]
    bands: dict[str, tuple[int, float]]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChurnData:
    """Rows of a checked file: strengths ``(n, signals)``, outcomes ``(n,)``, customers ``(n,)`` where given."""

    signals: tuple[str, ...]
    strengths: Array
    churned: NDArray[np.bool_]
    customers: NDArray[np.str_] | None


def fit_risk(path: Path, policy: RiskPolicy, *, keep: Collection[str] = (), seed: int = 0) -> FitReport:
    """Fit the points of ``policy`` on the outcomes in a CSV file.

    Args:
        path: UTF-8 CSV with a column ``churned`` (0 or 1), one column per signal of the policy (0 to 1) and, where a
            customer has several rows, ``customer_id``, so that no customer stands on both sides of a test.
        policy: where to start: its names, rules and kept points stay, the sum of the fitted points stays as well.
        keep: signals that the file does not hold; they keep their points.
        seed: of the folds.

    Raises:
        InputFileError: the file is missing, empty or no CSV.
        InvalidInputError: a column or value is wrong, there are too few churners, or the signals do not predict churn.
    """
    data = read_churn_data(path, keep=keep)
    held_out, chances = np.zeros(len(data.churned)), np.zeros(len(data.churned))
    for train, test in _folds(data, seed):
        part = _rows(data, train)
        weights = _fit_weights(part)
        points = _points(weights, data.signals, policy)
        held_out[test] = _score(data.strengths[test], points)
        # The probability is learned on scores that the fit of the points has not seen either.
        line = _calibrate(_held_out_scores(part, policy, seed), part.churned)
        chances[test] = line.predict_proba(held_out[test][:, None])[:, 1]
    weights = _fit_weights(data)
    points = _points(weights, data.signals, policy)
    if not points.any():
        raise InvalidInputError(f"{path.name}: no signal predicts {OUTCOME}; every fitted weight is 0")
    line = _calibrate(held_out, data.churned)
    auroc, brier = float(roc_auc_score(data.churned, held_out)), float(brier_score_loss(data.churned, chances))
    before = np.array([policy.signals[name].points for name in data.signals], dtype=np.float64)
    fit = ChurnFit(
        rows=len(data.churned),
        churners=int(data.churned.sum()),
        auroc=round(auroc, 4),
        brier=round(brier, 4),
        intercept=round(float(line.intercept_[0]), 4),
        slope=round(max(0.0, float(line.coef_[0, 0])), 5),
    )
    dropped = tuple(name for name, weight in zip(data.signals, weights, strict=True) if weight == 0)
    return FitReport(
        policy=_with_points(policy, dict(zip(data.signals, points, strict=True)), fit),
        rows=fit.rows,
        churners=fit.churners,
        weights={name: float(weight) for name, weight in zip(data.signals, weights, strict=True)},
        dropped=dropped,
        auroc=auroc,
        brier=brier,
        brier_of_base_rate=float(data.churned.mean() * (1 - data.churned.mean())),
        auroc_before=float(roc_auc_score(data.churned, _score(data.strengths, before))),
        calibration=_calibration(chances, data.churned),
        bands=_bands(held_out, data.churned, policy),
        warnings=tuple(_warnings(data, dropped, auroc)),
    )


def read_churn_data(path: Path, *, keep: Collection[str] = ()) -> ChurnData:
    """Read and check the file of `fit_risk`; the errors are those."""
    if wrong := sorted(set(keep).difference(SIGNALS)):
        raise InvalidInputError(f"keep: unknown signal {wrong[0]!r}; allowed: {', '.join(SIGNALS)}")
    signals = tuple(name for name in SIGNALS if name not in keep)
    if not signals:
        raise InvalidInputError("keep: names every signal, so there is nothing to fit; leave some out")
    rows = _cells(path)
    if not rows:
        raise InputFileError(f"{path}: is empty; it needs the columns {OUTCOME}, {', '.join(signals)}")
    header = [name.strip() for name in rows[0]]
    _check_header(path.name, header, signals)
    records = [(number, row) for number, row in enumerate(rows[1:], 2) if row]
    for number, row in records:
        if len(row) != len(header):
            raise InvalidInputError(f"{path.name}, row {number}: {len(row)} values for {len(header)} columns")

    def column(name: str, allowed: str) -> Array:
        place = header.index(name)
        return np.array([_number(path.name, number, name, row[place], allowed) for number, row in records])

    customers = None
    if CUSTOMER in header:
        place = header.index(CUSTOMER)
        customers = np.array([row[place].strip() for _, row in records])
        if empty := [number for number, row in records if not row[place].strip()]:
            raise InvalidInputError(
                f"{path.name}, row {empty[0]}: {CUSTOMER} is empty; give every row one, or no column"
            )
    churned = column(OUTCOME, "0 or 1") > 0.5
    _check_cases(path.name, churned, customers)
    strengths = np.column_stack([column(name, "a number from 0 to 1") for name in signals])
    constant = [name for name, values in zip(signals, strengths.T, strict=True) if (values == values[0]).all()]
    if constant:
        raise InvalidInputError(
            f"{path.name}: the same value in every row of {', '.join(constant)}; such a column teaches nothing: "
            "leave it out and name it in keep"
        )
    return ChurnData(signals, strengths, churned, customers)


def columns_of(path: Path) -> tuple[str, ...]:
    """Column names of a file of `fit_risk`.

    Raises:
        InputFileError: the file cannot be read.
    """
    return tuple(name.strip() for name in next(iter(_cells(path)), ()))


def _cells(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path}: cannot be read as UTF-8 CSV ({error})") from error


def _check_header(file: str, header: Sequence[str], signals: Sequence[str]) -> None:
    allowed = (OUTCOME, CUSTOMER, *signals)
    if unknown := [name for name in header if name not in allowed]:
        raise InvalidInputError(
            f"{file}: unknown columns {', '.join(map(repr, unknown))}; allowed: {', '.join(allowed)}"
        )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise InvalidInputError(f"{file}: the column {twice[0]} stands there twice")
    if missing := [name for name in (OUTCOME, *signals) if name not in header]:
        raise InvalidInputError(
            f"{file}: lacks the columns {', '.join(missing)}; add them, or name signals that you do not have in keep"
        )


def _check_cases(file: str, churned: NDArray[np.bool_], customers: NDArray[np.str_] | None) -> None:
    unit = "rows" if customers is None else "customers"
    for kind, chosen in (("churned", churned), ("not churned", ~churned)):
        count = int(chosen.sum()) if customers is None else len(np.unique(customers[chosen]))
        if count < MIN_CASES:
            raise InvalidInputError(
                f"{file}: only {count} {unit} {kind}; at least {MIN_CASES} are needed, collect a longer period"
            )


def _number(file: str, row: int, name: str, text: str, allowed: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1 or (name == OUTCOME and value not in (0, 1)):
        raise InvalidInputError(f"{file}, row {row}: {name} must be {allowed}")
    return value


def _rows(data: ChurnData, rows: NDArray[np.intp]) -> ChurnData:
    customers = None if data.customers is None else data.customers[rows]
    return ChurnData(data.signals, data.strengths[rows], data.churned[rows], customers)


def _folds(data: ChurnData, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    if data.customers is None:
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        yield from splitter.split(data.strengths, data.churned)
    else:
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        yield from splitter.split(data.strengths, data.churned, data.customers)


def _fit_weights(data: ChurnData) -> Array:
    """Log-odds per signal; 0 where the data would turn a sign.

    A policy that lowers the risk of a customer because a case was reopened could not be explained to anybody, so
    the signal with the most contrary weight goes, and the others are fitted again, until none is contrary.
    """
    signs = np.array([-1.0 if name in LOWERING_SIGNALS else 1.0 for name in data.signals])
    turned = data.strengths * signs
    # A fold may hold a rare signal in no row at all.
    used = np.flatnonzero(np.ptp(turned, axis=0) > 0)
    weights = np.zeros(len(signs))
    while used.size:
        found = LogisticRegression(C=1.0, max_iter=1000).fit(turned[:, used], data.churned).coef_[0]
        if found.min() >= 0:
            weights[used] = found
            break
        used = np.delete(used, found.argmin())
    return np.asarray(weights * signs)


def _points(weights: Array, signals: Sequence[str], policy: RiskPolicy) -> Array:
    """Whole points proportional to the weights; their absolute sum stays that of the policy.

    So fitted and kept points speak the same scale, and the bands keep about their meaning.
    """
    budget = sum(abs(policy.signals[name].points) for name in signals)
    total = np.abs(weights).sum()
    return np.clip(np.round(weights * budget / total), -100, 100) if total > 0 else np.zeros(len(weights))


def _score(strengths: Array, points: Array) -> Array:
    """As `complaintnlp.judgement.risk.score_risk` adds up, each contribution rounded."""
    parts = np.copysign(np.floor(np.abs(points) * strengths + 0.5), points)
    return np.asarray(np.clip(parts.sum(axis=1), 0, 100))


def _held_out_scores(data: ChurnData, policy: RiskPolicy, seed: int) -> Array:
    scores = np.zeros(len(data.churned))
    for train, test in _folds(data, seed):
        weights = _fit_weights(_rows(data, train))
        scores[test] = _score(data.strengths[test], _points(weights, data.signals, policy))
    return scores


def _calibrate(scores: Array, churned: NDArray[np.bool_]) -> Any:
    """A logistic line from score to probability (Platt 1999), without penalty in effect."""
    return LogisticRegression(C=1e6, max_iter=1000).fit(scores[:, None], churned)


def _calibration(chances: Array, churned: NDArray[np.bool_]) -> tuple[CalibrationBin, ...]:
    order = np.argsort(chances, kind="stable")
    return tuple(
        CalibrationBin(len(rows), float(chances[rows].mean()), float(churned[rows].mean()))
        for rows in np.array_split(order, CALIBRATION_BINS)
    )


def _bands(scores: Array, churned: NDArray[np.bool_], policy: RiskPolicy) -> dict[str, tuple[int, float]]:
    names = np.array([policy.band(int(score)) for score in scores])
    present = [band for band in ("low", "watch", "high", "critical") if (names == band).any()]
    return {band: (int((names == band).sum()), float(churned[names == band].mean())) for band in present}


def _warnings(data: ChurnData, dropped: Sequence[str], auroc: float) -> Iterator[str]:
    per_signal = min(int(data.churned.sum()), int((~data.churned).sum())) / len(data.signals)
    if per_signal < EVENTS_PER_SIGNAL:
        yield f"{per_signal:.1f} churners per signal; below {EVENTS_PER_SIGNAL} the weights are unsteady"
    if dropped:
        yield f"0 points, because more of it did not go with more churn: {', '.join(dropped)}"
    if auroc < 0.6:
        yield f"a cross-validated AUROC of {auroc:.2f} is little better than chance (0.50)"


def _with_points(policy: RiskPolicy, points: dict[str, float], fit: ChurnFit) -> RiskPolicy:
    signals = {
        name: signal.model_copy(update={"points": int(points[name])}) if name in points else signal
        for name, signal in policy.signals.items()
    }
    return policy.model_copy(update={"signals": signals, "fit": fit})


def report_markdown(report: FitReport) -> str:
    """The report for people: what the fit is worth, the points, the calibration, the bands."""
    share = report.churners / report.rows
    lines = [
        f"{report.rows:,} cases, {report.churners:,} left ({share:.1%}). In cases that the fit had not seen:",
        "",
        "| | fitted points | present points | base rate |",
        "| --- | --- | --- | --- |",
        f"| AUROC | {report.auroc:.3f} | {report.auroc_before:.3f} | 0.500 |",
        f"| Brier score | {report.brier:.4f} | - | {report.brier_of_base_rate:.4f} |",
        "",
        "| signal | points | log-odds |",
        "| --- | --- | --- |",
    ]
    ranked = sorted(report.weights.items(), key=lambda pair: -pair[1])
    lines += [f"| {name} | {report.policy.signals[name].points:g} | {weight:.2f} |" for name, weight in ranked]
    lines += ["", "| cases | predicted | left |", "| --- | --- | --- |"]
    lines += [f"| {part.rows:,} | {part.predicted:.3f} | {part.observed:.3f} |" for part in report.calibration]
    lines += ["", "| band | cases | left |", "| --- | --- | --- |"]
    lines += [f"| {band} | {count:,} | {left:.1%} |" for band, (count, left) in report.bands.items()]
    lines += ["", *(f"Mind: {warning}" for warning in report.warnings)] if report.warnings else []
    return "\n".join(lines)


def policy_toml(policy: RiskPolicy) -> str:
    """A policy as a file that `complaintnlp.judgement.risk_policy.read_risk_policy` reads back."""
    data = policy.model_dump(mode="json", exclude_none=True)
    plain = {name: value for name, value in data.items() if not isinstance(value, dict)}
    lines = [f"{name} = {_toml(value)}" for name, value in plain.items()]
    for name, value in data.items():
        if isinstance(value, dict):
            nested = name in ("signals", "conditional_exit")
            for title, table in (
                [(f"{name}.{key}", inner) for key, inner in value.items()] if nested else [(name, value)]
            ):
                lines += ["", f"[{title}]", *(f"{key} = {_toml(entry)}" for key, entry in table.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON writes numbers, truth values and strings as TOML reads them.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
