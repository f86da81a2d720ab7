// What became of length, accuracy, format and reflection: the first steps of a training against the last.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;

  const TOO_FEW = "Too few steps to hold the first against the last.";
  const T975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131];

  // the mean of values taken as independent with its 95 % t interval, which one value has not
  function meanOf(values) {
    const listed = values.filter(known);
    const mean = d3.mean(listed) ?? null;
    const degrees = listed.length - 1;
    if (degrees < 1) return { value: mean, low: null, high: null };
    const half = ((T975[degrees - 1] ?? 1.96 + 2.4 / degrees) * d3.deviation(listed)) / Math.sqrt(listed.length);
    return { value: mean, low: mean - half, high: mean + half };
  }

  // means of the first and the last tenth of the steps, with intervals over those steps; null where they are the same steps
  function change(columns, key) {
    const tenth = Math.max(3, Math.round(columns.step.length / 10));
    if (!columns[key] || columns.step.length < 2 * tenth) return null;
    const values = columns[key];
    return { first: meanOf(values.slice(0, tenth)), last: meanOf(values.slice(-tenth)), tenth };
  }

  function storyLine(title, found, digits, unit = "") {
    if (!found || !known(found.first.value) || !known(found.last.value)) return null;
    const side = (one) => [
      el("b", {}, words.number(words.scaled(unit, one.value), digits)),
      " ",
      el("span", { class: "half" }, words.half(one, unit, digits)),
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
      storyLine("accuracy, points", accuracy, 1, "points"),
      storyLine("format, points", change(columns, "rewards/format"), 1, "points"),
      storyLine("reflection words per 1,000", words_, 2),
    ].filter(Boolean);
    if (!columns.length && !reflection) return null;
    const tenth = (length || accuracy || words_)?.tenth;
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
          el("p", { class: "note-text" }, rows.length ? verdict(length, accuracy, words_) : TOO_FEW),
          rows.length > 0 && [
            storyTable(rows, tenth),
            el(
              "p",
              { class: "under" },
              `Means over steps of training rollouts, n = ${tenth} steps each; ± is half of the ${words.level(0.95)} interval over steps.`,
            ),
          ],
        ),
        charts,
      ),
    );
  }

  function verdict(length, accuracy, reflection) {
    const apart = ({ first, last }) => {
      if (!known(first.high) || !known(last.high)) return 0;
      const gap = last.value - first.value;
      return Math.abs(gap) > Math.hypot(first.high - first.value, last.high - last.value) ? Math.sign(gap) : 0;
    };
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
