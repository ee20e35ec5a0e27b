"""What `pytest hil/ --board …` runs. Skips by what the device can do, never by its name."""
