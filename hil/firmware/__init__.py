"""What the firmware is made of (`recipe`), and how an image comes to be (`build`)."""
