"""Column order, untouched values, and output that is whole or not there."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.batch import writers
from complaintnlp.batch.rows import RawJson, Reject, Row
from complaintnlp.batch.writers import SCORE_COLUMNS, Output, Score, make_writer, part_path, rejects_path, score_cells
from complaintnlp.errors import ComplaintNLPError, InvalidInputError
from complaintnlp.records import Analysis, Feedback, RiskResult
from complaintnlp.recovery.plan import make_plan

Answer = Callable[[Feedback], Analysis]
SCORES: dict[str, Score] = dict(
    zip(
        SCORE_COLUMNS,
        (
            *("scored", "tr", "F01;F05", "F01", 3, "detractor", 1, 0.5, "S2", 0),
            *(65, 84.5, "Operations", "2026-11-22T09:30+00:00", "call_customer", "C1"),
        ),
        strict=True,
    )
)
SHOWN = [
    *("scored", "tr", "F01;F05", "F01", "3", "detractor", "1", "0.5000", "S2", "0"),
    *("65", "84.5", "Operations", "2026-11-22T09:30+00:00", "call_customer", "C1"),
]
NO_PLAN = [None] * 6
NO_SCORES = dict(zip(SCORE_COLUMNS, ("empty", *[None] * 8, 0, *NO_PLAN), strict=True))


def row(*cells: tuple[str, str]) -> Row:
    return Row(2, "raw", cells)


def write(target: Path, columns: list[str], *rows: Row, delimiter: str | None = None, scores: Any = SCORES) -> None:
    with Output(target) as output:
        writer = make_writer(output, columns, delimiter)
        for item in rows:
            writer.write(item, scores)


def read_csv(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter))


def read_json(path: Path) -> list[list[tuple[str, Any]]]:
    return [json.loads(line, object_pairs_hook=list) for line in path.read_text("utf-8").splitlines()]


class TestScoreCells:
    def test_scored(self, answer: Answer) -> None:
        cells = score_cells(answer(Feedback(text="x" * 21, language="tr")))
        assert tuple(cells) == SCORE_COLUMNS
        assert list(cells.values()) == [
            *("scored", "tr", "F01;F05", "F01", 1, "passive", 1, 0.2165, "S3", 1),
            *(0, 0.0, None, None, None, None),
        ]

    def test_a_plan_fills_the_columns_of_work(self, answer: Answer) -> None:
        plan = make_plan(
            "delay_wait", "S3", "detractor", created_at=datetime(2026, 11, 22, 9, 30, 12, tzinfo=UTC), channel="email"
        )
        risk = RiskResult(flag=True, probability=0.9, reasons=("R1",), score=65, band="high", priority=84.5)
        cells = score_cells(answer(Feedback(text="x")).model_copy(update={"recovery": plan, "at_risk": risk}))
        assert [cells[f"cnlp_{name}"] for name in ("risk_score", "priority", "owner")] == [65, 84.5, "Operations"]
        assert cells["cnlp_first_reply_due"] == plan.first_reply_due.isoformat(timespec="minutes")  # type: ignore[union-attr]
        assert cells["cnlp_next_action"] == plan.steps[0].action
        assert cells["cnlp_compensation_band"] == plan.compensation_band

    def test_empty_has_no_scores_but_the_survey_class(self, answer: Answer) -> None:
        assert list(score_cells(answer(Feedback(text="..."))).values()) == ["empty", *[None] * 8, 0, *NO_PLAN]
        assert score_cells(answer(Feedback(text="...", nps_score=3)))["cnlp_nps_class"] == "detractor"

    def test_unsupported(self, answer: Answer) -> None:
        values = list(score_cells(answer(Feedback(text="Groß und schlecht"))).values())
        assert values == ["unsupported", "de", *[None] * 7, 0, *NO_PLAN]


class TestDelimited:
    def test_columns_stay_and_scores_follow(self, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        cells = (("id", "007"), ("text", 'a "b", c\nd\re'), ("", " x "), ("id", "2"))
        write(target, ["id", "text", "", "id"], row(*cells))
        assert read_csv(target) == [
            ["id", "text", "", "id", *SCORE_COLUMNS],
            ["007", 'a "b", c\nd\re', " x ", "2", *SHOWN],
        ]

    def test_no_score_is_an_empty_cell(self, tmp_path: Path) -> None:
        write(tmp_path / "out.csv", ["text"], row(("text", "")), scores=NO_SCORES)
        assert read_csv(tmp_path / "out.csv")[1] == ["", "empty", *[""] * 8, "0", *[""] * 6]

    def test_earlier_scores_are_replaced(self, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        cells = (("cnlp_status", "old"), ("text", "a"), ("cnlp_severity", "old"), ("note", "n"))
        write(target, [name for name, _ in cells], row(*cells))
        assert read_csv(target) == [["text", "note", *SCORE_COLUMNS], ["a", "n", *SHOWN]]

    @pytest.mark.parametrize(
        ("name", "given", "used"),
        [("o.csv", ";", ";"), ("o.csv", "\t", "\t"), ("o.csv", None, ","), ("o.tsv", ",", "\t"), ("o.tsv", None, "\t")],
    )
    def test_delimiter(self, tmp_path: Path, name: str, given: str | None, used: str) -> None:
        write(tmp_path / name, ["text"], row(("text", "a,b;c")), delimiter=given)
        assert read_csv(tmp_path / name, used)[1] == ["a,b;c", *SHOWN]

    def test_json_objects_with_different_members(self, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        first = row(("text", "null"), ("n", RawJson("1.10")), ("gone", RawJson("null")))
        second = row(("k", RawJson('{"a": [1]}')), ("text", "b"))
        write(target, ["text", "n", "gone", "k"], first, second)
        assert [line[:4] for line in read_csv(target)[1:]] == [["null", "1.10", "", ""], ["b", "", "", '{"a": [1]}']]

    def test_characters_that_utf8_cannot_hold_are_escaped(self, tmp_path: Path) -> None:
        write(tmp_path / "out.csv", ["text", "x"], row(("text", "a\0b"), ("x", "\ud800!")))
        assert read_csv(tmp_path / "out.csv")[1][:2] == ["a\0b", "\\ud800!"]


class TestJsonLines:
    def test_members_stay_and_scores_follow(self, tmp_path: Path) -> None:
        target = tmp_path / "out.jsonl"
        write(target, [], row(("id", RawJson("1.10")), ("text", 'ç "q"\n'), ("z", RawJson('{"k": 1e400}'))))
        line = target.read_text("utf-8")
        assert line.startswith('{"id": 1.10, "text": "ç \\"q\\"\\n", "z": {"k": 1e400}, "cnlp_status": "scored", ')
        assert line.count("\n") == 1
        assert read_json(target)[0][3:] == list(SCORES.items())

    def test_no_score_is_null(self, tmp_path: Path) -> None:
        write(tmp_path / "out.jsonl", [], row(("text", "")), scores=NO_SCORES)
        assert read_json(tmp_path / "out.jsonl")[0] == [("text", ""), *NO_SCORES.items()]

    def test_earlier_scores_are_replaced(self, tmp_path: Path) -> None:
        cells = (("cnlp_status", "old"), ("text", "a"), ("cnlp_intensity", RawJson("9")))
        write(tmp_path / "out.jsonl", [], row(*cells))
        assert read_json(tmp_path / "out.jsonl")[0] == [("text", "a"), *SCORES.items()]

    def test_repeated_csv_columns_get_names_of_their_own(self, tmp_path: Path) -> None:
        write(tmp_path / "out.ndjson", [], row(("a", "1"), ("a", "2"), ("a_2", "3"), ("", "4")))
        names = [name for name, _ in read_json(tmp_path / "out.ndjson")[0]][:4]
        assert names == ["a", "a_2", "a_2_2", ""]

    def test_lone_surrogate_stays_a_json_escape(self, tmp_path: Path) -> None:
        write(tmp_path / "out.jsonl", [], row(("text", "a"), ("x", "\ud800")))
        assert read_json(tmp_path / "out.jsonl")[0][1] == ("x", "\ud800")


class TestOutput:
    def test_grows_under_another_name(self, tmp_path: Path) -> None:
        target = tmp_path / "out.jsonl"
        with Output(target) as output:
            output.stream.write("a\n")
            assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl.part"]
        assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
        assert target.read_bytes() == b"a\n"

    def test_is_on_disk_before_it_is_renamed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        target = tmp_path / "out.jsonl"
        synced: list[tuple[bool, bytes]] = []
        monkeypatch.setattr(
            "complaintnlp.batch.writers.os.fsync",
            lambda _: synced.append((target.exists(), part_path(target).read_bytes())),
        )
        with Output(target) as output:
            output.stream.write("a\n")
        assert synced == [(False, b"a\n")]

    @pytest.mark.parametrize("error", [RuntimeError("crash"), KeyboardInterrupt()])
    def test_failure_leaves_only_what_was_there(self, tmp_path: Path, error: BaseException) -> None:
        target = tmp_path / "out.csv"
        target.write_text("old")
        rejects_path(target).write_text("old rejects")

        def fail() -> None:
            with Output(target) as output:
                output.stream.write("new")
                output.reject(Reject(2, "why", "raw"))
                raise error

        with pytest.raises(type(error)):
            fail()
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            "out.csv": "old",
            "out.csv.rejects.csv": "old rejects",
        }

    @pytest.mark.parametrize("step", ["write", "reject", "close", "fsync", "replace"])
    @pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
    def test_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str) -> None:
        target = tmp_path / name
        target.write_text("old")
        rejects_path(target).write_text("old rejects")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        class FullDisk(io.StringIO):
            def __init__(self, path: Path) -> None:
                super().__init__()
                path.touch()
                self.refuses = step == "write" or (step == "reject" and "rejects" in path.name)

            def write(self, text: str, /) -> int:
                if self.refuses:
                    full()
                return super().write(text)

            def close(self) -> None:
                first = not self.closed
                super().close()
                if first and (self.refuses or step == "close"):
                    full()

        if step in {"write", "reject", "close"}:
            monkeypatch.setattr(writers, "open", lambda path, *_, **__: FullDisk(path), raising=False)
        elif step == "fsync":
            monkeypatch.setattr("complaintnlp.batch.writers.os.fsync", full)
        else:
            monkeypatch.setattr(Path, "replace", full)

        def run() -> None:
            with Output(target) as output:
                make_writer(output, ["text"], None).write(row(("text", "a")), SCORES)
                output.reject(Reject(2, "why", "raw"))

        with pytest.raises(ComplaintNLPError) as caught:
            run()
        message = str(caught.value)
        assert message.startswith(f"{target}: cannot be written (No space left on device); free space")
        assert f"older {name} is kept" in message
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            name: "old",
            f"{name}.rejects.csv": "old rejects",
        }

    def test_a_disk_that_fills_up_hides_no_other_failure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class FullDisk(io.StringIO):
            def close(self) -> None:
                super().close()
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(writers, "open", lambda *_, **__: FullDisk(), raising=False)
        with pytest.raises(KeyboardInterrupt), Output(tmp_path / "out.jsonl"):
            raise KeyboardInterrupt

    def test_stale_rejects_that_cannot_go(self, tmp_path: Path) -> None:
        target = tmp_path / "out.jsonl"
        rejects_path(target).mkdir()
        with (
            pytest.raises(ComplaintNLPError, match=r"cannot be removed .* remove it by hand.* is complete"),
            Output(target),
        ):
            pass
        assert target.exists()

    def test_rejects(self, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        raw = 'a,"b\nc\x00 \udcfe\udc81 ç'
        with Output(target) as output:
            output.reject(Reject(7, "broken, badly", raw))
            assert not rejects_path(target).exists()
        assert read_csv(rejects_path(target)) == [
            ["line", "reason", "raw"],
            ["7", "broken, badly", 'a,"b\nc\x00 \\xfe\\x81 ç'],
        ]

    def test_stale_rejects_go(self, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        rejects_path(target).write_text("from the last run")
        with Output(target):
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]

    def test_gzip(self, tmp_path: Path) -> None:
        target = tmp_path / "out.csv.gz"
        write(target, ["text"], row(("text", "ç")))
        assert gzip.decompress(target.read_bytes()).decode().splitlines()[1].startswith("ç,scored,tr")

    @pytest.mark.parametrize(
        ("name", "message"),
        [("out.xlsx", "unknown output type; allowed: .csv"), ("no/out.csv", "does not exist"), ("d.csv", "a folder")],
    )
    def test_impossible_targets(self, tmp_path: Path, name: str, message: str) -> None:
        (tmp_path / "d.csv").mkdir()
        with pytest.raises(InvalidInputError, match=message):
            Output(tmp_path / name)

    def test_unwritable_folder(self, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        part_path(target).mkdir()  # stands for any refusal of the operating system, also where tests run as root
        with pytest.raises(InvalidInputError, match="cannot be written"), Output(target):
            pass
