"""What this computer has and lacks: `machine` looks, `checks` judges."""
