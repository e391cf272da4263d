"""One batch, one transaction: from decoded records to committed rows and offsets."""
