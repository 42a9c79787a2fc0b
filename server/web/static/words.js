// How values, ages and instants are written; the same rules as server/web/display.py and board.py.

const STALE_INTERVALS = 3;
const GATHERING_MS = 60000;
const BY_FLAG = {
  pass: "fine",
  not_evaluated: "unchecked",
  suspect: "suspect",
  fail: "failed",
  missing: "missing",
};
const WORDS = {
  fine: "fine",
  unchecked: "not checked",
  suspect: "suspect",
  failed: "failed",
  missing: "missing",
  stale: "stale",
  never: "no reading yet",
};
const WITH_REASON = ["suspect", "failed", "missing"];
const TEST_WORDS = {
  gross_range: "out of range",
  clock_unknown: "clock not trusted",
  future_time: "ahead of time",
  edge: "doubted by the sensor",
};

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const INSTANT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

export function instant(ms) {
  return `${INSTANT.format(new Date(ms))} ${ZONE}`;
}

export function number(value, digits) {
  const text = value.toFixed(digits);
  if (!text.startsWith("-")) return text;
  return /[1-9]/.test(text) ? `−${text.slice(1)}` : text.slice(1);
}

export function withUnit(value, digits, unit) {
  return `${number(value, digits)}${unit === "°" ? "" : " "}${unit}`.trim();
}

export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  for (const [size, name] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${name} ago`;
  }
  return seconds ? `${seconds} s ago` : "just now";
}

export function stateOf({ time, flag, interval }, now) {
  if (!time) return "never";
  if (now - time > STALE_INTERVALS * interval * 1000 + GATHERING_MS) return "stale";
  return BY_FLAG[flag] ?? "unchecked";
}

export function words(state, reason) {
  return reason && WITH_REASON.includes(state) ? `${WORDS[state]}: ${reason}` : WORDS[state];
}

export function reasonOf({ reason, tests }) {
  return reason || tests.map((test) => TEST_WORDS[test] ?? test).join(", ");
}

// How many digits the numbers of an axis need, so that none of them is rounded: 2 for 6.25, 6.50.
export function tickDigits(ticks) {
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 1;
  for (let digits = 0; digits < 6; digits += 1) {
    const shifted = step * 10 ** digits;
    if (shifted > 0.5 && Math.abs(shifted - Math.round(shifted)) < 1e-3) return digits;
  }
  return 6;
}
