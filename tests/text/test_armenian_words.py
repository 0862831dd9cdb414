from complaintnlp.text.armenian_words import likeliest_word, skeleton


def test_a_skeleton_keeps_what_latin_letters_keep() -> None:
    assert skeleton("թատրոն") == skeleton("տադրոն").replace("դ", "տ")
    assert skeleton("ընկեր") == skeleton("նկեր")
    assert skeleton("և") == skeleton("եվ")
    assert skeleton("գինը") != skeleton("գին")


def test_a_known_word_is_spelt_as_in_the_list() -> None:
    assert likeliest_word(["տթ", "ա", "ն", "կք"]) == "թանկ"


def test_letters_that_were_typed_plainly_outweigh_frequency() -> None:
    assert likeliest_word(["է", "ք"]) == "եք"
    assert likeliest_word(["ե", "կք"]) == "եք"


def test_an_unknown_word_follows_the_habits_of_known_ones() -> None:
    word = likeliest_word([*"զվրնգ", "տթ", "ա", "կք", "ա", "ն"])
    assert word[:5] == "զվրնգ"
    assert len(word) == 10
    assert set(word) <= set("զվրնգտթակքան")
