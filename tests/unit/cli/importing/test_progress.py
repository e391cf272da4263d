"""What an import goes on from belongs to one file, read in one way, on its way to one place."""

from pathlib import Path

import pytest

from services.cli.client.target import ApiTarget
from services.cli.importing.formats.cells import Format, Shape
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.progress import ImportProgress, ProgressFile

HERE = ApiTarget(url="http://a.example", key="sl_sk_one")


def kept(home: Path, to: ApiTarget) -> ProgressFile:
    shape = Shape(format=Format.CSV)
    return ProgressFile(home, file_hash="f", mapping=ColumnMapping(), shape=shape, to=to)


def test_an_import_goes_on_where_it_was(tmp_path: Path) -> None:
    kept(tmp_path, HERE).save(ImportProgress(next_line=7, accepted=5))

    assert kept(tmp_path, HERE).load() == ImportProgress(next_line=7, accepted=5)
    assert "sl_sk_one" not in str(kept(tmp_path, HERE).path)


@pytest.mark.parametrize(
    "to",
    [ApiTarget(url="http://b.example", key=HERE.key), ApiTarget(url=HERE.url, key="sl_sk_two")],
    ids=["another place", "another workspace"],
)
def test_what_one_has_another_may_lack(tmp_path: Path, to: ApiTarget) -> None:
    kept(tmp_path, HERE).save(ImportProgress(next_line=7, accepted=5))

    assert kept(tmp_path, to).load() == ImportProgress()
