// The columns of the board: what a row shows, what it is sorted by.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;

  const DEFAULT = "pass@1";

  // the value and interval that the board draws for a row
  function measured(entry, measure) {
    if (measure === DEFAULT) return { value: entry.score, low: entry.low, high: entry.high, n: entry.num_problems };
    const found = (entry.several || {})[measure];
    return found ? { value: found.value, low: found.low, high: found.high, n: found.num_problems } : { value: null };
  }

  function nameCell(entry) {
    const parts = [r1bench.link(r1bench.name(entry.name), "run", [entry.run], {}, { class: "row-link" })];
    const under = [entry.stage && el("span", { class: "stage" }, entry.stage)];
    if (r1bench.hasSamples(entry.run)) under.push(r1bench.link("samples", "samples", [entry.run], {}, { class: "quiet" }));
    if (entry.note) under.push(el("span", { class: "note" }, entry.note));
    return [...parts, el("span", { class: "beside-name" }, under)];
  }

  function scoreCell(entry, measure) {
    const found = measured(entry, measure);
    if (!known(found.value)) return el("span", { class: "unknown" }, entry.is_complete ? r1bench.UNKNOWN : "no score yet");
    return r1bench.valued(words.points(found.value), words.pointsBetween(found.low, found.high));
  }

  function drawnCell(entry, measure, domain, ticks) {
    const found = measured(entry, measure);
    if (!known(found.value)) return "";
    const n = `${entry.num_problems} problems, ${entry.num_samples} samples`;
    const label = `${measure} ${words.points(found.value)} ${words.pointsBetween(found.low, found.high)}, ${words.level()} interval, ${n}`;
    return r1bench.interval(found, domain, { ticks, label });
  }

  function formatCell(entry) {
    if (!known(entry.format_rate)) return r1bench.UNKNOWN;
    const half = known(entry.format_high) ? Math.max(entry.format_high - entry.format_rate, entry.format_rate - entry.format_low) : null;
    return [words.points(entry.format_rate), el("span", { class: "half" }, words.half(half === null ? null : 100 * half))];
  }

  function tokensCell(entry) {
    if (!known(entry.mean_tokens)) return r1bench.UNKNOWN;
    const t = 1.96 + 2.4 / Math.max(1, entry.num_problems - 1);
    const half = known(entry.mean_tokens_error) ? words.half(t * entry.mean_tokens_error, entry.mean_tokens < 1000 ? 1 : 0) : "";
    return [words.number(entry.mean_tokens, entry.mean_tokens < 1000 ? 1 : 0), el("span", { class: "half" }, half)];
  }

  function costCell(entry) {
    if (!known(entry.generated_tokens) && !known(entry.seconds)) return r1bench.UNKNOWN;
    const tokens = known(entry.generated_tokens) ? `${words.compact(entry.generated_tokens)} tok` : "";
    return el(
      "span",
      { title: entry.device || "" },
      tokens,
      known(entry.seconds) && el("span", { class: "half" }, words.seconds(entry.seconds)),
    );
  }

  function columnsOf(rows, measure) {
    const found = rows.map((entry) => measured(entry, measure));
    const domain = r1bench.domainOf(
      found.flatMap((each) => [each.low, each.high, each.value]),
      { least: 0.2 },
    );
    const axis = r1bench.axis(domain, (tick) => words.points(tick, 0));
    const values = found.map((each) => each.value).filter(known);
    const rank = (entry) => {
      const value = measured(entry, measure).value;
      return known(value) ? 1 + values.filter((other) => other > value).length : "";
    };
    return [
      { key: "rank", title: "#", plainTitle: "rank", class: "rank", show: rank },
      { key: "name", title: "checkpoint", class: "who", isHead: true, value: (entry) => entry.name, show: nameCell },
      {
        key: "score",
        title: measure,
        class: "score",
        largestFirst: true,
        hint: `in points, with its ${words.level()} interval`,
        value: (entry) => measured(entry, measure).value,
        show: (entry) => scoreCell(entry, measure),
      },
      r1bench.drawnColumn(axis, (entry) => drawnCell(entry, measure, domain, axis.ticks)),
      ...otherColumns(),
    ];
  }

  // what does not depend on the chosen score
  function otherColumns() {
    return [
      {
        key: "n",
        title: "n",
        class: "number",
        hint: "problems x samples for each",
        largestFirst: true,
        value: (entry) => entry.num_samples,
        show: (entry) => [words.count(entry.num_problems), " × ", words.count(entry.n)],
      },
      {
        key: "format",
        title: "format %",
        class: "number",
        hint: "samples in the form that was asked for, with half of the interval",
        largestFirst: true,
        value: (entry) => entry.format_rate,
        show: formatCell,
      },
      {
        key: "tokens",
        title: "tokens",
        class: "number",
        hint: "mean per completion, with half of the interval",
        largestFirst: true,
        value: (entry) => entry.mean_tokens,
        show: tokensCell,
      },
      {
        key: "outcomes",
        title: "outcomes",
        class: "bar",
        hint: "samples by outcome; each part opens its samples",
        show: (entry) => r1bench.outcomeBar(entry.outcomes, r1bench.hasSamples(entry.run) && entry.run),
      },
      {
        key: "cost",
        title: "cost",
        class: "number cost",
        hint: "generated tokens and seconds",
        largestFirst: true,
        value: (entry) => entry.generated_tokens ?? entry.seconds,
        show: costCell,
      },
    ];
  }

  Object.assign(r1bench, { boardColumns: columnsOf, DEFAULT_MEASURE: DEFAULT });
})();
