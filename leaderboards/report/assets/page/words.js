// Numbers and names as text. Data hold fractions; the page shows points. Unknown is a dash, never 0.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const UNKNOWN = "–";
  const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
  const minus = (text) => text.replace("-", "−");
  const fixed = (value, digits) => minus(value.toFixed(digits));

  r1bench.UNKNOWN = UNKNOWN;
  r1bench.known = known;
  r1bench.OUTCOMES = ["correct", "wrong", "unparsed", "truncated", "failed"];
  r1bench.OUTCOME_MEANING = {
    correct: "the answer was read and is right",
    wrong: "the answer was read and is not right",
    unparsed: "no answer could be read",
    truncated: "the token limit came before an answer",
    failed: "the grader or the sandbox could not judge it",
  };
  r1bench.STATES = ["closed", "prefilled", "unfinished", "absent", "malformed"];

  const words = {
    number: (value, digits = 1) => (known(value) ? fixed(value, digits) : UNKNOWN),
    points: (value, digits = 1) => (known(value) ? fixed(100 * value, digits) : UNKNOWN),
    signed: (value, digits = 1) => (known(value) ? (value > 0 ? "+" : "") + fixed(value, digits) : UNKNOWN),
    between: (low, high, digits = 1) => (known(low) && known(high) ? `[${fixed(low, digits)}, ${fixed(high, digits)}]` : ""),
    pointsBetween: (low, high, digits = 1) => (known(low) && known(high) ? words.between(100 * low, 100 * high, digits) : ""),
    count: (value) => (known(value) ? Math.round(value).toLocaleString("en-US") : UNKNOWN),
    // half of an interval that is made from a standard error over num_problems
    half: (error, digits = 1) => (known(error) ? `±${fixed(error, digits)}` : ""),
    plural: (count, one, many = one + "s") => `${words.count(count)} ${count === 1 ? one : many}`,
    compact(value) {
      if (!known(value)) return UNKNOWN;
      for (const [size, unit] of [
        [1e9, "G"],
        [1e6, "M"],
        [1e3, "k"],
      ])
        if (value >= size) return fixed(value / size, value < 10 * size ? 1 : 0) + unit;
      return String(Math.round(value));
    },
    seconds(value) {
      if (!known(value)) return UNKNOWN;
      if (value < 60) return `${fixed(value, value < 10 ? 1 : 0)} s`;
      if (value < 3600) return `${Math.round(value / 60)} min`;
      return `${fixed(value / 3600, 1)} h`;
    },
    p: (value) => (known(value) ? (value < 0.001 ? "p < 0.001" : `p = ${value.toFixed(3)}`) : "p unknown"),
    level: () => `${Math.round(1000 * r1bench.boot.level) / 10}\u00a0%`,
    time(text) {
      const when = new Date(text);
      return Number.isNaN(when.getTime()) ? String(text || "") : when.toISOString().slice(0, 16).replace("T", " ") + " UTC";
    },
    name: (key) => String(key).replaceAll("_", " ").replaceAll("/", ": "),
    escapeHidden(text) {
      // control and direction characters would hide or reorder what stands beside them
      const hidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
      return String(text).replace(hidden, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
    },
  };
  r1bench.words = words;

  const T975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131];

  // mean, and half of its 95 % t interval, of values taken as independent; half is null for one value
  r1bench.mean = function (values) {
    const known_ = values.filter(known);
    const mean = d3.mean(known_);
    const n = known_.length;
    if (n < 2) return { mean: mean === undefined ? null : mean, half: null, n };
    const t = n - 1 <= T975.length ? T975[n - 2] : 1.96 + 2.4 / (n - 1);
    return { mean, half: (t * d3.deviation(known_)) / Math.sqrt(n), n };
  };
})();
