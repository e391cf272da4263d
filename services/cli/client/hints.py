"""Next steps for refusals of the api: its details are for programs, these are for a terminal."""

from collections.abc import Mapping

HINTS: Mapping[str, str] = {
    "unauthenticated": 'the key is not valid here; of this folder: eval "$(stageline env)"',
    "missing_scope": "make a key with it: stageline keys create --kind secret --scope SCOPE",
    "subject_unknown": "`stageline accounts` lists those that there are",
    "invalid_person": "such as user:leah, external:hubspot:contact:8301 or email:leah@acme.example",
    "junk_name": "`stageline identity junk list` shows the words; `junk remove` makes one a name",
    "journey_unknown": "`stageline map list` shows the journeys",
    "source_unknown": "`stageline source list` shows the sources",
    "source_name_taken": "choose another name; `stageline source list` shows the sources",
}
"""Code of a problem to the sentence that follows its detail."""
