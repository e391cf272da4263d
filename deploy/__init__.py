"""How Stageline is built, run and watched; Python only in `dev`, which no installed part imports."""
