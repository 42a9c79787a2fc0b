"""The pages people read: server-rendered, kept live by events, and the plot of a datastream."""
