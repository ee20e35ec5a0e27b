# PlatformIO's test runner, not a test of ours; it needs PlatformIO to be imported.
collect_ignore = ["test_custom_runner.py"]
