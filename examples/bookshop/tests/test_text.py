from bookshop.text import slugify, title_case


def test_slugs_have_letters_digits_and_hyphens():
    assert slugify("Catch-22: A Novel") == "catch-22-a-novel"


def test_small_words_stay_small():
    assert title_case("the lord of the rings") == "The Lord of the Rings"
