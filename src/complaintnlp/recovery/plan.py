"""From a judged text to a plan: the playbook's row with its actions spelled out."""

from __future__ import annotations

from functools import cache

from complaintnlp.records import NpsClass, RecoveryPlan, RecoveryStep, Severity
from complaintnlp.recovery.playbook import load_playbook


@cache  # a plan is immutable and there are fewer than sixty
def make_plan(primary: str | None, severity: Severity | None, nps_class: NpsClass) -> RecoveryPlan:
    """Ordered steps, owner, time targets and compensation band.

    Args:
        primary: primary failure type, None where none is named.
        severity: given exactly if ``primary`` is.
        nps_class: decides what to do where no failure is named.
    """
    playbook = load_playbook()
    row = playbook.matrix[primary][severity] if primary and severity else playbook.unnamed[nps_class]
    steps = []
    for name in row.actions:
        action = playbook.actions[name]
        steps.append(RecoveryStep(element=action.element, action=name, owner=action.owner, text=action.text))
    return RecoveryPlan(
        owner=row.owner,
        channel=row.channel,
        first_reply_within=row.first_reply,
        fix_within=row.fix,
        compensation_band=row.band,
        steps=tuple(steps),
    )
