// The columns of the board: what a row shows, what it is sorted by. And the measures of a run, as its data name them.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known, boot } = r1bench;

  const DEFAULT = "pass@1";
  const ABOUT = {
    format: "samples in the form that the template asks for",
    think_answer: "samples in think-answer form",
    truncated: "completions that ran out of tokens",
    mixed: "reasonings that mix languages",
    han: "Chinese words of all words",
    tokens: "mean per completion",
    reasoning_tokens: "mean tokens of reasoning per completion",
  };
  const ON_BOARD = ["format", "think_answer", "truncated", "tokens"];

  // the measures of a run but for its score; think-answer form is one of its own only where another form is asked for
  const measuresOf = (entry) =>
    Object.entries(entry.measures)
      .filter(([key]) => key !== "score" && !(key === "think_answer" && entry.style === "think-answer"))
      .map(([key, one]) => ({ key, about: ABOUT[key], ...one }));

  // the value and interval that the board draws for a row
  function measured(entry, measure) {
    if (measure === DEFAULT) return { value: entry.score, low: entry.low, high: entry.high };
    return (entry.several || {})[measure] || { value: null };
  }

  function nameCell(entry) {
    const under = [entry.stage && el("span", { class: "stage" }, entry.stage)];
    if (r1bench.hasSamples(entry.run)) under.push(r1bench.link("samples", "samples", [entry.run], {}, { class: "quiet" }));
    if (entry.note) under.push(el("span", { class: "note" }, entry.note));
    return [
      r1bench.link(r1bench.name(entry.name), "run", [entry.run], {}, { class: "row-link" }),
      el("span", { class: "beside-name" }, under),
    ];
  }

  function scoreCell(entry, measure) {
    const found = measured(entry, measure);
    if (!known(found.value)) return el("span", { class: "unknown" }, entry.is_complete ? r1bench.UNKNOWN : "no score yet");
    return r1bench.valued(words.points(found.value), words.pointsBetween(found.low, found.high));
  }

  function drawnCell(entry, measure, domain, ticks) {
    const found = measured(entry, measure);
    if (!known(found.value)) return "";
    const n = `${words.plural(entry.num_problems, "problem")}, ${words.plural(entry.num_samples, "sample")}`;
    const label = `${measure} ${words.points(found.value)} ${words.pointsBetween(found.low, found.high)}, ${words.level()} interval, ${n}`;
    return r1bench.interval(found, domain, { ticks, label });
  }

  function costCell(entry) {
    if (!known(entry.generated_tokens) && !known(entry.seconds)) return r1bench.UNKNOWN;
    return el(
      "span",
      { title: entry.device || "" },
      words.tokens(entry.generated_tokens),
      el("span", { class: "half" }, known(entry.seconds) ? `tokens, ${words.seconds(entry.seconds)}` : "tokens"),
    );
  }

  function columnsOf(rows, measure) {
    const found = rows.map((entry) => measured(entry, measure));
    const domain = r1bench.domainOf(
      found.flatMap((each) => [each.low, each.high, each.value]),
      { least: 0.2 },
    );
    const axis = r1bench.axis(domain, { scale: 100, count: 2 });
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
      ...otherColumns(rows),
    ];
  }

  // those that a board shows: known of any row of the report; think-answer form only in a group that another form is asked of
  const boardMeasures = (rows = boot.entries) => {
    const [everywhere, here] = [boot.entries, rows].map((entries) => entries.flatMap(measuresOf));
    return ON_BOARD.map((key) => (key === "think_answer" ? here : everywhere).find((one) => one.key === key)).filter(Boolean);
  };

  // a measure with half of its interval
  function measureColumn({ key, label, unit, about }) {
    return {
      key,
      title: unit === "points" ? `${label} %` : label,
      class: "number",
      hint: `${about}, with half of the interval`,
      largestFirst: true,
      value: (entry) => entry.measures[key]?.value,
      show(entry) {
        const one = entry.measures[key];
        return one ? [words.number(words.scaled(unit, one.value)), el("span", { class: "half" }, words.half(one, unit))] : r1bench.UNKNOWN;
      },
    };
  }

  // what does not depend on the chosen score
  function otherColumns(rows) {
    return [
      {
        key: "n",
        title: "n",
        class: "number size",
        hint: "problems × samples for each",
        largestFirst: true,
        value: (entry) => entry.num_samples,
        show: (entry) => words.size(entry),
      },
      ...boardMeasures(rows).map(measureColumn),
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
        hint: "generated tokens, and the wall time of generating at least",
        largestFirst: true,
        value: (entry) => entry.generated_tokens ?? entry.seconds,
        show: costCell,
      },
    ];
  }

  Object.assign(r1bench, { boardColumns: columnsOf, boardMeasures, measuresOf, DEFAULT_MEASURE: DEFAULT });
})();
