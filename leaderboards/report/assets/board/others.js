// Below the board: numbers that others published, rows of other harnesses, and what was left out. None is ranked with measured rows.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known, boot } = r1bench;

  const isShare = (row) => row.unit === "fraction" || row.unit === "share";

  function valueText(row) {
    if (!known(row.value)) return r1bench.UNKNOWN;
    return isShare(row) ? words.points(row.value) : words.number(row.value, Number.isInteger(row.value) && row.value > 100 ? 0 : 1);
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
            [...new Set([line[0].metric, line[0].unit === "points" || isShare(line[0]) ? "" : line[0].unit])].filter(Boolean).join(", "),
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
        el("h3", {}, words.escapeHidden(rows[0].source)),
        el("span", {}, words.plural(lines.length, "benchmark"), ", ", words.plural(models.length, "model")),
      ),
      r1bench.table(columns, lines, { className: "published", caption: `published by ${rows[0].source}` }),
      el("p", { class: "note-text" }, words.escapeHidden([about, `protocol: ${rows[0].protocol}`].filter(Boolean).join(". "))),
    );
  }

  function published() {
    if (!boot.published.length) return null;
    const groups = d3.group(boot.published, (row) => `${row.source}\u0000${row.protocol}`);
    return el(
      "details",
      { class: "others", id: "published" },
      el(
        "summary",
        {},
        el("h2", {}, "Published, other protocol"),
        el("span", {}, words.plural(boot.published.length, "number"), " that others reported"),
      ),
      el(
        "p",
        { class: "note-text" },
        "Copied from the sources named below, in points unless a unit is given. They were measured elsewhere, with " +
          "other prompts, sampling and graders, so they are never ranked with measured rows; read the order of " +
          "stages, not the level. Intervals and n were not published.",
      ),
      [...groups.values()].map(publishedTable),
    );
  }

  function imported() {
    if (!boot.imported.length) return null;
    const t = 1.96;
    const rows = boot.imported.map((row) => ({
      ...row,
      low: known(row.error) ? row.value - t * row.error : null,
      high: known(row.error) ? row.value + t * row.error : null,
    }));
    const domain = r1bench.domainOf(rows.flatMap((row) => [row.value, row.low, row.high]));
    const axis = r1bench.axis(domain, (tick) => words.points(tick, 0));
    const label = (row) => `${words.points(row.value)} ${words.pointsBetween(row.low, row.high)}`;
    const columns = [
      { key: "name", title: "model", class: "who", isHead: true, show: (row) => r1bench.name(row.name) },
      { key: "task", title: "task", show: (row) => [r1bench.name(row.task), el("span", { class: "under" }, row.metric)] },
      {
        key: "value",
        title: "value",
        class: "score",
        show: (row) => r1bench.valued(words.points(row.value), known(row.low) ? words.pointsBetween(row.low, row.high) : "error unknown"),
      },
      r1bench.drawnColumn(axis, (row) => r1bench.interval(row, domain, { ticks: axis.ticks, label: label(row), tone: "foreign" })),
      { key: "n", title: "n", class: "number", show: (row) => words.count(row.n) },
      { key: "harness", title: "measured by", show: (row) => [r1bench.name(row.harness), el("span", { class: "under" }, row.source)] },
    ];
    return el(
      "details",
      { class: "others", id: "imported", open: rows.length <= 12 },
      el("summary", {}, el("h2", {}, "Imported from other harnesses, other protocol"), el("span", {}, words.plural(rows.length, "row"))),
      el(
        "p",
        { class: "note-text" },
        "As those harnesses reported them; the interval is 1.96 of their standard error. Not ranked with measured rows.",
      ),
      r1bench.table(columns, rows, { className: "imported", caption: "rows of other harnesses" }),
    );
  }

  function leftOut() {
    if (!boot.left_out.length) return null;
    return el(
      "details",
      { class: "others", id: "left-out", open: boot.left_out.length <= 5 },
      el("summary", {}, el("h2", {}, "Left out"), el("span", {}, words.plural(boot.left_out.length, "thing"), " that could not be read")),
      el(
        "ul",
        {},
        boot.left_out.map((line) => el("li", {}, words.escapeHidden(line))),
      ),
    );
  }

  r1bench.otherNumbers = () => [imported(), published(), leftOut()];
})();
