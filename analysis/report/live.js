// Views: a figure with `data-view` has its specification and its data in the script of that id.
// It is drawn when it comes near the window. Until then, in print, and wherever drawing fails, the still figure stands.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shown = new Map(); // figure -> its running view

  const rows = columns => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, index) => Object.fromEntries(names.map(name => [name, columns[name][index]])));
  };

  const config = () => {
    const style = getComputedStyle(document.documentElement);
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map(name => style.getPropertyValue(name).trim());
    const words = { labelColor: ink, titleColor: soft, labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal" };
    return {
      background: "transparent",
      font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null },
      axis: { ...words, labelLimit: 220, domain: false, ticks: false, gridColor: line, labelPadding: 5 },
      header: { ...words, labelFontSize: 12, labelFontWeight: 600, labelAnchor: "start", labelLimit: 260, title: null },
      legend: { ...words, labelLimit: 220 },
      mark: { color: ink },
    };
  };

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  const tell = told => (_, event, item, datum) => {
    tip.hidden = !datum;
    if (tip.hidden) return;
    const facts = typeof datum === "object" ? Object.entries(told).map(([name, words]) => [words, datum[name]]) : [["", datum]];
    tip.replaceChildren(...facts.filter(fact => fact[1] != null).map(([words, value]) => {
      const [fact, strong] = [document.createElement("div"), document.createElement("b")];
      strong.textContent = value;
      fact.append(`${words} `, strong);
      return fact;
    }));
    const edge = 12;
    const left = event.clientX + edge + tip.offsetWidth > innerWidth ? event.clientX - edge - tip.offsetWidth : event.clientX + edge;
    const top = event.clientY + edge + tip.offsetHeight > innerHeight ? event.clientY - edge - tip.offsetHeight : event.clientY + edge;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, top)}px`;
  };

  const draw = figure => {
    const still = figure.querySelector(".still");
    const live = figure.querySelector(".live");
    const before = shown.get(figure);
    try {
      const { spec, data } = JSON.parse(document.getElementById(figure.dataset.view).textContent);
      const datasets = Object.fromEntries(Object.entries(data).map(([name, columns]) => [name, rows(columns)]));
      const [controls, container] = [document.createElement("div"), document.createElement("div")];
      controls.className = "controls";
      live.hidden = false; // before drawing, which asks for its width
      live.replaceChildren(controls, container);
      const { canvas, panel, told } = spec.usermeta;
      if (panel) { // as many side by side as there is room for
        spec.columns = Math.max(1, Math.floor((live.clientWidth - 50) / panel));
        spec.spec.width = Math.min(1.2 * panel, (live.clientWidth - 50) / spec.columns - 20);
      }
      const options = { container, bind: controls, renderer: canvas ? "canvas" : "svg", hover: true, tooltip: tell(told) };
      const description = figure.querySelector("figcaption").firstChild.textContent.trim(); // the view's name, when read out
      const view = views.start({ ...spec, datasets, description, config: config() }, options);
      for (const { name, bind } of spec.params ?? []) if (bind && before) view.signal(name, before.signal(name));
      before?.finalize();
      shown.set(figure, view);
      view.runAsync().then(() => {
        still.hidden = true;
        reach.observe(container);
      }, () => restore(figure));
    } catch {
      restore(figure);
    }
  };

  const restore = figure => {
    shown.get(figure)?.finalize();
    shown.delete(figure);
    figure.querySelector(".still").hidden = false;
    figure.querySelector(".live").hidden = true;
  };

  // What is wider than the page scrolls, and must do so without a mouse.
  const reach = new ResizeObserver(entries => {
    for (const { target } of entries) {
      const wide = target.scrollWidth > target.clientWidth;
      const state = { tabindex: 0, role: "group", "aria-label": "A figure that is wider than the page" };
      for (const [name, value] of Object.entries(state)) wide ? target.setAttribute(name, value) : target.removeAttribute(name);
    }
  });

  const near = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "400px" });
  document.body.append(tip);
  document.querySelectorAll(".still").forEach(still => reach.observe(still));
  document.querySelectorAll("figure[data-view]").forEach(figure => near.observe(figure));
  dark.addEventListener("change", () => [...shown.keys()].forEach(draw));
})();
