"""The languages people can be told in, and their catalogs, read from the .po files as they are."""

import gettext
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

DEFAULT = "en"
_FOLDER = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its code (BCP 47), what its speakers call it, and which way it runs."""

    code: str
    name: str
    direction: str = "ltr"
    # What CLDR has of it; RFC 3066 tag for CAP.
    locale: str = ""
    tag: str = ""


LANGUAGES: dict[str, Language] = {
    one.code: one
    for one in (
        Language("en", "English", locale="en_GB", tag="en-GB"),
        Language("zh", "中文", locale="zh_Hans_CN", tag="zh-CN"),
        Language("mn", "Монгол", locale="mn_MN", tag="mn-MN"),
        Language("ru", "Русский", locale="ru_RU", tag="ru-RU"),
        Language("fr", "Français", locale="fr_FR", tag="fr-FR"),
        Language("ar", "العربية", "rtl", "ar_EG", "ar-EG"),
    )
}


def language_of(wished: str) -> Language:
    """Give the language that a code or tag such as `zh-TW` or `fr_CA` asks for; English if none."""
    code = wished.replace("_", "-").split("-")[0].lower()
    return LANGUAGES.get(code, LANGUAGES[DEFAULT])


@cache
def locale_of(language: str) -> Locale:
    """Give how a language writes numbers and dates."""
    return Locale.parse(language_of(language).locale)


@cache
def catalog_of(language: str) -> gettext.NullTranslations:
    """Give a language's catalog; what it has no words for stays English."""
    code = language_of(language).code
    if code == DEFAULT:
        return gettext.NullTranslations()
    with (_FOLDER / f"{code}.po").open("rb") as file:
        catalog = read_po(file, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def say(language: str, message: str, **values: str) -> str:
    """Say a message (its English is its name) in a language; values go where it names them.

    What is said without values may be anybody's, such as the label of a property: "%" stays "%".
    """
    said = catalog_of(language).gettext(message) if message else ""
    return said % values if values else said
