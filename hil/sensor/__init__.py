"""A board's motion sensor: its samples fetched, recorded, shown, and given to the models.

`stream` fetches, `resample` puts samples onto the model's 100 Hz, `dataset` writes recordings that
pipeline/data/csv.py reads, `plot` draws them in a terminal, `predict` compares the board's
predictions with the host's, `feed` moves an emulated sensor.
"""
