"""The steps of one transaction, in files of their names; `pipeline` has their order."""
