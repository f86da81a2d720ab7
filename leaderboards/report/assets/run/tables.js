// The tables of one run: scores, measures with their intervals, how it reasons, how it was measured.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;

  const isPoints = (one) => one.unit === "points";
  const inGroup = (entry, group) => r1bench.measuresOf(entry).filter((one) => one.group === group);
  const titled = (one) => ({ ...one, name: words.name(one.label) });

  const ofStrictness = (asked, name, key) => ({ name, value: asked[key], low: asked[`${key}_low`], high: asked[`${key}_high`] });

  // what lies between 0 and 1
  function shareRows(entry) {
    const { num_problems, style } = entry;
    const asked = (entry.strictness || {})[style];
    const rows = [
      { name: "pass@1", value: entry.score, low: entry.low, high: entry.high, method: entry.method },
      ...Object.entries(entry.several || {})
        .filter(([name]) => name !== "budgets" && name !== "pass@1" && !name.startsWith("outcome:"))
        .map(([name, found]) => ({ name, ...found })),
      ...inGroup(entry, "table").filter(isPoints).map(titled),
      ...(asked ? [ofStrictness(asked, `strict (${style})`, "strict"), ofStrictness(asked, "format tax", "tax")] : []),
    ];
    return rows.filter((row) => known(row.value)).map((row) => ({ num_problems, ...row }));
  }

  function shareTable(rows, caption, withN = true) {
    const axis = r1bench.axis([0, 1], { scale: 100, count: withN ? 4 : 2 });
    const label = (row) => `${row.name} ${words.points(row.value)} ${words.pointsBetween(row.low, row.high)}`;
    const named = (row) => [row.name, row.about && el("span", { class: "half" }, row.about)];
    const columns = [
      { key: "name", title: caption, class: "who", isHead: true, show: named },
      {
        key: "value",
        title: "points",
        class: "score",
        show: (row) => r1bench.valued(words.points(row.value), words.pointsBetween(row.low, row.high)),
      },
      r1bench.drawnColumn(axis, (row) => r1bench.interval(row, [0, 1], { ticks: axis.ticks, label: label(row) })),
      withN && {
        key: "n",
        title: "n",
        class: "number",
        show: (row) => [row.method && el("span", { class: "half" }, row.method), " ", words.count(row.num_problems)],
      },
    ];
    return r1bench.table(columns.filter(Boolean), rows, { className: "metrics", caption });
  }

  // means of counts and lengths
  function meanTable(rows, caption, show) {
    const columns = [
      { key: "name", title: caption, class: "who", isHead: true, show: (row) => row.name },
      { key: "value", title: "value", class: "score", show: (row) => r1bench.valued(...show(row)) },
    ];
    return r1bench.table(columns, rows, { className: "metrics", caption });
  }

  function scores(entry) {
    const lengths = inGroup(entry, "table").filter((one) => !isPoints(one));
    const rows = lengths.map((one) => ({ ...one, name: one.label === one.unit ? one.label : `${one.label}, ${one.unit}` }));
    return [
      el("h2", {}, "Scores"),
      shareTable(shareRows(entry), "metric"),
      rows.length > 0 && meanTable(rows, "mean per completion", (row) => [words.number(row.value), words.between(row.low, row.high)]),
    ];
  }

  function behaviour(entry) {
    const all = inGroup(entry, "reasoning").map(titled);
    if (!all.length) return null;
    const [shares, counts] = [all.filter(isPoints), all.filter((one) => !isPoints(one))];
    return [
      el("h2", {}, "How it reasons"),
      el(
        "div",
        { class: "two" },
        shares.length > 0 && shareTable(shares, "share of completions", false),
        counts.length > 0 && meanTable(counts, "mean per completion", words.counted),
      ),
      el(
        "p",
        { class: "under" },
        `n = ${words.plural(entry.num_problems, "problem")}, ${words.plural(entry.num_samples, "sample")}; per 1,000 is of all reasoning together.`,
      ),
    ];
  }

  function rules(entry) {
    const all = inGroup(entry, "rule").map(titled);
    if (!all.length) return null;
    return r1bench.folded("Format, rule by rule", words.plural(all.length, "rule"), {}, shareTable(all, "rule kept", false));
  }

  const listed = (found, show) =>
    Object.entries(found || {})
      .map(([key, value]) => show(value, key) && `${words.name(key)} ${show(value, key)}`)
      .filter(Boolean)
      .join(", ");
  const noise = (value) => typeof value !== "object" && String(Number.isInteger(value) || !known(value) ? value : words.number(value, 4));

  function facts(entry) {
    const errors = { resampling: entry.resampling_error, questions: entry.question_error, both: entry.total_error };
    const rows = [
      ["checkpoint", entry.checkpoint],
      ["digest", entry.checkpoint_digest],
      ["trained from", entry.parent],
      ["stage", entry.stage],
      ["task", `${entry.task}, version ${entry.task_version}`],
      ["template", entry.template],
      ["sampling", entry.sampling],
      ["grader", `${entry.grader} ${entry.grader_version}`],
      ["protocol", entry.protocol],
      ["run", entry.run],
      ["device", entry.device || (entry.versions || {}).device],
      ["generated", known(entry.generated_tokens) && `${words.tokens(entry.generated_tokens)} tokens`],
      ["prompts", known(entry.prompt_tokens) && `${words.tokens(entry.prompt_tokens)} tokens`],
      ["time", known(entry.seconds) && words.seconds(entry.seconds)],
      ["errors", listed(errors, (error) => known(error) && words.points(error))],
      ["versions", listed(entry.versions, (version, name) => name !== "device" && version)],
      ["noise floor", listed(entry.noise, noise)],
      ["command", entry.command && el("code", {}, entry.command)],
    ];
    return el("section", {}, el("h2", {}, "How it was measured"), r1bench.factList(rows));
  }

  Object.assign(r1bench, { scoreTables: scores, ruleTable: rules, behaviourTables: behaviour, runFacts: facts });
})();
