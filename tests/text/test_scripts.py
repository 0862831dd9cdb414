import pytest

from complaintnlp.text.scripts import stands_in_script_of


@pytest.mark.parametrize(
    ("text", "language", "fits"),
    [
        ("Заказ не пришёл", "tr", False),
        ("الطلب متأخر", "tr", False),
        ("包裹还没到", "tr", False),
        ("kargom gelmedi", "tr", True),
        ("kargom gelmedi", "en", True),
        ("kargom gelmedi", "zh", False),
        ("shat vat er", "hy", True),
        ("Шат ват эр", "hy", False),
        ("Ապրանքը չեկավ", "hy", True),
        ("Ապրանքը չեկավ", "en", False),
        ("这个iPhone手机壳质量太差了", "zh", True),
        ("12345 !!!", "tr", False),
    ],
)
def test_script(text: str, language: str, fits: bool) -> None:
    assert stands_in_script_of(text, language) is fits
