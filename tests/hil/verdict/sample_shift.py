"""A data shift in which nothing is unusual but the corrections that a test gives."""

from __future__ import annotations

from hil.record import ChannelShift, Correction, DataShift, Effect

NEAR = Effect(0.1, 0.4, 0.3)
CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
UNITS = ("g", "g", "g", "rad/s", "rad/s", "rad/s")


def shift(corrections: tuple[Correction, ...]) -> DataShift:
    return DataShift(
        seen_correct=299,
        seen_total=300,
        subjects=("S4", "S5", "S6"),
        matched=True,
        channels=tuple(
            ChannelShift(
                name, unit, 0.1, 1.1, 0.2, 1.1, NEAR, NEAR, NEAR, 0.9, 0.9, 0.0, 0.0, (), ()
            )
            for name, unit in zip(CHANNELS, UNITS, strict=True)
        ),
        frequencies=(),
        gravity_norm=(1.05, 1.07),
        gravity=NEAR,
        gyro_rms=(2.1, 2.2),
        rotation_deg=12.0,
        distance=0.05,
        p_value=0.03,
        recordings=(30, 15),
        corrections=corrections,
    )
