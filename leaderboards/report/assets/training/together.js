// One figure of several trainings in one picture: the same job on two backends, say. Which figure and whose curves stands in the address.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, svg, fill, words, known, boot } = r1bench;
  const COLORS = ["accent", "second", "third", "added", "unparsed", "soft"].map((name) => `var(--${name})`);
  const DASHES = ["", "7 3", "2 3"];
  const MOST = COLORS.length * DASHES.length;
  const AT_FIRST = 6;

  // name, stage and backend; where that is not enough to tell two apart, the name in addresses
  const saidOf = (training) => [training.stage, training.backend].filter(Boolean).join(", ");
  function aside(training) {
    const alike = boot.trainings.filter((each) => each.name === training.name && saidOf(each) === saidOf(training));
    return [saidOf(training), alike.length > 1 && training.id].filter(Boolean).join(", ");
  }
  const label = (training) => [training.name, aside(training)].filter(Boolean).join(" · ");

  // how the curve of a training is drawn: always alike where there is a look for each training, else by its place among those that are drawn
  function look(training, chosen) {
    const place = (boot.trainings.length > MOST ? chosen : boot.trainings).indexOf(training);
    if (place < 0) return { color: "none", dash: "" };
    return { color: COLORS[place % COLORS.length], dash: DASHES[Math.floor(place / COLORS.length) % DASHES.length] };
  }

  function pointsOf(training, columns, key) {
    if (!columns[key]) return [];
    const points = columns.step.map((step, index) => ({ step, value: columns[key][index] })).filter((point) => known(point.value));
    return r1bench.smoothed(points, Math.max(3, Math.round(columns.step.length / 12))).map((point) => ({ ...point, training }));
  }

  function chart(width, lines, key, chosen) {
    const points = lines.flat();
    const extent = d3.extent(points, (point) => point.step);
    const scale = r1bench.ticksOf(
      points.map((point) => point.value),
      5,
    );
    const decimals = r1bench.describeCurve(key)[2] + 1;
    const said = ({ training, step, value, smooth }) =>
      `${words.escapeHidden(label(training))}\nstep ${words.count(step)}: ${words.number(value, decimals)}, smooth ${words.number(smooth, decimals)}`;
    return r1bench.plot(width, {
      height: Math.min(360, Math.max(240, width * 0.4)),
      marginLeft: Math.max(44, 16 + 7 * d3.max(scale.ticks, (tick) => scale.tickFormat(tick).length)),
      marginRight: 12,
      marginTop: 10,
      marginBottom: 36,
      x: {
        domain: extent,
        label: "step",
        labelAnchor: "center",
        labelArrow: "none",
        ...r1bench.wholeTicks(extent, Math.max(3, Math.floor(width / 80))),
      },
      y: { label: null, grid: true, ...scale },
      marks: [
        lines.map((line) => {
          const { color: stroke, dash: strokeDasharray } = look(line[0].training, chosen);
          return [
            Plot.lineY(line, { x: "step", y: "value", stroke, strokeOpacity: 0.3, strokeWidth: 0.9 }),
            Plot.lineY(line, { x: "step", y: "smooth", stroke, strokeDasharray, strokeWidth: 2 }),
            line.length === 1 && Plot.dot(line, { x: "step", y: "smooth", fill: stroke }),
          ].filter(Boolean);
        }),
        Plot.tip(points, Plot.pointer({ x: "step", y: "smooth", title: said })),
      ].flat(2),
    });
  }

  function sample(training, chosen) {
    const { color: stroke, dash } = look(training, chosen);
    const line = svg("line", { x1: 0, x2: 26, y1: 5, y2: 5, stroke, "stroke-width": 2.5, "stroke-dasharray": dash || null });
    return svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, line);
  }

  // the trainings that the address names, or that of this page with others that have the figure, of the same stage where there are
  function chosenOf(route, here, figure) {
    const named = (route.query.get("with") || "").split(" ").filter(Boolean);
    const found = boot.trainings.filter((each) => named.includes(each.id)).slice(0, MOST);
    if (found.length) return found;
    const others = boot.trainings.filter((each) => each !== here && each.curves.includes(figure));
    const alike = others.filter((each) => each.stage === here.stage);
    const chosen = [here, ...(alike.length ? alike : others)].slice(0, AT_FIRST);
    return boot.trainings.filter((each) => chosen.includes(each));
  }

  // how many of the trainings have each figure; what two have in common comes first
  function figures() {
    const count = (key) => boot.trainings.filter((each) => each.curves.includes(key)).length;
    const listed = boot.figures.map((key) => ({ key, count: count(key) }));
    return [...listed.filter((each) => each.count > 1), ...listed.filter((each) => each.count === 1)];
  }

  async function fillChart(route, place, state) {
    const found = await Promise.all(state.chosen.map((each) => r1bench.kept(`training/${each.id}`)));
    if (!r1bench.isCurrent(route)) return;
    const lines = state.chosen.map((each, index) => pointsOf(each, found[index].columns, state.figure)).filter((line) => line.length);
    const [title, meaning] = r1bench.describeCurve(state.figure);
    const without = state.chosen.filter((each) => !each.curves.includes(state.figure));
    const described = `${title} of ${words.plural(lines.length, "training")} over steps: ${lines.map((line) => label(line[0].training)).join("; ")}`;
    fill(
      place,
      lines.length
        ? r1bench.fitted((width) => chart(width, lines, state.figure, state.chosen), { className: "together", label: described })
        : el("p", { class: "empty" }, "None of these trainings has this figure."),
      el("p", { class: "under" }, [meaning, without.length && `without it: ${without.map(label).join("; ")}`].filter(Boolean).join("; ")),
    );
  }

  function draw(route, place, here) {
    if (boot.trainings.length < 2) return;
    const offered = figures();
    if (!offered.length) return;
    const asked = route.query.get("figure");
    const figure = [asked, ...offered.map(({ key }) => key).filter((key) => here.curves.includes(key)), offered[0].key].find((key) =>
      offered.some((each) => each.key === key),
    );
    const state = { figure, chosen: chosenOf(route, here, figure) };
    const box = el("div", {});
    const chips = el("p", { class: "chips", role: "group", "aria-label": "Trainings in the picture" });
    const update = () => {
      fill(chips, boot.trainings.map(chip));
      fillChart(route, box, state).catch((error) => fill(box, r1bench.problem(error.message)));
    };
    const remember = (change) => {
      r1bench.setQuery({ ...Object.fromEntries(route.query), ...change });
      update();
    };
    const toggle = (training) => {
      const others = state.chosen.filter((each) => each !== training);
      if (others.length === state.chosen.length && others.length < MOST) others.push(training);
      if (!others.length) return;
      state.chosen = boot.trainings.filter((each) => others.includes(each));
      remember({ with: state.chosen.map((each) => each.id).join(" ") });
      chips.children[boot.trainings.indexOf(training)].focus();
    };
    const chip = (training) =>
      el(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(state.chosen.includes(training)), onclick: () => toggle(training) },
        sample(training, state.chosen),
        r1bench.name(training.name),
        el("span", { class: "under" }, aside(training)),
      );
    const options = offered.map(({ key, count }) => [key, r1bench.describeCurve(key)[0] + (count < boot.trainings.length ? ` (${count} of ${boot.trainings.length})` : "")]);
    const choose = r1bench.select("Figure", options, state.figure, (figure) => remember({ figure: (state.figure = figure) }));
    fill(place, el("section", { class: "in-one" }, el("h2", {}, "Trainings in one picture"), el("p", { class: "controls" }, choose), chips, box));
    update();
  }

  Object.assign(r1bench, { curvesTogether: draw, trainingLabel: label });
})();
