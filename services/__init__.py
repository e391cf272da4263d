"""The processes of Stageline. A service knows the next one by a topic or a table, not by import."""
