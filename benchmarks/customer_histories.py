"""Does customer context improve the at-risk score? Simulated customer histories, as markdown tables.

    python benchmarks/customer_histories.py

No churn outcomes of real customers are at hand, so everything here is SIMULATED: it shows what the score makes of
context if the assumptions hold, never how many real customers leave. The assumptions:

1. Text: reasons, NPS class and intensity come at about their rates among the hand-labelled training texts; severity
   and repair at rates that we chose. The model reads them with errors: its probability is Beta distributed, mean 0.78
   where the text is at risk and 0.13 where not, the threshold is 0.45 as in the released model, and one reason in six
   is missed. NPS class, intensity, severity and repair are read without error, which flatters the text.
2. Context: an unseen strain of the relationship (normal, mean 0, deviation 1) makes contacts, open and reopened cases,
   low satisfaction, falling use and at-risk words more likely together. A third of the values are unknown to the firm.
3. Outcome: log-odds of leaving = base + text hazard + strength x context hazard + strain/2 + noise (normal, deviation
   0.7: prices, moving house, offers of others). The hazards are not the points of the policy: each weight is its
   points / 20 times a random factor (log-normal, deviation 0.5), drawn anew for every seed and strength, so the policy
   is roughly right, not exactly.
4. Value (tier) has no influence on leaving. The base is set so that about 15% leave.

``strength`` 0 means that context says nothing of its own (only what it shares with the strain), 1 that our points are
about right, 2 that it matters twice as much.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from complaintnlp.judgement.risk import TextRisk, score_risk, signal_values
from complaintnlp.judgement.risk_policy import SIGNALS, TEXT_SIGNALS, RiskPolicy, load_risk_policy
from complaintnlp.records import Customer, NpsClass, RiskReason, Severity, Tier
from complaintnlp.training.fit_risk import fit_risk

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
CHURN_RATE: Final = 0.15
STRENGTHS: Final = (0.0, 0.5, 1.0, 2.0)
REASON_RATES: Final[Mapping[RiskReason, float]] = {"R1": 0.082, "R2": 0.020, "R3": 0.082, "R4": 0.029}
NPS_RATES: Final[Mapping[NpsClass, float]] = {"detractor": 0.64, "passive": 0.17, "promoter": 0.19}
INTENSITY_RATES: Final = (0.32, 0.21, 0.20, 0.20, 0.07)
SEVERITY_RATES: Final[Mapping[Severity, float]] = {"S1": 0.35, "S2": 0.45, "S3": 0.16, "S4": 0.04}
THRESHOLD: Final = 0.45
UNKNOWN: Final = 1 / 3
POINTS_PER_LOGIT: Final = 20.0
TEXT_SCORE: Final = "text score"
FULL_SCORE: Final = "text and context score"

Scores = NDArray[np.float64]
Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True)
class History:
    """One simulated customer at the time of one text: the truth, what the firm reads and knows, the strain."""

    true_text: TextRisk
    read_text: TextRisk
    true_customer: Customer
    known_customer: Customer
    strain: float


@dataclass(frozen=True, slots=True)
class Quality:
    """AUROC, area under precision and recall, and lift: share of churners in the top tenth over their share in all."""

    auroc: float
    auprc: float
    lift: float


def simulate(count: int, rng: np.random.Generator) -> list[History]:
    """Customers by the assumptions 1 and 2."""
    return [_history(rng) for _ in range(count)]


def outcomes(histories: Sequence[History], strength: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Who leaves, by the assumptions 3 and 4."""
    policy = load_risk_policy()
    truth = np.array([list(signal_values(h.true_text, h.true_customer, NOW, policy).values()) for h in histories])
    points = np.array([policy.signals[name].points for name in SIGNALS], dtype=np.float64)
    share = np.array([1.0 if name in TEXT_SIGNALS else strength for name in SIGNALS])
    weights = points / POINTS_PER_LOGIT * share * rng.lognormal(0.0, 0.5, len(points))
    odds = truth @ weights + 0.5 * np.array([h.strain for h in histories]) + rng.normal(0.0, 0.7, len(histories))
    chances = _sigmoid(odds + _base(odds))
    return np.asarray(rng.random(len(histories)) < chances)


def quality(scores: Scores, left: NDArray[np.bool_], rng: np.random.Generator) -> Quality:
    """How well ``scores`` rank the customers that left; equal scores in the top tenth are taken in random order."""
    order = np.lexsort((rng.random(len(scores)), -scores))
    top = order[: max(1, len(order) // 10)]
    return Quality(
        float(roc_auc_score(left, scores)),
        float(average_precision_score(left, scores)),
        float(left[top].mean() / left.mean()),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, evaluate and print."""
    options = _options(arguments)
    print("# At-risk score on simulated customer histories\n")
    print(f"SIMULATED. {options.customers:,} customers a seed, {options.seeds} seeds; mean ± standard deviation.\n")
    print("| context strength | ranked by | AUROC | AUPRC | lift of the top tenth |")
    print("| --- | --- | --- | --- | --- |")
    found: dict[tuple[float, str], list[Quality]] = {}
    for seed in range(options.seeds):
        for key, result in _evaluate(options.customers, seed).items():
            found.setdefault(key, []).append(result)
    for (strength, name), results in sorted(found.items(), key=lambda entry: entry[0][0]):
        cells = [_spread([getattr(r, key) for r in results]) for key in ("auroc", "auprc", "lift")]
        print(f"| {strength:g} | {name} | {' | '.join(cells)} |")
    print("\nGain in AUROC by context, same customers, text and context score minus text score:\n")
    for strength in STRENGTHS:
        pairs = zip(found[strength, TEXT_SCORE], found[strength, FULL_SCORE], strict=True)
        differences = [full.auroc - text.auroc for text, full in pairs]
        wins = sum(difference > 0 for difference in differences)
        print(f"- strength {strength:g}: {_spread(differences)}, better in {wins} of {len(differences)} seeds")


def _evaluate(customers: int, seed: int) -> dict[tuple[float, str], Quality]:
    """One seed: half of the customers are the past that points are fitted on, the other half is evaluated."""
    policy = load_risk_policy()
    rng = np.random.default_rng([seed, 20260101])
    histories = simulate(2 * customers, rng)
    past, present = histories[:customers], histories[customers:]
    ranked = {
        "text probability": np.array([h.read_text.probability for h in present]),
        TEXT_SCORE: np.array([score_risk(h.read_text, None, NOW, policy).score for h in present]),
        FULL_SCORE: _full_scores(present, policy),
    }
    found = {}
    for strength in STRENGTHS:
        left = outcomes(histories, strength, rng)
        fitted = _full_scores(present, _fit(past, left[:customers], policy))
        for name, scores in {**ranked, "text and context, fitted points": fitted}.items():
            found[strength, name] = quality(scores, left[customers:], rng)
    return found


def _full_scores(histories: Sequence[History], policy: RiskPolicy) -> Scores:
    return np.array([score_risk(h.read_text, h.known_customer, NOW, policy).score for h in histories])


def _fit(histories: Sequence[History], left: NDArray[np.bool_], policy: RiskPolicy) -> RiskPolicy:
    rows = [signal_values(h.read_text, h.known_customer, NOW, policy) for h in histories]
    constant = [name for name in SIGNALS if len({row[name] for row in rows}) == 1]
    used = [name for name in SIGNALS if name not in constant]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "past.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["churned", *used])
            writer.writerows([int(gone), *(row[name] for name in used)] for gone, row in zip(left, rows, strict=True))
        return fit_risk(path, policy, keep=constant).policy


def _history(rng: np.random.Generator) -> History:
    strain = float(rng.normal())
    more = float(np.exp(0.5 * strain - 0.125))
    reasons = tuple(reason for reason, rate in REASON_RATES.items() if rng.random() < rate * more)
    nps = _draw(rng, NPS_RATES)
    if reasons and nps == "promoter":
        nps = "detractor"
    true_text = TextRisk(
        probability=1.0 if reasons else 0.0,
        flag=bool(reasons),
        reasons=reasons,
        conditional=bool(rng.random() < 0.1),
        nps_class=nps,
        intensity=0 if nps == "promoter" else int(rng.choice(5, p=INTENSITY_RATES)),
        severity=None if nps == "promoter" else _draw(rng, SEVERITY_RATES),
        repaired_satisfied=bool(nps == "promoter" and rng.random() < 0.25),
        created_at=NOW - timedelta(days=int(rng.integers(0, 60))),
    )
    true_customer = _customer(rng, more)
    return History(true_text, _read(rng, true_text), true_customer, _forget(rng, true_customer), strain)


def _read(rng: np.random.Generator, truth: TextRisk) -> TextRisk:
    """What the model makes of a text: a doubtful probability, and reasons that it may miss or mistake."""
    probability = float(rng.beta(3.9, 1.1) if truth.reasons else rng.beta(0.65, 4.35))
    reasons = tuple(reason for reason in truth.reasons if rng.random() > 1 / 6) or truth.reasons
    flag = probability >= THRESHOLD
    if flag and not reasons:
        reasons = (_draw(rng, REASON_RATES),)
    return TextRisk(
        probability=probability,
        flag=flag,
        reasons=reasons if flag else (),
        conditional=truth.conditional,
        nps_class=truth.nps_class,
        intensity=truth.intensity,
        severity=truth.severity,
        repaired_satisfied=truth.repaired_satisfied,
        created_at=truth.created_at,
    )


def _customer(rng: np.random.Generator, more: float) -> Customer:
    recent = int(rng.poisson(0.15 * more))
    return Customer(
        tier=_draw(rng, dict(zip(get_args(Tier), (0.75, 0.2, 0.05), strict=True))),
        tenure_months=int(rng.exponential(30)),
        contract_end=(NOW + timedelta(days=int(rng.integers(0, 730)))).date() if rng.random() < 0.5 else None,
        complaints_30d=recent,
        complaints_90d=recent + int(rng.poisson(0.3 * more)),
        open_cases=int(rng.poisson(0.1 * more)),
        reopened_cases=int(rng.poisson(0.06 * more)),
        last_csat=float(np.clip(round(4.0 - 0.8 * np.log(more) + rng.normal()), 1, 5)),
        falling_use=bool(rng.random() < 0.12 * more),
    )


def _forget(rng: np.random.Generator, truth: Customer) -> Customer:
    """What the firm knows: each value with a probability of 2/3."""
    known = {name: value for name, value in truth if value is not None and rng.random() >= UNKNOWN}
    return Customer.model_validate(known)


def _draw(rng: np.random.Generator, rates: Mapping[Name, float]) -> Name:
    names, weights = list(rates), np.array(list(rates.values()))
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _sigmoid(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * odds)))


def _base(odds: NDArray[np.float64]) -> float:
    """What must be added so that the mean chance is `CHURN_RATE`, by bisection."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _sigmoid(odds + middle).mean() < CHURN_RATE else (low, middle)
    return (low + high) / 2


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3000, help="evaluated customers a seed (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="independent repetitions (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.customers < 1000 or options.seeds < 2:
        parser.error("--customers must be 1000 or more, so that the fit has its churners; --seeds 2 or more")
    return options


if __name__ == "__main__":
    main()
