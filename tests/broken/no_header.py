"""Says nowhere what it needs."""

print("never started")
