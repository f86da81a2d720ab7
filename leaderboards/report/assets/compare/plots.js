// What a comparison draws: the difference around zero, wins and losses, a dot for each problem, one score against the other.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words } = r1bench;

  const asPoints = (value) => words.scaled("points", value);
  const gapOf = (problem) => Number((problem.b - problem.a).toFixed(12)); // so that equal means tie

  function difference(one, domain, ticks = [0]) {
    const found = { value: asPoints(one.mean), low: asPoints(one.low), high: asPoints(one.high) };
    const label = `B - A ${words.signed(found.value)} ${words.between(found.low, found.high)} points; ${r1bench.verdict(one)}`;
    return r1bench.interval(found, domain, { ticks, hollow: !one.shown, tone: r1bench.toneOf(one), label });
  }

  function records(one) {
    const parts = Object.entries({ win: one.wins, tie: one.ties, loss: one.losses }).filter(([, count]) => count > 0);
    const label = `${words.count(one.wins)} better, ${words.count(one.ties)} equal, ${words.count(one.losses)} worse`;
    return el(
      "span",
      { class: "outcomes", role: "img", "aria-label": label },
      parts.map(([key, count]) => el("span", { class: `part ${key}`, style: `flex-grow:${count}`, title: `${key} ${words.count(count)}` })),
    );
  }

  // one comparison as a line, with a link to all of it
  const pairLine = (one) => [
    r1bench.link([r1bench.name(one.name_b), " against ", r1bench.name(one.name_a)], "compare", [one.id]),
    " ",
    r1bench.valued(words.signed(asPoints(one.mean)), words.pointsBetween(one.low, one.high)),
    ` points, paired over ${words.plural(one.num_problems, "problem")}: ${r1bench.verdict(one)}`,
  ];

  function dotPlot(width, problems) {
    const rows = problems.map((problem, index) => ({ ...problem, rank: index + 1, gap: asPoints(gapOf(problem)) }));
    return r1bench.plot(width, {
      height: 280,
      marginLeft: 46,
      marginRight: 12,
      marginBottom: 34,
      x: {
        label: "problems, from B's worst to its best",
        labelAnchor: "center",
        labelArrow: "none",
        ...r1bench.wholeTicks([1, rows.length], Math.max(3, Math.floor(width / 110))),
      },
      y: {
        label: "B − A, points",
        grid: true,
        labelArrow: "none",
        domain: [-100, 100],
        ticks: 5,
        tickFormat: words.ticks([100], { isSigned: true }),
      },
      color: { domain: [-1, 0, 1], range: ["var(--lost)", "var(--faint-ink)", "var(--added)"] },
      marks: [
        Plot.ruleY([0], { stroke: "var(--ink)", strokeOpacity: 0.5 }),
        Plot.ruleX(rows, { x: "rank", y1: 0, y2: "gap", stroke: (row) => Math.sign(row.gap), strokeOpacity: 0.35 }),
        Plot.dot(rows, { x: "rank", y: "gap", r: rows.length > 400 ? 1.6 : 2.6, fill: (row) => Math.sign(row.gap) }),
        Plot.tip(
          rows,
          Plot.pointerX({
            x: "rank",
            y: "gap",
            title: (row) =>
              `${words.escapeHidden(row.id)}\nA ${words.points(row.a)} (n ${row.n_a}), B ${words.points(row.b)} (n ${row.n_b})`,
          }),
        ),
      ],
    });
  }

  // a against b; problems at one place are one circle whose area is their number
  function squarePlot(width, problems) {
    const places = d3
      .rollups(
        problems,
        (members) => members,
        (each) => `${each.a} ${each.b}`,
      )
      .map(([, members]) => ({ a: 100 * members[0].a, b: 100 * members[0].b, size: members.length, first: members[0].id }));
    const size = Math.min(width, 340);
    return r1bench.plot(size, {
      height: size,
      marginLeft: 40,
      marginBottom: 36,
      marginTop: 14,
      marginRight: 14,
      x: { domain: [-9, 109], ticks: [0, 25, 50, 75, 100], label: "A, points", labelAnchor: "center", labelArrow: "none", grid: true },
      y: { domain: [-9, 109], ticks: [0, 25, 50, 75, 100], label: "B, points", labelArrow: "none", grid: true },
      r: { range: [0, 20], domain: [0, d3.max(places, (place) => place.size)] },
      color: { domain: [-1, 0, 1], range: ["var(--lost)", "var(--faint-ink)", "var(--added)"] },
      marks: [
        Plot.line(
          [
            [0, 0],
            [100, 100],
          ],
          { stroke: "var(--ink)", strokeOpacity: 0.4, strokeDasharray: "3 3" },
        ),
        Plot.dot(places, {
          x: "a",
          y: "b",
          r: "size",
          fill: (place) => Math.sign(place.b - place.a),
          fillOpacity: 0.55,
          stroke: "var(--paper)",
        }),
        Plot.tip(
          places,
          Plot.pointer({
            x: "a",
            y: "b",
            title: (place) =>
              [
                `${words.plural(place.size, "problem")} with A ${words.number(place.a)}, B ${words.number(place.b)}`,
                place.size === 1 && words.escapeHidden(place.first),
              ]
                .filter(Boolean)
                .join("\n"),
          }),
        ),
      ],
    });
  }

  Object.assign(r1bench, { asPoints, gapOf, pairLine, difference, records, dotPlot, squarePlot });
})();
