"""Ways to reach a device: real hardware, the embedded emulator, the firmware as a host process."""
