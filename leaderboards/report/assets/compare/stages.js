// What each stage added or lost: the measures of each step from a parent's run to its child's, differences drawn around zero.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, boot } = r1bench;

  function stepTable(row, among) {
    const comparison = boot.comparisons.find((one) => one.id === row.comparison);
    const stages = `${row.parent_stage || "base"} → ${row.stage || "no stage"}`;
    const sizes = [...new Set([row.n_a, row.n_b])].map(words.count).join(" and ");
    return el(
      "article",
      { class: "step" },
      el(
        "h3",
        {},
        r1bench.link(r1bench.name(row.parent_name), "run", [row.parent_run]),
        el("span", { class: "arrow" }, " → "),
        r1bench.link(r1bench.name(row.name), "run", [row.run]),
        el("span", { class: "beside-name" }, el("span", { class: "stage" }, stages)),
      ),
      el(
        "p",
        { class: "note-text" },
        `n ${words.plural(row.num_problems, "problem")} × ${sizes}. `,
        comparison && ["Score: ", r1bench.verdict(comparison), ". ", r1bench.link("Problem by problem", "compare", [comparison.id])],
      ),
      r1bench.measureTable(row.measures, among),
    );
  }

  function legend() {
    const key = (text, found, domain, options) => r1bench.intervalKey(text, found, domain, { ticks: [0], ...options });
    return el(
      "p",
      { class: "keys" },
      key("▲ better", { value: 0.6, low: 0.3, high: 0.9 }, [-0.4, 1], { tone: "added" }),
      key("▼ worse", { value: -0.6, low: -0.9, high: -0.3 }, [-1, 0.4], { tone: "lost" }),
      key("ring: the interval holds 0, no change is shown", { value: 0.1, low: -0.3, high: 0.5 }, [-0.6, 0.8], { hollow: true }),
    );
  }

  function render(route, main) {
    const groups = [...d3.group(boot.stages, (row) => `${row.task}\u0000${row.protocol}`).values()];
    fill(
      main,
      el("h1", {}, "What each stage added or lost"),
      el(
        "p",
        { class: "lead" },
        "A checkpoint (B) against the one it was trained from (A), on the same problems under the same protocol. Differences are " +
          `paired by problem; [ ] and the line are the ${words.level()} interval of each by itself, not corrected for their number.`,
      ),
      legend(),
      groups.map((rows) =>
        el(
          "section",
          { class: "group" },
          el("h2", {}, r1bench.name(rows[0].task)),
          el("p", { class: "protocol" }, "protocol ", el("code", {}, rows[0].protocol)),
          rows.map((row) => stepTable(row, rows.flatMap((each) => each.measures))),
        ),
      ),
      !groups.length &&
        el(
          "p",
          { class: "empty" },
          "No run has its parent's run beside it. Evaluate the checkpoint before and after a stage with one protocol, and the difference " +
            "stands here.",
        ),
    );
  }

  r1bench.views.stages = { title: "Stages", render, tab: () => boot.stages.length > 0 };
})();
