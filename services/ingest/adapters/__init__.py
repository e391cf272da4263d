"""Foreign payload in, candidate or refusal out. Pure: no I/O, no clock, no key."""
