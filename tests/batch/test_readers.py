"""Encodings, delimiters, broken rows and the choice of columns."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from complaintnlp.batch import lines as lines_module
from complaintnlp.batch.columns import build_feedback, find_columns
from complaintnlp.batch.delimited import Record, read_records
from complaintnlp.batch.encodings import detect_encoding
from complaintnlp.batch.lines import Line, escape_undecodable, read_lines
from complaintnlp.batch.readers import Table, open_table
from complaintnlp.batch.rows import RawJson, Reject, Row
from complaintnlp.errors import InputFileError, InvalidInputError
from complaintnlp.records import MAX_ID_CHARS

TURKISH = "Kargo çok geç geldi, üstelik kutusu ezilmişti. Müşteri hizmetleri telefonu açmıyor."
CHINESE = "物流太慢了，等了一个星期才到，客服一直不回复。"
ARMENIAN = "Առաքումը շատ ուշացավ, ոչ ոք չպատասխանեց։"
ENGLISH = "The courier never came and nobody called me back."


def write(folder: Path, content: str | bytes, name: str = "in.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(table: Table) -> tuple[list[Row], list[Reject]]:
    items = list(table.rows())
    return [item for item in items if isinstance(item, Row)], [item for item in items if isinstance(item, Reject)]


def read_csv(folder: Path, content: str | bytes, name: str = "in.csv") -> tuple[list[Row], list[Reject]]:
    return read(open_table(write(folder, content, name)))


def texts(rows: list[Row], column: str = "text") -> list[str]:
    return [row.values()[column] for row in rows]


class TestEncoding:
    @pytest.mark.parametrize("text", [TURKISH, CHINESE, ARMENIAN, ENGLISH])
    @pytest.mark.parametrize(
        ("written", "found"),
        [
            ("utf-8", "utf-8"),
            ("utf-8-sig", "utf-8"),
            ("utf-16", "utf-16"),
            ("utf-16-le", "utf-16-le"),
            ("utf-16-be", "utf-16-be"),
        ],
    )
    def test_unicode(self, tmp_path: Path, text: str, written: str, found: str) -> None:
        path = write(tmp_path, f'id;text\r\n1;"{text}"\r\n', encoding=written)
        table = open_table(path)
        rows, rejects = read(table)
        assert (table.encoding, table.header, rejects) == (found, ("id", "text"), [])
        assert texts(rows) == [text]

    def test_utf16_where_common_chinese_characters_hold_zero_and_newline_bytes(self, tmp_path: Path) -> None:
        # 一 is U+4E00 and 上 is U+4E0A.
        text = "一上一上　一次一次上当，一点也不好" * 20
        for encoding in ("utf-16-le", "utf-16-be"):
            path = write(tmp_path, f"评论\n{text}\n", encoding=encoding)
            assert detect_encoding(path) == encoding
            assert texts(read(open_table(path))[0], "评论") == [text]

    def test_turkish_cp1254_that_decodes_as_gb18030(self, tmp_path: Path) -> None:
        text = "Müşteri hizmetleri ilgisizdi ve ürünler kırık geldi"
        data = f"id,text\n1,{text}\n".encode("cp1254")
        data.decode("gb18030")  # no error: trying in turn would be fooled
        table = open_table(write(tmp_path, data))
        assert table.encoding == "cp1254"
        assert texts(read(table)[0]) == [text]

    def test_short_turkish_words_in_cp1254(self, tmp_path: Path) -> None:
        assert detect_encoding(write(tmp_path, "text\nçok kötü\nÜrün güzel\n".encode("cp1254"))) == "cp1254"

    def test_chinese_gb18030_with_emoji(self, tmp_path: Path) -> None:
        text = "手机很好👍，就是物流太慢😡，客服态度差"
        table = open_table(write(tmp_path, f"text\n{text}\n".encode("gb18030")))
        assert table.encoding == "gb18030"
        assert texts(read(table)[0]) == [text]

    @pytest.mark.parametrize(
        ("text", "encoding"), [(TURKISH, "cp1254"), (CHINESE, "gb18030"), (ARMENIAN, "utf-8"), (TURKISH, "utf-8")]
    )
    def test_first_accented_letter_far_into_the_file(self, tmp_path: Path, text: str, encoding: str) -> None:
        head = "id\ttext\n" + "".join(f"{n}\tplain words {n}\n" for n in range(8_000))
        assert len(head) > 2 * 65_536
        table = open_table(write(tmp_path, (head + f"x\t{text}\n").encode(encoding), "in.tsv"))
        assert table.encoding == encoding
        assert texts(read(table)[0])[-1] == text

    @pytest.mark.parametrize("shift", range(4))
    @pytest.mark.parametrize(("text", "encoding"), [(CHINESE, "gb18030"), (CHINESE, "utf-8"), (ARMENIAN, "utf-8")])
    def test_sample_cuts_no_character(self, tmp_path: Path, text: str, encoding: str, shift: int) -> None:
        # One line far longer than the sample; the shift moves the cut through a character.
        data = "text\n" + "x" * shift + text.replace(" ", "") * 12_000 + "\n"
        assert detect_encoding(write(tmp_path, data.encode(encoding))) == encoding

    def test_huge_chinese_line_without_spaces(self, tmp_path: Path) -> None:
        for shift in range(2):
            data = "text\n" + "x" * shift + "非常差" * 60_000
            assert detect_encoding(write(tmp_path, data.encode("gb18030"))) == "gb18030"

    def test_plain_ascii_is_utf8(self, tmp_path: Path) -> None:
        assert detect_encoding(write(tmp_path, "text\nbad\n")) == "utf-8"

    def test_damaged_utf8_stays_utf8_and_costs_only_its_row(self, tmp_path: Path) -> None:
        # A database that cut a value in the middle of a letter.
        data = b"text\n" + f"{CHINESE}\n".encode() * 20 + "服务很".encode()[:-1] + f"\n{ENGLISH}\n".encode()
        table = open_table(write(tmp_path, data))
        rows, rejects = read(table)
        assert table.encoding == "utf-8"
        assert len(rows) == 21
        assert texts(rows)[-1] == ENGLISH
        (reject,) = rejects
        assert reject.line == 22
        assert "not valid utf-8" in reject.reason
        assert escape_undecodable(reject.raw) == "服务\\xe5\\xbe"

    @pytest.mark.parametrize(("text", "encoding"), [(TURKISH, "cp1254"), (CHINESE, "gb18030")])
    def test_damaged_legacy_file(self, tmp_path: Path, text: str, encoding: str) -> None:
        bad = b"\x81\x8d!" if encoding == "cp1254" else b"\xff\xff!"
        data = b"id;text\n" + f"1;{text}\n".encode(encoding) * 3 + b"2;" + bad + b"\n"
        table = open_table(write(tmp_path, data))
        rows, rejects = read(table)
        assert table.encoding == encoding
        assert (len(rows), [reject.line for reject in rejects]) == (3, [5])

    def test_truncated_utf16_is_rejected_not_replaced(self, tmp_path: Path) -> None:
        data = f"id;text\n1;{TURKISH}\n2;son".encode("utf-16-le") + b"x"
        rows, rejects = read(open_table(write(tmp_path, data)))
        assert texts(rows) == [TURKISH]
        assert [escape_undecodable(reject.raw) for reject in rejects] == ["2;son\\x78"]

    def test_override(self, tmp_path: Path) -> None:
        path = write(tmp_path, "text;n\n服務很差，等了很久;1\n".encode("big5"))
        table = open_table(path, "big5")
        assert (table.encoding, texts(read(table)[0])) == ("big5", ["服務很差，等了很久"])

    def test_wrong_override_rejects_and_never_replaces(self, tmp_path: Path) -> None:
        path = write(tmp_path, f"text;n\nfine;1\n{TURKISH};2\n".encode("cp1254"))
        rows, rejects = read(open_table(path, "utf-8"))
        assert texts(rows) == ["fine"]
        assert [reject.line for reject in rejects] == [3]

    def test_undecodable_header_is_an_error(self, tmp_path: Path) -> None:
        path = write(tmp_path, "şikayet\nkötü\n".encode("cp1254"))
        with pytest.raises(InputFileError, match=r"header is not valid utf-8; .*--encoding"):
            open_table(path, "utf-8")

    def test_utf16_override_without_a_mark(self, tmp_path: Path) -> None:
        with pytest.raises(InputFileError, match=r"cannot be read as utf-16 .*such as utf-16-le"):
            open_table(write(tmp_path, "text\nx\n", encoding="utf-16-le"), "utf-16")

    @pytest.mark.parametrize("name", ["klingon", "hex", "a\0b"])
    def test_unknown_override(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InvalidInputError, match="unknown; give a name such as"):
            open_table(write(tmp_path, "text\nx\n"), name)

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            *((text, "utf-8") for text in (ENGLISH, TURKISH, CHINESE, ARMENIAN)),
            *((text, "cp1254") for text in (ENGLISH, TURKISH)),
            (CHINESE, "gb18030"),
        ],
    )
    def test_nul_bytes_do_not_make_it_utf16(self, tmp_path: Path, text: str, encoding: str) -> None:
        data = f"id;text\n1;a\0b {text}\0\n2;\0{text}\n"
        rows, _ = read(open_table(write(tmp_path, data.encode(encoding))))
        assert texts(rows) == [f"a\0b {text}\0", f"\0{text}"]

    def test_letter_pairs_after_a_nul_are_no_chinese(self, tmp_path: Path) -> None:
        # Read as UTF-16 this is a header, a line end and common Chinese characters.
        assert detect_encoding(write(tmp_path, b"text\n\0" + b"hello" * 200)) == "utf-8"


class TestDelimiter:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_sniffed_with_the_others_inside_quotes_and_texts(self, tmp_path: Path, delimiter: str) -> None:
        header = delimiter.join(["id", '"text, with; all\tof them"', "rating"])
        row = delimiter.join(["1", '"slow, rude; and\tlate, very late"', "2"])
        table = open_table(write(tmp_path, f"{header}\n{row}\n{row}\n"))
        assert table.delimiter == delimiter
        assert table.header == ("id", "text, with; all\tof them", "rating")
        assert len(read(table)[0]) == 2

    def test_commas_in_unquoted_texts_of_a_semicolon_file(self, tmp_path: Path) -> None:
        content = "id;yorum;puan\n1;geç geldi, kırıktı, ilgilenmediler;1\n2;kötü, pahalı;2\n"
        assert open_table(write(tmp_path, content)).delimiter == ";"

    def test_single_column_with_unquoted_commas(self, tmp_path: Path) -> None:
        rows, rejects = read_csv(tmp_path, "yorum\ngeç geldi, kırıktı\nkötü\n")
        assert (texts(rows, "yorum"), rejects) == (["geç geldi, kırıktı", "kötü"], [])

    def test_one_broken_quote_does_not_mislead(self, tmp_path: Path) -> None:
        body = "".join(f"{n};text {n}, and more\n" for n in range(20))
        assert open_table(write(tmp_path, 'id;text\n1;"open, never closed\n' + body)).delimiter == ";"

    def test_tsv_is_tab(self, tmp_path: Path) -> None:
        assert open_table(write(tmp_path, "a,b\tc\n1,2\t3\n", "in.tsv")).delimiter == "\t"


class TestBrokenRows:
    def test_quoting_that_is_right(self, tmp_path: Path) -> None:
        content = 'id,text\n1,"two\nlines, a ""quote"" and\r\nmore"\n2,5" screen\n3,""\n\n4,""""\n5,'
        rows, rejects = read_csv(tmp_path, content)
        assert texts(rows) == ['two\nlines, a "quote" and\r\nmore', '5" screen', "", '"', ""]
        assert rejects == []
        assert [row.line for row in rows] == [2, 5, 6, 8, 9]

    def test_agrees_with_the_csv_module(self, tmp_path: Path) -> None:
        cells = ["plain", 'in "quotes"', "a,b", "line\nbreak", "cr\rinside", "", '"', '""', " padded ", CHINESE]
        path = tmp_path / "in.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["id", "text", "end"])
            writer.writerows([n, cell, "e"] for n, cell in enumerate(cells))
        rows, rejects = read(open_table(path))
        assert (texts(rows), rejects) == (cells, [])

    def test_unclosed_quote_costs_one_line(self, tmp_path: Path) -> None:
        content = 'id,text\n1,good\n2,"never closed\n3,fine\n4,"quoted, fine"\n5,also fine\n'
        rows, rejects = read_csv(tmp_path, content)
        assert texts(rows) == ["good", "fine", "quoted, fine", "also fine"]
        assert [(reject.line, reject.raw) for reject in rejects] == [(3, '2,"never closed')]

    def test_unclosed_quote_without_any_later_quote(self, tmp_path: Path) -> None:
        body = "".join(f"{n},row {n}\n" for n in range(500))
        rows, rejects = read_csv(tmp_path, 'id,text\n0,"never closed\n' + body)
        assert len(rows) == 500
        assert [row.line for row in rows][:2] == [3, 4]
        assert len(rejects) == 1
        assert "quote opened on line 2 is not closed" in rejects[0].reason

    def test_unclosed_quote_before_empty_quoted_cells(self, tmp_path: Path) -> None:
        rows, rejects = read_csv(tmp_path, 'id,text,x\n0,"never closed,1\n1,"",2\n2,"",3\n')
        assert len(rows) == 2
        assert [reject.line for reject in rejects] == [2]

    def test_every_row_unclosed(self, tmp_path: Path) -> None:
        rows, rejects = read_csv(tmp_path, "id,text\n" + '1,"never closed\n' * 300 + "2,fine\n")
        assert texts(rows) == ["fine"]
        assert len(rejects) == 300

    def test_remainder_of_a_broken_row_is_not_scored(self, tmp_path: Path) -> None:
        content = 'text,stars\n"They said\n""no"" to me, "and left\nbye",5\nfine,4\n'
        rows, rejects = read_csv(tmp_path, content)
        assert texts(rows) == ["fine"]
        assert [reject.line for reject in rejects] == [2, 3, 4]

    def test_remainder_without_a_quote_is_no_row_and_does_not_end_the_search(self, tmp_path: Path) -> None:
        content = (
            'text,stars\n"He said "no" and left\nmore words here\nthe end of it",1\n'
            '27" screen came late,2\nfine,4\n27" screen is fine,5\n'
        )
        rows, rejects = read_csv(tmp_path, content)
        assert texts(rows) == ["fine", '27" screen is fine']
        assert [reject.line for reject in rejects] == [2, 3, 4, 5]

    @pytest.mark.parametrize("cells", [["word"] * 2_000, ['"word"'] * 2_000, ['"two\nlines"'] * 2_000])
    def test_each_line_is_measured_once(self, cells: list[str]) -> None:
        measured: Counter[str] = Counter()

        class Measured(str):
            __slots__ = ()

            def rstrip(self, chars: str | None = None, /) -> str:
                measured["rstrip"] += 1
                return super().rstrip(chars)

            def __len__(self) -> int:
                measured["len"] += 1
                return super().__len__()

        text = '"",' + ",".join(cells) + "\n"
        lines = [Line(n, Measured(line), True) for n, line in enumerate(text.splitlines(keepends=True), start=1)]
        (record,) = read_records(iter(lines), ",")
        assert isinstance(record, Record)
        assert len(record.cells) == 2_001
        assert measured["rstrip"] <= 2 * len(lines)
        assert measured["len"] <= 2 * (len(lines) + len(cells))

    def test_search_for_a_closing_quote_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("complaintnlp.batch.delimited.MAX_RECORD_CHARS", 1_000)
        body = "".join(f"{n},row\n" for n in range(1_000))
        rows, rejects = read_csv(tmp_path, 'id,text\n0,"open\n' + body + 'z,the end "\n')
        assert (len(rows), [reject.line for reject in rejects]) == (1_001, [2])

    def test_too_many_and_too_few_cells(self, tmp_path: Path) -> None:
        rows, rejects = read_csv(tmp_path, "id,text,n\n1,good,1\n2,bad,1,extra\n3,short\n4,good,1\n")
        assert [row.line for row in rows] == [2, 5]
        assert [(reject.line, reject.reason) for reject in rejects] == [
            (3, "the row has 4 cells, the header has 3"),
            (4, "the row has 2 cells, the header has 3"),
        ]

    def test_one_megabyte_cell_beyond_the_limit_of_the_csv_module(self, tmp_path: Path) -> None:
        limit = csv.field_size_limit()
        text = "çok kötü " * 120_000
        rows, rejects = read_csv(tmp_path, f'id,text\n1,"{text}"\n2,{text}\n3,fine\n')
        assert (texts(rows), rejects) == ([text, text, "fine"], [])
        assert csv.field_size_limit() == limit

    @pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
    def test_line_too_long_for_memory_is_kept_in_pieces(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(lines_module, "MAX_RECORD_CHARS", 100)
        first, last = ("text\n", "fine") if name == "in.csv" else ("", '{"text": "fine"}')
        rows, rejects = read_csv(tmp_path, f"{first}{'x' * 250}\n{last}\n", name)
        assert texts(rows) == ["fine"]
        assert "".join(reject.raw for reject in rejects) == "x" * 250
        assert len({reject.line for reject in rejects}) == 1
        assert rows[0].line == rejects[0].line + 1

    def test_broken_header(self, tmp_path: Path) -> None:
        with pytest.raises(InputFileError, match="line 1: the header cannot be read"):
            open_table(write(tmp_path, 'id,"text\n1,a\n'))

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends(self, tmp_path: Path, end: str) -> None:
        rows, rejects = read_csv(tmp_path, f'id,text{end}1,one{end}2,"two"{end}')
        assert (texts(rows), [row.line for row in rows], rejects) == (["one", "two"], [2, 3], [])


class TestJsonLines:
    def test_values_keep_their_spelling(self, tmp_path: Path) -> None:
        line = '{"id": 12345678901234567890.10, "text": "a\\u00e7", "x": {"k": [1.0, null]}, "n": null, "t": true}'
        rows, rejects = read_csv(tmp_path, f"\n  {line}  \n", "in.jsonl")
        assert rejects == []
        assert rows[0].line == 2
        assert rows[0].cells == (
            ("id", RawJson("12345678901234567890.10")),
            ("text", "aç"),
            ("x", RawJson('{"k": [1.0, null]}')),
            ("n", RawJson("null")),
            ("t", RawJson("true")),
        )
        assert [type(value) for _, value in rows[0].cells] == [RawJson, str, RawJson, RawJson, RawJson]

    @pytest.mark.parametrize(
        "line",
        [
            '{"text": "open',
            '{"text": "a"} trailing',
            '["text"]',
            '"text"',
            "5",
            "null",
            "{'text': 'a'}",
            "[" * 100_000,
            '{"n": ' + "1" * 5_000 + "}",
        ],
    )
    def test_bad_lines_are_rejected_and_reading_goes_on(self, tmp_path: Path, line: str) -> None:
        rows, rejects = read_csv(tmp_path, f'{line}\n{{"text": "fine"}}\n{{}}\n', "in.ndjson")
        assert [row.line for row in rows] == [2, 3]
        assert [(reject.line, reject.raw) for reject in rejects] == [(1, line)]
        assert "JSON" in rejects[0].reason

    def test_raw_control_characters(self, tmp_path: Path) -> None:
        rows, rejects = read_csv(tmp_path, '{"text": "a\0b\tc"}\n', "in.jsonl")
        assert (texts(rows), rejects) == (["a\0b\tc"], [])

    def test_names_are_gathered_to_the_last_line(self, tmp_path: Path) -> None:
        content = '{"text": "a"}\n' * 300 + '{"nps": 3, "text": "b"}\n'
        assert open_table(write(tmp_path, content, "in.jsonl")).columns() == ("text", "nps")

    def test_gzip(self, tmp_path: Path) -> None:
        path = write(tmp_path, gzip.compress(json.dumps({"text": CHINESE}).encode()), "IN.JSONL.GZ")
        assert texts(read(open_table(path))[0]) == [CHINESE]


class TestFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputFileError, match=r"no\.csv: no such file; check"):
            open_table(tmp_path / "no.csv")

    def test_folder(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").mkdir()
        with pytest.raises(InputFileError, match="not a regular file"):
            open_table(tmp_path / "in.csv")

    def test_unreadable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write(tmp_path, "text\na\n")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(InputFileError, match=r"cannot be read \(Permission denied\); check its permissions"):
            open_table(path)

    @pytest.mark.parametrize("name", ["in.xlsx", "in.json", "in", "in.csv.zip"])
    def test_unknown_suffix(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputFileError, match=r"allowed: \.csv, \.tsv, \.jsonl, \.ndjson"):
            open_table(write(tmp_path, "text\na\n", name))

    @pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
    def test_empty(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(InputFileError, match="empty"):
            open_table(write(tmp_path, content, "in.csv.gz" if content else "in.csv"))

    @pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"\n\r\n"])
    def test_nothing_but_a_mark_or_blank_lines(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(InputFileError, match="no lines with content"):
            open_table(write(tmp_path, content))

    def test_damaged_gzip(self, tmp_path: Path) -> None:
        whole = gzip.compress("şikayet\n".encode() + b"".join(b"%d words\n" % n for n in range(50_000)))
        table = open_table(write(tmp_path, whole[: len(whole) // 2], "in.csv.gz"))
        with pytest.raises(InputFileError, match="damaged or incomplete gzip"):
            read(table)
        with pytest.raises(InputFileError, match="damaged or incomplete gzip"):
            open_table(write(tmp_path, b"text\na\n", "plain.csv.gz"))

    def test_lines_are_streamed(self, tmp_path: Path) -> None:
        # Endless for a reader that wants it all: the damage behind the first lines is never reached.
        whole = gzip.compress(b"text\n" + b"".join(b"%d words\n" % n for n in range(200_000)))
        path = write(tmp_path, whole[: len(whole) - 100], "in.csv.gz")
        stream = read_lines(path, "utf-8")
        assert [line.number for line in islice(stream, 3)] == [1, 2, 3]
        stream.close()


def sample(*values: dict[str, str]) -> list[Row]:
    return [Row(n, "", tuple(value.items())) for n, value in enumerate(values, start=2)]


class TestColumns:
    @pytest.mark.parametrize(
        "name",
        [
            *("text", "Review", " COMMENT ", "Review Text", "feedback", "message", "content", "body", "complaint"),
            *("yorum", "YORUM", "Metin", "METİN", "ŞİKAYET", "şikayet", "AÇIKLAMA", "mesaj"),
            *("评论", "内容", "文本", "反馈", "評論", "մեկնաբանություն", "ԿԱՐԾԻՔ", "տեքստ"),
        ],
    )
    def test_text_by_name(self, name: str) -> None:
        assert find_columns(Path("f.csv"), ["id", name, "subject"], [], None).text == name

    def test_more_telling_name_wins(self) -> None:
        assert find_columns(Path("f.csv"), ["message", "Text"], [], None).text == "Text"

    @pytest.mark.parametrize("text", [TURKISH, CHINESE, ARMENIAN, ENGLISH])
    def test_text_by_content(self, text: str) -> None:
        rows = sample(*({"who": f"Ayşe {n}", "said": f"{text} {n}", "url": "x" * 300 + str(n)} for n in range(5)))
        assert find_columns(Path("f.csv"), ["who", "said", "url"], rows, None).text == "said"

    @pytest.mark.parametrize(
        "values",
        [
            {"who": "Ann Lee", "place": "New York"},
            {"a": "12", "b": "34"},
            {"first": "the parcel came late again", "second": "the parcel came too late again"},
        ],
    )
    def test_unclear_text_lists_the_columns(self, values: dict[str, str]) -> None:
        first, second = values
        rows = sample(*({name: f"{value} {n}" for name, value in values.items()} for n in range(5)))
        with pytest.raises(InputFileError, match=rf"'{first}', '{second}'.*--text-column"):
            find_columns(Path("f.csv"), list(values), rows, None)

    def test_repeated_phrase_is_no_text(self) -> None:
        rows = sample(*({"department": "customer service department Istanbul"} for _ in range(5)))
        with pytest.raises(InputFileError, match="cannot tell"):
            find_columns(Path("f.csv"), ["department"], rows, None)

    @pytest.mark.parametrize("header", [["17", "words", "5"], ["x", "the parcel came two weeks late and was broken"]])
    def test_file_without_a_header(self, header: list[str]) -> None:
        rows = sample(*({name: f"{ENGLISH} {n}" if name == header[1] else "1" for name in header} for n in range(5)))
        with pytest.raises(InputFileError, match="first line looks like data"):
            find_columns(Path("f.csv"), header, rows, None)

    def test_chosen_column(self) -> None:
        assert find_columns(Path("f.csv"), ["text", "Notes"], [], "Notes").text == "Notes"
        assert find_columns(Path("f.csv"), ["text", "Notes"], [], "notes").text == "Notes"
        with pytest.raises(InvalidInputError, match="no column 'nope'; the columns are 'text', 'Notes'"):
            find_columns(Path("f.csv"), ["text", "Notes"], [], "nope")

    def test_optional_columns(self) -> None:
        names = ["Review ID", "Yorum", "Dil", "NPS", "Yıldız", "Kanal", "TARİH"]
        columns = find_columns(Path("f.csv"), names, [], None)
        assert columns.optional == {
            "id": "Review ID",
            "language": "Dil",
            "nps_score": "NPS",
            "rating": "Yıldız",
            "channel": "Kanal",
            "created_at": "TARİH",
        }
        values = ["7", TURKISH, "tr-TR", "9.0", "4,5", "E-mail", "31.12.2025"]
        ignored: Counter[str] = Counter()
        feedback = build_feedback(Row(2, "", tuple(zip(names, values, strict=True))), columns, ignored)
        assert feedback.to_dict() == {
            "id": "7",
            "country": None,
            "customer": None,
            "text": TURKISH,
            "language": "tr",
            "rating": 4.5,
            "nps_score": 9,
            "channel": "email",
            "created_at": "2025-12-31T00:00:00Z",
        }
        assert not ignored

    @pytest.mark.parametrize("name", ["stars", "rating", "score", "puan", "星级", "Star Rating"])
    def test_stars_are_never_an_nps_score(self, name: str) -> None:
        assert "nps_score" not in find_columns(Path("f.csv"), ["text", name], [], None).optional

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("nps", value) for value in ("n/a", "11", "-1", "7.5", "true", "detractor", "1e1", "٩", "nan")),
            *(("rating", value) for value in ("0", "6", "five", "nan")),
            *(("language", value) for value in ("de", "?", "xx-YY")),
            *(("channel", value) for value in ("pigeon", "5")),
            *(("date", value) for value in ("yesterday", "01/02/2025", "1700000000", "2025-13-01")),
            ("id", "\ud800"),
            ("id", "x" * (MAX_ID_CHARS + 1)),
        ],
    )
    def test_bad_optional_value_is_left_out_and_counted(self, name: str, value: str) -> None:
        columns = find_columns(Path("f.csv"), ["text", name], [], None)
        ignored: Counter[str] = Counter()
        feedback = build_feedback(Row(2, "", (("text", ENGLISH), (name, value))), columns, ignored)
        assert feedback.to_dict() == {**feedback.model_construct(text=ENGLISH).to_dict(), "text": ENGLISH}
        assert ignored == {name: 1}

    def test_longest_allowed_id(self) -> None:
        columns = find_columns(Path("f.csv"), ["text", "id"], [], None)
        row = Row(2, "", (("text", "a"), ("id", "x" * MAX_ID_CHARS)))
        assert build_feedback(row, columns, Counter()).id == "x" * MAX_ID_CHARS

    @pytest.mark.parametrize("value", ["", "  ", RawJson("null")])
    def test_absent_optional_value_is_no_fault(self, value: str) -> None:
        columns = find_columns(Path("f.csv"), ["text", "nps"], [], None)
        ignored: Counter[str] = Counter()
        assert build_feedback(Row(2, "", (("text", "a"), ("nps", value))), columns, ignored).nps_score is None
        assert not ignored

    @pytest.mark.parametrize(("value", "expected"), [("0", 0), ("10", 10), (" 7 ", 7), (RawJson("10"), 10)])
    def test_nps_scores(self, value: str, expected: int) -> None:
        columns = find_columns(Path("f.csv"), ["text", "nps_score"], [], None)
        row = Row(2, "", (("text", "a"), ("nps_score", value)))
        assert build_feedback(row, columns, Counter()).nps_score == expected

    def test_text_must_be_a_string(self) -> None:
        columns = find_columns(Path("f.jsonl"), ["text"], [], None)
        for cells, message in (
            ((), "missing"),
            ((("text", RawJson("5")),), "string"),
            ((("text", "\ud800"),), "surrog"),
        ):
            with pytest.raises(InvalidInputError, match=message):
                build_feedback(Row(2, "", cells), columns, Counter())
        assert build_feedback(Row(2, "", (("text", RawJson("null")),)), columns, Counter()).text == ""
