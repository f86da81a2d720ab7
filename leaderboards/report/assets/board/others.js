// Below the board: numbers that others published, rows of other harnesses, and what was left out. None is ranked with measured rows.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known, boot } = r1bench;

  // a printed number, as r1bench leaderboard --published shows it
  function valueText({ value, unit }) {
    return unit === "fraction" ? words.points(value) : words.number(value, unit === "rating" ? 0 : 1);
  }

  // one table for each source and protocol: benchmarks down, models across
  function publishedTable(rows) {
    const models = [...new Set(rows.map((row) => row.model))];
    const lines = [...d3.group(rows, (row) => `${row.benchmark}\u0000${row.metric}\u0000${row.unit}`).values()];
    const stageOf = new Map(rows.map((row) => [row.model, row.stage]));
    const columns = [
      {
        key: "benchmark",
        title: "benchmark",
        class: "who",
        isHead: true,
        show: (line) => [
          r1bench.name(line[0].benchmark),
          el(
            "span",
            { class: "half" },
            [line[0].metric, line[0].unit !== "fraction" && line[0].unit].filter(Boolean).join(", "),
          ),
        ],
      },
      ...models.map((model) => ({
        key: model,
        plainTitle: model,
        class: "number",
        title: [
          r1bench.name(model),
          stageOf.get(model) && !model.endsWith(stageOf.get(model)) && el("span", { class: "under" }, stageOf.get(model)),
        ],
        show: (line) =>
          line
            .filter((row) => row.model === model)
            .map(valueText)
            .join(" / "),
      })),
    ];
    const about = [rows[0].note, rows[0].trust && `trust: ${rows[0].trust}`].filter(Boolean).join("; ");
    return el(
      "details",
      { class: "source" },
      el(
        "summary",
        {},
        el("h3", {}, rows[0].source),
        el("span", {}, words.plural(lines.length, "benchmark"), ", ", words.plural(models.length, "model")),
      ),
      r1bench.table(columns, lines, { className: "published", caption: `published by ${rows[0].source}` }),
      el("p", { class: "note-text" }, [about, `protocol: ${rows[0].protocol}`].filter(Boolean).join(". ")),
    );
  }

  function published() {
    if (!boot.published.length) return null;
    const groups = d3.group(boot.published, (row) => `${row.source}\u0000${row.protocol}`);
    return r1bench.folded(
      "Published, other protocol",
      `${words.plural(boot.published.length, "number")} that others reported`,
      { id: "published" },
      el(
        "p",
        { class: "note-text" },
        "Copied from the sources named below, in points unless a unit is given. They were measured elsewhere, with other prompts, sampling " +
          "and graders, so they are never ranked with measured rows; read the order of stages, not the level. Intervals and n were not " +
          "published.",
      ),
      [...groups.values()].map(publishedTable),
    );
  }

  // a row of another harness with an interval of 1.96 of its standard error; in points where it is a fraction
  function withInterval(row) {
    const scaled = (value) => words.scaled(row.unit === "fraction" ? "points" : row.unit, value);
    const reach = known(row.error) ? 1.96 * row.error : null;
    const [low, high] = known(reach) ? [scaled(row.value - reach), scaled(row.value + reach)] : [null, null];
    return { ...row, value: scaled(row.value), low, high };
  }

  function imported() {
    if (!boot.imported.length) return null;
    const rows = boot.imported.map(withInterval);
    const isDrawn = (row) => row.unit === "fraction";
    const domain = r1bench.domainOf(
      rows.filter(isDrawn).flatMap((row) => [row.value, row.low, row.high]),
      { least: 10, most: 100 },
    );
    const axis = r1bench.axis(domain);
    const drawn = (row) =>
      isDrawn(row) &&
      r1bench.interval(row, domain, {
        ticks: axis.ticks,
        label: `${words.number(row.value)} ${words.between(row.low, row.high)}`,
        tone: "foreign",
      });
    const metric = ({ metric, filter, unit }) => [metric, filter && filter !== "none" && `filter ${filter}`, unit !== "fraction" && unit];
    const columns = [
      { key: "name", title: "model", class: "who", isHead: true, show: (row) => r1bench.name(row.name) },
      { key: "task", title: "task", show: (row) => [r1bench.name(row.task), el("span", { class: "under" }, metric(row).filter(Boolean).join(", "))] },
      {
        key: "value",
        title: "value",
        class: "score",
        show: (row) => r1bench.valued(words.number(row.value), words.between(row.low, row.high) || "error unknown"),
      },
      r1bench.drawnColumn(axis, drawn),
      { key: "n", title: "n", class: "number", show: (row) => words.count(row.n) },
      { key: "harness", title: "measured by", show: (row) => [r1bench.name(row.harness), el("span", { class: "under" }, row.source)] },
    ];
    return r1bench.folded(
      "Imported from other harnesses, other protocol",
      words.plural(rows.length, "row"),
      { id: "imported", open: rows.length <= 12 },
      el(
        "p",
        { class: "note-text" },
        "As those harnesses reported them, fractions in points; the interval is 1.96 of their standard error. Not ranked with measured rows.",
      ),
      r1bench.table(columns, rows, { className: "imported", caption: "rows of other harnesses" }),
    );
  }

  function leftOut() {
    if (!boot.left_out.length) return null;
    return r1bench.folded(
      "Left out",
      `${words.plural(boot.left_out.length, "thing")} that could not be read`,
      { id: "left-out", open: boot.left_out.length <= 5 },
      el("ul", {}, boot.left_out.map((line) => el("li", {}, line))),
    );
  }

  r1bench.otherNumbers = () => [imported(), published(), leftOut()];
})();
