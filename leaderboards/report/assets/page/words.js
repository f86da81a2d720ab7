// Numbers and names as text. Data hold fractions; the page shows points. Unknown is a dash, never 0.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const UNKNOWN = "–";
  const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
  const MINUS = "−";

  // as Python prints f"{round(value, digits):.{digits}f}", the way of the terminal: what lies exactly between two goes to the even one, and
  // zero has no sign. toFixed() is exact but for such ties; such a tie has at most `digits` + 1 binary places.
  function fixed(value, digits) {
    const size = Math.abs(value);
    const longer = size.toFixed(digits + 1);
    const shorter = longer.slice(0, digits ? -1 : -2);
    const isTie = size < 1e21 && longer.endsWith("5") && Number.isInteger(size * 2 ** (digits + 1));
    const text = isTie && Number(shorter.at(-1)) % 2 === 0 ? shorter : size.toFixed(digits);
    return (value < 0 && Number(text) ? MINUS : "") + text;
  }

  const grouped = (text) => text.replace(/\d(?=(\d{3})+(?!\d))(?<!\.\d*)/g, "$&,");

  r1bench.UNKNOWN = UNKNOWN;
  r1bench.known = known;
  r1bench.OUTCOMES = ["correct", "wrong", "unparsed", "truncated", "failed"];
  r1bench.OUTCOME_MEANING = {
    correct: "the answer was read and is right",
    wrong: "the answer was read and is not right",
    unparsed: "no answer could be read",
    truncated: "the token limit came before an answer",
    failed: "generating or grading it broke off: it is part of no score",
  };
  r1bench.STATES = ["closed", "prefilled", "unfinished", "absent", "malformed"];

  const words = {
    number: (value, digits = 1) => (known(value) ? fixed(value, digits) : UNKNOWN),
    points: (value, digits = 1) => words.number(words.scaled("points", value), digits),
    signed(value, digits = 1) {
      const text = words.number(value, digits);
      return value > 0 && Number(text) ? "+" + text : text;
    },
    between: (low, high, digits = 1) => (known(low) && known(high) ? `[${fixed(low, digits)}, ${fixed(high, digits)}]` : ""),
    pointsBetween: (low, high, digits = 1) => words.between(words.scaled("points", low), words.scaled("points", high), digits),
    // a measure's value in its unit: fractions are shown in points of 100
    scaled: (unit, value) => (known(value) ? (unit === "points" ? 100 * value : value) : null),
    // the larger half of an interval: it may reach further to one side
    half({ value, low, high }, unit = "", digits = 1) {
      const [middle, bottom, top] = [value, low, high].map((each) => words.scaled(unit, each));
      return [middle, bottom, top].every(known) ? `±${fixed(Math.max(top - middle, middle - bottom), digits)}` : "";
    },
    // a count or a length with its interval, with fewer decimals for large ones
    counted({ value, low, high }) {
      const digits = value >= 100 ? 0 : value >= 10 ? 1 : 3;
      const [text, ...ends] = [value, low, high].map((each) => (known(each) ? grouped(fixed(each, digits)) : UNKNOWN));
      return [text, known(low) || known(high) ? `[${ends.join(", ")}]` : ""];
    },
    count: (value) => (known(value) ? grouped(fixed(value, 0)) : UNKNOWN),
    // "248 × 2-4": problems × samples that count of each
    size: (row) => row.size.replace(/^\d+/, grouped).replace(" x ", " × "),
    plural: (count, one, many = one + "s") => `${words.count(count)} ${count === 1 ? one : many}`,
    tokens: (count) => (known(count) && count >= 1e9 ? `${grouped(fixed(count / 1e9, 1))} G` : words.count(count)),
    seconds: (value) => (known(value) ? `${fixed(value, value >= 100 ? 0 : 1)} s` : UNKNOWN),
    // a function that shows each of these ticks with the decimals that tell one from the next
    ticks(ticks, { scale = 1, isSigned = false } = {}) {
      const values = ticks.map((tick) => scale * tick);
      const isExact = (digits) => values.every((value) => Math.abs(value - Number(value.toFixed(digits))) <= 1e-9 * Math.abs(value));
      const digits = d3.range(10).find(isExact) ?? 9;
      return (tick) => grouped((isSigned ? words.signed : words.number)(scale * tick, digits));
    },
    p: (value) => (known(value) ? (value < 0.001 ? "< 0.001" : fixed(value, 3)) : UNKNOWN),
    level: (level = r1bench.boot.level) => `${Number((100 * level).toPrecision(6))}\u00a0%`,
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
})();
