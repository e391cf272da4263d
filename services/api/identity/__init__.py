"""What stored statements and timelines say about a person, as the api shows it. Pure."""
