// What became of length, accuracy, format and reflection: the first steps of a training against the last.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;

  // means of the first and the last tenth of the steps, with intervals over those steps
  function change(columns, key) {
    if (!columns[key]) return null;
    const tenth = Math.max(2, Math.round(columns.step.length / 10));
    const values = columns[key];
    return { first: r1bench.mean(values.slice(0, tenth)), last: r1bench.mean(values.slice(-tenth)), tenth };
  }

  function storyLine(title, found, digits, scale = 1) {
    if (!found || !known(found.first.mean) || !known(found.last.mean)) return null;
    const side = (one) => [
      el("b", {}, words.number(scale * one.mean, digits)),
      " ",
      el("span", { class: "half" }, known(one.half) ? words.half(scale * one.half, digits) : ""),
    ];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, title),
      el("td", {}, side(found.first)),
      el("td", { class: "arrow" }, "→"),
      el("td", {}, side(found.last)),
    );
  }

  function storyTable(rows, tenth) {
    return el(
      "table",
      { class: "plain" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("td", {}),
          el("th", { scope: "col" }, `first ${tenth} steps`),
          el("td", {}),
          el("th", { scope: "col" }, `last ${tenth} steps`),
        ),
      ),
      el("tbody", {}, rows),
    );
  }

  function story(columns, reflection, multiple, shared) {
    const length = change(columns, "length");
    const accuracy = change(columns, "rewards/accuracy");
    const words_ = reflection && change({ step: reflection.step, per_1000: reflection.per_1000 }, "per_1000");
    const rows = [
      storyLine("tokens per completion", length, 1),
      storyLine("accuracy, points", accuracy, 1, 100),
      storyLine("format, points", change(columns, "rewards/format"), 1, 100),
      storyLine("reflection words per 1,000", words_, 2),
    ].filter(Boolean);
    if (!rows.length) return null;
    const tenth = (length || accuracy || words_).tenth;
    const charts = el(
      "div",
      { class: "stacked" },
      columns.length && multiple("length", columns, shared),
      reflection &&
        multiple(
          "reflection",
          { step: reflection.step, reflection: reflection.per_1000 },
          { ...shared, span: Math.max(3, Math.round(reflection.step.length / 12)) },
          `words of reflection per 1,000 ${reflection.unit || "tokens"}`,
        ),
    );
    return el(
      "section",
      { class: "story" },
      el("h2", {}, "Length and reflection"),
      el(
        "div",
        { class: "beside" },
        el(
          "div",
          {},
          el("p", { class: "note-text" }, verdict(length, accuracy, words_)),
          storyTable(rows, tenth),
          el(
            "p",
            { class: "under" },
            `Means over steps of training rollouts, n = ${tenth} steps each; ± is half of a 95\u00a0% interval over steps.`,
          ),
        ),
        charts,
      ),
    );
  }

  function verdict(length, accuracy, reflection) {
    const apart = (found) =>
      found &&
      known(found.first.half) &&
      known(found.last.half) &&
      Math.abs(found.last.mean - found.first.mean) > Math.hypot(found.first.half, found.last.half)
        ? Math.sign(found.last.mean - found.first.mean)
        : 0;
    const word = (found, up, down, same) => (found ? { 1: up, [-1]: down, 0: same }[apart(found)] : null);
    const parts = [
      word(length, "Completions grew longer", "Completions grew shorter", "The length shows no change"),
      word(accuracy, "answers became right more often", "answers became right less often", "accuracy shows no change"),
      word(
        reflection,
        "words of reflection became more frequent",
        "words of reflection became rarer",
        "words of reflection show no change",
      ),
    ].filter(Boolean);
    return parts.length ? parts.join("; ") + "." : "";
  }

  r1bench.trainingStory = story;
})();
