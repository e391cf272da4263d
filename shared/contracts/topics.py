"""Names of the topics; the version is part of the name, so two versions can live side by side."""

TOUCHPOINTS = "stageline.touchpoints.v1"
"""Every accepted touchpoint, one `Envelope` a record."""

DEAD_LETTERS = "stageline.dead.v1"
"""Raw bytes of records that the stager could not apply, with reason and position as headers."""
