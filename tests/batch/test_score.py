"""Whole files through the batch room, with an analyzer that needs no model."""

from __future__ import annotations

import csv
import gc
import gzip
import json
import logging
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.batch import ScoreSummary, score_file
from complaintnlp.batch.rows import Row
from complaintnlp.batch.writers import SCORE_COLUMNS
from complaintnlp.errors import ComplaintNLPError, InputFileError, InvalidInputError
from complaintnlp.records import MAX_TEXT_CHARS, Analysis, Feedback

Answer = Callable[[Feedback], Analysis]

TURKISH = "Sipariş çok geç geldi, kimse özür dilemedi"
CHINESE = "快递员态度很差，包裹也坏了"
ARMENIAN = "Ապրանքը կոտրված էր, գումարս չեն վերադարձնում"
ENGLISH = "Nobody answered my three e-mails"
GERMAN = "Das war ein großer Fehler"


class FakeAnalyzer:
    """Answers in order with a look-ahead, remembers what it was asked, and can fail half way."""

    def __init__(self, answer: Answer, look_ahead: int = 3) -> None:
        self.answer = answer
        self.look_ahead = look_ahead
        self.asked: list[Feedback] = []
        self.fail_after: int | None = None
        self.failure: BaseException = RuntimeError("power cut")
        self.on_answer: Callable[[], None] | None = None

    def analyze_many(self, items: Iterable[Feedback]) -> Iterator[Analysis]:
        waiting: deque[Feedback] = deque()
        for item in items:
            self.asked.append(item)
            waiting.append(item)
            if len(waiting) > self.look_ahead:
                yield self._answer(waiting.popleft())
        while waiting:
            yield self._answer(waiting.popleft())

    def _answer(self, feedback: Feedback) -> Analysis:
        if self.on_answer:
            self.on_answer()
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise self.failure
            self.fail_after -= 1
        return self.answer(feedback)


class Folder:
    """A folder with an input and an output."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, content: str | bytes, name: str = "in.csv", encoding: str = "utf-8") -> Path:
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def score(
        self,
        content: str | bytes,
        analyzer: FakeAnalyzer,
        name: str = "in.csv",
        out: str = "out.csv",
        **options: Any,
    ) -> ScoreSummary:
        return score_file(self.write(content, name), self.path / out, analyzer, **options)

    def csv(self, name: str = "out.csv", delimiter: str = ",") -> list[dict[str, str]]:
        with (self.path / name).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream, delimiter=delimiter))

    def json(self, name: str = "out.jsonl") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.path / name).read_text("utf-8").splitlines()]

    def rejects(self, name: str = "out.csv") -> list[tuple[int, str, str]]:
        return [(int(row["line"]), row["reason"], row["raw"]) for row in self.csv(f"{name}.rejects.csv")]

    def names(self) -> set[str]:
        return {path.name for path in self.path.iterdir()}


@pytest.fixture
def analyzer(answer: Answer) -> FakeAnalyzer:
    return FakeAnalyzer(answer)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


class TestFormats:
    @pytest.mark.parametrize("source", ["csv", "tsv", "jsonl", "ndjson", "csv.gz", "jsonl.gz"])
    @pytest.mark.parametrize("target", ["csv", "jsonl", "tsv", "csv.gz"])
    def test_every_pair_gives_the_same_answers(
        self, folder: Folder, analyzer: FakeAnalyzer, source: str, target: str
    ) -> None:
        rows = [("1", TURKISH), ("2", CHINESE), ("3", ARMENIAN), ("4", ENGLISH)]
        if "json" in source:
            content = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in rows)
        else:
            delimiter = "\t" if source == "tsv" else ","
            content = "".join(f'{n}{delimiter}"{text}"\n' for n, text in [("id", "text"), *rows])
        data = gzip.compress(content.encode()) if source.endswith("gz") else content.encode()
        summary = folder.score(data, analyzer, f"in.{source}", f"out.{target}")
        path = folder.path / f"out.{target}"
        written = (gzip.decompress(path.read_bytes()) if target.endswith("gz") else path.read_bytes()).decode()
        if "json" in target:
            found = [json.loads(line) for line in written.splitlines()]
        else:
            found = list(csv.DictReader(written.splitlines(), delimiter="\t" if "\t" in written else ","))
        assert [(row["id"], row["text"], row["cnlp_language"]) for row in found] == [
            (*row, code) for row, code in zip(rows, ("tr", "zh", "hy", "en"), strict=True)
        ]
        assert (summary.read, summary.scored, summary.rejected) == (4, 4, 0)
        assert list(found[0]) == ["id", "text", *SCORE_COLUMNS]

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            *((TURKISH, name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1254")),
            *((CHINESE, name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "gb18030")),
            *((ARMENIAN, name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le")),
        ],
    )
    def test_any_encoding_comes_out_as_utf8(
        self, folder: Folder, analyzer: FakeAnalyzer, text: str, encoding: str
    ) -> None:
        folder.score(f'no;text\n1;"{text}"\n'.encode(encoding), analyzer)
        assert [row["text"] for row in folder.csv(delimiter=";")] == [text]

    def test_scoring_a_scored_file_again_changes_nothing(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        folder.score(f'id,text\n1,"{TURKISH}"\n2,!\n', analyzer, out="one.csv")
        score_file(folder.path / "one.csv", folder.path / "two.csv", analyzer)
        assert (folder.path / "one.csv").read_bytes() == (folder.path / "two.csv").read_bytes()
        score_file(folder.path / "one.csv", folder.path / "one.jsonl", analyzer)
        score_file(folder.path / "one.jsonl", folder.path / "two.jsonl", analyzer)
        assert (folder.path / "one.jsonl").read_bytes() == (folder.path / "two.jsonl").read_bytes()

    def test_json_columns_that_start_late_reach_a_csv(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        content = '{"text": "slow"}\n' * 200 + '{"text": "late", "nps": 9, "shop": "A"}\n'
        folder.score(content, analyzer, "in.jsonl")
        last = folder.csv()[-1]
        assert (last["nps"], last["shop"], last["cnlp_nps_class"]) == ("9", "A", "promoter")

    def test_objects_used_as_maps_do_not_fit_a_csv(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        content = "".join(json.dumps({"text": "slow", f"key {n}": 1}) + "\n" for n in range(1_100))
        with pytest.raises(InvalidInputError, match=r"too many for the columns.*\.jsonl"):
            folder.score(content, analyzer, "in.jsonl")
        assert folder.score(content, analyzer, "in.jsonl", "out.jsonl").scored == 1_100


class TestAccounting:
    def test_summary(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        content = (
            "id;yorum;nps;tarih\n"
            f"1;{TURKISH};2;01.02.2025\n"
            f"2;{CHINESE};n/a;2025-02-01\n"
            f"3;{GERMAN};;soon\n"
            "4;...;10;\n"
            "5;short row\n"
            f"6;{ENGLISH};8;2025-02-01T10:00:00Z\n"
        )
        summary = folder.score(content.encode(), analyzer)
        answers = folder.csv(delimiter=";")
        assert [row["id"] for row in answers] == ["1", "2", "3", "4", "6"]
        assert (summary.read, summary.scored, summary.unsupported, summary.empty, summary.rejected) == (6, 3, 1, 1, 1)
        assert summary.languages == {"tr": 1, "zh": 1, "de": 1, "und": 1, "en": 1}
        assert summary.nps_classes == {"detractor": 1, "passive": 2, "promoter": 1}
        assert {code: estimate.nps for code, estimate in summary.nps.items()} == {
            "en": 0.0, "tr": -100.0, "und": 100.0, "zh": 0.0,
        }  # fmt: skip
        assert summary.ignored_values == {"nps": 1, "tarih": 1}
        assert summary.failure_types["F01"] == 3
        assert summary.failure_types.get("F05", 0) == sum("F05" in row["cnlp_failure_types"] for row in answers)
        assert summary.at_risk == sum(row["cnlp_at_risk"] == "1" for row in answers)
        assert summary.needs_review == sum(row["cnlp_needs_review"] == "1" for row in answers)
        assert (summary.encoding, summary.delimiter, summary.text_column) == ("utf-8", ";", "yorum")
        assert summary.rejects == folder.path / "out.csv.rejects.csv"
        assert summary.notes == ()
        assert summary.seconds > 0
        assert [item.nps_score for item in analyzer.asked] == [2, None, None, 10, 8]

    def test_stars_do_not_decide_the_class(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        folder.score(f"text,stars,rating\n{ENGLISH},1,1\n", analyzer)
        assert (analyzer.asked[0].nps_score, analyzer.asked[0].rating) == (None, 1.0)

    def test_same_answers_in_both_row_orders(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        rows = [f'{n},"{text} {"!" * n}",{n % 14}\n' for n, text in enumerate([TURKISH, CHINESE, ENGLISH, "?"] * 20)]
        one = folder.score("id,text,nps\n" + "".join(rows), analyzer, out="one.csv")
        two = folder.score("id,text,nps\n" + "".join(reversed(rows)), analyzer, out="two.csv")
        assert folder.csv("one.csv") == folder.csv("two.csv")[::-1]
        for name in ("read", "scored", "languages", "failure_types", "nps_classes", "at_risk", "ignored_values"):
            assert getattr(one, name) == getattr(two, name)

    @pytest.mark.parametrize("out", ["out.csv", "out.jsonl"])
    def test_header_only(self, folder: Folder, analyzer: FakeAnalyzer, out: str) -> None:
        summary = folder.score("id,whatever\n", analyzer, out=out)
        expected = ",".join(["id", "whatever", *SCORE_COLUMNS]) + "\r\n" if out == "out.csv" else ""
        assert (folder.path / out).read_bytes().decode() == expected
        assert (summary.read, summary.rejects) == (0, None)
        assert summary.notes == ("the file holds a header and no rows",)
        with pytest.raises(InvalidInputError, match="no column 'nope'"):
            folder.score("id,whatever\n", analyzer, out=out, text_column="nope")

    def test_progress_ends_where_the_file_ends(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        seen: list[tuple[int, int | None]] = []
        content = 'id,text\n1,"two\nlines"\n2,one\n3\n'
        folder.score(content, analyzer, progress=lambda done, total: seen.append((done, total)))
        assert seen == [(2, 5), (4, 5), (5, 5)]

    def test_customer_text_is_never_logged(
        self,
        folder: Folder,
        analyzer: FakeAnalyzer,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        # cp1254, so that the encoding detector works as well; a row that is rejected; one that is not.
        folder.score(f'id;text\n1;"{TURKISH}"\n2;"{TURKISH}\n'.encode("cp1254"), analyzer)
        assert "kimse" not in caplog.text
        assert capsys.readouterr() == ("", "")


class TestRejects:
    def test_broken_quoting(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        body = "".join(f"{n},{ENGLISH}\n" for n in range(50))
        summary = folder.score(f'id,text\nx,"{ENGLISH}\n{body}', analyzer)
        assert (summary.scored, summary.rejected) == (50, 1)
        ((line, reason, raw),) = folder.rejects()
        assert (line, raw) == (2, f'x,"{ENGLISH}')
        assert "not closed" in reason

    def test_one_megabyte_text(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        text = "çok kötü\n" * 120_000
        summary = folder.score(f'id,text\n1,"{text}"\n2,{ENGLISH}\n', analyzer)
        assert (summary.scored, summary.rejected) == (1, 1)
        limit = csv.field_size_limit(10_000_000)
        try:
            ((line, reason, raw),) = folder.rejects()
        finally:
            csv.field_size_limit(limit)
        assert line == 2
        assert "a text may have 50,000 characters" in reason
        assert raw == f'1,"{text}"'

    def test_longest_allowed_text(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        text = "é" * MAX_TEXT_CHARS
        assert folder.score(f"id,text\n1,{text}\n2,{text}é\n", analyzer).scored == 1

    def test_lone_surrogates(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        bad = '{"text": "a\\ud800b"}'
        content = f'{bad}\n{{"text": "fine", "id": "\\udfff", "x": "\\ud800"}}\n{{"text": "ok \\ud83d\\ude21"}}\n'
        summary = folder.score(content, analyzer, "in.jsonl")
        assert (summary.scored, summary.rejected, summary.ignored_values) == (2, 1, {"id": 1})
        assert [(line, raw) for line, _, raw in folder.rejects()] == [(1, bad)]
        assert [(row["text"], row["x"]) for row in folder.csv()] == [("fine", "\\ud800"), ("ok 😡", "")]

    def test_nul(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        summary = folder.score(f"id,text\n1,a\0{TURKISH.replace(',', '')}\n\0,\0\n", analyzer)
        assert (summary.scored, summary.empty, summary.rejected) == (1, 1, 0)
        assert analyzer.asked[0].text.startswith("a\0Sip")
        assert b"1,a\0Sip" in (folder.path / "out.csv").read_bytes()

    def test_undecodable_bytes_are_kept(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        content = f"id;text\n1;{TURKISH}\n".encode() * 1 + b"2;caf\xe9\n" + f"3;{TURKISH}\n".encode()
        summary = folder.score(content, analyzer, encoding="utf-8")
        assert (summary.scored, summary.rejected) == (2, 1)
        assert folder.rejects() == [(3, "holds bytes that are not valid utf-8", "2;caf\\xe9")]

    def test_json_lines(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        lines = ['{"text": "a b', "[1]", '{"id": 4}', '{"text": 5}', '{"text": null}', '{"text": "fine"}']
        summary = folder.score("\n".join(lines), analyzer, "in.jsonl", "out.jsonl")
        assert (summary.read, summary.scored, summary.empty, summary.rejected) == (6, 1, 1, 4)
        assert [(line, raw) for line, _, raw in folder.rejects("out.jsonl")] == list(enumerate(lines[:4], start=1))
        reasons = " | ".join(reason for _, reason, _ in folder.rejects("out.jsonl"))
        for part in ("invalid JSON", "not a JSON object", "'text' is missing", "does not hold a string"):
            assert part in reasons

    def test_no_rejects_file_without_rejects(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        folder.score("id,text\n1,good\n2\n", analyzer)
        assert folder.names() == {"in.csv", "out.csv", "out.csv.rejects.csv"}
        assert folder.score("id,text\n1,good\n", analyzer).rejects is None
        assert folder.names() == {"in.csv", "out.csv"}

    def test_all_rows_rejected(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        assert folder.score("id,text\n1\n2\n", analyzer).rejected == 2
        assert folder.csv() == []


class TestRefusals:
    @pytest.mark.parametrize("out", ["in.csv", "link.csv", "hard.csv", "./x/../in.csv"])
    def test_output_is_the_input(self, folder: Folder, analyzer: FakeAnalyzer, out: str) -> None:
        source = folder.write("text\ngood\n")
        (folder.path / "x").mkdir()
        (folder.path / "link.csv").symlink_to(source)
        (folder.path / "hard.csv").hardlink_to(source)
        with pytest.raises(InvalidInputError, match="overwrite the input"):
            score_file(source, folder.path / out, analyzer)
        assert source.read_text() == "text\ngood\n"

    def test_rejects_of_an_earlier_run_as_input(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        source = folder.write("line,reason,raw\n1,x,y\n", "out.csv.rejects.csv")
        with pytest.raises(InvalidInputError, match="overwrite the input"):
            score_file(source, folder.path / "out.csv", analyzer, text_column="raw")
        assert source.exists()

    @pytest.mark.parametrize(("name", "content"), [("in.csv", ""), ("in.jsonl", ""), ("in.jsonl", "\n \n")])
    def test_empty_file(self, folder: Folder, analyzer: FakeAnalyzer, name: str, content: str) -> None:
        with pytest.raises(InputFileError, match=r"empty|no lines with content"):
            folder.score(content, analyzer, name)
        assert folder.names() == {name}

    def test_json_array_under_a_json_lines_name(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        with pytest.raises(InputFileError, match="no line holds a JSON object"):
            folder.score('[\n {"text": "a"},\n {"text": "b"},\n {"text": "c"}]\n', analyzer, "in.jsonl")

    def test_missing_file_leaves_nothing(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        with pytest.raises(InputFileError, match="no such file"):
            score_file(folder.path / "no.csv", folder.path / "out.csv", analyzer)
        assert folder.names() == set()

    def test_unknown_text_column(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        with pytest.raises(InvalidInputError, match="no column 'words'; the columns are 'id', 'text'"):
            folder.score("id,text\n1,a\n", analyzer, text_column="words")

    def test_earlier_scores_are_no_text(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        content = "n,cnlp_failure_types\n" + "".join(f"{n},some words that read like text {n}\n" for n in range(9))
        with pytest.raises(InputFileError, match="the columns are 'n'; name"):
            folder.score(content, analyzer)


class TestCrash:
    @pytest.mark.parametrize("failure", [RuntimeError("power cut"), KeyboardInterrupt()])
    @pytest.mark.parametrize("old", [None, "an older result"])
    def test_half_way(self, folder: Folder, analyzer: FakeAnalyzer, failure: BaseException, old: str | None) -> None:
        target = folder.path / "out.csv"
        if old:
            target.write_text(old)
        analyzer.fail_after, analyzer.failure = 20, failure
        content = "id,text\nbroken\n" + f'1,"{TURKISH}"\n' * 50
        with pytest.raises(type(failure)):
            folder.score(content, analyzer)
        assert folder.names() == ({"in.csv", "out.csv"} if old else {"in.csv"})
        assert not old or target.read_text() == old

    def test_source_that_breaks_off(self, folder: Folder, analyzer: FakeAnalyzer) -> None:
        data = gzip.compress(b"id,text\n" + b"".join(b"%d,%d words\n" % (n, n * 7919) for n in range(50_000)))
        with pytest.raises(InputFileError, match="incomplete gzip"):
            folder.score(data[:-1_000], analyzer, "in.csv.gz", encoding="utf-8")
        assert folder.names() == {"in.csv.gz"}

    @pytest.mark.parametrize("change", [-1, 1])
    def test_analyzer_that_loses_or_invents_answers(self, folder: Folder, answer: Answer, change: int) -> None:
        class Careless(FakeAnalyzer):
            def analyze_many(self, items: Iterable[Feedback]) -> Iterator[Analysis]:
                answers = list(super().analyze_many(items))
                yield from answers[:change] if change < 0 else [*answers, answers[0]]

        with pytest.raises(ComplaintNLPError, match=r"1 rows without an answer|more answers than rows"):
            folder.score("id,text\n1,a\n2,b\n3,c\n", Careless(answer))
        assert folder.names() == {"in.csv"}


class TestMemory:
    @pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
    def test_no_more_rows_alive_than_the_analyzer_looks_ahead(self, folder: Folder, answer: Answer, name: str) -> None:
        analyzer = FakeAnalyzer(answer, look_ahead=5)
        alive: list[int] = []

        def rows() -> int:
            return sum(type(item) is Row for item in gc.get_objects())

        def count() -> None:
            if len(analyzer.asked) % 100 == 0:
                alive.append(rows() - before)

        analyzer.on_answer = count
        lines = (f"{n},{ENGLISH}" if name == "in.csv" else json.dumps({"text": ENGLISH}) for n in range(1_000))
        before = rows()  # those that other tests left
        folder.score("\n".join(["id,text", *lines] if name == "in.csv" else lines), analyzer, name)
        assert len(analyzer.asked) == 1_000
        assert len(alive) >= 9
        assert max(alive) <= 5 + 3

    def test_peak_does_not_grow_with_the_file(self, folder: Folder, answer: Answer) -> None:
        class Forgetful(FakeAnalyzer):
            def analyze_many(self, items: Iterable[Feedback]) -> Iterator[Analysis]:
                for analysis in super().analyze_many(items):
                    self.asked.clear()
                    yield analysis

        def peak(rows: int) -> int:
            source = folder.write("id,text,note\n" + f'1,"{TURKISH}",{"x" * 500}\nbroken\n' * rows)
            tracemalloc.start()
            score_file(source, folder.path / "out.csv", Forgetful(answer))
            _, highest = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return highest

        peak(100)  # caches of the first run
        assert peak(6_000) < peak(300) + 1_000_000  # the larger file alone has over 3,000,000 bytes
