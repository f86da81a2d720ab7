// All comparisons of the report as one table.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot, asPoints, difference, records } = r1bench;

  const pOnly = (p) => words.p(p).replace(/^p (= )?/, "");

  function columnsOf(domain, axis) {
    return [
      {
        key: "pair",
        title: "B against A",
        class: "who",
        isHead: true,
        value: (one) => one.name_b,
        show: (one) => [
          r1bench.link([r1bench.name(one.name_b), " against ", r1bench.name(one.name_a)], "compare", [one.id], {}, { class: "row-link" }),
          el("span", { class: "under" }, one.task),
        ],
      },
      {
        key: "mean",
        title: "B − A",
        class: "score",
        value: (one) => one.mean,
        largestFirst: true,
        show: (one) => r1bench.valued(words.signed(asPoints(one.mean)), words.pointsBetween(one.low, one.high)),
      },
      r1bench.drawnColumn(axis, (one) => difference(one, domain, axis.ticks)),
      {
        key: "p",
        title: "p, adjusted",
        class: "number",
        hint: "Holm's adjustment for several comparisons; below it the p of this one alone",
        value: (one) => one.p_adjusted ?? one.p_value,
        show: (one) => [
          pOnly(one.p_adjusted ?? one.p_value),
          known(one.p_adjusted) && el("span", { class: "under" }, `alone ${pOnly(one.p_value)}`),
        ],
      },
      {
        key: "record",
        title: "better / equal / worse",
        class: "bar",
        show: (one) => [records(one), el("span", { class: "under" }, `${one.wins} / ${one.ties} / ${one.losses}`)],
      },
      { key: "n", title: "n", class: "number", value: (one) => one.num_problems, show: (one) => words.count(one.num_problems) },
    ];
  }

  function listView(main) {
    const rows = boot.comparisons;
    const values = rows.flatMap((one) => [one.mean, one.low, one.high].map(asPoints));
    const domain = r1bench.domainAroundZero(values);
    const axis = r1bench.axis(domain, (tick) => words.signed(tick, 0));
    const table = el("div", {});
    const draw = (order) =>
      fill(table, r1bench.table(columnsOf(domain, axis), rows, { order, onOrder: draw, className: "comparisons", caption: "comparisons" }));
    draw("");
    fill(
      main,
      el("h1", {}, "Comparisons"),
      el(
        "p",
        { class: "lead" },
        `Pairs of runs that share a protocol, paired by problem; n is problems, the line the ${words.level()} ` +
          `interval in points. A ring: no difference is shown, because the interval holds 0 or because one of ` +
          `${rows.length} may miss 0 by chance (Holm's adjustment).`,
      ),
      table,
    );
  }

  r1bench.comparisonList = listView;
})();
