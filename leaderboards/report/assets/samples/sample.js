// One sample: prompt, gold, completion with its reasoning folded and the extracted answer marked, the grade, its neighbours.
// Whatever a model wrote is text: it goes through text nodes, with hidden signs made visible.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known } = r1bench;
  let isUnfolded = false; // stays while one walks from sample to sample

  // the text between two offsets, with the marked answer in <mark>
  function piece(sample, from, to) {
    const [start, end] = sample.marked || [0, 0];
    const [a, b] = [Math.max(from, start), Math.min(to, end)];
    const show = (i, j) => sample.text.slice(i, j);
    if (a >= b) return [show(from, to)];
    return [show(from, a), el("mark", { title: "the answer that was read" }, show(a, b)), show(b, to)];
  }

  function reasoning(sample, from, to) {
    const tokens = sample.reasoning_tokens ? `, ${words.plural(sample.reasoning_tokens, "token")}` : "";
    const isAll = !sample.text.slice(to).trim();
    const fold = el(
      "details",
      { class: "reasoning", open: isUnfolded || isAll, ontoggle: (event) => !isAll && (isUnfolded = event.target.open) },
      el("summary", {}, `Reasoning${tokens}, ${words.plural(to - from, "character")}`),
      el("pre", {}, piece(sample, from, to)),
    );
    return fold;
  }

  // the span of the reasoning with the tags around it, so that what is left outside is the answer
  function withTags(text, [from, to]) {
    const before = /<[^<>/]{1,30}>\s*$/.exec(text.slice(0, from));
    const after = /^\s*<(?:\/|\|end)[^<>]{1,30}>\s*/.exec(text.slice(to));
    return [before ? before.index : from, after ? to + after[0].length : to];
  }

  function completion(sample) {
    const [from, to] = sample.reasoning ? withTags(sample.text, sample.reasoning) : [0, 0];
    const shown = (start, end = sample.text.length) => sample.text.slice(start, end).trim() && el("pre", {}, piece(sample, start, end));
    const prefill =
      sample.prefill &&
      el("pre", { class: "prefill", title: "written by the template, not by the model" }, sample.prefill);
    const cut =
      sample.cut &&
      el(
        "p",
        { class: "problem" },
        `${words.count(sample.cut.characters)} characters are left out after the first ` +
          `${words.count(sample.cut.at)}; the whole text stands in ${sample.cut.file}.`,
      );
    const body = sample.reasoning ? [shown(0, from), reasoning(sample, from, to), shown(to)] : shown(0);
    return el(
      "section",
      { class: "completion" },
      el("h2", {}, "Completion"),
      prefill,
      body || el("p", { class: "empty" }, "The completion is empty."),
      cut,
    );
  }

  const listed = (found, format = String) =>
    Object.entries(found || {})
      .map(([key, value]) => `${words.name(key)} ${format(value)}`)
      .join(", ");
  const plain = (value) =>
    typeof value === "number" && !Number.isInteger(value)
      ? words.number(value, 2)
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);

  function gradeRows(sample, problem) {
    const style = Object.entries(sample.style || {})
      .map(([key, kept]) => `${key} ${kept ? "kept" : "not kept"}`)
      .join(", ");
    return [
      ["answer read", sample.extracted ?? "none"],
      ["gold", (problem.gold || []).join(" or ")],
      ["score", known(sample.score) ? words.number(sample.score, Number.isInteger(sample.score) ? 0 : 3) : ""],
      ["reason", sample.reason],
      ["read as", (sample.flags || []).join(", ")],
      ["grader", sample.grader],
      ["details", listed(sample.details, plain)],
      ["format", style],
      ["rules not kept", (sample.broken_rules || []).map(words.name).join(", ")],
      [
        "tokens",
        sample.num_tokens
          ? `${words.count(sample.num_tokens)}${sample.reasoning_tokens ? `, ${words.count(sample.reasoning_tokens)} of reasoning` : ""}`
          : "",
      ],
      ["ended by", sample.finish_reason],
      ["time", sample.seconds ? words.seconds(sample.seconds) : ""],
      ["words by language", listed(sample.languages)],
      ["behaviour", listed(sample.behaviour, plain)],
      ["published verdict", { true: "correct", false: "wrong" }[sample.published]],
    ];
  }

  function grade(sample, problem) {
    return el(
      "aside",
      { class: "grade" },
      el("h2", { class: "hidden" }, "Grade"),
      el(
        "p",
        { class: "outcome-line" },
        r1bench.outcomeTag(sample.outcome),
        el("span", { class: "under" }, r1bench.OUTCOME_MEANING[sample.outcome]),
      ),
      r1bench.factList(gradeRows(sample, problem)),
    );
  }

  const linkTo = (run, entry, content, attributes) =>
    r1bench.link(content, "sample", [run.id, entry.problem.id, entry.index], { at: entry.ordinal }, attributes);

  // the other samples of the same problem, one square each
  async function siblings(run, ordinal) {
    const here = await run.entry(ordinal);
    const found = [here];
    for (const step of [-1, 1]) {
      for (let at = ordinal + step; at >= 0 && at < run.info.num_samples && found.length < 400; at += step) {
        const entry = await run.entry(at);
        if (entry.problemOrdinal !== here.problemOrdinal) break;
        found.push(entry);
      }
    }
    found.sort((a, b) => a.ordinal - b.ordinal);
    return el(
      "section",
      { class: "siblings" },
      el("h2", {}, "The same problem"),
      el(
        "p",
        { class: "squares" },
        found.map((entry) =>
          linkTo(run, entry, String(entry.index), {
            class: `square ${entry.outcome}`,
            title: `sample ${entry.index}: ${entry.outcome}, ${entry.extracted ?? "no answer"}`,
            "aria-label": `sample ${entry.index}, ${entry.outcome}`,
            "aria-current": entry.ordinal === ordinal ? "true" : null,
          }),
        ),
      ),
      el(
        "p",
        { class: "under" },
        `${found.filter((entry) => entry.outcome === "correct").length} of ${words.plural(found.length, "sample")} correct. `,
        r1bench.link("As a list", "samples", [run.id], { problem: here.problem.id }),
      ),
    );
  }

  async function neighbours(run, ordinal) {
    const at = async (place) => (place === null || place < 0 || place >= run.info.num_samples ? null : run.entry(place));
    const [previous, next, wrongBefore, wrongAfter] = await Promise.all([
      at(ordinal - 1),
      at(ordinal + 1),
      run.nearestNotCorrect(ordinal, -1).then(at),
      run.nearestNotCorrect(ordinal, 1).then(at),
    ]);
    const step = (entry, text, name) =>
      entry
        ? linkTo(run, entry, text, { class: `button ${name}`, rel: name.startsWith("n") ? "next" : "prev" })
        : el("span", { class: "button off", "aria-disabled": "true" }, text);
    return el(
      "nav",
      { class: "steps", "aria-label": "Neighbouring samples" },
      step(previous, "← Previous", "previous"),
      step(next, "Next →", "next"),
      step(wrongBefore, "← Not correct", "previous-wrong"),
      step(wrongAfter, "Not correct →", "next-wrong"),
    );
  }

  // the list that was last looked at, with its filters
  const listOf = (run) => (r1bench.lastList && r1bench.lastList.run === run.id ? r1bench.lastList.hash : r1bench.href("samples", [run.id]));

  async function draw(route, main, run, ordinal) {
    const [sample, entry] = await Promise.all([run.sample(ordinal), run.entry(ordinal)]);
    if (!r1bench.isCurrent(route)) return;
    const steps = el("div", { class: "steps-box" });
    const others = el("div", {});
    fill(
      main,
      el(
        "p",
        { class: "crumbs" },
        r1bench.link("Board", ""),
        " / ",
        r1bench.link(r1bench.name(run.info.name), "run", [run.id]),
        " / ",
        el("a", { class: "up", href: listOf(run) }, "samples"),
        " / ",
        r1bench.link("link to this sample", "sample", [run.id, sample.problem, sample.index]),
      ),
      el("h1", {}, r1bench.name(sample.problem), el("span", { class: "on" }, ` #${sample.index}`)),
      steps,
      el(
        "div",
        { class: "reading" },
        el(
          "div",
          { class: "texts" },
          el("section", {}, el("h2", {}, "Prompt"), el("pre", { class: "prompt" }, entry.problem.read ?? entry.problem.prompt)),
          completion(sample),
        ),
        el("div", { class: "side" }, grade(sample, entry.problem), others),
      ),
    );
    const [nav, same] = await Promise.all([neighbours(run, ordinal), siblings(run, ordinal)]);
    if (!r1bench.isCurrent(route)) return;
    fill(steps, nav);
    fill(others, same);
  }

  async function render(route, main) {
    const [id, problem, index] = route.parts;
    const run = r1bench.runData(id);
    const missing = (message, ...link) => void r1bench.missing(main, "Sample", message, ...link);
    if (!run) return missing(`The samples of run '${id || ""}' are not in this report. `, "To the board", "");
    if (!problem || !/^\d{1,9}$/.test(index || "")) {
      const needed = "behind the run it needs a problem and the number of the sample, #/sample/RUN/PROBLEM/0. ";
      return missing(`This address names no sample: ${needed}`, "Samples of this run", "samples", [id]);
    }
    const hint = route.query.get("at");
    const ordinal = await run.findSample(problem, Number(index), hint === null ? null : Number(hint));
    if (!r1bench.isCurrent(route)) return;
    if (ordinal === null)
      return missing(`Run '${id}' has no sample ${index} of problem '${problem}' in this report. `, "Its samples", "samples", [id]);
    await draw(route, main, run, ordinal);
  }

  r1bench.views.sample = { title: "Sample", render };
  r1bench.withTags = withTags;
})();
