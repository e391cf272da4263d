"""What providers tell by webhook, as touchpoints; docs/ways-in has the table of each.

A provider's module turns one verified item into a `Reading`. What it does not know stays an `unmapped`
item, kept as a dead letter until a mapping knows it. Pure.
"""
