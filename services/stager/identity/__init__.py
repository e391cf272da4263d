"""Who an event is about: names, the links between them, and where they lead. Pure."""
