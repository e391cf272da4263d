"""Who is who: a person with the reasons, and the conflicts of a workspace."""
