"""Parts of the embedded PostgreSQL: its system user, socket folder, programs, data folder, process."""
