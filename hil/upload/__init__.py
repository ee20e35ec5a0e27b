"""Puts an image onto a board through its USB cable: the Nano 33 BLE with nothing but pyserial.

    image.py    reads and checks an image         port.py     finds the board, restarts it
    sam_ba.py   the bootloader's commands, and the order in which pages are written
    hello.py    waits until the new firmware says who it is, on whatever port is the board's
    dfu.py      restarts a SensorTile into its ROM's DFU, for dfu-util
    by_probe.py, debug_probes.py    openocd, pyocd and st-flash, and which probe they are to take
    outcome.py  how each of them ends

`python -m hil.upload firmware.bin` is what `pio run -e nano33 -t upload` runs;
firmware/platform/builder says what each `upload_protocol` does. Before it builds, it runs the same
with `--check`.
"""
