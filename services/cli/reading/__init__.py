"""Commands that read accounts, stages and alerts through the api."""
