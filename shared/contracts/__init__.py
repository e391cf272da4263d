"""What crosses a process boundary: the wire envelope, topics, subjects and partition keys."""
