"""How dates and times are written, where Django would write them otherwise."""
