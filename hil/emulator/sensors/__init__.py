"""The boards' motion sensors, modelled from ST's data sheets, and what moves them."""
