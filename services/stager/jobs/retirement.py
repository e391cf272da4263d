"""Removes a retired journey from the subjects, a few at a time: placements, deadlines, open alerts.

No history is folded: without the journey there is nothing to compute. Its transitions stay, superseded.
"""

from services.stager.fold.fold_subject import FoldOutput
from services.stager.fold.replace_history import StoredRows, leave_journey
from services.stager.identity.names import Key
from services.stager.store import queues, read
from services.stager.store.rows import Job
from services.stager.store.session import Connection


async def leave_retired(
    connection: Connection, job: Job, limit: int, output: FoldOutput
) -> list[Key]:
    """Take the next `limit` subjects out of the job's journey; returns those that were visited."""
    keys = await queues.retirement_keys(connection, job, limit)
    subjects = {
        key: subject
        for key, subject in (await read.subjects(connection, keys)).items()
        if job.journey in subject.states
    }
    stored = StoredRows(
        transitions=await read.transitions(connection, subjects),
        alerts=await read.alerts(connection, subjects),
    )
    for key, subject in subjects.items():
        leave_journey(key, subject, job.journey, stored, output)
    return keys
