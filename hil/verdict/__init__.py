"""What a run record shows: pure functions of it, from columns of numbers to findings in words."""
