// Below the board: numbers that others published, rows of other harnesses, and what was left out. None is ranked with measured rows.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known, boot } = r1bench;

  // a printed number, as r1bench leaderboard --published shows it
  function valueText({ value, unit }) {
    return unit === "fraction" ? words.points(value) : words.number(value, unit === "rating" ? 0 : 1);
  }

  // one table for each source and protocol: models down, benchmarks across
  function publishedTable(rows) {
    const models = d3.groups(rows, (row) => row.model);
    const benchmarks = d3.groups(rows, (row) => [row.benchmark, row.metric, row.unit].join("\u0000"));
    const columns = [
      {
        key: "model",
        title: "model",
        class: "who",
        isHead: true,
        show: ([model, [{ stage }]]) => [r1bench.name(model), !model.endsWith(stage) && el("span", { class: "half" }, stage)],
      },
      ...benchmarks.map(([key, [{ benchmark, metric, unit }]]) => ({
        key,
        plainTitle: benchmark,
        class: "number",
        title: [r1bench.name(benchmark), el("span", { class: "under" }, [metric, unit !== "fraction" && unit].filter(Boolean).join(", "))],
        show: ([, members]) =>
          members
            .filter((row) => [row.benchmark, row.metric, row.unit].join("\u0000") === key)
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
        el("span", {}, words.plural(benchmarks.length, "benchmark"), ", ", words.plural(models.length, "model")),
      ),
      r1bench.table(columns, models, { className: "published", caption: `published by ${rows[0].source}` }),
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
        "Copied from the sources named below, in points unless a unit is given. They were measured elsewhere, with other prompts, " +
          "sampling and graders, so they are never ranked with measured rows; read the order of stages, not the level. Intervals and " +
          "n were not published.",
      ),
      [...groups.values()].map(publishedTable),
    );
  }

  // a row of another harness in points where it is a fraction, and what is drawn: 1.96 standard errors to each side
  function withReach(row) {
    const [value, error] = [row.value, row.error].map((each) => words.scaled(row.unit === "fraction" ? "points" : row.unit, each));
    const [low, high] = known(error) ? [value - 1.96 * error, value + 1.96 * error] : [null, null];
    return { ...row, value, low, high, errorText: known(error) ? `(se ${words.number(error)})` : "" };
  }

  function imported() {
    if (!boot.imported.length) return null;
    const rows = boot.imported.map(withReach);
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
        label: `${words.number(row.value)} ${row.errorText}`,
        tone: "foreign",
      });
    const taskCell = ({ task, metric, filter, unit }) => {
      const parts = [metric, filter && filter !== "none" && `filter ${filter}`, unit !== "fraction" && unit];
      return [r1bench.name(task), el("span", { class: "under" }, parts.filter(Boolean).join(", "))];
    };
    const columns = [
      { key: "name", title: "model", class: "who", isHead: true, show: (row) => r1bench.name(row.name) },
      { key: "task", title: "task", show: taskCell },
      {
        key: "value",
        title: "value",
        class: "score",
        show: (row) => r1bench.valued(words.number(row.value), row.errorText || "error unknown"),
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
        "As those harnesses reported them, fractions in points; se is their own standard error, over questions; the line reaches 1.96 of it to " +
          "each side. Not ranked with measured rows.",
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

  function notes() {
    if (!boot.notes.length) return null;
    return r1bench.folded(
      "Notes",
      `${words.plural(boot.notes.length, "note")} on the runs`,
      { id: "notes", open: boot.notes.length <= 5 },
      el("ul", {}, boot.notes.map((line) => el("li", {}, line))),
    );
  }

  r1bench.otherNumbers = () => [imported(), published(), notes(), leftOut()];
})();
