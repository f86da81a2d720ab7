// The samples of a run as a list: filters and search in the address, fifty on a page, nothing loaded that is not shown or searched.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, boot } = r1bench;
  const PAGE = 50;
  const FIELDS = ["outcome", "format", "state", "q", "in", "problem", "page"];

  function chips(entry, state, change) {
    const count = (outcome) => (entry ? words.count(entry.outcomes[outcome] || 0) : "");
    const chip = (value, content) =>
      el("button", { type: "button", class: "chip", "data-outcome": value, onclick: () => change({ outcome: value }) }, content);
    return el(
      "div",
      { class: "chips", role: "group", "aria-label": "Outcome" },
      chip("", "all"),
      r1bench.OUTCOMES.map((outcome) =>
        chip(outcome, [r1bench.outcomeTag(outcome), " ", el("span", { class: "how-many" }, count(outcome))]),
      ),
      chip("not-correct", "not correct"),
    );
  }

  function controls(entry, state, change) {
    const search = el("input", {
      type: "search",
      class: "search",
      value: state.q,
      placeholder: "problem id or answer",
      "aria-label": "Search problem id and answer",
      oninput: (event) => change({ q: event.target.value, in: "" }, 180),
      onkeydown: (event) => event.key === "Enter" && event.preventDefault(),
    });
    const texts = el(
      "button",
      {
        type: "button",
        class: "in-text",
        onclick: () => search.value && change({ q: search.value, in: "text" }),
        title: "Read through every completion; can be stopped",
      },
      "Search the texts",
    );
    const format = [
      ["", "any"],
      ["kept", "kept"],
      ["broken", "not kept"],
    ];
    return el(
      "form",
      { class: "controls", role: "search", onsubmit: (event) => event.preventDefault() },
      el("label", { class: "field grow" }, el("span", {}, "Search"), search),
      texts,
      r1bench.select("Format", format, state.format, (value) => change({ format: value })),
      r1bench.select("Reasoning", [["", "any"], ...r1bench.STATES.map((each) => [each, each])], state.state, (value) =>
        change({ state: value }),
      ),
    );
  }

  function columns(run) {
    const open = (row) =>
      r1bench.link(
        [r1bench.name(row.problem.id), el("span", { class: "index" }, ` #${row.index}`)],
        "sample",
        [run.id, row.problem.id, row.index],
        { at: row.ordinal },
        { class: "row-link" },
      );
    const cut = (text) =>
      text === null || text === undefined
        ? el("span", { class: "unknown" }, "none")
        : el("bdi", {}, String(text).slice(0, 60));
    return [
      { key: "id", title: "sample", class: "who", isHead: true, show: open },
      { key: "outcome", title: "outcome", show: (row) => r1bench.outcomeTag(row.outcome) },
      { key: "extracted", title: "answer read", class: "answer", show: (row) => cut(row.extracted) },
      { key: "gold", title: "gold", class: "answer", show: (row) => cut((row.problem.gold || [])[0]) },
      { key: "tokens", title: "tokens", class: "number", show: (row) => words.count(row.tokens || null) },
      { key: "format", title: "format", show: (row) => (row.format ? "kept" : el("span", { class: "note" }, "not kept")) },
      { key: "state", title: "reasoning", show: (row) => row.state },
    ];
  }

  function pager(total, state, change) {
    const pages = Math.max(1, Math.ceil(total / PAGE));
    const at = Math.min(pages, Math.max(1, Number(state.page) || 1));
    const button = (text, page, label) =>
      el(
        "button",
        {
          type: "button",
          disabled: page < 1 || page > pages || page === at,
          "aria-label": label,
          onclick: () => change({ page: page === 1 ? "" : String(page) }),
        },
        text,
      );
    return {
      at,
      bar:
        pages > 1 &&
        el(
          "nav",
          { class: "pager", "aria-label": "Pages" },
          button("First", 1),
          button("Previous", at - 1),
          el("span", {}, `page ${words.count(at)} of ${words.count(pages)}`),
          button("Next", at + 1),
          button("Last", pages),
        ),
    };
  }

  async function drawPage(view, matches, note) {
    const { run, state, list, route } = view;
    const { at, bar } = pager(matches.length, state, view.change);
    const turn = (view.turn = {});
    view.matches = matches;
    const ordinals = d3.range((at - 1) * PAGE, Math.min(matches.length, at * PAGE)).map((i) => matches.at(i));
    const rows = await Promise.all(ordinals.map((ordinal) => run.entry(ordinal)));
    if (!r1bench.isCurrent(route) || view.turn !== turn) return;
    r1bench.lastList = { run: run.id, hash: window.location.hash };
    const table = r1bench.table(columns(run), rows, { className: "samples", caption: `samples of ${run.info.name}` });
    table.addEventListener("click", (event) => {
      if (!event.target.closest("a, button") && !String(window.getSelection()))
        event.target.closest("tr")?.querySelector("a.row-link")?.click();
    });
    const some = words.plural(matches.length, "sample") + (r1bench.isPlainFilter(state) ? "" : ` of ${words.count(run.info.num_samples)}`);
    fill(
      list,
      el("p", { class: "result" }, some, note && el("span", { class: "note" }, " ", note)),
      rows.length ? table : el("p", { class: "empty" }, "No sample matches."),
      bar,
    );
    if (!note) r1bench.announce(some);
  }

  function turned(main) {
    main.focus({ preventScroll: true }); // the button that was pressed is gone
    window.scrollTo(0, 0);
  }

  async function find(view) {
    const { run, state, progress } = view;
    const search = (view.search = { isCancelled: false });
    const stopped = () => search.isCancelled || view.search !== search || !r1bench.isCurrent(view.route);
    const cancel = el("button", { type: "button", class: "cancel", onclick: () => (search.isCancelled = true) }, "Stop");
    const onMatches = (found, seen, total) => {
      if (stopped()) return;
      fill(
        progress,
        el("progress", { max: total, value: seen }),
        ` ${words.count(seen)} of ${words.count(total)} samples, ${words.plural(found.length, "match", "matches")} `,
        cancel,
      );
      if (view.shown !== search && found.length >= PAGE) {
        view.shown = search;
        drawPage(view, found.slice(), "so far").catch(() => null);
      }
    };
    try {
      const matches = await r1bench.search(run, state, onMatches, stopped);
      if (view.search !== search || !r1bench.isCurrent(view.route)) return;
      fill(progress);
      const isFull = state.in === "text" && matches.length >= r1bench.MOST_IN_TEXT;
      await drawPage(
        view,
        matches,
        search.isCancelled ? "stopped" : isFull ? `stopped at ${r1bench.MOST_IN_TEXT} matches` : state.in === "text" ? "in the texts" : "",
      );
    } catch (error) {
      fill(progress);
      fill(view.list, r1bench.problem(error.message));
    }
  }

  // which outcome is chosen, and which problem
  function drawChosen({ top, state, change }, buttons) {
    for (const button of buttons.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.dataset.outcome === state.outcome));
    const all = el("button", { type: "button", onclick: () => change({ problem: "" }) }, "show all problems");
    fill(top, state.problem && el("p", { class: "result" }, "Only problem ", r1bench.name(state.problem), " ", all));
  }

  function render(route, main) {
    const [id = ""] = route.parts;
    const run = r1bench.runData(id);
    if (!run)
      return void r1bench.missing(main, "Samples", `The samples of run '${id}' are not in this report. `, "To the board", "");
    const state = Object.fromEntries(FIELDS.map((key) => [key, route.query.get(key) || ""]));
    const entry = boot.entries.find((each) => each.run === run.id);
    const view = { run, state, route, list: el("div", { class: "list" }), progress: el("div", { class: "progress" }), top: el("div", {}) };
    let timer = 0;
    view.change = function (changes, wait = 0) {
      const onlyPage = Object.keys(changes).join() === "page";
      Object.assign(state, onlyPage ? {} : { page: "" }, changes);
      r1bench.setQuery(state);
      if (onlyPage) return void drawPage(view, view.matches, "").then(() => turned(main));
      drawTop();
      window.clearTimeout(timer);
      timer = window.setTimeout(() => find(view), wait);
    };
    const buttons = chips(entry, state, view.change);
    const drawTop = () => drawChosen(view, buttons);
    drawTop();
    fill(
      main,
      el("p", { class: "crumbs" }, r1bench.link("Board", ""), " / ", r1bench.link(r1bench.name(run.info.name), "run", [run.id])),
      el("h1", {}, "Samples of ", r1bench.name(run.info.name), el("span", { class: "on" }, " on ", r1bench.name(run.info.task))),
      run.info.truncated_for_size &&
        el(
          "p",
          { class: "note-text" },
          `The report holds ${words.count(run.info.num_samples)} of this run's samples; ` +
            `${words.count(run.info.samples_left_out)} more are in the run folder.`,
        ),
      controls(entry, state, view.change),
      buttons,
      view.top,
      view.progress,
      view.list,
    );
    return find(view);
  }

  r1bench.views.samples = { title: "Samples", render };
})();
