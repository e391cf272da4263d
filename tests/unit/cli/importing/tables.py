"""Workbooks and Parquet files for tests: well made by their usual writers, and badly by hand."""

import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import xlsxwriter
from pyarrow import parquet

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"

SHEET_START = f'<worksheet xmlns="{_MAIN}"><sheetData>'
SHEET_END = "</sheetData></worksheet>"


def workbook(path: Path, *sheets: Sequence[Any]) -> Path:
    """A workbook as spreadsheets write it, from rows of cells; dates and times become date cells."""
    with xlsxwriter.Workbook(str(path)) as file:
        instant = file.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        day = file.add_format({"num_format": "dd.mm.yyyy"})
        for rows in sheets:
            sheet = file.add_worksheet()
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    if isinstance(cell, date):
                        form = instant if isinstance(cell, datetime) else day
                        sheet.write_datetime(row, column, cell, form)
                    elif cell is not None:
                        sheet.write(row, column, cell)
    return path


def made_by_hand(path: Path, sheet: str) -> Path:
    """A workbook with exactly this text as its sheet."""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1"'
        f' Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": sheet,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def text_cell(place: str, text: str) -> str:
    """A cell of text at e.g. `A1`."""
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def parquet_file(path: Path, columns: dict[str, Any]) -> Path:
    """A Parquet file of these columns."""
    parquet.write_table(pa.table(columns), path)
    return path
