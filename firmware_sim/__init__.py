"""The devices on the other side of the serial line, and the weather and soil behind them."""
