// What a training drew, side by side: steps as columns; the best, the median and the worst completion of each, or those of one problem.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known } = r1bench;
  const COLUMNS = 4;
  const ROLES = ["best", "median", "worst"];

  // so many of the columns, spread from the first to the last
  const spread = (columns, count) =>
    columns.length <= count ? columns : d3.range(count).map((place) => columns[Math.round((place * (columns.length - 1)) / (count - 1))]);

  const signed = (value) => (known(value) ? words.signed(value, 2) : words.number(null));
  const plain = (value) => words.number(value, Number.isInteger(value) ? 0 : 2);

  function text(row) {
    if (!row.text.trim()) return el("p", { class: "empty" }, "The completion is empty.");
    const piece = (from, to) => row.text.slice(from, to).trim();
    const part = (name, written) => written && el("div", { class: `part-of of-${name}` }, el("span", { class: "under" }, name), el("pre", {}, written));
    const all = row.text.length;
    const [from, to] = row.reasoning ? r1bench.withTags(row.text, row.reasoning) : [0, 0];
    const pieces = row.reasoning
      ? [piece(0, from) && el("pre", {}, piece(0, from)), part("reasoning", piece(from, to)), part("answer", piece(to, all))]
      : el("pre", {}, row.text);
    const cut = row.cut && el("p", { class: "under" }, `${words.count(row.cut.characters)} characters are left out; the whole text stands in ${row.cut.file}.`);
    return el("div", { class: "drawn-text", tabindex: 0, role: "group", "aria-label": "completion" }, pieces, cut);
  }

  function facts(row) {
    const rewards = Object.entries(row.rewards).map(([name, value]) => [words.name(name), plain(value)]);
    const named = [
      ...rewards,
      ["advantage", known(row.advantage) ? signed(row.advantage) : ""],
      ["tokens", row.tokens ? words.count(row.tokens) : ""],
      ["ended by", row.finish_reason],
      ["policy", known(row.policy) ? `after ${words.plural(row.policy, "update")}` : ""],
    ];
    return el(
      "p",
      { class: "drawn-facts" },
      named.filter(([, value]) => value).map(([name, value]) => el("span", {}, el("span", { class: "quiet" }, name), value)),
    );
  }

  function cell(column, place, isOfOneProblem) {
    const row = column.rows[place];
    const title = `step ${words.count(column.step)}`;
    if (!row) return el("td", { "data-title": title }, el("p", { class: "empty" }, "No other completion."));
    const problem =
      !isOfOneProblem &&
      el(
        "details",
        { class: "asked" },
        el("summary", {}, row.problem ? r1bench.name(row.problem) : "the problem", known(row.sample) && ` #${row.sample}`),
        el("pre", { class: "prompt" }, row.prompt),
        row.gold && el("p", { class: "under" }, `gold: ${row.gold}`),
      );
    const outcome = r1bench.OUTCOMES.includes(row.outcome) ? r1bench.outcomeTag(row.outcome) : row.outcome && el("span", {}, row.outcome);
    return el(
      "td",
      { "data-title": title },
      el("p", { class: "drawn-line" }, el("span", {}, "reward ", el("b", {}, plain(row.reward))), outcome),
      problem,
      text(row),
      facts(row),
    );
  }

  function table(columns, shown, isOfOneProblem, change) {
    const heading = (column, place) =>
      el(
        "th",
        { scope: "col" },
        r1bench.select(
          "Step",
          columns.map((each) => [String(each.step), words.count(each.step)]),
          String(column.step),
          (step) => change(place, Number(step)),
        ),
        el("span", { class: "under" }, `${words.plural(column.size, "completion")}, mean reward ${known(column.mean) ? words.number(column.mean, 2) : words.number(null)}`),
      );
    const roles = ROLES.filter((_, place) => shown.some((column) => column.rows[place]));
    return el(
      "table",
      { class: "side-by-side" },
      el("thead", {}, el("tr", {}, shown.map(heading))),
      roles.map((role) =>
        el(
          "tbody",
          {},
          el("tr", { class: "role" }, el("th", { scope: "rowgroup", colspan: shown.length }, role)),
          el("tr", {}, shown.map((column) => cell(column, ROLES.indexOf(role), isOfOneProblem))),
        ),
      ),
    );
  }

  // what of the data the address asks for: a problem, and steps
  function readState(route, data) {
    const problem = data.problems.find((each) => each.id === route.query.get("problem")) || null;
    const columns = problem ? problem.columns : data.columns;
    const asked = (route.query.get("steps") || "").split(" ").filter(Boolean).map(Number);
    const found = asked.map((step) => columns.find((column) => column.step === step)).filter(Boolean);
    return { problem, columns, shown: found.length ? found.slice(0, COLUMNS) : spread(columns, COLUMNS) };
  }

  async function render(route, place, training) {
    const data = await r1bench.kept(`training/${training.id}/samples`);
    if (!r1bench.isCurrent(route)) return;
    const remember = (change) => {
      r1bench.setQuery({ ...Object.fromEntries(route.query), ...change });
      draw();
    };
    const draw = () => {
      const { problem, columns, shown } = readState(route, data);
      const change = (at, step) => {
        remember({ steps: shown.map((column, index) => (index === at ? step : column.step)).join(" ") });
        place.querySelectorAll(".side-by-side thead select")[at].focus();
      };
      const options = [["", "any: best, median and worst of a step"], ...data.problems.map((each) => [each.id, `${each.id}, met in ${words.plural(each.columns.length, "step")}`])];
      const first = problem && problem.columns[0].rows[0];
      fill(
        place,
        el(
          "section",
          { class: "what-was-drawn" },
          el("h2", {}, "What was drawn"),
          data.problems.length > 0 &&
            el("p", { class: "controls" }, r1bench.select("Problem", options, problem ? problem.id : "", (id) => remember({ problem: id, steps: "" }))),
          el("p", { class: "note-text" }, said(problem, columns)),
          first && [el("pre", { class: "prompt" }, first.prompt), first.gold && el("p", { class: "under" }, `gold: ${first.gold}`)],
          table(columns, shown, Boolean(problem), change),
        ),
      );
    };
    draw();
  }

  function said(problem, columns) {
    const which = "By reward, the best, the median and the worst completion";
    if (problem) return `${which} of this problem, in ${words.plural(columns.length, "step")} in which the training met it.`;
    return `${which} of a step; ${words.plural(columns.length, "step")} can be chosen, spread from the first to the last.`;
  }

  r1bench.trainingSamples = render;
})();
