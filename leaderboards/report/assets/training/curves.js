// The figures of a training: what each is called, where it stands, and its small chart with a shared crosshair.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;
  const CURVES = {
    reward: ["reward", "mean of a step's completions", 2],
    "rewards/accuracy": ["accuracy", "share of right answers", 2],
    "rewards/format": ["format", "share in the form that was asked for", 2],
    accuracy: ["accuracy of tokens or pairs", "share of trained tokens, pairs or labels", 3],
    margin: ["margin", "mean of chosen minus rejected score", 2],
    loss: ["loss", "mean over the step's minibatches", 4],
    length: ["length", "mean tokens", 0],
    truncated: ["truncated", "share that met the token limit", 2],
    target_language_share: ["language", "share of words in the asked language", 2],
    reflection: ["reflection", "words of reflection per 1,000 of reasoning", 2],
    zero_signal_groups: ["groups without signal", "share whose advantages are all 0", 2],
    entropy: ["entropy", "of the next token, nats", 3],
    clip_fraction: ["clipped", "share of tokens whose ratio was clipped", 4],
    "mismatch/mean": ["mismatch, mean", "sampling against training log-probability, nats", 7],
    "mismatch/max": ["mismatch, largest", "the same, of a single token", 6],
    "mismatch/ess": ["mismatch, effective sample", "share of tokens; 1 where both agree", 3],
    reward_std: ["reward, spread", "standard deviation in a step", 2],
    drawn_batches: ["batches drawn", "to fill a step", 1],
    grad_norm: ["gradient norm", "before it is clipped", 3],
  };
  const POLICY = ["zero_signal_groups", "entropy", "kl/", "clip_fraction", "mismatch/"];
  const OPTIMISER = ["reward_std", "drawn_batches", "grad_norm", "learning_rate", "tokens", "tokens_per_second", "rollout_seconds", "update_seconds"];
  const isOf = (key, names) => names.some((name) => key === name || (name.endsWith("/") && key.startsWith(name)));

  // title, meaning, decimals
  function describe(key) {
    if (Object.hasOwn(CURVES, key)) return CURVES[key];
    if (key.startsWith("kl/")) return [`KL, ${key.slice(3)}`, "divergence from the reference, nats per token", 4];
    return [words.name(key.replace(/^rewards\//, "")), key.startsWith("rewards/") ? "mean of this reward" : "", 3];
  }

  // which part of the page a figure belongs to; the loss of a policy says little
  function partOf(key, columns) {
    if (isOf(key, POLICY)) return "policy";
    if (isOf(key, OPTIMISER) || (key === "loss" && columns.reward)) return "optimiser";
    return Object.hasOwn(CURVES, key) || key.startsWith("rewards/") ? "first" : "optimiser";
  }

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

  Object.assign(r1bench, { describeCurve: describe, partOfCurve: partOf, smoothed, smallChart: multiple });
})();
