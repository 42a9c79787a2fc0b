"""The words that batches are made of: a preset dictionary for their zlib stream (RFC 1950, 2.2).

A short batch is mostly names and punctuation. A payload packed with this dictionary names it by its
Adler-32 in bytes 2 to 5; one without a dictionary is read as well. What has been released is never
changed, by not so much as a byte: journals and outboxes hold payloads that need it. Better words
are another dictionary, beside this one.
"""

import zlib

from wire.errors import ContractError

# Deflate finds what stands near the end at the lowest price: frequent words last.
WORDS = (
    b'"],"m":[[0,"measurement compromised"],[1,"measurement aborted"],[2,"too few samples (0 of 60)'
    b'"],[3,"bad frame"],[4,"bad checksum"],[5,"no value"],[6,"calm"],[7,"timeout"]],"q":[[1,59],[3'
    b",1],[4,1]]null,null,null,null,"
    b'/lightning_distance","e":0,"d":[/lightning_strikes","e":0,"d":[/sensor_temperature","e":-1,"d"'
    b':[/tilt_x","e":-1,"d":[/tilt_y","e":-1,"d":[/soil_ph","e":-2,"d":[/illuminance","e":0,"d":['
    b'/noise_level","e":-1,"d":[/pm10","e":0,"d":[/pm2_5","e":0,"d":[/echo_quality","e":0,"d":['
    b'/sand_height","e":-3,"d":[/sand_distance","e":-3,"d":[/saltation_energy","e":-1,"d":['
    b'/saltation_seconds","e":0,"d":[/saltation_count","e":0,"d":[/wind_speed_max","e":-2,"d":['
    b'/wind_north","e":-2,"d":[/wind_east","e":-2,"d":[/vapour_pressure","e":-2,"d":['
    b'/rain_total","e":-1,"d":[/rain","e":-3,"d":[/wind_gust","e":-2,"d":[/wind_speed","e":-1,"d":['
    b'/wind_direction","e":0,"d":[/wind_speed","e":-2,"d":[/wind_direction","e":-1,"d":['
    b'/solar_radiation","e":0,"d":[/air_pressure","e":-2,"d":[/air_pressure","e":-1,"d":['
    b'/relative_humidity","e":-3,"d":[/relative_humidity","e":-1,"d":[/air_temperature","e":-2,"d":['
    b'/air_temperature","e":-1,"d":[/vwc","e":-1,"d":[/soil_ec","e":0,"d":['
    b'/soil_temperature","e":-1,"d":[/vwc_raw","e":-2,"d":['
    b"0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
    b"/sand-level/sand/wind/station/saltation/rain/mast/weather/soil-5cm/soil-15cm/soil-50cm"
    b"/soil-40cm/soil-100cm/soil-20cm/soil-60cm/soil-30cm/soil-10cm/"
    b'{"v":1,"clock":"free","t":[1{"v":1,"clock":"rtc","t":[1{"v":1,"clock":"unknown","t":[1'
    b'{"v":1,"clock":"gnss","t":[1,3600000,24],000,300000,12],000,900000,4],000,5000,1],000,10000,6]'
    b',000,0,1],000,600000,6],000,60000,60],"s":[{"n":"{"v":1,"clock":"ntp","t":[1]},{"n":"'
)
WORDS_ID = zlib.adler32(WORDS)

_LEVEL = 9
# 4,096 symbols a block, so that the codes follow the series; it takes 160 KiB while it packs.
_MEMORY = 6
_HAS_DICTIONARY = 0x20  # FDICT (RFC 1950, 2.2)
_HEAD_BYTES, _ID_BYTES = 2, 4


def compress(text: bytes) -> bytes:
    """Pack a text with the dictionary; the same text gives the same bytes.

    Z_FILTERED leaves repetitions of less than six characters alone: in the digits of differences
    they are by chance and cost more than they save.
    """
    packing = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, _MEMORY, zlib.Z_FILTERED, WORDS
    )
    return packing.compress(text) + packing.flush()


def decompress(payload: bytes, most: int) -> bytes | None:
    """Unpack what was packed with the dictionary or without any; None if over `most` bytes.

    Never makes more than that. Raises ContractError for what is no whole zlib stream, or was packed
    with a dictionary that is not known here.
    """
    stream = zlib.decompressobj(zdict=WORDS)
    try:
        text = stream.decompress(payload, most + 1)
    except zlib.error as error:
        raise ContractError(_why_not(payload, error)) from None
    if len(text) > most:
        return None
    if not stream.eof or stream.unused_data:
        raise ContractError("zlib data is cut short or followed by something else")
    return text


def is_named_in(payload: bytes) -> bool:
    """Tell whether a payload says that it was packed with this dictionary."""
    return _named_in(payload) == WORDS_ID


def _why_not(payload: bytes, error: zlib.error) -> str:
    named = _named_in(payload)
    if named in (None, WORDS_ID):
        return f"not zlib data: {error}"
    return (
        f"packed with dictionary {named:08x}, which is not known here; known is {WORDS_ID:08x}: a"
        " newer gateway needs a newer server"
    )


def _named_in(payload: bytes) -> int | None:
    """Read which dictionary a zlib stream asks for; None for none and for other data."""
    head = payload[: _HEAD_BYTES + _ID_BYTES]
    # The check bits (RFC 1950, FCHECK): in data that is no zlib stream the flag says nothing.
    is_zlib = int.from_bytes(head[:_HEAD_BYTES]) % 31 == 0
    if len(head) < _HEAD_BYTES + _ID_BYTES or not is_zlib or not head[1] & _HAS_DICTIONARY:
        return None
    return int.from_bytes(head[_HEAD_BYTES:])
