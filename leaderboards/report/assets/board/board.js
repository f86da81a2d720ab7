// The board: runs grouped by task and protocol, never ranked across groups. Filters and order live in the address.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, boot } = r1bench;
  const DEFAULT = r1bench.DEFAULT_MEASURE;
  const ORDER = "-score";
  const groupOf = (entry) => [entry.task, entry.task_version, entry.protocol].join("\u0000");

  function matches(entry, { q, task, stage }) {
    if (task && entry.task !== task) return false;
    if (stage && (entry.stage || "") !== (stage === "none" ? "" : stage)) return false;
    const text = `${entry.name} ${entry.task} ${entry.stage} ${entry.run} ${entry.checkpoint}`.toLowerCase();
    return q
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word));
  }

  function verdicts(rows) {
    const ids = new Set(rows.map((entry) => entry.run));
    const found = boot.comparisons.filter((each) => ids.has(each.run_a) && ids.has(each.run_b));
    if (!found.length) return null;
    const shown = found.slice(0, 4).map((each) => el("li", {}, r1bench.pairLine(each)));
    if (found.length > 4) shown.push(el("li", {}, r1bench.link(`all ${found.length} comparisons`, "compare")));
    return el("ul", { class: "verdicts" }, shown);
  }

  function groupSection(rows, state, onOrder, drawn) {
    const first = rows[0];
    const facts = [
      `version ${first.task_version}`,
      words.plural(first.num_problems, "problem"),
      `template ${first.template}`,
      first.sampling,
      `grader ${first.grader} ${first.grader_version}`,
    ];
    const title = el("h2", {}, r1bench.name(first.task));
    const under = el("p", { class: "protocol" }, facts.join(" · "), " · ", el("span", {}, "protocol ", el("code", {}, first.protocol)));
    const table = r1bench.table(r1bench.boardColumns(rows, state.measure), rows, {
      order: state.sort,
      onOrder,
      className: "board",
      caption: `${first.task}, protocol ${first.protocol}`,
      attributes: (entry) => ({ class: entry.is_complete ? "" : "incomplete" }),
      onRow: (entry, element) => drawn.set(entry, element),
    });
    return el("section", { class: "group" }, title, under, table, verdicts(rows));
  }

  function overview() {
    const count = (key, word) => words.plural(new Set(boot.entries.map((entry) => entry[key])).size, word);
    const samples = words.plural(
      d3.sum(boot.entries, (entry) => entry.num_samples),
      "sample",
    );
    return (
      `${words.plural(boot.entries.length, "run")} of ${count("checkpoint_digest", "checkpoint")} on ` +
      `${count("task", "task")}, ${samples} kept. ` +
      `Every score is drawn with its ${words.level()} interval; where intervals overlap, the order may be chance.`
    );
  }

  function render(route, main) {
    const query = (key) => route.query.get(key) || "";
    const state = {
      q: query("q"),
      task: query("task"),
      stage: query("stage"),
      sort: query("sort") || ORDER,
      measure: query("measure") || DEFAULT,
    };
    const list = el("div", {});
    const drawn = new Map(); // entry -> its row
    const empty = el("p", { class: "empty" }, boot.entries.length ? "No run matches the filter." : boot.empty_reason || "No runs yet.");
    function draw() {
      const groups = d3.group(boot.entries, groupOf);
      fill(
        list,
        [...groups.values()].map((members) => groupSection(members, state, (sort) => change({ sort }), drawn)),
        empty,
      );
      filter();
    }
    // rows that do not match are hidden: ranks and axes stay those of the whole group
    function filter() {
      let count = 0;
      for (const [entry, element] of drawn) {
        element.hidden = !matches(entry, state);
        count += element.hidden ? 0 : 1;
      }
      for (const section of list.querySelectorAll("section.group")) section.hidden = !section.querySelector("tbody tr:not([hidden])");
      empty.hidden = count > 0;
      r1bench.announce(`${count} of ${words.plural(boot.entries.length, "run")}`);
    }
    function change(changes) {
      Object.assign(state, changes);
      r1bench.setQuery({ ...state, sort: state.sort === ORDER ? "" : state.sort, measure: state.measure === DEFAULT ? "" : state.measure });
      if (!("sort" in changes || "measure" in changes)) return void filter();
      const focused = document.activeElement?.closest?.("th")?.cellIndex;
      const group = [...list.querySelectorAll("table")].findIndex((table) => table.contains(document.activeElement));
      draw();
      if (group >= 0) list.querySelectorAll("table")[group]?.rows[0].cells[focused]?.querySelector("button")?.focus();
    }
    fill(
      main,
      el("h1", {}, boot.title),
      el("p", { class: "lead" }, overview()),
      boot.entries.length > 1 && r1bench.boardControls(state, change, ORDER),
      r1bench.boardLegend(),
      list,
      r1bench.otherNumbers(),
    );
    draw();
  }

  r1bench.views[""] = { title: "Board", render, tab: () => true };
})();
