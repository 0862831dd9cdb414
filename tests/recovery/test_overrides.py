"""A company's own playbook over the packaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.recovery.plan import make_plan
from complaintnlp.recovery.playbook import check_playbook, load_playbook, playbook_row

OWN = """
[matrix.delay_wait.S2]
fix = "12 h"
actions = ["ack_now", "sincere_apology", "comp_token", "document_case"]
owner = "Night team"

[actions.ack_now.text]
en = "Answer within the hour"

[times.first_reply.email]
S2 = "2 h"

[bands.C1]
max_percent = 5

[owners."Night team"]
queue = "night"
"""


def written(folder: Path, content: str) -> Path:
    path = folder / "own.toml"
    path.write_text(content, encoding="utf-8")
    return path


def test_single_values_are_overridden_and_all_else_stays(tmp_path: Path) -> None:
    own = load_playbook(written(tmp_path, OWN))
    plan = make_plan("delay_wait", "S2", "passive", channel="email", playbook=own)
    assert [step.action for step in plan.steps] == ["ack_now", "sincere_apology", "comp_token", "document_case"]
    assert (plan.fix_within, plan.first_reply_within, plan.queue) == ("12 h", "2 h", "night")
    assert plan.steps[0].text["en"] == "Answer within the hour"
    assert plan.steps[0].text["tr"] == load_playbook().actions["ack_now"].text["tr"]
    assert plan.compensation is not None
    assert plan.compensation.limit_percent == 5
    assert own.matrix["delay_wait"]["S3"] == load_playbook().matrix["delay_wait"]["S3"]
    assert make_plan("delay_wait", "S2", "passive").fix_within == "24 h"


def test_the_check_lists_what_differs(tmp_path: Path) -> None:
    changes = check_playbook(written(tmp_path, OWN + '\n[matrix.delay_wait.S1]\nfix = "new time at once"\n'))
    assert [change.place for change in changes] == [
        *("matrix.delay_wait.S2.fix", "matrix.delay_wait.S2.actions", "matrix.delay_wait.S2.owner"),
        *("actions.ack_now.text.en", "times.first_reply.email.S2", "bands.C1.max_percent", "owners.Night team.queue"),
    ]
    assert str(changes[0]) == "matrix.delay_wait.S2.fix: '24 h' -> '12 h'"
    assert changes[-1].before is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[colours]\na = 1", "own.toml, playbook: unknown name 'colours'; allowed: actions, matrix"),
        ("[matrix.lateness.S1]\nfix = '1 h'", "own.toml, matrix: unknown name 'lateness'; allowed: delay_wait"),
        ("[matrix.delay_wait.S5]\nfix = '1 h'", "own.toml, matrix.delay_wait: unknown name 'S5'; allowed: S1"),
        ("[matrix.delay_wait.S1]\nspeed = 1", "own.toml: matrix.delay_wait.S1.speed: unknown field; allowed: actions"),
        ("[matrix.delay_wait.S1]\nactions = ['hug']", "own.toml, matrix.delay_wait.S1: unknown action 'hug'"),
        ("[matrix.delay_wait.S1]\nactions = []", "own.toml, matrix.delay_wait.S1.actions: name at least one"),
        ("[matrix.delay_wait.S1]\nowner = 'Nobody'", "own.toml, matrix.delay_wait.S1.owner: unknown owner 'Nobody'"),
        ("[matrix.delay_wait.S1]\nfix = 'soon'", "'soon' names no time; allowed: '30 s', .* 'none needed'"),
        ("[actions.hug]\nowner = 'x'", "own.toml, actions: unknown name 'hug'; allowed: ack_now"),
        ("[actions.ack_now.text]\nde = 'x'", "actions.ack_now.text.de"),
        ("[times.first_reply.email]\nS1 = 'later'", "own.toml, times.first_reply.email.S1: 'later' names no time"),
        ("[times]\nsame_day = 'same day'", "own.toml, times.same_day"),
        ("[bands.C4]\nmax_percent = 200", "bands.C4.max_percent: .*150"),
        ("[modifiers.vip]\ntime_factor = 0", "modifiers.vip.time_factor"),
        ("[modifiers.angry]\nadd = ['hug']", "own.toml, modifiers.angry: unknown action 'hug'"),
        ("[owners.Operations]\nabove = 'Nobody'", "own.toml, owners.Operations.above: unknown name 'Nobody'"),
        ("matrix = 3", "own.toml: matrix"),
        ("[", "own.toml cannot be read"),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_playbook(written(tmp_path, content))


def test_a_row_can_be_shown() -> None:
    assert playbook_row("delay_wait", "S2").band == "C1"
    with pytest.raises(InvalidInputError, match="unknown failure type 'lateness'; allowed: delay_wait"):
        playbook_row("lateness", "S2")
    with pytest.raises(InvalidInputError, match="unknown severity 'S9'; allowed: S1"):
        playbook_row("delay_wait", "S9")


@pytest.mark.parametrize("band", ["lots of money", "C9", "C1 or CX", ""])
def test_a_band_that_does_not_exist_is_named(tmp_path: Path, band: str) -> None:
    path = written(tmp_path, f'[matrix.delay_wait.S3]\nband = "{band}"\n')
    with pytest.raises(
        ConfigurationError, match=r"matrix\.delay_wait\.S3\.band: .* allowed: C0, C1, C2, C3, C4, CS, or"
    ):
        check_playbook(path)
