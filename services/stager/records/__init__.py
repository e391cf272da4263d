"""What a record's bytes mean, and what a batch of records takes in and gives back."""
