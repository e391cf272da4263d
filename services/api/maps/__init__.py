"""Published maps in the form that answers need."""
