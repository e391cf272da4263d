"""Ready maps: each runs as it is, and is meant to be copied and changed."""

from importlib.resources import files

DEFAULT = "b2b-jtbd-7"
"""The map of a fresh workspace."""


def names() -> list[str]:
    """Journey keys of the ready maps, in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".yaml")
    )


def read(name: str) -> str:
    """Text of a ready map. Raises KeyError if there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
