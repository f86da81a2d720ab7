// Two runs, paired by problem: the verdict, the difference with its interval, a dot for each problem, wins and losses with their samples.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot, asPoints, gapOf, difference, records, dotPlot, squarePlot } = r1bench;

  function problemList(title, problems, one) {
    const side = (letter) => ({
      key: letter,
      title: letter.toUpperCase(),
      class: "number",
      show: (problem) => sideLink(one[`run_${letter}`], problem, problem[letter], problem[`n_${letter}`]),
    });
    const columns = [
      { key: "id", title: "problem", class: "who", isHead: true, show: (problem) => r1bench.name(problem.id) },
      side("a"),
      side("b"),
      { key: "gap", title: "B − A", class: "number", show: (problem) => el("b", {}, words.signed(asPoints(gapOf(problem)))) },
    ];
    const show = (items) => r1bench.table(columns, items, { className: "narrow", caption: title });
    return el(
      "section",
      {},
      el("h2", {}, title, " ", el("span", { class: "how-many" }, words.count(problems.length))),
      problems.length ? r1bench.shortened(problems, 15, show) : el("p", { class: "empty" }, "On no problem."),
    );
  }

  function sideLink(run, problem, score, n) {
    const text = words.points(score);
    const size = el("span", { class: "half" }, `n ${words.count(n)}`);
    if (!r1bench.hasSamples(run)) return [text, size];
    const label = `${text} points, its ${words.plural(n, "sample")}`;
    return [r1bench.link(text, "samples", [run], { problem: problem.id }, { "aria-label": label }), size];
  }

  const sideName = (letter, run, name) => el("span", {}, el("b", {}, letter), " ", r1bench.link(r1bench.name(name), "run", [run]));

  // the verdict of this pair alone, and what is left of it among all of the page
  function verdictLines(one) {
    return [
      el("p", { class: "verdict" }, one.verdict),
      r1bench.isCorrectedAway(one) &&
        el("p", { class: "note-text" }, `Not shown after ${r1bench.correction(one)}: adjusted, its p is ${words.p(one.p_adjusted)}.`),
    ];
  }

  function numbers(one) {
    const domain = r1bench.domainAroundZero([one.low, one.high, one.mean].map(asPoints));
    const axis = r1bench.axis(domain, { isSigned: true, count: 6 });
    const facts = [
      `${words.level(one.level)} interval`,
      words.plural(one.num_problems, "problem"),
      one.method,
      `p ${words.p(one.p_value)}`,
      known(one.p_adjusted) && `Holm p ${words.p(one.p_adjusted)}`,
    ];
    return [
      el(
        "div",
        { class: "big-difference" },
        el("p", {}, "B − A ", r1bench.valued(words.signed(asPoints(one.mean)), words.pointsBetween(one.low, one.high)), " points"),
        el("div", { class: "drawn wide" }, difference(one, domain, axis.ticks), axis.drawing),
        el("p", { class: "under" }, facts.filter(Boolean).join(", ")),
      ),
      el(
        "div",
        { class: "record" },
        records(one),
        el(
          "p",
          { class: "keys" },
          r1bench.partKey("win", `better on ${words.count(one.wins)}`),
          r1bench.partKey("tie", `equal on ${words.count(one.ties)}`),
          r1bench.partKey("loss", `worse on ${words.count(one.losses)}`),
        ),
      ),
    ];
  }

  const plotted = (title, draw, problems, label) =>
    el("section", {}, el("h2", {}, title), r1bench.fitted((width) => draw(width, problems), { label }));

  function draw(main, one, { problems, measures = [], notes = [] }) {
    const losses = problems.filter((problem) => gapOf(problem) < 0);
    const wins = problems.filter((problem) => gapOf(problem) > 0).reverse();
    fill(
      main,
      el("p", { class: "crumbs" }, r1bench.link("Comparisons", "compare")),
      el("h1", {}, r1bench.name(one.name_b), " against ", r1bench.name(one.name_a)),
      verdictLines(one),
      el(
        "p",
        { class: "protocol" },
        sideName("A", one.run_a, one.name_a),
        " · ",
        sideName("B", one.run_b, one.name_b),
        ` · ${one.task} · protocol `,
        el("code", {}, one.protocol),
      ),
      numbers(one),
      measures.length > 0 && el("section", {}, el("h2", {}, "All measures"), r1bench.measureTable(measures)),
      el(
        "div",
        { class: "two-plots" },
        plotted("Problem by problem", dotPlot, problems, `differences of ${words.plural(problems.length, "problem")}, sorted`),
        plotted("A against B", squarePlot, problems, "score of A against score of B for each problem"),
      ),
      el("div", { class: "two" }, problemList("B is worse", losses, one), problemList("B is better", wins, one)),
      notes.map((note) => el("p", { class: "note-text" }, note)),
    );
  }

  async function render(route, main) {
    const [id] = route.parts;
    if (!id && boot.comparisons.length) return void r1bench.comparisonList(main);
    if (!id) return void r1bench.missing(main, "Comparisons", "No two runs share a protocol, so nothing can be compared.");
    const one = boot.comparisons.find((each) => each.id === id);
    const message = `There is no comparison '${id}' in this report. `;
    if (!one) return void r1bench.missing(main, "Comparisons", message, "All comparisons", "compare");
    const found = await r1bench.kept(`comparison/${one.id}`);
    if (r1bench.isCurrent(route)) draw(main, one, found);
  }

  r1bench.views.compare = { title: "Compare", render, tab: () => boot.comparisons.length > 0 };
})();
