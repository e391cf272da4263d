"""Ready mappings for senders of JSON that many use: to be taken as they are, or copied and changed."""

from importlib.resources import files


def names() -> list[str]:
    """Names of the ready mappings, in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".yaml")
    )


def read(name: str) -> str:
    """YAML of a ready mapping. Raises KeyError if there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
