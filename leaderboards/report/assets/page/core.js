// The namespace r1bench: elements from plain text, the boot data, data files by script tags, announcements.
// Text reaches the page through text nodes only; nothing here or elsewhere parses markup out of data.
(function () {
  "use strict";
  const r1bench = (window.r1bench = window.r1bench || {});
  const SVG = "http://www.w3.org/2000/svg";

  r1bench.views = {}; // name -> {title, render(route)}, filled by the files of the views
  r1bench.boot = JSON.parse(document.getElementById("boot").textContent);
  r1bench.boot.runs = new Map(r1bench.boot.runs); // a run's folder may have any name, that of a property of objects too

  // every text and every description passes here: what hides or reorders letters is shown as an escape
  const READ = ["title", "aria-label", "placeholder", "alt"];
  const shown = (text) => r1bench.words.escapeHidden(text);

  function append(parent, children) {
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false || child === "") continue;
      parent.append(child instanceof Node ? child : document.createTextNode(shown(child)));
    }
    return parent;
  }

  function setAll(element, attributes) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "checked" || name === "value") element[name] = value;
      else element.setAttribute(name, value === true ? "" : READ.includes(name) ? shown(value) : String(value));
    }
    return element;
  }

  // el("p", {class: "note"}, "text", element, [more]): attributes named on... are listeners; null children are left out
  r1bench.el = (tag, attributes, ...children) => append(setAll(document.createElement(tag), attributes), children);
  r1bench.svg = (tag, attributes, ...children) => append(setAll(document.createElementNS(SVG, tag), attributes), children);
  r1bench.fill = (parent, ...children) => append((parent.replaceChildren(), parent), children);

  // a link inside the page: parts are encoded here and nowhere else
  r1bench.href = function (view, parts = [], query = {}) {
    const path = ["#", view, ...parts.map(encodeURIComponent)].filter((part) => part !== "").join("/");
    return (path === "#" ? "#/" : path) + queryText(query);
  };

  // what stands behind the path: ?key=value&... of what is given
  function queryText(query) {
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    return given.length ? `?${new URLSearchParams(given)}` : "";
  }
  r1bench.queryText = queryText;

  r1bench.link = (text, view, parts, query, attributes) => r1bench.el("a", { href: r1bench.href(view, parts, query), ...attributes }, text);

  let announced = 0;
  r1bench.announce = function (text) {
    window.clearTimeout(announced);
    announced = window.setTimeout(() => (document.getElementById("live").textContent = text), 150);
  };

  // ---- data files: each holds one call r1bench.receive(key, value); fetch() does not work from a file
  const waiting = new Map();
  const received = new Map();

  r1bench.receive = function (key, value) {
    received.set(key, value);
  };

  function request(key, done, fail) {
    const path = "data/" + key.split("/").map(encodeURIComponent).join("/") + ".js";
    const script = document.createElement("script");
    const finish = (message) => {
      script.remove();
      waiting.delete(key);
      if (message) fail(new Error(message));
      else done(received.get(key));
      received.delete(key);
    };
    script.onload = () => finish(received.has(key) ? "" : `The data file ${path} is damaged. Build the report again.`);
    script.onerror = () =>
      finish(`The data file ${path} is missing or cannot be read. Keep the folder data beside this page, or build the report again.`);
    script.src = path;
    document.head.append(script);
  }

  // a promise of the value in data/<key>.js; nothing is kept here, callers keep what they need
  r1bench.load = function (key) {
    if (!waiting.has(key)) waiting.set(key, new Promise((done, fail) => request(key, done, fail)));
    return waiting.get(key);
  };

  // promises by key, the most recent `size` of them
  r1bench.recent = function (size, make) {
    const kept = new Map();
    return function (key) {
      const value = kept.get(key) || make(key);
      kept.delete(key);
      kept.set(key, value);
      value.catch(() => kept.delete(key));
      if (kept.size > size) kept.delete(kept.keys().next().value);
      return value;
    };
  };

  r1bench.kept = r1bench.recent(24, (key) => r1bench.load(key));

  r1bench.problem = (message, ...more) => r1bench.el("p", { class: "problem", role: "alert" }, message, ...more);

  // a view that cannot be shown: why, and where to go instead
  r1bench.missing = (main, title, message, text, ...link) =>
    r1bench.fill(main, r1bench.el("h1", {}, title), r1bench.problem(message, text && r1bench.link(text, ...link)));

  // a part of a view that is folded: its title, a word on what is in it, its content
  r1bench.folded = (title, note, attributes, ...content) =>
    r1bench.el(
      "details",
      { class: "others", ...attributes },
      r1bench.el("summary", {}, r1bench.el("h2", {}, title), r1bench.el("span", {}, note)),
      content,
    );

  r1bench.pause = () => new Promise((done) => window.setTimeout(done, 0));
})();
