"""CSV, NDJSON, XLSX and Parquet, plain or gzip: every format read into the same named cells."""
