// What each stage added or lost: one row for each step from a parent's run to its child's, differences drawn around zero.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot } = r1bench;
  const BETTER = { score: 1, format: 1, mixed: -1, truncated: -1 };
  const inPoints = (measure) => measure.unit === "points";
  const scaled = (measure, value) => (known(value) ? (inPoints(measure) ? 100 * value : value) : null);
  const isShown = (measure) => known(measure.low) && known(measure.high) && (measure.low > 0 || measure.high < 0);

  // 'added', 'lost' or '' (not shown, or no direction is better)
  function tone(measure) {
    const sign = BETTER[measure.key];
    if (!sign || !isShown(measure)) return "";
    return Math.sign(measure.mean) * sign > 0 ? "added" : "lost";
  }

  function sentence(measure) {
    const unit = inPoints(measure) ? "points" : measure.unit;
    const from = `${words.number(scaled(measure, measure.a))} to ${words.number(scaled(measure, measure.b))} ${unit}`;
    const shown = isShown(measure) ? { added: "better", lost: "worse", "": "changed" }[tone(measure)] : "no change is shown";
    return `${measure.label}: from ${from}; ${shown}`;
  }

  function cell(measure, domain, ticks = [0]) {
    if (!measure || !known(measure.mean)) return el("span", { class: "unknown" }, r1bench.UNKNOWN);
    const found = { value: scaled(measure, measure.mean), low: scaled(measure, measure.low), high: scaled(measure, measure.high) };
    const word = { added: "▲", lost: "▼", "": "" }[tone(measure)];
    return el(
      "div",
      { class: `change ${tone(measure)}`, title: sentence(measure) },
      el(
        "span",
        {},
        el("b", {}, words.signed(found.value)),
        word && el("span", { class: "verdict-sign", role: "img", "aria-label": tone(measure) === "added" ? "better" : "worse" }, word),
      ),
      r1bench.interval(found, domain, {
        ticks: [...new Set([0, ...ticks])],
        hollow: !isShown(measure),
        label: sentence(measure),
        tone: tone(measure),
      }),
      el("span", { class: "interval" }, words.between(found.low, found.high) || "interval unknown"),
      el("span", { class: "under" }, `${words.number(scaled(measure, measure.a))} → ${words.number(scaled(measure, measure.b))}`),
    );
  }

  function groupTable(rows) {
    const keys = [...new Map(rows.flatMap((row) => row.measures.map((measure) => [measure.key, measure]))).values()];
    const of = (row, key) => row.measures.find((measure) => measure.key === key);
    const columns = keys.map((each) => {
      const values = rows
        .map((row) => of(row, each.key))
        .filter(Boolean)
        .flatMap((one) => [one.low, one.high, one.mean].map((value) => scaled(one, value)));
      const domain = r1bench.domainAroundZero(values);
      const axis = r1bench.axis(domain, (tick) => words.signed(tick, domain[1] - domain[0] < 4 ? 1 : 0), 2);
      return {
        key: each.key,
        title: each.label,
        under: [el("span", { class: "under" }, inPoints(each) ? "points" : each.unit !== each.label && each.unit, "\u00a0"), axis.drawing],
        plainTitle: each.label,
        class: "delta",
        show: (row) => cell(of(row, each.key), domain, axis.ticks),
      };
    });
    const who = {
      key: "step",
      title: "step",
      class: "who",
      isHead: true,
      show: (row) => [
        el(
          "span",
          { class: "step" },
          r1bench.link(r1bench.name(row.parent_name), "run", [row.parent_run]),
          el("span", { class: "arrow" }, " → "),
          r1bench.link(r1bench.name(row.name), "run", [row.run]),
        ),
        el("span", { class: "under" }, el("span", { class: "stage" }, `${row.parent_stage || "base"} → ${row.stage || "no stage"}`)),
        el(
          "span",
          { class: "under" },
          compareLink(row),
          `n ${words.count(row.num_problems)} × ${[...new Set([row.n_a, row.n_b])].map(words.count).join(" and ")}`,
        ),
      ],
    };
    return r1bench.table([who, ...columns], rows, { className: "stages", caption: `${rows[0].task}: differences to the parent` });
  }

  // the measures of one pair, one row for each
  function measureTable(measures) {
    const values = (unit) =>
      measures.filter((one) => one.unit === unit).flatMap((one) => [one.low, one.high, one.mean].map((value) => scaled(one, value)));
    const domains = new Map(measures.map((one) => [one.unit, r1bench.domainAroundZero(values(one.unit))]));
    const number = (key) => (one) => words.number(scaled(one, one[key]));
    return r1bench.table(
      [
        { key: "label", title: "measure", class: "who", isHead: true, show: (one) => [one.label, el("span", { class: "half" }, one.unit)] },
        { key: "a", title: "A", class: "number", show: number("a") },
        { key: "b", title: "B", class: "number", show: number("b") },
        {
          key: "mean",
          title: "B − A",
          class: "score",
          show: (one) => r1bench.valued(words.signed(scaled(one, one.mean)), words.between(scaled(one, one.low), scaled(one, one.high))),
        },
        r1bench.drawnColumn(null, (one) =>
          r1bench.interval(
            { value: scaled(one, one.mean), low: scaled(one, one.low), high: scaled(one, one.high) },
            domains.get(one.unit),
            { ticks: [0], hollow: !isShown(one), label: sentence(one), tone: tone(one) },
          ),
        ),
      ],
      measures,
      { className: "pairs", caption: "measures of both runs" },
    );
  }

  function compareLink(row) {
    return row.comparison && r1bench.link("by problem", "compare", [row.comparison], {}, { class: "quiet" });
  }

  function render(route, main) {
    const groups = [...d3.group(boot.stages, (row) => `${row.task}\u0000${row.protocol}`).values()];
    const level = words.level();
    fill(
      main,
      el("h1", {}, "What each stage added or lost"),
      el(
        "p",
        { class: "lead" },
        `A checkpoint against the one it was trained from, on the same problems under the same protocol. ` +
          `Differences are paired by problem; the line is the ${level} interval.`,
      ),
      el(
        "p",
        { class: "keys" },
        el(
          "span",
          { class: "key" },
          r1bench.interval({ value: 0.6, low: 0.3, high: 0.9 }, [-0.4, 1], { ticks: [0], tone: "added", label: "better" }),
          "▲ better",
        ),
        el(
          "span",
          { class: "key" },
          r1bench.interval({ value: -0.6, low: -0.9, high: -0.3 }, [-1, 0.4], { ticks: [0], tone: "lost", label: "worse" }),
          "▼ worse",
        ),
        el(
          "span",
          { class: "key" },
          r1bench.interval({ value: 0.1, low: -0.3, high: 0.5 }, [-0.6, 0.8], { ticks: [0], hollow: true, label: "not shown" }),
          "ring: the interval holds 0, no change is shown",
        ),
      ),
      groups.map((rows) =>
        el(
          "section",
          { class: "group" },
          el("h2", {}, r1bench.name(rows[0].task)),
          el("p", { class: "protocol" }, "protocol ", el("code", {}, rows[0].protocol)),
          groupTable(rows),
        ),
      ),
      !groups.length &&
        el(
          "p",
          { class: "empty" },
          "No run has its parent's run beside it. Evaluate the checkpoint before and after a stage with one " +
            "protocol, and the difference stands here.",
        ),
    );
  }

  r1bench.measureTable = measureTable;
  r1bench.views.stages = { title: "Stages", render, tab: () => boot.stages.length > 0 };
})();
