// Which view the address names, the navigation, the theme and the keyboard. The last script: it starts the page.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, views, boot } = r1bench;
  const main = document.getElementById("main");
  const places = new Map(); // number of a step in the history -> how far down it was read
  let current = null; // the route that is shown; a view that loads asks isCurrent(route) before it draws

  function decoded(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  function parse(hash) {
    const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
    const [view, ...parts] = path.split("/").map(decoded);
    return { view, parts, query: new URLSearchParams(query), path };
  }

  r1bench.isCurrent = (route) => route === current;

  // change the query of the address without drawing anew, and without a step in the history
  r1bench.setQuery = function (query) {
    const text = r1bench.queryText(query);
    window.history.replaceState(window.history.state, "", `#/${current.path}${text}`);
    current.query = new URLSearchParams(text);
  };

  function drawTabs() {
    const belongs = { run: "", samples: "", sample: "" }[current.view] ?? current.view;
    const tabs = Object.entries(views).filter(([, view]) => view.tab && view.tab());
    fill(
      document.getElementById("views"),
      tabs.map(([name, view]) =>
        el("li", {}, el("a", { href: "#/" + name, "aria-current": name === belongs ? "page" : null }, view.title)),
      ),
    );
  }

  // a step back returns to where one was; a new step begins at the top
  function enterPlace() {
    const known = window.history.state && places.get(window.history.state.place);
    if (!window.history.state) window.history.replaceState({ place: `${Date.now()} ${places.size}` }, "");
    return known || 0;
  }

  async function show(isFirst) {
    const top = enterPlace();
    const route = (current = parse(window.location.hash));
    const view = Object.hasOwn(views, route.view) ? views[route.view] : null;
    drawTabs();
    const titles = [view && view.title, ...route.parts.slice(0, 1), boot.title].filter(Boolean);
    document.title = r1bench.words.escapeHidden(titles.join(" · "));
    main.setAttribute("aria-busy", "true");
    if (!isFirst) main.focus({ preventScroll: true });
    try {
      if (!view)
        fill(main, el("h1", {}, "No such page"), r1bench.problem(`There is no view '${route.view}'. `, r1bench.link("To the board", "")));
      else await view.render(route, main);
    } catch (error) {
      if (route === current) fill(main, el("h1", {}, (view && view.title) || "Report"), r1bench.problem(error.message));
    }
    if (route !== current) return;
    main.removeAttribute("aria-busy");
    if (!isFirst) window.scrollTo(0, top);
  }

  // ---- theme: the system's, or a choice that is kept where there is storage
  const button = document.getElementById("theme-button");
  const themes = ["auto", "light", "dark"];

  function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    try {
      window.localStorage.setItem("r1bench-theme", theme);
    } catch {
      // without storage the choice lasts as long as the page
    }
  }
  button.textContent = `Theme: ${document.documentElement.dataset.theme || "auto"}`;
  button.addEventListener("click", () => setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % 3]));

  // ---- keyboard
  const keys = document.getElementById("keys");
  document.getElementById("keys-button").addEventListener("click", () => keys.showModal());
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });

  function moveRow(step) {
    const links = [...main.querySelectorAll("tr:not([hidden]) .row-link")];
    if (!links.length) return false;
    const at = links.indexOf(document.activeElement);
    const next = links[Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  function escape(target) {
    const search = main.querySelector("input.search");
    main.querySelector("button.cancel")?.click();
    if (!search || (target !== search && !search.value)) return;
    search.value = "";
    search.dispatchEvent(new Event("input", { bubbles: true }));
    search.blur();
  }

  const steps = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
  const pressed = {
    "/": () => main.querySelector("input.search")?.focus() || true,
    "?": () => keys.showModal() || true,
    n: () => main.querySelector("a.next-wrong")?.click() || true,
    p: () => main.querySelector("a.previous-wrong")?.click() || true,
    u: () => main.querySelector("a.up")?.click() || true,
    r: () => main.querySelectorAll("details.reasoning").forEach((each) => (each.open = !each.open)) || true,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const isTyping = event.target.closest?.("input, select, textarea");
    if (event.key === "Escape") escape(event.target);
    if (isTyping) {
      if (event.target.matches("input.search") && event.key === "ArrowDown" && moveRow(1)) event.preventDefault();
      return;
    }
    const isArrow = event.key.startsWith("Arrow");
    if (event.key in steps && !(isArrow && !document.activeElement.matches(".row-link"))) {
      const neighbour = main.querySelector(steps[event.key] > 0 ? "a.next" : "a.previous");
      if (neighbour && !isArrow) neighbour.click();
      else if (!neighbour) if (!moveRow(steps[event.key])) return;
      event.preventDefault();
    } else if (Object.hasOwn(pressed, event.key) && pressed[event.key]()) event.preventDefault();
  });

  document.getElementById("footer").textContent =
    `Made by r1bench ${boot.version}, ${r1bench.words.time(boot.made_at)}. This page loads nothing from a ` +
    `network; the data lie in the folder beside it.`;
  window.history.scrollRestoration = "manual";
  const remember = () => window.history.state && !main.hasAttribute("aria-busy") && places.set(window.history.state.place, window.scrollY);
  window.addEventListener("scroll", remember, { passive: true });
  document.addEventListener("click", remember, true); // a click may come before the scroll event
  window.addEventListener("hashchange", () => show(false));
  show(true);
})();
