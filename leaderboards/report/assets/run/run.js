// One run: every metric with its interval, curves over k and over tokens, outcomes, format rules, behaviour, versions, cost, command.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot } = r1bench;

  // 'pass@4' -> {family: 'pass@', k: 4}
  function curveOf(several) {
    const families = new Map();
    for (const [key, found] of Object.entries(several)) {
      const match = /^([^\d]*[@^])(\d+)$/.exec(key);
      if (!match || !found || !known(found.value)) continue;
      if (!families.has(match[1])) families.set(match[1], []);
      families.get(match[1]).push({ x: Number(match[2]), ...found });
    }
    const order = ["pass@", "cons@", "pass^"]; // others are in the table below
    const chosen = order.filter((name) => families.has(name)).map((name) => [name, families.get(name)]);
    return chosen
      .map(([name, points]) => ({ name: name + "k", points: points.sort((a, b) => a.x - b.x) }))
      .filter((each) => each.points.length > 1);
  }

  function figure(title, text, chart) {
    return el("section", { class: "figure" }, el("h2", {}, title), chart, el("p", { class: "under" }, text));
  }

  function curves(entry) {
    const several = entry.several || {};
    const over = curveOf(several);
    const n = `n = ${words.size(entry)} problems × samples`;
    const size = `${n}; bands are ${words.level()} intervals.`;
    const budgets = (several.budgets || []).filter((each) => known(each.value)).map((each) => ({ x: each.tokens, ...each }));
    return el(
      "div",
      { class: "two" },
      over.length > 0 &&
        figure(
          "More samples",
          `pass@k: at least one of k samples is right; cons@k: their most frequent answer is right; pass^k: all k are right. ${size}`,
          r1bench.fitted((width) => r1bench.curves(width, over, { xLabel: "k", xFormat: words.count }), {
            label: `${over.map((each) => each.name).join(" and ")} over k`,
          }),
        ),
      budgets.length > 1 &&
        figure(
          "More tokens",
          `The score if every completion were cut at so many tokens. ${size}`,
          r1bench.fitted(
            (width) => r1bench.curves(width, [{ name: "score", points: budgets }], { xLabel: "tokens", xFormat: words.count }),
            { label: "score over the token budget" },
          ),
        ),
    );
  }

  // the share of an outcome; of an incomplete run without an interval
  function shareText(entry, outcome) {
    const found = (entry.several || {})[`outcome:${outcome}`];
    if (found) return `${words.points(found.value)} % ${words.pointsBetween(found.low, found.high)}`;
    const whole = entry.num_samples + (outcome === "failed" ? entry.outcomes.failed : 0);
    return whole ? `${words.points((entry.outcomes[outcome] || 0) / whole)} %` : "";
  }

  // samples that failed are part of no number: said beside the one that they might have moved
  function lostText(entry) {
    const failed = entry.outcomes.failed || 0;
    if (!failed) return "";
    const without = entry.lost.length ? `; nothing is left of ${words.plural(entry.lost.length, "problem")}: ${entry.lost.slice(0, 5).join(", ")}` : "";
    return `; ${words.plural(failed, "sample")} of ${words.count(entry.num_samples + failed)} failed and are no part of it${without}`;
  }

  function outcomes(entry, canOpen) {
    return el(
      "section",
      {},
      el("h2", {}, "Outcomes"),
      r1bench.outcomeBar(entry.outcomes, canOpen && entry.run),
      el(
        "ul",
        { class: "outcome-list" },
        r1bench.OUTCOMES.map((outcome) =>
          el(
            "li",
            {},
            canOpen && entry.outcomes[outcome]
              ? r1bench.link(r1bench.outcomeTag(outcome), "samples", [entry.run], { outcome })
              : r1bench.outcomeTag(outcome),
            " ",
            el("b", {}, words.count(entry.outcomes[outcome] || 0)),
            " ",
            el("span", { class: "half" }, shareText(entry, outcome)),
          ),
        ),
      ),
    );
  }

  function comparisons(entry) {
    const pairs = boot.comparisons.filter((each) => each.run_a === entry.run || each.run_b === entry.run);
    if (!pairs.length) return null;
    return [
      el("h2", {}, "Compared with"),
      el(
        "ul",
        { class: "verdicts" },
        pairs.map((each) => el("li", {}, r1bench.pairLine(each))),
      ),
    ];
  }

  // the score in a sentence, and what came with imported completions
  function summary(entry) {
    const published =
      known(entry.published_score) &&
      el(
        "p",
        { class: "under" },
        `The completions came with ${words.points(entry.published_score)} by another grader (n ` +
          `${words.count(entry.num_published)}); ${words.plural(entry.num_differing, "verdict")} differ.`,
      );
    const about = entry.is_complete
      ? [
          r1bench.valued(words.points(entry.score), words.pointsBetween(entry.low, entry.high)),
          ` points, ${words.level()} interval, n = ${words.size(entry)} problems × samples${lostText(entry)}`,
        ]
      : [el("span", { class: "note" }, entry.note), ": no number may be made from a part. Run the same evaluation again to finish it."];
    return [el("p", { class: "verdict" }, about), published];
  }

  function draw(main, entry) {
    const canOpen = r1bench.hasSamples(entry.run);
    fill(
      main,
      el("p", { class: "crumbs" }, r1bench.link("Board", "")),
      el("h1", {}, r1bench.name(entry.name), el("span", { class: "on" }, " on ", r1bench.name(entry.task))),
      summary(entry),
      el(
        "p",
        { class: "actions" },
        canOpen
          ? r1bench.link(`Read its ${words.count(entry.num_samples)} samples`, "samples", [entry.run], {}, { class: "button" })
          : el("span", { class: "under" }, "Its samples are not in this report."),
      ),
      outcomes(entry, canOpen),
      curves(entry),
      entry.is_complete && r1bench.scoreTables(entry),
      comparisons(entry),
      r1bench.ruleTable(entry),
      r1bench.behaviourTables(entry),
      r1bench.runFacts(entry),
    );
  }

  async function render(route, main) {
    let entry = boot.entries.find((each) => each.run === route.parts[0]);
    if (!entry) return void r1bench.missing(main, "Run", `There is no run '${route.parts[0] || ""}' in this report. `, "To the board", "");
    if (boot.runs.has(entry.run)) {
      const { entry: whole, manifest, noise } = await r1bench.kept(`run/${boot.runs.get(entry.run).dir}/entry`);
      if (!r1bench.isCurrent(route)) return;
      entry = { ...entry, ...whole, command: manifest.command, noise };
    }
    draw(main, entry);
  }

  r1bench.views.run = { title: "Run", render };
})();
