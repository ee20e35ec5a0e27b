"""What can be concluded from a run record: one small pure function per finding.

Each rule takes a Run and returns its findings, none where it does not apply.
`hil/verdict/diagnose.py` lists them all.
"""
