"""What each kind of task may do, and why wherever a `*` is in it."""
