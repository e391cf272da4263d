"""`DELETE` of a touchpoint and of an import: an operator takes back what should never have been sent."""
