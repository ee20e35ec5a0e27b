"""The pytest plugin: options, fixtures and findings for `pytest hil/ --board …`."""
