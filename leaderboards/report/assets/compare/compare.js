// Two runs, paired by problem: the verdict, the difference with its interval, a dot for each problem, wins and losses with their samples.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot, asPoints, difference, records, dotPlot, squarePlot } = r1bench;
  function problemList(title, problems, one, empty) {
    const columns = (items) =>
      r1bench.table(
        [
          { key: "id", title: "problem", class: "who", isHead: true, show: (problem) => r1bench.name(problem.id) },
          { key: "a", title: "A", class: "number", show: (problem) => sideLink(one.run_a, problem, problem.a, problem.n_a) },
          { key: "b", title: "B", class: "number", show: (problem) => sideLink(one.run_b, problem, problem.b, problem.n_b) },
          { key: "gap", title: "B − A", class: "number", show: (problem) => el("b", {}, words.signed(100 * (problem.b - problem.a), 0)) },
        ],
        items,
        { className: "narrow", caption: title },
      );
    return el(
      "section",
      {},
      el("h2", {}, title, " ", el("span", { class: "how-many" }, words.count(problems.length))),
      problems.length ? r1bench.shortened(problems, 15, columns) : el("p", { class: "empty" }, empty),
    );
  }

  function sideLink(run, problem, score, n) {
    const size = el("span", { class: "half" }, `n ${n}`);
    if (!r1bench.hasSamples(run)) return [words.points(score, 0), size];
    const label = `${words.points(score, 0)} points, its ${n} samples`;
    return [r1bench.link(words.points(score, 0), "samples", [run], { problem: problem.id }, { "aria-label": label }), size];
  }

  const sideName = (letter, run, name) => el("span", {}, el("b", {}, letter), " ", r1bench.link(r1bench.name(name), "run", [run]));

  function numbers(one) {
    const domain = r1bench.domainAroundZero([one.low, one.high, one.mean].map(asPoints));
    const axis = r1bench.axis(domain, (tick) => words.signed(tick, 0), 6);
    const facts = [
      `${words.plural(one.num_problems, "problem")}`,
      one.method,
      words.p(one.p_value),
      known(one.p_adjusted) ? `adjusted for several comparisons ${words.p(one.p_adjusted)}` : "",
    ].filter(Boolean);
    return [
      el(
        "div",
        { class: "big-difference" },
        el(
          "p",
          {},
          "B − A ",
          el("b", {}, words.signed(asPoints(one.mean))),
          " ",
          el("span", { class: "interval" }, words.pointsBetween(one.low, one.high)),
          " points",
        ),
        el("div", { class: "drawn wide" }, difference(one, domain, axis.ticks), axis.drawing),
        el("p", { class: "under" }, `${Math.round(1000 * one.level) / 10} % interval, ${facts.join(", ")}`),
      ),
      el(
        "div",
        { class: "record" },
        records(one),
        el(
          "p",
          { class: "keys" },
          el("span", { class: "key" }, el("i", { class: "part win" }), `better on ${one.wins}`),
          el("span", { class: "key" }, el("i", { class: "part tie" }), `equal on ${one.ties}`),
          el("span", { class: "key" }, el("i", { class: "part loss" }), `worse on ${one.losses}`),
        ),
      ),
    ];
  }

  function draw(main, one, { problems, measures = [], notes = [] }) {
    const losses = problems.filter((problem) => problem.b < problem.a);
    const wins = problems.filter((problem) => problem.b > problem.a).reverse();
    fill(
      main,
      el("p", { class: "crumbs" }, r1bench.link("Comparisons", "compare")),
      el("h1", {}, r1bench.name(one.name_b), " against ", r1bench.name(one.name_a)),
      el("p", { class: "verdict" }, words.escapeHidden(one.verdict)),
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
      el(
        "div",
        { class: "two-plots" },
        el(
          "section",
          {},
          el("h2", {}, "Problem by problem"),
          r1bench.fitted((width) => dotPlot(width, problems), { label: `differences of ${problems.length} problems, sorted` }),
        ),
        el(
          "section",
          {},
          el("h2", {}, "A against B"),
          r1bench.fitted((width) => squarePlot(width, problems), { label: "score of A against score of B for each problem" }),
        ),
      ),
      el(
        "div",
        { class: "two" },
        problemList("B is worse", losses, one, "On no problem."),
        problemList("B is better", wins, one, "On no problem."),
      ),
      measures.length > 0 && el("section", {}, el("h2", {}, "All measures"), r1bench.measureTable(measures)),
      notes.map((note) => el("p", { class: "note-text" }, words.escapeHidden(note))),
    );
  }

  async function render(route, main) {
    if (!route.parts[0] && boot.comparisons.length === 0)
      return void fill(
        main,
        el("h1", {}, "Comparisons"),
        el("p", { class: "empty" }, "No two runs share a protocol, so nothing can be compared."),
      );
    if (!route.parts[0]) return void r1bench.comparisonList(main);
    const one = boot.comparisons.find((each) => each.id === route.parts[0]);
    if (!one)
      return void fill(
        main,
        el("h1", {}, "Comparisons"),
        r1bench.problem(`There is no comparison '${route.parts[0]}' in this report. `, r1bench.link("All comparisons", "compare")),
      );
    const found = await r1bench.kept(`comparison/${one.id}`);
    if (r1bench.isCurrent(route)) draw(main, one, found);
  }

  r1bench.views.compare = { title: "Compare", render, tab: () => boot.comparisons.length > 0 };
})();
