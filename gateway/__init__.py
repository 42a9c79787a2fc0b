"""The program on the Raspberry Pi: reads sensors over serial lines, carries readings away."""
