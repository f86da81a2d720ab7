// The tables of one run: scores, shares with their intervals, how it reasons, how it was measured.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;

  function metricRows(entry) {
    const rows = [
      {
        name: "pass@1",
        value: entry.score,
        low: entry.low,
        high: entry.high,
        method: entry.method,
        num_problems: entry.num_problems,
        num_samples: entry.num_samples,
      },
    ];
    for (const [name, found] of Object.entries(entry.several || {}))
      if (name !== "budgets" && found && known(found.value) && name !== "pass@1" && !name.startsWith("outcome:"))
        rows.push({ name, ...found });
    rows.push({
      name: "format",
      value: entry.format_rate,
      low: entry.format_low,
      high: entry.format_high,
      num_problems: entry.num_problems,
      num_samples: entry.num_samples,
    });
    const asked = (entry.strictness || {})[entry.style];
    if (asked) {
      rows.push({
        name: `strict (${asked.style})`,
        value: asked.strict,
        low: asked.strict_low,
        high: asked.strict_high,
        num_problems: entry.num_problems,
        num_samples: entry.num_samples,
      });
      rows.push({
        name: "format tax",
        value: asked.tax,
        low: asked.tax_low,
        high: asked.tax_high,
        num_problems: entry.num_problems,
        num_samples: entry.num_samples,
      });
    }
    return rows.filter((row) => known(row.value));
  }

  function shareTable(rows, caption, withN = true) {
    const axis = r1bench.axis([0, 1], (tick) => words.points(tick, 0), withN ? 4 : 2);
    const label = (row) => `${row.name} ${words.points(row.value)} ${words.pointsBetween(row.low, row.high)}`;
    return r1bench.table(
      [
        { key: "name", title: caption, class: "who", isHead: true, show: (row) => row.name },
        {
          key: "value",
          title: "points",
          class: "score",
          show: (row) => r1bench.valued(words.points(row.value), words.pointsBetween(row.low, row.high)),
        },
        r1bench.drawnColumn(axis, (row) => r1bench.interval(row, [0, 1], { ticks: axis.ticks, label: label(row) })),
        ...(withN
          ? [
              {
                key: "n",
                title: "n",
                class: "number",
                show: (row) => [row.method && el("span", { class: "half" }, row.method), " ", words.count(row.num_problems)],
              },
            ]
          : []),
      ],
      rows,
      { className: "metrics", caption },
    );
  }

  function behaviour(entry) {
    const shares = new Set(["truncated", "empty_reasoning", "loop", "counting_loop", "repeated", "repeated_passages", "code_share"]);
    const all = Object.entries(entry.behaviour || {})
      .filter(([, found]) => known(found.value))
      .map(([key, found]) => ({ key, name: words.name(key), ...found }));
    const counts = all.filter((row) => !shares.has(row.key));
    if (!all.length) return null;
    const decimals = (row) => (Math.abs(row.value) >= 100 ? 0 : Math.abs(row.value) >= 1 ? 1 : 2);
    return [
      el("h2", {}, "How it reasons"),
      el(
        "div",
        { class: "two" },
        shareTable(
          all.filter((row) => shares.has(row.key)),
          "share of completions",
          false,
        ),
        r1bench.table(
          [
            { key: "name", title: "mean per completion", class: "who", isHead: true, show: (row) => row.name },
            {
              key: "value",
              title: "value",
              class: "score",
              show: (row) => r1bench.valued(words.number(row.value, decimals(row)), words.between(row.low, row.high, decimals(row))),
            },
          ],
          counts,
          { className: "metrics", caption: "means of what was counted" },
        ),
      ),
      el(
        "p",
        { class: "under" },
        `n = ${words.plural(entry.num_problems, "problem")}, ${words.plural(entry.num_samples, "sample")}; "per ` +
          `1000" is per 1,000 ${entry.length_unit || "tokens"} of reasoning.`,
      ),
    ];
  }

  const noiseText = (noise) =>
    noise && typeof noise === "object"
      ? Object.entries(noise)
          .filter(([, value]) => typeof value !== "object")
          .map(
            ([key, value]) =>
              `${words.name(key)} ${typeof value === "number" && !Number.isInteger(value) ? words.number(value, 4) : value}`,
          )
          .join(", ")
      : "";

  function errorsText(entry) {
    const parts = { resampling: entry.resampling_error, questions: entry.question_error, both: entry.total_error };
    const found = Object.entries(parts).filter(([, error]) => known(error));
    return found.map(([word, error]) => `${word} ${words.points(error, 2)}`).join(", ");
  }

  const versionsText = (versions) =>
    Object.entries(versions)
      .filter(([key]) => key !== "device")
      .map(([key, value]) => `${key} ${value}`)
      .join(", ");

  function facts(entry) {
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
      ["generated", known(entry.generated_tokens) ? `${words.count(entry.generated_tokens)} tokens` : ""],
      ["prompts", known(entry.prompt_tokens) ? `${words.count(entry.prompt_tokens)} tokens` : ""],
      ["time", known(entry.seconds) ? words.seconds(entry.seconds) : ""],
      ["errors", errorsText(entry)],
      ["versions", versionsText(entry.versions || {})],
      ["noise floor", noiseText(entry.noise)],
      ["command", entry.command],
    ];
    return el(
      "section",
      {},
      el("h2", {}, "How it was measured"),
      el(
        "dl",
        { class: "facts" },
        rows
          .filter(([, value]) => value)
          .map(([key, value]) =>
            el(
              "div",
              {},
              el("dt", {}, key),
              el("dd", {}, key === "command" ? el("code", {}, words.escapeHidden(value)) : words.escapeHidden(value)),
            ),
          ),
      ),
    );
  }

  Object.assign(r1bench, { metricRows, shareTable, behaviourTables: behaviour, runFacts: facts });
})();
