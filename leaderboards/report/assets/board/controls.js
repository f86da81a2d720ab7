// Above the board: filters, the choice of a score, and a legend that a stranger understands.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known, boot } = r1bench;

  const DEFAULT = r1bench.DEFAULT_MEASURE;

  function measures() {
    const found = new Set();
    for (const entry of boot.entries)
      for (const [key, one] of Object.entries(entry.several || {})) if (one && known(one.value)) found.add(key);
    return [DEFAULT, ...[...found].filter((key) => key !== DEFAULT).sort((a, b) => a.localeCompare(b, "en", { numeric: true }))];
  }

  function select(label, options, chosen, onChange) {
    const list = el(
      "select",
      { onchange: (event) => onChange(event.target.value) },
      options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)),
    );
    return el("label", { class: "field" }, el("span", {}, label), list);
  }

  function controls(state, change, order) {
    const distinct = (values) => [...new Set(values)].sort();
    const search = el("input", {
      type: "search",
      class: "search",
      value: state.q,
      placeholder: "name, task, stage, run",
      "aria-label": "Filter rows",
      oninput: (event) => change({ q: event.target.value }),
    });
    const stages = distinct(boot.entries.map((entry) => entry.stage || ""));
    const sorts = [
      [order, "score"],
      ["name", "name"],
      ["-n", "n"],
      ...r1bench.boardMeasures().map(({ key, label }) => [`-${key}`, label]),
      ["-cost", "cost"],
    ];
    return el(
      "form",
      { class: "controls", role: "search", onsubmit: (event) => event.preventDefault() },
      el("label", { class: "field grow" }, el("span", {}, "Filter"), search),
      select(
        "Task",
        [["", "all tasks"], ...distinct(boot.entries.map((entry) => entry.task)).map((task) => [task, task])],
        state.task,
        (task) => change({ task }),
      ),
      stages.length > 1 &&
        select("Stage", [["", "all stages"], ...stages.map((stage) => [stage || "none", stage || "no stage"])], state.stage, (stage) =>
          change({ stage }),
        ),
      measures().length > 1 &&
        select(
          "Score",
          measures().map((key) => [key, key]),
          state.measure,
          (measure) => change({ measure }),
        ),
      el(
        "span",
        { class: "phone" },
        select("Sort by", sorts, state.sort, (sort) => change({ sort })),
      ),
    );
  }

  function legend() {
    const level = words.level();
    return el(
      "div",
      { class: "legend" },
      el("p", { class: "keys" }, r1bench.intervalKey(`score and its ${level} interval`), r1bench.outcomeKey()),
      el(
        "details",
        {},
        el("summary", {}, "How to read this"),
        el(
          "p",
          {},
          "Each row is one run: a checkpoint that answered every problem of a task n times. The dot is its score in " +
            "points (the share of right answers), the line a range made so that it holds the true score on questions " +
            "like these ",
          level,
          " of the time. ",
          el("b", {}, "Where lines overlap, the order may be chance"),
          ": open the comparison, which is paired by problem and sees more. Ranks count only inside a group, because " +
            "groups differ in protocol: task version, template, sampling, grader.",
        ),
        el(
          "p",
          {},
          "n is problems × samples for each. ",
          r1bench.boardMeasures().map(({ label, about }, index) => [index ? "; " : "", el("b", {}, label), `: ${about}`]),
          ". ± is the larger half of an interval. The bar of outcomes has one part for each: ",
          r1bench.OUTCOMES.map((outcome, index) => [index ? "; " : "", el("b", {}, outcome), `, ${r1bench.OUTCOME_MEANING[outcome]}`]),
          ". A run that is incomplete has no score.",
        ),
      ),
    );
  }

  Object.assign(r1bench, { select, boardControls: controls, boardLegend: legend });
})();
