"""HTTP as every service speaks it: keys, problems, request ids, health, the server, the document."""
