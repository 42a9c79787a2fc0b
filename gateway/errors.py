"""The gateway's errors, split by who must act. Configuration errors are wire.errors.ConfigError."""


class GatewayError(Exception):
    """Something went wrong on the gateway."""


class BusError(GatewayError):
    """A serial port or its adapter does not work: look at the plug."""


class FrameError(GatewayError):
    """Bytes arrived that are no valid frame: noise, a wrong rate, or two sensors at one address."""


class SensorError(GatewayError):
    """A sensor answered, but with an error or something that its model never says."""


class StoreError(GatewayError):
    """The outbox cannot be written or read: look at the disk."""
