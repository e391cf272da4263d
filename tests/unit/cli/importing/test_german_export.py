"""An export of a CRM in German, as Excel writes it: all of its habits at once."""

import codecs
import json
from pathlib import Path

from services.cli.importing.formats.cells import Format, Shape
from services.cli.importing.formats.opening import is_marked
from services.cli.importing.mapping import read_mapping
from services.cli.importing.refused import RefusedFile
from services.cli.importing.rows import open_rows

MAPPING = """\
columns: {event: Aktivität, account_id: Firma, occurred_at: Datum, value: Betrag}
timezone: Europe/Berlin
time_format: ["%d.%m.%Y %H:%M", "%d.%m.%Y"]
decimal: ","
delimiter: ";"
"""
EXPORT = (
    "Aktivität;Firma;Datum;Betrag\r\n"
    "Angebot;Müller Söhne;02.03.2026 10:30;1.234,50\r\n"
    "Auftrag;Müller Söhne;05.03.2026;12.000,00 €\r\n"
    "Auftrag;Müller Söhne;gestern;7\r\n"
)


def test_a_german_export_is_read_and_its_refused_rows_open_in_excel(tmp_path: Path) -> None:
    export, kept = tmp_path / "crm.csv", tmp_path / "refused.csv"
    export.write_bytes(codecs.BOM_UTF8 + EXPORT.encode())
    (tmp_path / "crm.yaml").write_text(MAPPING)
    mapping = read_mapping(tmp_path / "crm.yaml")
    shape = Shape(format=Format.CSV, delimiter=mapping.file.delimiter or "")

    with open_rows(export, mapping, shape) as opened:
        rows = list(opened.rows)
        refused = RefusedFile(
            kept,
            shape=shape,
            mapping=mapping,
            columns=opened.columns,
            is_continued=False,
            is_marked=is_marked(export),
        )
    problem = rows[2].problem
    assert problem is not None
    refused.add(problem, rows[2])
    refused.close()

    read = [json.loads(row.body) for row in rows[:2]]
    assert [(each["event"], each["occurred_at"], each["value"]) for each in read] == [
        ("Angebot", "2026-03-02T09:30:00+00:00", 1234.5),
        ("Auftrag", "2026-03-04T23:00:00+00:00", 12_000),
    ]
    assert problem.code == "invalid_occurred_at"
    assert kept.read_bytes().startswith(codecs.BOM_UTF8 + b"import_line;")
    assert "Müller Söhne;gestern" in kept.read_text("utf-8-sig")
