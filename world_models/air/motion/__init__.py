"""AIR's prior over time: how objects move and act on each other, and learning it."""
