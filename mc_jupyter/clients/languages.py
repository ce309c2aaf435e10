"""The languages that Whisper knows: 99, and since large-v3 one more; codes and English names."""

from __future__ import annotations

from ..errors import OptionError, did_you_mean

_TABLE = (
    "en=english zh=chinese de=german es=spanish ru=russian ko=korean fr=french ja=japanese "
    "pt=portuguese tr=turkish pl=polish ca=catalan nl=dutch ar=arabic sv=swedish it=italian "
    "id=indonesian hi=hindi fi=finnish vi=vietnamese he=hebrew uk=ukrainian el=greek ms=malay "
    "cs=czech ro=romanian da=danish hu=hungarian ta=tamil no=norwegian th=thai ur=urdu "
    "hr=croatian bg=bulgarian lt=lithuanian la=latin mi=maori ml=malayalam cy=welsh sk=slovak "
    "te=telugu fa=persian lv=latvian bn=bengali sr=serbian az=azerbaijani sl=slovenian "
    "kn=kannada et=estonian mk=macedonian br=breton eu=basque is=icelandic hy=armenian "
    "ne=nepali mn=mongolian bs=bosnian kk=kazakh sq=albanian sw=swahili gl=galician mr=marathi "
    "pa=punjabi si=sinhala km=khmer sn=shona yo=yoruba so=somali af=afrikaans oc=occitan "
    "ka=georgian be=belarusian tg=tajik sd=sindhi gu=gujarati am=amharic yi=yiddish lo=lao "
    "uz=uzbek fo=faroese ht=haitian_creole ps=pashto tk=turkmen nn=nynorsk mt=maltese "
    "sa=sanskrit lb=luxembourgish my=myanmar bo=tibetan tl=tagalog mg=malagasy as=assamese "
    "tt=tatar haw=hawaiian ln=lingala ha=hausa ba=bashkir jw=javanese su=sundanese "
    "yue=cantonese"
)
LANGUAGES = dict(pair.split("=") for pair in _TABLE.split())
"""English names by code; ``yue`` is known to the models from large-v3 on only."""

_BY_NAME = {name.replace("_", " "): code for code, name in LANGUAGES.items()} | {
    "burmese": "my",
    "castilian": "es",
    "farsi": "fa",
    "flemish": "nl",
    "haitian": "ht",
    "mandarin": "zh",
    "moldovan": "ro",
    "sinhalese": "si",
    "valencian": "ca",
}


def language_code(language: str | None, what: str) -> str | None:
    """Return the code of a language; None where the service is to find it out.

    Parameters
    ----------
    language
        A code (``de``), an English name (``German``), ``auto`` or None.
    what
        Whose option it is, for the message.

    Raises
    ------
    OptionError
        It is none of them; with the closest.
    """
    if language is None:
        return None
    text = language.strip().lower().replace("_", " ") if isinstance(language, str) else ""
    if text == "auto":
        return None
    code = text if text in LANGUAGES else _BY_NAME.get(text)
    if code is None:
        stem = text.partition("-")[0]  # of a code with a country, which Whisper does not have
        guess = did_you_mean(stem if stem in LANGUAGES else text, [*LANGUAGES, *_BY_NAME])
        if not guess.startswith("did you mean"):
            guess = "a code like en, de or ja, or an English name like german"
        raise OptionError(
            f"{what} knows no language {language!r}: {guess}",
            "auto, or no language at all, has it found out",
        )
    return code
