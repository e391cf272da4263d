"""The rows, moves and owners that follow from a resolved view. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from services.stager.identity.names import EventNames, Key
from services.stager.identity.state import OLD_RULES, Move, NameRow, Resolution, State
from services.stager.identity.statements import Statement
from services.stager.identity.timeline import Timeline
from services.stager.identity.view import View
from shared.contracts.names import is_device, is_junk, is_person, normal, split


@dataclass(slots=True)
class Changes:
    """What the resolver found to change, besides the view."""

    statements: list[Statement] = field(default_factory=list)
    changed: set[Key] = field(default_factory=set)
    """Persons whose timelines or names change."""
    names: set[Key] = field(default_factory=set)
    """Names whose rows may change."""
    erased_people: set[Key] = field(default_factory=set)
    erased_events: set[Key] = field(default_factory=set)
    """Stored events of these people, also those of a device alone that was theirs at the time."""


def resolution(
    events: Sequence[EventNames], state: State, view: View, changes: Changes
) -> Resolution:
    """Everything that the caller writes, and the owners of `events`."""
    result = Resolution(statements=changes.statements, changed_persons=set(changes.changed))
    _change_rows(result, state, view, changes)
    _move_events(result, state, view, changes.erased_events)
    for event in events:
        person = view.person_at(event)
        subject = view.subject_at(event, person)
        result.owners.append((None if person is None else person[1], subject))
    result.accounts = _absorbed(state, view)
    _find_erased_names(result, events, state, view, changes.erased_people)
    return result


def row_of(name: Key, state: State, view: View) -> NameRow:
    """The row of a name by the view; its version is the stored one."""
    workspace, text = name
    old = state.rows.get(name)
    version = 0 if old is None else old.version
    if not is_person(text):
        account = view.account_of(workspace, text)
        return NameRow(version, account, account)
    users = view.users.get(name)
    if users is None:
        users = old.users if old is not None else ()
    person = view.user_of(name, None) if is_device(text) else view.person_of(name)
    accounts: Timeline = ()
    if person == name:
        timeline = view.accounts.get(name)
        accounts = timeline if timeline is not None else old.accounts if old is not None else ()
    return NameRow(version, person[1], view.home(person, None), users, accounts)


def _change_rows(result: Resolution, state: State, view: View, changes: Changes) -> None:
    restated = {name for each in changes.statements for name in (each.name, each.other)}
    links: dict[Key, NameRow | None] = dict(state.rows)
    for name in changes.names | view.reach | view.users.keys() | restated:
        old = state.rows.get(name)
        if old is not None and old.version == OLD_RULES and _is_gone(name, state, view):
            stored = normal(name[1])
            person = view.person_of((name[0], stored)) if stored != name[1] else name
            new = NameRow(OLD_RULES, person[1], view.home(person, None))
            result.removed[name] = old
        else:
            new = row_of(name, state, view)
            if not is_person(name[1]) and new.person_id == name[1]:
                # An account that stands for itself needs no row.
                links[name] = None
                if old is not None:
                    result.removed[name] = old
                    _find_ends(result, name, old, new)
                continue
            if (
                old is not None
                and old.version != OLD_RULES
                and old.equals(new)
                and name not in restated
            ):
                continue
            new = NameRow(new.version + 1, new.person_id, new.subject_id, new.users, new.accounts)
            result.changes[name] = (old, new)
        links[name] = new
        _find_ends(result, name, old, new)
    result.links = links


def _is_gone(name: Key, state: State, view: View) -> bool:
    """Whether no event holds a name in this spelling any more, or it names nobody."""
    if not is_person(name[1]):
        return False
    if normal(name[1]) != name[1]:
        return True
    if not is_junk(split(name[1])[1]):
        return False
    return all(view.person_at(each.names) != name for each in state.events.values())


def _find_ends(result: Resolution, name: Key, old: NameRow | None, new: NameRow) -> None:
    """Subjects that begin or cease to stand for themselves."""
    workspace = name[0]
    if old is None:
        if not is_person(name[1]) and new.person_id != name[1]:
            result.ends |= {name, (workspace, new.subject_id)}
        return
    if (old.person_id, old.subject_id) == (new.person_id, new.subject_id):
        return
    result.changed_persons |= {(workspace, old.person_id), (workspace, new.person_id)}
    if is_person(name[1]):
        result.ends |= {name, (workspace, old.person_id), (workspace, new.person_id)}
    else:
        result.ends |= {name, (workspace, old.subject_id), (workspace, new.subject_id)}


def _move_events(
    result: Resolution, state: State, view: View, erased_events: AbstractSet[Key]
) -> None:
    for message, each in state.events.items():
        person = view.person_at(each.names)
        if message in erased_events:
            result.erased.append((message, each.subject_id, each.person_id))
            continue
        subject = view.subject_at(each.names, person)
        person_id = None if person is None else person[1]
        if (person_id, subject) != (each.person_id, each.subject_id):
            result.moves.append(Move(message, person_id, subject, each.person_id, each.subject_id))


def _absorbed(state: State, view: View) -> dict[Key, str]:
    accounts = {name for name in view.reach if not is_person(name[1])}
    accounts |= state.absorbed.keys()
    return {key: account for key in accounts if (account := view.account_of(*key)) != key[1]}


def _find_erased_names(
    result: Resolution,
    events: Sequence[EventNames],
    state: State,
    view: View,
    erased_people: AbstractSet[Key],
) -> None:
    if not erased_people:
        return
    names = set(erased_people)
    candidates = {*state.rows, *view.reach, *view.users}
    for event in [*events, *(each.names for each in state.events.values())]:
        candidates.update(event.people)
        if event.device is not None:
            candidates.add(event.device)
    for name in candidates:
        if not is_person(name[1]):
            continue
        if is_device(name[1]):
            users = row_of(name, state, view).users
            people = {view.person_of((name[0], user)) for _, user, _ in users}
            if people and people <= erased_people:
                names.add(name)
        elif view.person_of(name) in erased_people:
            names.add(name)
    result.erased_names = names
    result.erased_linked = {
        name for name in names if (row := result.links.get(name)) and row.person_id != name[1]
    }
