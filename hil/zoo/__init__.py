"""The fault zoo: named faults planted in real artefacts, to count how often the diagnosis is right.

    hil/zoo/faults.py     the faults: what is planted, where and how strongly
    recordings.py     plants in the windows            folders.py   in the model's files
    devices.py        plants in the C, the memory, the line and the build of the device
    healthy.py        runs without a fault: further models, recordings that they have not seen
    specimen.py       one run with one or two faults, and what the diagnosis found
    expected.py       what should have been found: read by the scorer alone
    score.py          right and wrong, with intervals; table.py prints it

The run is a user's: the same record, the same diagnosis, which is told nothing of the fault.
"""
