"""The check before training: what is left out, and that no like text stands in both parts."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from complaintnlp.errors import InvalidInputError
from complaintnlp.model.own_type import OwnType
from complaintnlp.training.dataset import HeldOut, near_duplicate_key
from complaintnlp.training.own_check import (
    CONFLICT,
    DUPLICATE,
    EMPTY,
    LEAKAGE,
    OURS,
    UNLABELLED,
    UNSUPPORTED,
    OwnData,
    check,
    check_tables,
)
from complaintnlp.training.own_data import OwnLabels, OwnText

LATE = OwnLabels(failure_types=("delay_wait",), primary="delay_wait")
START = "The courier promised to come on Monday before noon and then never showed up, so we waited"


def own(line: int, text: str, labels: OwnLabels = LATE, **other: Any) -> OwnText:
    return OwnText(line, str(line), text, labels, **other)


def printed(data: OwnData) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        for table in check_tables(data):
            console.print(table)
    return capture.get()


def test_what_cannot_be_used_is_left_out_with_its_line() -> None:
    texts = [
        own(2, "The parcel was two days late and nobody said a word."),
        own(3, "😀 !!!"),
        own(4, "Die Lieferung kam zwei Tage zu spät und niemand hat angerufen."),
        own(5, "The bill was wrong again, as every month.", OwnLabels()),
        own(6, "The parcel was two days late, and nobody said a word!", OwnLabels(intensity=2)),
        own(7, "They came late on Sunday."),
        own(8, "They came late on Sunday!", OwnLabels(failure_types=())),
    ]
    data = check(texts)
    assert data.left_out == {EMPTY: [3], UNSUPPORTED: [4], UNLABELLED: [5], DUPLICATE: [6], CONFLICT: [7, 8]}
    (text,) = data.texts
    assert (text.line, text.language) == (2, "en")
    assert text.labels == OwnLabels(failure_types=("delay_wait",), primary="delay_wait", intensity=2)
    report = printed(data)
    assert "7 rows, 1 usable texts" in report
    assert "same text with other labels" in report
    assert "7, 8" in report


def test_a_stated_language_counts_unless_the_script_speaks_against_it() -> None:
    data = check(
        [own(2, "cok gec geldi", language="tr"), own(3, "这家店的客服很慢", language="en"), own(4, "ok", language="fr")]
    )
    assert {text.line: text.language for text in data.texts} == {2: "tr", 3: "zh"}
    assert data.stated_otherwise == [3]
    assert data.left_out == {UNSUPPORTED: [4]}
    assert "read in another language than stated" in printed(data)


def test_texts_that_start_alike_stand_in_one_part_and_a_fifth_is_held_out() -> None:
    names = [f"{a}{b}" for a in "bcdfghklmnprstvz" for b in "aeiou"]
    texts = []
    for number, name in enumerate(names * 3):
        opener = f"{name.capitalize()}, {START}" if number < 2 * len(names) else f"{START} for {name} all day"
        texts.append(own(number + 2, f"{opener} {number}"))
    data = check(texts)
    keys = [{near_duplicate_key(text.text) for text in part} for part in (data.train, data.held_out)]
    assert not keys[0] & keys[1]
    assert len(data.texts) == len(texts)
    assert data.near_duplicates == len(texts) - len(keys[0] | keys[1]) > len(names)
    assert 0.1 < len(keys[1]) / len(keys[0] | keys[1]) < 0.3
    assert check(texts[::-1]).held_out[::-1] == data.held_out, "the order of the rows decides nothing"


def test_a_stated_split_counts_and_what_leaks_is_left_out() -> None:
    texts = [
        own(2, f"{START} an hour", split="held_out"),
        own(3, f"{START} all day", split="train"),
        own(4, f"{START} in vain"),
        own(5, "The app logs me out every day.", split="train"),
        own(6, "The bill is wrong.", split="held_out"),
    ]
    data = check(texts)
    assert data.left_out == {LEAKAGE: [3]}
    assert [text.line for text in data.held_out] == [2, 4, 6]
    assert [text.line for text in data.train] == [5]


def test_what_our_figures_are_measured_on_is_left_out() -> None:
    ours = HeldOut([{"id": "x", "split": "test", "text": f"{START}, twice"}])
    data = check([own(2, f"{START} an hour"), own(3, "The bill is wrong.")], ours)
    assert data.left_out == {OURS: [2]}
    assert [text.line for text in data.texts] == [3]


def test_the_table_tells_rare_and_missing_labels() -> None:
    data = OwnData(rows=14)
    data.train = [own(n, f"text {n}", OwnLabels(failure_types=("delay_wait",)), language="en") for n in range(12)]
    data.train.append(own(20, "text 20", OwnLabels(failure_types=("price_billing",)), language="en"))
    lines = {line.split("│")[1].strip(): line for line in printed(data).splitlines() if line.count("│") == 5}
    assert data.types == ("delay_wait", "price_billing")
    assert "rare: fewer than 10" in lines["price_billing"]
    assert "rare" not in lines["delay_wait"]
    assert "never: stays as it is" in lines["staff_conduct"]
    assert "unknown: stays as it is" in lines["intensity"]


def test_too_few_texts_are_refused() -> None:
    data = check([own(2, "The bill is wrong."), own(3, "The app is slow.")])
    with pytest.raises(InvalidInputError, match=r"left of 2 rows; at least 20 and 5 are needed"):
        data.require_enough()
    with pytest.raises(InvalidInputError, match="no row has a label; columns that teach: failure_types, primary"):
        check([own(2, "The bill is wrong.", OwnLabels())]).require_enough()


def test_a_new_type_is_listed_and_needs_texts() -> None:
    battery, screen = (
        OwnType.of(name, {"names": {"en": name}, "like": "poor_quality"}) for name in ("battery_life", "screen")
    )
    data = OwnData(rows=40, own_types=(battery, screen))
    new = OwnLabels(failure_types=("battery_life", "delay_wait"))
    data.train = [own(n, f"text {n}", new, language="en") for n in range(29)]
    data.held_out = [own(n, f"text {n}", LATE, language="en") for n in range(30, 40)]
    lines = {line.split("│")[1].strip(): line for line in printed(data).splitlines() if line.count("│") == 5}
    assert data.types == ("delay_wait", "battery_life")
    assert "rare: fewer than 30" in lines["battery_life"]
    assert "never: stays as it is" in lines["screen"]
    with pytest.raises(InvalidInputError, match="names the new failure type screen; label some 30 texts"):
        data.require_enough(["battery_life"])
    data.require_enough(["screen"])
    data.train.append(own(29, "text 29", new, language="en"))
    assert printed(data).count("fewer than 30") == 0
