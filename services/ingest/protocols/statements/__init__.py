"""`:merge` and `:unmerge` of people and accounts: an operator's statements of who is who."""
