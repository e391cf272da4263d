"""Words for emotions and frictions, so that different spellings count as one.

The lists are open: an unknown word is kept as it was sent. A known one may be written in any case, with
spaces, hyphens or underscores, and is kept in the form below. Source: requirements R27, R28.
"""

FRICTIONS = (
    "unclear pricing", "weak product detail", "slow pages", "repeated questions", "poor handoff",
    "information gap", "process delay", "conflicting messages", "service variation",
)  # fmt: skip
"""What is in a customer's way."""

EMOTIONS = (
    "confident", "delighted", "trusting", "curious", "satisfied", "urgent", "neutral", "confused",
    "doubtful", "overwhelmed", "anxious", "frustrated", "disappointed", "angry",
)  # fmt: skip
"""How a customer feels."""

SURVEY_SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "pulse": (1, 5)}
"""Lowest and highest score of each kind of survey: likelihood to recommend, satisfaction, ease, and
short questions like "was this helpful?"."""

_UPPER_BOUNDS = {
    "nps": ((2, 1), (6, 2), (8, 3), (9, 4), (10, 5)),
    "csat": ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5)),
    "ces": ((1, 1), (3, 2), (4, 3), (6, 4), (7, 5)),
    "pulse": ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5)),
}


def friction(word: str) -> str:
    """The listed form of a friction, or the word itself."""
    return _FRICTIONS.get(_plain(word), word)


def emotion(word: str) -> str:
    """The listed form of an emotion, or the word itself."""
    return _EMOTIONS.get(_plain(word), word)


def is_on_scale(survey: str, score: float) -> bool:
    """Whether a score can be an answer to this kind of survey."""
    lowest, highest = SURVEY_SCALES[survey]
    return lowest <= score <= highest


def sentiment_of(survey: str, score: float) -> int:
    """Sentiment (1 to 5) that a score on its scale speaks of: detractors 1 and 2, promoters 4 and 5."""
    return next(value for bound, value in _UPPER_BOUNDS[survey] if score <= bound)


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", " ").replace("_", " ")


_FRICTIONS = {word: word for word in FRICTIONS}
_EMOTIONS = {word: word for word in EMOTIONS}
