// All comparisons of the report as one table.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot, asPoints, difference, records } = r1bench;

  function pairCell(one) {
    const pair = [r1bench.name(one.name_b), " against ", r1bench.name(one.name_a)];
    return [
      r1bench.link(pair, "compare", [one.id], {}, { class: "row-link" }),
      el("span", { class: "under" }, one.task, ": ", r1bench.verdict(one)),
    ];
  }

  function columnsOf(domain, axis) {
    return [
      { key: "pair", title: "B against A", class: "who", isHead: true, value: (one) => one.name_b, show: pairCell },
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
        title: "p",
        class: "number",
        hint: "of this comparison alone, as r1bench compare has it; below it p adjusted for all comparisons of this page (Holm)",
        value: (one) => one.p_value,
        show: (one) => [words.p(one.p_value), known(one.p_adjusted) && el("span", { class: "under" }, `Holm ${words.p(one.p_adjusted)}`)],
      },
      {
        key: "record",
        title: "better / equal / worse",
        class: "bar",
        show: (one) => [records(one), el("span", { class: "under" }, [one.wins, one.ties, one.losses].map(words.count).join(" / "))],
      },
      { key: "n", title: "n", class: "number", value: (one) => one.num_problems, show: (one) => words.count(one.num_problems) },
    ];
  }

  r1bench.comparisonList = function (main) {
    const rows = boot.comparisons;
    const domain = r1bench.domainAroundZero(rows.flatMap((one) => [one.mean, one.low, one.high].map(asPoints)));
    const axis = r1bench.axis(domain, { isSigned: true });
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
        `Pairs of runs that share a protocol, paired by problem; n is problems, the line the ${words.level()} interval in points. Each ` +
          "verdict is that of its pair alone, as r1bench compare gives it. Of many pairs some look better or worse by chance: a ring " +
          `stands where no difference is shown after ${r1bench.correction(rows[0])}.`,
      ),
      table,
    );
  };
})();
