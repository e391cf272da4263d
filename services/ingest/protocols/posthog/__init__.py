"""PostHog's capture calls."""
