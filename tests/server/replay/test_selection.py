"""Windows: every entry is taken up in each piece of time in which it has something, and once new."""

from hypothesis import given
from hypothesis import strategies as st

from server.replay.selection import Head, Span, windows

heads = st.lists(
    st.builds(
        lambda entry, first, length, values: Head(entry, first, first + length, values),
        st.integers(1, 10**6),
        st.integers(0, 50),
        st.integers(0, 30),
        st.integers(1, 10),
    ),
    max_size=12,
    unique_by=lambda head: head.id,
)
spans = st.tuples(st.integers(0, 40), st.integers(1, 60)).map(
    lambda one: Span(one[0], one[0] + one[1])
)


@given(heads, spans, st.integers(1, 30))
def test_windows_cover_the_span_without_overlap_and_forget_nobody(heads, span, limit):
    chosen = sorted(
        (head for head in heads if head.first < span.to_ms and head.last >= span.from_ms),
        key=lambda head: head.first,
    )

    found = list(windows(chosen, span, limit))

    ends = [window.span.to_ms for window in found]
    assert all(a <= b.span.from_ms for a, b in zip(ends, found[1:], strict=False))
    assert all(window.span.from_ms < window.span.to_ms for window in found)
    assert sum(window.fresh for window in found) == len(chosen)
    for window in found:
        inside = {
            head.id
            for head in chosen
            if head.first < window.span.to_ms and head.last >= window.span.from_ms
        }
        assert {head.id for head in window.heads} >= inside
    for head in chosen:
        for instant in (max(head.first, span.from_ms), min(head.last, span.to_ms - 1)):
            holders = [w for w in found if w.span.from_ms <= instant < w.span.to_ms]
            assert len(holders) == 1


@given(st.integers(1, 40))
def test_a_window_takes_up_no_more_than_its_limit_and_one_entry(limit):
    regular = [Head(at, at * 10, at * 10 + 9, 4) for at in range(40)]

    found = list(windows(regular, Span(0, 400), limit))

    assert all(sum(head.values for head in window.heads) < limit + 4 for window in found)
