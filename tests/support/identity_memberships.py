"""In which account a person is, by what events say of it: slow, and plain to read."""

from dataclasses import dataclass

from tests.support.identity_statements import Order


@dataclass(frozen=True, slots=True)
class Membership:
    """From this event on a person is in an account, or no longer."""

    order: Order
    account: str
    is_in: bool


def account_at(stated: list[Membership], at: Order) -> str | None:
    """The account that a person was put into last before a time and not taken out of."""
    joins = [each for each in stated if each.is_in]
    before = [each for each in stated if each.order <= at]
    if joins and joins[0].order > at:
        return joins[0].account
    return last_account(before)


def last_account(stated: list[Membership]) -> str | None:
    """The account of the newest statement that no later one takes back."""
    newest = {each.account: each for each in stated}
    return next(
        (each.account for each in reversed(stated) if each.is_in and newest[each.account].is_in),
        None,
    )
