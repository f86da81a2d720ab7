// Training: small multiples over one axis of steps with a shared crosshair, and what became of length and reflection.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot } = r1bench;
  const CURVES = {
    reward: ["reward", "mean of a step's completions", 2],
    "rewards/accuracy": ["accuracy", "share of right answers", 2],
    length: ["length", "mean tokens per completion", 0],
    "rewards/format": ["format", "share in the form that was asked for", 2],
    target_language_share: ["language", "share of words in the asked language", 2],
    kl: ["KL", "divergence from the reference policy", 4],
    reflection: ["reflection", "words of reflection per 1,000 of reasoning", 2],
    truncated: ["truncated", "share that met the token limit", 2],
  };
  const LATER = [
    "reward_std",
    "zero_signal_groups",
    "loss",
    "grad_norm",
    "clip_fraction",
    "learning_rate",
    "tokens_per_second",
    "rollout_seconds",
    "update_seconds",
  ];
  const describe = (key) => CURVES[key] || [words.name(key.replace(/^rewards\//, "")), "", 3];

  // the mean of the nearest points, so that a trend shows through the noise of single steps
  function smoothed(points, span) {
    const half = Math.floor(span / 2);
    return points.map((point, index) => {
      const near = points.slice(Math.max(0, index - half), index + half + 1).map((each) => each.value);
      return { ...point, smooth: d3.mean(near) };
    });
  }

  // `look`: the scale of the values, and the room at the left for its numbers
  function chart(width, points, extent, look, onStep) {
    const figure = r1bench.plot(width, {
      height: 150,
      marginLeft: look.room,
      marginRight: 10,
      marginTop: 8,
      marginBottom: 22,
      x: { domain: extent, label: null, ...r1bench.wholeTicks(extent, Math.max(3, Math.floor(width / 70))) },
      y: { label: null, grid: true, ...look.scale },
      marks: [
        Plot.lineY(points, { x: "step", y: "value", stroke: "var(--faint-ink)", strokeWidth: 0.9 }),
        Plot.lineY(points, { x: "step", y: "smooth", stroke: "var(--accent)", strokeWidth: 2 }),
        Plot.ruleX(points, Plot.pointerX({ x: "step", stroke: "var(--ink)", strokeOpacity: 0.35 })),
        Plot.dot(points, Plot.pointerX({ x: "step", y: "smooth", r: 3, fill: "var(--accent)" })),
      ],
    });
    figure.addEventListener("input", () => onStep(figure.value ? figure.value.step : null));
    return figure;
  }

  // one small chart with a line of text that follows the pointer of whichever chart it is over
  function multiple(key, columns, shared, said = "") {
    const [title, meaning, digits] = describe(key);
    const points = columns.step.map((step, index) => ({ step, value: columns[key][index] })).filter((point) => known(point.value));
    if (!points.length) return null;
    const drawn = smoothed(points, shared.span);
    const value = el("span", { class: "now" });
    const last = drawn[drawn.length - 1];
    const at = new Map(drawn.map((point) => [point.step, point]));
    const decimals = digits && Math.abs(last.smooth) > 0 && Math.abs(last.smooth) < 0.01 ? 4 : digits;
    const scale = r1bench.ticksOf(
      drawn.map((point) => point.value),
      4,
    );
    const room = Math.max(44, 16 + 7 * d3.max(scale.ticks, (tick) => scale.tickFormat(tick).length));
    const cross = el("span", { class: "cross", "aria-hidden": "true", hidden: true });
    shared.listeners.push((step) => {
      const point = step === null ? last : at.get(step) || last;
      value.textContent = [
        step === null ? "last:" : `step ${words.count(step)}:`,
        `${words.number(point.value, decimals)}, smooth`,
        words.number(point.smooth, decimals),
      ].join(" ");
      const box = cross.parentElement.clientWidth;
      const share = (step - shared.extent[0]) / (shared.extent[1] - shared.extent[0] || 1);
      cross.style.left = `${room + share * (box - room - 10)}px`;
      cross.hidden = step === null;
    });
    const figure = r1bench.fitted((width) => chart(width, drawn, shared.extent, { scale, room }, shared.tell), {
      className: "multiple",
      label:
        `${title} over ${words.plural(points.length, "step")}, from ${words.number(drawn[0].smooth, decimals)} to ` +
        `${words.number(last.smooth, decimals)}`,
    });
    return el(
      "figure",
      { class: "small" },
      el("figcaption", {}, el("b", {}, title), el("span", { class: "under" }, said || meaning), value),
      el("div", { class: "crossed" }, figure, cross),
    );
  }

  function draw(main, training, found) {
    const { columns } = found;
    const keys = [...Object.keys(CURVES), ...Object.keys(columns).filter((key) => key.startsWith("rewards/") && !CURVES[key])].filter(
      (key) => columns[key] && key !== "length",
    );
    const later = [...LATER, ...Object.keys(columns)].filter(
      (key, index, all) => columns[key] && key !== "step" && key !== "length" && !keys.includes(key) && all.indexOf(key) === index,
    );
    const shared = { extent: d3.extent(columns.step), listeners: [], span: Math.max(3, Math.round(columns.step.length / 12)) };
    shared.tell = (step) => shared.listeners.forEach((listener) => listener(step));
    const grid = (names) =>
      el(
        "div",
        { class: "multiples" },
        names.map((key) => multiple(key, columns, shared)),
      );
    const more =
      later.length > 0 &&
      r1bench.folded("The optimiser", words.plural(later.length, "curve"), {}, grid(later));
    const thinned =
      found.rows_of > columns.step.length ? `${words.count(columns.step.length)} of ${words.count(found.rows_of)} steps drawn` : "";
    fill(
      main,
      el("h1", {}, "Training ", r1bench.name(training.name)),
      pick(training),
      el(
        "p",
        { class: "lead" },
        [
          words.plural(training.steps, "step"),
          training.stage && `stage ${training.stage}`,
          training.backend && `backend ${training.backend}`,
          thinned,
        ]
          .filter(Boolean)
          .join(", ") + `. The thin line is each step, the thick one the mean of ${shared.span} steps.`,
      ),
      evaluated(training),
      r1bench.trainingStory(columns, found.reflection, multiple, shared),
      (found.notes || []).map((note) => el("p", { class: "note-text" }, note)),
      el("section", {}, el("h2", {}, "Over steps"), grid(keys), more),
    );
    shared.tell(null);
  }

  function evaluated(training) {
    const entries = (training.runs || []).map((run) => boot.entries.find((entry) => entry.run === run)).filter(Boolean);
    if (!entries.length) return null;
    return el(
      "p",
      { class: "result" },
      "Evaluated: ",
      entries.map((entry, index) => [
        index ? ", " : "",
        r1bench.link([r1bench.name(entry.name), " on ", r1bench.name(entry.task)], "run", [entry.run]),
        known(entry.score) &&
          ` ${words.points(entry.score)} ${words.pointsBetween(entry.low, entry.high)}, n ${words.count(entry.num_problems)}`,
      ]),
    );
  }

  function pick(training) {
    if (boot.trainings.length < 2) return null;
    return el(
      "p",
      { class: "controls" },
      r1bench.select(
        "Training",
        boot.trainings.map((each) => [each.id, `${each.name} (${each.stage || each.id})`]),
        training.id,
        (id) => (window.location.hash = r1bench.href("training", [id])),
      ),
    );
  }

  async function render(route, main) {
    const training = route.parts[0] ? boot.trainings.find((each) => each.id === route.parts[0]) : boot.trainings[0];
    if (!training) {
      const message = route.parts[0]
        ? `There is no training '${route.parts[0]}' in this report.`
        : "No training is in this report. Give training folders to r1bench report.";
      return void fill(main, el("h1", {}, "Training"), el("p", { class: "empty" }, message));
    }
    const found = await r1bench.kept(`training/${training.id}`);
    if (r1bench.isCurrent(route)) draw(main, training, found);
  }

  r1bench.views.training = { title: "Training", render, tab: () => boot.trainings.length > 0 };
})();
