from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from complaintnlp.errors import InputFileError, InvalidInputError
from complaintnlp.judgement.risk import TextRisk, score_risk, signal_values
from complaintnlp.judgement.risk_policy import (
    LOWERING_SIGNALS,
    SIGNALS,
    RiskPolicy,
    load_risk_policy,
    read_risk_policy,
)
from complaintnlp.records import Customer
from complaintnlp.training.fit_risk import FitReport, fit_risk, policy_toml

POLICY = load_risk_policy()
NOW = datetime(2026, 6, 1, tzinfo=UTC)
FITTED = ("explicit_exit", "unresolved_repeat", "detractor", "repaired_satisfied", "falling_use", "contract_end_near")
TRUTH = dict(zip(FITTED, (1.2, 0.6, 0.3, -1.6, 2.4, 0.0), strict=True))
"""Another order than that of the starting points, so that a fit that keeps those cannot pass."""
KEPT = tuple(name for name in SIGNALS if name not in FITTED)


def simulated(rows: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    strengths = (rng.random((rows, len(FITTED))) < 0.3).astype(np.float64)
    strengths[:, 0] *= rng.choice([0.5, 1.0], size=rows)
    odds = -1.5 + strengths @ np.array([TRUTH[name] for name in FITTED])
    return strengths, (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_simulated(path: Path, rows: int = 6000, seed: int = 3) -> Path:
    strengths, churned = simulated(rows, seed)
    return write(path, ("churned", *FITTED), [[y, *x] for y, x in zip(churned, strengths.tolist(), strict=True)])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> FitReport:
    return fit_risk(write_simulated(tmp_path_factory.mktemp("fit") / "customers.csv"), POLICY, keep=KEPT)


# --- a known answer


def test_the_order_of_the_true_weights_comes_back(report: FitReport) -> None:
    found = {name: report.policy.signals[name].points for name in FITTED}
    assert sorted(found, key=lambda name: found[name]) == sorted(FITTED, key=lambda name: TRUTH[name])
    assert found["repaired_satisfied"] < 0
    assert abs(found["contract_end_near"]) <= 3


def test_points_are_proportional_to_the_true_weights_and_keep_their_sum(report: FitReport) -> None:
    budget = sum(abs(POLICY.signals[name].points) for name in FITTED)
    scale = budget / sum(abs(weight) for weight in TRUTH.values())
    for name in FITTED:
        assert report.weights[name] == pytest.approx(TRUTH[name], abs=0.3)
        assert report.policy.signals[name].points == pytest.approx(TRUTH[name] * scale, abs=5)
    assert sum(abs(report.policy.signals[name].points) for name in FITTED) == pytest.approx(budget, abs=3)


def test_only_points_and_the_note_on_the_fit_change(report: FitReport) -> None:
    assert all(report.policy.signals[name] == POLICY.signals[name] for name in KEPT)
    assert all(report.policy.signals[name].name == POLICY.signals[name].name for name in FITTED)
    same = report.policy.model_copy(update={"signals": POLICY.signals, "fit": None})
    assert same == POLICY


def test_the_evaluation_is_honest(report: FitReport) -> None:
    assert report.rows == 6000
    assert sum(b.rows for b in report.calibration) == 6000
    assert sum(rows for rows, _ in report.bands.values()) == 6000
    assert report.auroc > report.auroc_before + 0.03
    assert report.brier < report.brier_of_base_rate - 0.01
    # The best possible score, the true log-odds, is an upper bound but for chance.
    strengths, churned = simulated(6000, 3)
    truth = strengths @ np.array([TRUTH[name] for name in FITTED])
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    assert report.auroc <= roc_auc_score(churned, truth) + 0.005
    for found in report.calibration:
        assert found.predicted == pytest.approx(found.observed, abs=0.06)
    assert [b.predicted for b in report.calibration] == sorted(b.predicted for b in report.calibration)
    rates = [rate for _, rate in report.bands.values()]
    assert rates == sorted(rates)


def test_noise_is_not_praised(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    rows = [[int(rng.random() < 0.4), *(rng.random(len(FITTED)) < 0.3).astype(int)] for _ in range(1500)]
    noise = fit_risk(write(tmp_path / "noise.csv", ("churned", *FITTED), rows), POLICY, keep=KEPT)
    assert noise.auroc == pytest.approx(0.5, abs=0.06)
    assert noise.brier >= noise.brier_of_base_rate - 0.003
    assert any("little better than chance" in warning for warning in noise.warnings)


def test_the_same_data_and_seed_give_the_same_report(tmp_path: Path) -> None:
    path = write_simulated(tmp_path / "c.csv", rows=600)
    assert fit_risk(path, POLICY, keep=KEPT) == fit_risk(path, POLICY, keep=KEPT)


def test_a_signal_that_goes_with_less_churn_gets_no_points(tmp_path: Path) -> None:
    strengths, churned = simulated(3000, 5)
    strengths[:, FITTED.index("falling_use")] = np.where(
        np.random.default_rng(1).random(3000) < 0.8, 1 - churned, churned
    )
    rows = [[y, *x] for y, x in zip(churned, strengths.tolist(), strict=True)]
    found = fit_risk(write(tmp_path / "c.csv", ("churned", *FITTED), rows), POLICY, keep=KEPT)
    assert "falling_use" in found.dropped
    assert found.policy.signals["falling_use"].points == 0
    assert any("falling_use" in warning for warning in found.warnings)
    for name in FITTED:
        points = found.policy.signals[name].points
        assert points <= 0 if name in LOWERING_SIGNALS else points >= 0


def test_rows_of_one_customer_stay_on_one_side_of_the_test(tmp_path: Path) -> None:
    # Each customer has a fingerprint of signals and an outcome that depends on nothing: only a leak can predict it.
    rng = np.random.default_rng(2)
    rows = []
    for customer in range(300):
        marks, churned = np.round(rng.random(len(FITTED)), 3), int(rng.random() < 0.5)
        rows += [[churned, f"c{customer}", *marks]] * 4
    found = fit_risk(write(tmp_path / "c.csv", ("churned", "customer_id", *FITTED), rows), POLICY, keep=KEPT)
    assert found.auroc == pytest.approx(0.5, abs=0.1)


# --- the policy file


def test_the_written_policy_is_read_back_and_scores_like_the_report(report: FitReport, tmp_path: Path) -> None:
    path = tmp_path / "fitted.toml"
    path.write_text(policy_toml(report.policy), encoding="utf-8")
    policy = read_risk_policy(path)
    assert policy == report.policy
    assert policy.fit is not None
    assert (policy.fit.rows, policy.fit.churners) == (report.rows, report.churners)
    leaving = score_risk(TextRisk(probability=1, flag=True, reasons=("R1",)), Customer(falling_use=True), NOW, policy)
    expected = policy.signals["explicit_exit"].points + policy.signals["falling_use"].points
    assert leaving.score == expected
    low, high = policy.churn_probability(0), policy.churn_probability(leaving.score)
    assert low is not None
    assert high is not None
    # The truth: log-odds -1.5 without a signal, -1.5 + 1.2 + 2.4 with these two.
    assert low == pytest.approx(1 / (1 + np.exp(1.5)), abs=0.08)
    assert high == pytest.approx(1 / (1 + np.exp(-2.1)), abs=0.08)


def test_the_policy_of_the_package_survives_writing(tmp_path: Path) -> None:
    quoted = POLICY.signals["detractor"].model_copy(
        update={"name": dict(POLICY.signals["detractor"].name) | {"en": 'a "b"\\\n\x7f\t😡 {{x}}'}}
    )
    policy = POLICY.model_copy(
        update={
            "signals": {**POLICY.signals, "detractor": quoted},
            "tier_from_lifetime_value": {"valued": 1000.0, "vip": 1e-7},
        }
    )
    for number, given in enumerate((POLICY, policy)):
        path = tmp_path / f"{number}.toml"
        path.write_text(policy_toml(given), encoding="utf-8", newline="")
        assert read_risk_policy(path) == given


def test_a_file_made_from_scored_texts_can_be_fitted(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(800):
        text = TextRisk(
            probability=float(rng.random()),
            flag=bool(rng.random() < 0.5),
            reasons=tuple(r for r in ("R1", "R2", "R3", "R4") if rng.random() < 0.3),
            conditional=bool(rng.random() < 0.4),
            nps_class="detractor" if rng.random() < 0.6 else "passive",
            intensity=int(rng.integers(5)),
            severity=rng.choice(["S1", "S2", "S3", "S4"]),
            repaired_satisfied=bool(rng.random() < 0.2),
            failure_types=("delay_wait",),
        )
        customer = Customer.model_validate(
            {
                "previous_complaints": [{"date": "2026-04-01", "type": "delay_wait"}] if rng.random() < 0.3 else None,
                "complaints_30d": 1 if rng.random() < 0.02 else None,
                "open_cases": int(rng.random() < 0.3),
                "reopened_cases": int(rng.random() < 0.3),
                "last_csat": int(rng.integers(1, 6)),
                "falling_use": bool(rng.random() < 0.3),
                "contract_end": "2026-06-20" if rng.random() < 0.3 else None,
            }
        )
        values = signal_values(text, customer, NOW, POLICY)
        rows.append([int(rng.random() < 0.2 + 0.6 * values["falling_use"]), *values.values()])
    found = fit_risk(write(tmp_path / "c.csv", ("churned", *SIGNALS), rows), POLICY)
    assert max(found.weights, key=lambda name: found.weights[name]) == "falling_use"
    assert set(found.weights) == set(SIGNALS)


# --- wrong files

GOOD = [[i % 2, i % 3 / 2, i % 5 / 4] for i in range(200)]
TWO = ("detractor", "falling_use")
REST = tuple(name for name in SIGNALS if name not in TWO)


def problem(path: Path, policy: RiskPolicy = POLICY, keep: Sequence[str] = REST) -> str:
    with pytest.raises((InvalidInputError, InputFileError)) as caught:
        fit_risk(path, policy, keep=keep)
    return str(caught.value)


def test_columns_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    missing = problem(write(path, ("churned", "detractor"), [row[:2] for row in GOOD]))
    assert missing.startswith("c.csv: lacks the columns falling_use; ")
    assert "keep" in missing
    assert "lacks the columns churned" in problem(write(path, TWO, [row[1:] for row in GOOD]))
    unknown = problem(write(path, ("churned", *TWO, "moon"), [[*row, 1] for row in GOOD]))
    assert "unknown columns 'moon'; allowed: churned, customer_id, detractor, falling_use" in unknown
    # A kept signal is not fitted, so its column would be silently ignored.
    assert "'open_case'" in problem(write(path, ("churned", *TWO, "open_case"), [[*row, 1] for row in GOOD]))
    assert "stands there twice" in problem(write(path, ("churned", *TWO, "detractor"), [[*row, 1] for row in GOOD]))
    assert "keep: unknown signal 'moon'; allowed: explicit_exit" in problem(path, keep=("moon",))
    assert "nothing to fit" in problem(path, keep=SIGNALS)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (["yes", 1, 0], "row 4: churned must be 0 or 1"),
        ([0.5, 1, 0], "row 4: churned must be 0 or 1"),
        ([1, 1.2, 0], "row 4: detractor must be a number from 0 to 1"),
        ([1, -1, 0], "row 4: detractor must be a number"),
        ([1, 1, ""], "row 4: falling_use must be a number"),
        ([1, 1, "nan"], "row 4: falling_use must be a number"),
        ([1, 1], "row 4: 2 values for 3 columns"),
    ],
)
def test_values_are_checked(tmp_path: Path, row: list[object], told: str) -> None:
    path = write(tmp_path / "c.csv", ("churned", *TWO), [*GOOD[:2], row, *GOOD[2:]])
    assert told in problem(path)


def test_too_few_churners_and_constant_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    few = [[int(i < 49), *row[1:]] for i, row in enumerate(GOOD)]
    assert "only 49 rows churned; at least 50" in problem(write(path, ("churned", *TWO), few))
    loyal = [[int(i >= 49), *row[1:]] for i, row in enumerate(GOOD)]
    assert "only 49 rows not churned" in problem(write(path, ("churned", *TWO), loyal))
    same = problem(write(path, ("churned", *TWO), [[row[0], row[1], 1] for row in GOOD]))
    assert "the same value in every row of falling_use" in same
    # Two hundred rows of twenty customers are twenty cases.
    grouped = [[row[0], f"c{i % 20}", *row[1:]] for i, row in enumerate(GOOD)]
    assert "only 10 customers churned" in problem(write(path, ("churned", "customer_id", *TWO), grouped))
    empty = [[row[0], "", *row[1:]] for row in GOOD]
    assert "row 2: customer_id is empty" in problem(write(path, ("churned", "customer_id", *TWO), empty))


def test_signals_that_only_go_the_wrong_way_give_no_policy(tmp_path: Path) -> None:
    rows = [[i % 2, 1 - i % 2 if i % 10 else i % 2, 1 - i % 2 if i % 7 else i % 2] for i in range(400)]
    assert "no signal predicts churned" in problem(write(tmp_path / "c.csv", ("churned", *TWO), rows))


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    assert "cannot be read" in problem(path)
    path.write_bytes(b"")
    assert "is empty" in problem(path)
    path.write_bytes("churned,détractor\n".encode("latin-1"))
    assert "cannot be read as UTF-8" in problem(path)
    path.write_text("churned,detractor,falling_use\n", encoding="utf-8")
    assert "only 0 rows churned" in problem(path)


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = write_simulated(tmp_path / "c.csv", rows=600)
    plain = fit_risk(path, POLICY, keep=KEPT)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\r\n")
    assert fit_risk(path, POLICY, keep=KEPT) == plain
