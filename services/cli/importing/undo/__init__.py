"""What takes an import, or single touchpoints, back."""
