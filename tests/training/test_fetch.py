"""Rows of the corpora, built from files as a user would have downloaded them."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from complaintnlp.cli import app
from complaintnlp.errors import InputFileError, InvalidInputError
from complaintnlp.training.corpus_text import clean_text, text_id
from complaintnlp.training.dataset import read_corpora
from complaintnlp.training.fetch import build_corpora, fetch_table, read_ids, source_lines, write_ids
from complaintnlp.training.sources import Source

SHOP = {
    "language": "en",
    "name": "shop",
    "rows": 2,
    "repository": "owner/shop",
    "commit": "0123456789ab",
    "licence": "MIT",
    "permissive": True,
    "verified": True,
    "files": ["data/reviews.csv", "data/more.csv"],
    "layout": {
        "format": "csv",
        "text": ["title", "body"],
        "labels": {
            "stars": "score",
            "kind": {"constant": "review"},
            "sentiment": {"column": "score", "values": {"1": "negative", "5": "positive"}},
        },
    },
}
HOTEL = {
    **SHOP,
    "language": "tr",
    "name": "hotel",
    "files": ["rows.jsonl"],
    "layout": {
        "format": "jsonl",
        "text": ["yorum"],
        "labels": {"aspects": {"column": "marks", "names": ["room", "staff"], "values": {"2": "neg", "16": "pos"}}},
    },
}
REVIEWS = """title,body,score
Late,"Two hours late &amp; cold
see https://a.b/c?d now",1
,Fine,3
Late!,two hours LATE & cold see https://x now,5
"""
HOTEL_ROWS = '{"yorum": "Oda kirliydi.", "marks": [2, 0]}\n\n{"yorum": "👍", "marks": [16, 16]}\n'


def sources(*tables: dict[str, Any]) -> list[Source]:
    return [Source.model_validate(table) for table in tables]


@pytest.fixture(name="downloads")
def downloaded(tmp_path: Path) -> Path:
    """A clone-like folder of one source, and a bare file of the other."""
    folder = tmp_path / "downloads"
    (folder / "shop" / "data").mkdir(parents=True)
    (folder / "shop" / "data" / "reviews.csv").write_text("\ufeff" + REVIEWS, encoding="utf-8")
    (folder / "hotel").mkdir()
    (folder / "hotel" / "rows.jsonl").write_text(HOTEL_ROWS, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two\n lines\u00a0here ", "two lines here"),
        ("same brand &gt; other&nbsp;size", "same brand > other size"),
        ("see http://t.co/cil6HT1, please", "see <url> please"),
        ("www.shop.com stays", "www.shop.com stays"),
        ("write to ann.b@mail.example.com!", "write to <email>!"),
        ("call 05321234567 or 4442822", "call <number> or 4442822"),
        ("order 123456789", "order 123456789"),
        ("\\n written out\\n", "written out"),
        ("ÇOOOK kötü!!!! 😡", "ÇOOOK kötü!!!! 😡"),
    ],
)
def test_cleaning(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean
    assert clean_text(clean) == clean


def test_an_id_is_the_hash_that_the_corpora_have() -> None:
    assert text_id("I am still waiting on my card?") == "2b7ead212e83"
    assert text_id("i am STILL waiting - on my card") == "2b7ead212e83"


def test_files_become_rows(downloads: Path, tmp_path: Path) -> None:
    results = build_corpora(sources(SHOP, HOTEL), downloads, tmp_path / "corpora", {})
    rows = list(read_corpora(tmp_path / "corpora"))
    late = "Late. Two hours late & cold see <url> now"
    assert rows == [
        {
            "id": text_id("Oda kirliydi"),
            "lang": "tr",
            "source": "hotel",
            "text": "Oda kirliydi.",
            "labels": {"aspects": {"room": "neg"}},
        },
        {
            "id": text_id(late),
            "lang": "en",
            "source": "shop",
            "text": late,
            "labels": {"stars": "1", "kind": "review", "sentiment": "negative"},
        },
        {
            "id": text_id("Fine"),
            "lang": "en",
            "source": "shop",
            "text": ". Fine",
            "labels": {"stars": "3", "kind": "review"},
        },
    ]
    assert [(r.source, r.missing, r.built, r.matched) for r in results] == [
        ("shop", ("data/more.csv",), 2, 2),
        ("hotel", (), 1, 1),
    ]
    assert not list((tmp_path / "corpora").glob("*.part"))


def test_only_known_rows_are_kept_and_the_rest_is_counted(downloads: Path, tmp_path: Path) -> None:
    ids = {("en", "shop"): frozenset({text_id("Fine"), "0" * 12, "1" * 12})}
    (result,) = build_corpora(sources(SHOP), downloads, tmp_path / "corpora", ids)
    assert [row["text"] for row in read_corpora(tmp_path / "corpora")] == [". Fine"]
    assert (result.built, result.matched, result.expected, result.unknown) == (2, 1, 3, 1)
    (reported,) = json.loads((tmp_path / "corpora" / "fetch.json").read_text(encoding="utf-8"))
    assert (reported["source"], reported["unknown"], reported["missing"]) == ("shop", 1, ["data/more.csv"])
    console = Console(file=StringIO(), width=120)
    console.print(fetch_table([result]))
    assert isinstance(console.file, StringIO)
    assert "data/more.csv" in console.file.getvalue()


def test_a_text_of_two_sources_stands_once(downloads: Path, tmp_path: Path) -> None:
    (downloads / "mall").mkdir()
    (downloads / "mall" / "reviews.csv").write_text(REVIEWS, encoding="utf-8")
    build_corpora(sources(SHOP, {**SHOP, "name": "mall"}), downloads, tmp_path / "corpora", {})
    assert [row["source"] for row in read_corpora(tmp_path / "corpora")] == ["shop", "shop"]


def test_marks_of_another_delimiter_are_text_and_a_header_may_be_absent(downloads: Path, tmp_path: Path) -> None:
    layout = {"format": "csv", "delimiter": "\t", "quoted": False, "columns": ["body", "brand"], "text": ["body"]}
    (downloads / "tabs").mkdir()
    (downloads / "tabs" / "t.csv").write_text('"late\tsalt\nI "quit"\tsalt\n', encoding="utf-8")
    build_corpora(
        sources({**SHOP, "name": "tabs", "files": ["t.csv"], "layout": layout}), downloads, tmp_path / "out", {}
    )
    assert [row["text"] for row in read_corpora(tmp_path / "out")] == ['"late', 'I "quit"']


def test_what_was_unpacked_is_read_in_place_of_the_archive(downloads: Path, tmp_path: Path) -> None:
    table = {**HOTEL, "files": ["archive.tar.gz"], "unpacked": ["1.0/rows.jsonl", "1.0/other.jsonl"]}
    (result,) = build_corpora(sources(table), downloads, tmp_path / "corpora", {})
    assert (result.built, result.missing) == (1, ("1.0/other.jsonl",))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "shop/data/reviews.csv",
            "title,text,score\n",
            r"reviews\.csv lacks the column 'body'; it has 'title', 'text'",
        ),
        ("shop/data/reviews.csv", b"title,body,score\n\xff\xfe,x,1\n", r"reviews\.csv cannot be read as csv in utf-8"),
        ("hotel/rows.jsonl", '{"text": "x"}\n', r"rows\.jsonl, line 1 lacks the key 'yorum', 'marks'; it has 'text'"),
        ("hotel/rows.jsonl", '{"yorum": "x", "marks": []}\n[1]\n', r"rows\.jsonl, line 2 must be one JSON object"),
        ("hotel/rows.jsonl", "{\n", r"rows\.jsonl, line 1 is no JSON"),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_nothing_is_written(
    downloads: Path, tmp_path: Path, name: str, content: str | bytes, problem: str
) -> None:
    (downloads / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputFileError, match=problem):
        build_corpora(sources(SHOP, HOTEL), downloads, tmp_path / "corpora", {})
    assert not list((tmp_path / "corpora").iterdir())


def test_other_corpora_are_not_overwritten_but_own_ones_are(downloads: Path, tmp_path: Path) -> None:
    build_corpora(sources(SHOP), downloads, tmp_path / "corpora", {})
    build_corpora(sources(SHOP, HOTEL), downloads, tmp_path / "corpora", {})
    assert len(list(read_corpora(tmp_path / "corpora"))) == 3
    (tmp_path / "corpora" / "fetch.json").unlink()
    with pytest.raises(InvalidInputError, match="holds corpora that data fetch did not build"):
        build_corpora(sources(SHOP), downloads, tmp_path / "corpora", {})
    with pytest.raises(InvalidInputError, match="--from must hold one folder for each source"):
        build_corpora(sources(SHOP), tmp_path / "nowhere", tmp_path / "new", {})


def test_ids_are_written_and_read(tmp_path: Path) -> None:
    rows = [{"id": f"{n:012x}", "lang": "tr", "source": "b" if n else "a"} for n in range(3)]
    write_ids(rows, tmp_path)
    ids = read_ids(tmp_path)
    assert ids == {("tr", "a"): {"0" * 12}, ("tr", "b"): {f"{1:012x}", f"{2:012x}"}}
    before = (tmp_path / "tr.txt.gz").read_bytes()
    write_ids(reversed(rows), tmp_path)
    assert (tmp_path / "tr.txt.gz").read_bytes() == before
    (tmp_path / "tr.txt.gz").write_bytes(gzip.compress(b"x")[:-4])
    with pytest.raises(InputFileError, match=r"tr\.txt\.gz is damaged"):
        read_ids(tmp_path)


def test_the_list_says_where_what_and_what_cannot_be_read() -> None:
    bare = {**SHOP, "layout": None, "verified": False, "note": "a spreadsheet", "permissive": False}
    first, second = ("\n".join(source_lines(sources(table))) for table in (SHOP, bare))
    assert "https://github.com/owner/shop at 0123456789ab" in first
    assert "shop/data/more.csv" in first
    assert "(2 rows; licence: MIT; permissive)" in first
    assert "not permissive" in second
    assert "documented only" in second
    assert "not verified: a spreadsheet" in second


def test_the_command_lists_and_builds(tmp_path: Path) -> None:
    data = Path(__file__).resolve().parents[2] / "data"
    runner = CliRunner()
    listed = runner.invoke(app, ["data", "fetch", "--permissive", "--project", str(data)])
    assert listed.exit_code == 0
    assert "https://github.com/PolyAI-LDN/task-specific-datasets at 57ec275d8078" in listed.stdout
    assert "swiggy" not in listed.stdout
    folder = tmp_path / "downloads" / "banking77"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("text,category\nI am still waiting on my card?,card_arrival\n", encoding="utf-8")
    out = tmp_path / "corpora"
    command = ["data", "fetch", "--from", str(folder.parent), "-o", str(out), "--permissive", "--project", str(data)]
    built = runner.invoke(app, command, env={"COLUMNS": "200"})
    assert built.exit_code == 0, built.output
    (row,) = read_corpora(out)
    assert (row["id"], row["labels"]) == ("2b7ead212e83", {"intent": "card_arrival"})
    assert "banking_data/test.csv" in built.stdout
